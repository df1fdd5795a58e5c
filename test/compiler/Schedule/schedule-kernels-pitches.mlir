// Kernels whose tensors have rows that lie apart in memory (nn.pitches).
// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=64 masked-memory" --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

// Rows stay rows, and addresses are counted in rows as memory has them: 48 elements for the argument, 80 for the result.

// CHECK-LABEL: func.func private @elementwise(
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<?xf32>, %[[Y:[a-z0-9]*]]: memref<?xf32>
// CHECK-NOT: nn.in_place
// CHECK-DAG: %[[C48:.*]] = arith.constant 48 : index
// CHECK-DAG: %[[C80:.*]] = arith.constant 80 : index
// CHECK: scf.for %[[ROW:.*]] =
// CHECK: %[[FROM:.*]] = arith.muli %[[ROW]], %[[C48]]
// CHECK: vector.load %[[X]][%[[FROM]]] : memref<?xf32>, vector<16xf32>
// CHECK: %[[TO:.*]] = arith.muli %[[ROW]], %[[C80]]
// CHECK: vector.store %{{.*}}, %[[Y]][%[[TO]]] : memref<?xf32>, vector<16xf32>
func.func private @elementwise(%x: tensor<6x8x16xf32>) -> tensor<6x8x16xf32> attributes {nn.kernel, nn.extents = [array<i64>], nn.pitches = array<i64: 48, 80>} {
  %0 = nn.neg %x : (tensor<6x8x16xf32>) -> tensor<6x8x16xf32>
  return %0 : tensor<6x8x16xf32>
}

// -----

// A product reads the rows of its left-hand side where they lie.

// CHECK-LABEL: func.func private @product(
// CHECK-SAME: nn.path = "brgemm"
// CHECK-DAG: %[[C48:.*]] = arith.constant 48 : index
// CHECK: ukernel.brgemm
func.func private @product(%x: tensor<64x16xf32>, %w: tensor<1x16x16xf32>) -> tensor<64x16xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>], nn.pitches = array<i64: 48, 0, 0>} {
  %0 = nn.matmul %x, %w {packing = #nn.packing<nr = 16, columns = 16>} : (tensor<64x16xf32>, tensor<1x16x16xf32>) -> tensor<64x16xf32>
  return %0 : tensor<64x16xf32>
}

// -----

// What looks at a tensor as one run of elements is an error, never wrong numbers.

// expected-error @below {{no schedule knows the distance between rows in memory}}
func.func private @flat(%x: tensor<6x16xf32>) -> tensor<96xf32> attributes {nn.kernel, nn.extents = [array<i64>], nn.pitches = array<i64: 48, 0>} {
  %c96 = arith.constant 96 : index
  %0 = nn.reshape %x [%c96] : tensor<6x16xf32> -> tensor<96xf32>
  return %0 : tensor<96xf32>
}
