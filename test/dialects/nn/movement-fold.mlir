// Movement that moves nothing, and movement of movement.
// RUN: tenon-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @identities
//  CHECK-SAME: (%[[X:.*]]: tensor<?x6xf32>)
//       CHECK:   return %[[X]]
func.func @identities(%x: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %n = tensor.dim %x, %c0 : tensor<?x6xf32>
  %0 = nn.reshape %x [%n, %c6] : tensor<?x6xf32> -> tensor<?x6xf32>
  %1 = nn.transpose %0 {permutation = array<i64: 0, 1>} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  %2 = nn.broadcast %1 [%n, %c6] : tensor<?x6xf32> -> tensor<?x6xf32>
  %3 = nn.slice %2 [%c0, %c0] [%n, %c6] [%c1, %c1] : tensor<?x6xf32> -> tensor<?x6xf32>
  %4 = nn.concat %3 {axis = 0 : i64} : (tensor<?x6xf32>) -> tensor<?x6xf32>
  return %4 : tensor<?x6xf32>
}

// CHECK-LABEL: @reshape_of_reshape
//  CHECK-SAME: (%[[X:.*]]: tensor<2x6xf32>)
//       CHECK:   %[[Y:.*]] = nn.reshape %[[X]][%{{.*}}, %{{.*}}] : tensor<2x6xf32> -> tensor<4x3xf32>
//       CHECK:   return %[[Y]]
func.func @reshape_of_reshape(%x: tensor<2x6xf32>) -> tensor<4x3xf32> {
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c12 = arith.constant 12 : index
  %0 = nn.reshape %x [%c12] : tensor<2x6xf32> -> tensor<12xf32>
  %1 = nn.reshape %0 [%c4, %c3] : tensor<12xf32> -> tensor<4x3xf32>
  return %1 : tensor<4x3xf32>
}

// The first permutation is (2, 0, 1), the second puts dimension 1 first: dimension 0 of the input, then 2, then 1.
// CHECK-LABEL: @transpose_of_transpose
//       CHECK:   nn.transpose %{{.*}} {permutation = array<i64: 0, 2, 1>} : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
//   CHECK-NOT:   nn.transpose
func.func @transpose_of_transpose(%x: tensor<2x3x4xf32>) -> tensor<2x4x3xf32> {
  %0 = nn.transpose %x {permutation = array<i64: 2, 0, 1>} : (tensor<2x3x4xf32>) -> tensor<4x2x3xf32>
  %1 = nn.transpose %0 {permutation = array<i64: 1, 0, 2>} : (tensor<4x2x3xf32>) -> tensor<2x4x3xf32>
  return %1 : tensor<2x4x3xf32>
}

// Two dynamic dimensions of the same type need not be the same shape.
// CHECK-LABEL: @reshape_stays
//       CHECK:   nn.reshape
func.func @reshape_stays(%x: tensor<?x?xf32>, %m: index, %n: index) -> tensor<?x?xf32> {
  %0 = nn.reshape %x [%m, %n] : tensor<?x?xf32> -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
