// RUN: tenon-opt %s --tenon-lower-ukernels="triple=x86_64-linux-gnu cpu=x86-64-v4" | FileCheck %s

// A permutation of the table's lanes, whose instruction takes no more of an index than it needs.
// CHECK-LABEL: func @lookup
// CHECK: %[[SQUARES:.*]] = llvm.mlir.constant(dense<[0, 1, 4, 9, 16, 25, 36, 49]> : vector<8xi32>)
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.permd"(%[[SQUARES]], %{{.*}}) : (vector<8xi32>, vector<8xi32>) -> vector<8xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.si.512"({{.*}}) : (vector<16xi32>, vector<16xi32>) -> vector<16xi32>
func.func @lookup(%x: vector<8xi32>, %y: vector<16xi32>) -> (vector<8xi32>, vector<16xi32>) {
  %0 = ukernel.lookup [0, 1, 4, 9, 16, 25, 36, 49] at %x : vector<8xi32>
  %1 = ukernel.lookup [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] at %y : vector<16xi32>
  return %0, %1 : vector<8xi32>, vector<16xi32>
}
