// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @anything(%a: memref<?xi64>, %n: index) {
  // expected-error @below {{C1: the callee is "system" but must start with "tenon_text_"}}
  ukernel.call "system"(%a) scalars(%n) : memref<?xi64>
  return
}
