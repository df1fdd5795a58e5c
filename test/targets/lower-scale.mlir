// RUN: tenon-opt %s --tenon-lower-ukernels="triple=x86_64-linux-gnu cpu=x86-64-v4" | FileCheck %s

// One instruction for each; the mask takes all lanes.
// CHECK-LABEL: func @scale
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"({{.*}}) : (vector<16xf32>, vector<16xf32>, vector<16xf32>, i16, i32) -> vector<16xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.256"({{.*}}) : (vector<8xf32>, vector<8xf32>, vector<8xf32>, i8) -> vector<8xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.pd.128"({{.*}}) : (vector<2xf64>, vector<2xf64>, vector<2xf64>, i8) -> vector<2xf64>
func.func @scale(%x: vector<16xf32>, %y: vector<8xf32>, %z: vector<2xf64>) -> (vector<16xf32>, vector<8xf32>, vector<2xf64>) {
  %0 = ukernel.scale %x, %x : vector<16xf32>
  %1 = ukernel.scale %y, %y : vector<8xf32>
  %2 = ukernel.scale %z, %z : vector<2xf64>
  return %0, %1, %2 : vector<16xf32>, vector<8xf32>, vector<2xf64>
}
