// RUN: tenon-opt %s --canonicalize | FileCheck %s

// A condition that holds requires nothing; any other stays, also among ops whose results are used elsewhere.
// CHECK-LABEL: @requirements
func.func @requirements(%a: index, %b: index) {
  %true = arith.constant true
  %same = arith.cmpi eq, %a, %a : index
  %other = arith.cmpi eq, %a, %b : index
  // CHECK-NEXT: %[[OTHER:.*]] = arith.cmpi eq, %arg0, %arg1
  // CHECK-NEXT: nn.require %[[OTHER]], "third"
  // CHECK-NEXT: return
  nn.require %true, "first"
  nn.require %same, "second"
  nn.require %other, "third"
  return
}
