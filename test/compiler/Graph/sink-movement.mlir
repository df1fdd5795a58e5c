// RUN: tenon-opt %s --tenon-sink-movement | FileCheck %s

// The elementwise ops come before the transposition, the constant is transposed the other way.
// CHECK-LABEL: @elementwise
//  CHECK-SAME: (%[[X:.*]]: tensor<?x4x5xf32>)
//       CHECK:   %[[K:.*]] = nn.transpose %{{.*}} : (tensor<1x5x1xf32>) -> tensor<1x1x5xf32>
//       CHECK:   %[[A:.*]] = nn.add %[[X]], %[[K]]
//       CHECK:   %[[E:.*]] = nn.exp %[[A]]
//       CHECK:   %[[T:.*]] = nn.transpose %[[E]] {permutation = array<i64: 0, 2, 1>}
//       CHECK:   return %[[T]]
func.func @elementwise(%x: tensor<?x4x5xf32>) -> tensor<?x5x4xf32> {
  %k = nn.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0]]> : tensor<5x1xf32>
  %0 = nn.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<?x4x5xf32>) -> tensor<?x5x4xf32>
  %1 = nn.add %0, %k : (tensor<?x5x4xf32>, tensor<5x1xf32>) -> tensor<?x5x4xf32>
  %2 = nn.exp %1 : (tensor<?x5x4xf32>) -> tensor<?x5x4xf32>
  return %2 : tensor<?x5x4xf32>
}

// Moving the larger tensor instead of the smaller one would cost more.
// CHECK-LABEL: @larger_result
//       CHECK:   nn.transpose
//       CHECK:   nn.add
func.func @larger_result(%x: tensor<4x1xf32>) -> tensor<6x4xf32> {
  %k = nn.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]> : tensor<6x1xf32>
  %0 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x1xf32>) -> tensor<1x4xf32>
  %1 = nn.add %0, %k : (tensor<1x4xf32>, tensor<6x1xf32>) -> tensor<6x4xf32>
  return %1 : tensor<6x4xf32>
}

// CHECK-LABEL: @reduction
//       CHECK:   %[[R:.*]] = nn.reduce max, %{{.*}} {axes = array<i64: 1>} : (tensor<?x4x5xf32>) -> tensor<?x5xf32>
//       CHECK:   return %[[R]]
func.func @reduction(%x: tensor<?x4x5xf32>) -> tensor<?x5xf32> {
  %0 = nn.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<?x4x5xf32>) -> tensor<?x5x4xf32>
  %1 = nn.reduce max, %0 {axes = array<i64: 2>} : (tensor<?x5x4xf32>) -> tensor<?x5xf32>
  return %1 : tensor<?x5xf32>
}

// CHECK-LABEL: @concat_slice_pad
//       CHECK:   nn.concat %{{.*}}, %{{.*}} {axis = 0 : i64} : (tensor<4x5xf32>, tensor<4x5xf32>) -> tensor<8x5xf32>
//       CHECK:   nn.slice %{{.*}} : tensor<8x5xf32> -> tensor<6x5xf32>
//       CHECK:   nn.pad edge, %{{.*}} : tensor<6x5xf32> -> tensor<7x5xf32>
//       CHECK:   nn.transpose %{{.*}} : (tensor<7x5xf32>) -> tensor<5x7xf32>
//   CHECK-NOT:   nn.transpose
func.func @concat_slice_pad(%x: tensor<4x5xf32>, %y: tensor<4x5xf32>) -> tensor<5x7xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %0 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<4x5xf32>) -> tensor<5x4xf32>
  %1 = nn.transpose %y {permutation = array<i64: 1, 0>} : (tensor<4x5xf32>) -> tensor<5x4xf32>
  %2 = nn.concat %0, %1 {axis = 1 : i64} : (tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<5x8xf32>
  %3 = nn.slice %2 [%c0, %c2] [%c5, %c6] [%c1, %c1] : tensor<5x8xf32> -> tensor<5x6xf32>
  %4 = nn.pad edge, %3 [%c0, %c1] [%c0, %c0] : tensor<5x6xf32> -> tensor<5x7xf32>
  return %4 : tensor<5x7xf32>
}

// Channels last to channels first, rows and columns joined: joined first, then moved.
// CHECK-LABEL: @joined_dimensions
//       CHECK:   %[[R:.*]] = nn.reshape %{{.*}} : tensor<?x6x7x8xf32> -> tensor<?x42x8xf32>
//       CHECK:   nn.transpose %[[R]] {permutation = array<i64: 0, 2, 1>}
func.func @joined_dimensions(%x: tensor<?x6x7x8xf32>, %n: index) -> tensor<?x8x42xf32> {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c42 = arith.constant 42 : index
  %d = tensor.dim %x, %c0 : tensor<?x6x7x8xf32>
  %0 = nn.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<?x6x7x8xf32>) -> tensor<?x8x6x7xf32>
  %1 = nn.reshape %0 [%d, %c8, %c42] : tensor<?x8x6x7xf32> -> tensor<?x8x42xf32>
  return %1 : tensor<?x8x42xf32>
}

