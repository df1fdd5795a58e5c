// RUN: tenon-opt %s | tenon-opt | FileCheck %s
// RUN: tenon-opt --mlir-print-op-generic %s | tenon-opt | FileCheck %s

// CHECK-LABEL: func @scale
// CHECK: ukernel.scale %{{.*}}, %{{.*}} : vector<16xf32>
// CHECK: ukernel.scale %{{.*}}, %{{.*}} : vector<2xf64>
func.func @scale(%x: vector<16xf32>, %n: vector<16xf32>, %y: vector<2xf64>, %m: vector<2xf64>) -> (vector<16xf32>, vector<2xf64>) {
  %0 = ukernel.scale %x, %n : vector<16xf32>
  %1 = ukernel.scale %y, %m : vector<2xf64>
  return %0, %1 : vector<16xf32>, vector<2xf64>
}
