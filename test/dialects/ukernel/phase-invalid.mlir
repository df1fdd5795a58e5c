// RUN: tenon-opt -split-input-file -verify-diagnostics %s

func.func @arguments(%n: index) {
  // expected-error @+1 {{region arguments must be (index, index, memref<?xi8>)}}
  ukernel.phase tasks(%n) work(%n) scratch(%n) {
  ^bb0(%begin: index, %end: index):
    ukernel.end
  }
  return
}

// -----

func.func @terminator(%n: index) {
  // expected-error @+1 {{region must end in ukernel.end}}
  "ukernel.phase"(%n, %n, %n) ({
  ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
    scf.yield
  }) : (index, index, index) -> ()
  return
}