// The phases of a transposed convolution in channels-last data are interleaved already: the two transpositions cancel.
// CHECK-LABEL: @split_dimensions
//       CHECK:   %[[R:.*]] = nn.reshape %{{.*}} : tensor<1x9x8xf32> -> tensor<1x18x4xf32>
//       CHECK:   nn.transpose %[[R]] {permutation = array<i64: 0, 2, 1>} : (tensor<1x18x4xf32>) -> tensor<1x4x18xf32>
//   CHECK-NOT:   nn.transpose
func.func @split_dimensions(%x: tensor<1x9x8xf32>) -> tensor<1x4x18xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c9 = arith.constant 9 : index
  %c18 = arith.constant 18 : index
  %0 = nn.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<1x9x8xf32>) -> tensor<1x8x9xf32>
  %1 = nn.reshape %0 [%c1, %c2, %c4, %c9] : tensor<1x8x9xf32> -> tensor<1x2x4x9xf32>
  %2 = nn.transpose %1 {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x2x4x9xf32>) -> tensor<1x4x9x2xf32>
  %3 = nn.reshape %2 [%c1, %c4, %c18] : tensor<1x4x9x2xf32> -> tensor<1x4x18xf32>
  return %3 : tensor<1x4x18xf32>
}

// A bias behind a reshape that drops an extent of 1 comes next to its product.
// CHECK-LABEL: @unit_reshape
//       CHECK:   %[[M:.*]] = nn.matmul
//       CHECK:   %[[K:.*]] = nn.reshape %{{.*}} : tensor<4xf32> -> tensor<1x1x4xf32>
//       CHECK:   %[[A:.*]] = nn.add %[[M]], %[[K]] : (tensor<?x1x4xf32>, tensor<1x1x4xf32>) -> tensor<?x1x4xf32>
//       CHECK:   nn.reshape %[[A]]
func.func @unit_reshape(%x: tensor<?x1x3xf32>, %w: tensor<3x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?x1x3xf32>
  %k = nn.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %0 = nn.matmul %x, %w : (tensor<?x1x3xf32>, tensor<3x4xf32>) -> tensor<?x1x4xf32>
  %1 = nn.reshape %0 [%n, %c4] : tensor<?x1x4xf32> -> tensor<?x4xf32>
  %2 = nn.add %1, %k : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// Two computed operands, one of them reshaped: sinking one reshape would make another.
// CHECK-LABEL: @reshape_stays
//       CHECK:   %[[R:.*]] = nn.reshape
//       CHECK:   nn.add %{{.*}}, %[[R]]
func.func @reshape_stays(%x: tensor<1x4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %c4 = arith.constant 4 : index
  %0 = nn.exp %x : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %1 = nn.exp %y : (tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.reshape %0 [%c4] : tensor<1x4xf32> -> tensor<4xf32>
  %3 = nn.add %1, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// CHECK-LABEL: @pad_below_reshape
//       CHECK:   %[[R:.*]] = nn.reshape %{{.*}} : tensor<?x5xf32> -> tensor<?x1x5xf32>
//       CHECK:   nn.pad reflect, %[[R]]
func.func @pad_below_reshape(%x: tensor<?x5xf32>) -> tensor<?x1x7xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %n = tensor.dim %x, %c0 : tensor<?x5xf32>
  %0 = nn.pad reflect, %x [%c0, %c1] [%c0, %c1] : tensor<?x5xf32> -> tensor<?x7xf32>
  %1 = nn.reshape %0 [%n, %c1, %c7] : tensor<?x7xf32> -> tensor<?x1x7xf32>
  return %1 : tensor<?x1x7xf32>
}

// Rows may be in any order; fewer columns than before are cheaper to move.
// CHECK-LABEL: @rows_of_a_product
//  CHECK-SAME: (%[[X:.*]]: tensor<?x7x4x16xf32>, %[[W:.*]]: tensor<16x1xf32>
//       CHECK:   %[[M:.*]] = nn.matmul %[[X]], %[[W]]
//       CHECK:   nn.transpose %[[M]] {permutation = array<i64: 0, 2, 1, 3>} : (tensor<?x7x4x1xf32>) -> tensor<?x4x7x1xf32>
//       CHECK:   %[[T:.*]] = nn.transpose %[[X]]
//       CHECK:   nn.matmul %[[T]]
func.func @rows_of_a_product(%x: tensor<?x7x4x16xf32>, %w: tensor<16x1xf32>, %v: tensor<16x17xf32>) -> (tensor<?x4x7x1xf32>, tensor<?x4x7x17xf32>) {
  %0 = nn.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : (tensor<?x7x4x16xf32>) -> tensor<?x4x7x16xf32>
  %1 = nn.matmul %0, %w : (tensor<?x4x7x16xf32>, tensor<16x1xf32>) -> tensor<?x4x7x1xf32>
  %2 = nn.transpose %x {permutation = array<i64: 0, 2, 1, 3>} : (tensor<?x7x4x16xf32>) -> tensor<?x4x7x16xf32>
  %3 = nn.matmul %2, %v : (tensor<?x4x7x16xf32>, tensor<16x17xf32>) -> tensor<?x4x7x17xf32>
  return %1, %3 : tensor<?x4x7x1xf32>, tensor<?x4x7x17xf32>
}
