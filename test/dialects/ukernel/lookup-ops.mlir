// RUN: tenon-opt %s | tenon-opt | FileCheck %s
// RUN: tenon-opt --mlir-print-op-generic %s | tenon-opt | FileCheck %s

// CHECK-LABEL: func @squares
// CHECK: ukernel.lookup [0, 1, 4, 9, 16, 25, 36, 49] at %{{.*}} : vector<8xi32>
func.func @squares(%index: vector<8xi32>) -> vector<8xi32> {
  %0 = ukernel.lookup [0, 1, 4, 9, 16, 25, 36, 49] at %index : vector<8xi32>
  return %0 : vector<8xi32>
}
