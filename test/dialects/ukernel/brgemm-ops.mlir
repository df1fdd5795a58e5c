// RUN: tenon-opt %s | tenon-opt | FileCheck %s
// RUN: tenon-opt --mlir-print-op-generic %s | tenon-opt | FileCheck %s

// A tile of two rows and one vector; the epilogue stores each accumulator.
// CHECK-LABEL: func @tile
// CHECK: ukernel.brgemm %{{.*}}[%{{.*}}] rows(%{{.*}}, %{{.*}}) step(%{{.*}}), %{{.*}}[%{{.*}}] steps(%{{.*}}, %{{.*}}) k(%{{.*}}) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32>
func.func @tile(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>, %k: index, %lda: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  ukernel.brgemm %a[%c0] rows(%c0, %lda) step(%c1), %b[%c0] steps(%c16, %c0) k(%k) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    %row = arith.muli %m, %c16 : index
    %at = arith.addi %row, %n : index
    vector.store %v, %c[%at] : memref<?xf32>, vector<16xf32>
    ukernel.yield
  }
  return
}

// A batch of two dimensions, narrow operands, and a mask for columns that are not wanted.
// CHECK-LABEL: func @batch
// CHECK: batch(%{{.*}}, %{{.*}}) a_steps(%{{.*}}, %{{.*}}) b_steps(%{{.*}}, %{{.*}}) columns(%{{.*}}) {mask_b,
func.func @batch(%a: memref<?xf16>, %b: memref<?xf32>, %c: memref<?xf32>, %i: index) {
  ukernel.brgemm %a[%i] rows(%i) step(%i), %b[%i] steps(%i, %i) k(%i) batch(%i, %i) a_steps(%i, %i) b_steps(%i, %i) columns(%i)
      {nr = 8 : i64, vectors = 2 : i64, mask_b} : memref<?xf16>, memref<?xf32> {
  ^bb0(%v: vector<4xf32>, %m: index, %n: index, %mask: vector<4xi1>):
    vector.maskedstore %c[%n], %mask, %v : memref<?xf32>, vector<4xi1>, vector<4xf32>
    ukernel.yield
  }
  return
}

// Two steps of k side by side, for columns of half a vector.
// CHECK-LABEL: func @group
// CHECK: {k_group = 2 : i64, nr = 8 : i64, vectors = 1 : i64}
func.func @group(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>, %k: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  ukernel.brgemm %a[%c0] rows(%c0) step(%c1), %b[%c0] steps(%c8, %c0) k(%k) {nr = 8 : i64, vectors = 1 : i64, k_group = 2 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index):
    vector.store %v, %c[%n] : memref<?xf32>, vector<8xf32>
    ukernel.yield
  }
  return
}
