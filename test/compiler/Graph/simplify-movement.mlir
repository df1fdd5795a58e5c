// RUN: tenon-opt %s --tenon-simplify-movement | FileCheck %s

// Moving extents of 1 moves nothing.
// CHECK-LABEL: @unit_dimensions
//       CHECK:   nn.reshape %{{.*}} : tensor<1x7x5xf32> -> tensor<7x5x1xf32>
//   CHECK-NOT:   nn.transpose
func.func @unit_dimensions(%x: tensor<1x7x5xf32>) -> tensor<7x5x1xf32> {
  %0 = nn.transpose %x {permutation = array<i64: 1, 2, 0>} : (tensor<1x7x5xf32>) -> tensor<7x5x1xf32>
  return %0 : tensor<7x5x1xf32>
}

// Elementwise ops broadcast by themselves; where no other operand has the extent, the broadcast stays.
// CHECK-LABEL: @broadcasts
//  CHECK-SAME: (%[[X:.*]]: tensor<?x4xf32>, %[[Y:.*]]: tensor<1x4xf32>)
//       CHECK:   nn.add %[[X]], %[[Y]]
//       CHECK:   %[[B:.*]] = nn.broadcast %[[Y]]
//       CHECK:   nn.exp %[[B]]
func.func @broadcasts(%x: tensor<?x4xf32>, %y: tensor<1x4xf32>) -> (tensor<?x4xf32>, tensor<3x4xf32>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %0 = nn.broadcast %y [%n, %c4] : tensor<1x4xf32> -> tensor<?x4xf32>
  %1 = nn.add %x, %0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = nn.broadcast %y [%c3, %c4] : tensor<1x4xf32> -> tensor<3x4xf32>
  %3 = nn.exp %2 : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return %1, %3 : tensor<?x4xf32>, tensor<3x4xf32>
}

// Sizes that are computed like the input's extents are the input's extents: (D + 1) / 2 here.
// CHECK-LABEL: @same_extents
//       CHECK:   %[[C:.*]] = nn.conv
//   CHECK-NOT:   nn.reshape
//       CHECK:   return %[[C]]
func.func @same_extents(%x: tensor<?x4x?xf32>, %w: tensor<8x4x3xf32>) -> tensor<?x8x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  %n = tensor.dim %x, %c0 : tensor<?x4x?xf32>
  %d = tensor.dim %x, %c2 : tensor<?x4x?xf32>
  %sum = arith.addi %d, %c1 : index
  %e = arith.divui %sum, %c2 : index
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>}
      : (tensor<?x4x?xf32>, tensor<8x4x3xf32>) -> tensor<?x8x?xf32>
  %1 = nn.reshape %0 [%n, %c8, %e] : tensor<?x8x?xf32> -> tensor<?x8x?xf32>
  return %1 : tensor<?x8x?xf32>
}

// CHECK-LABEL: @transposed_operands
//  CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32>, %[[Y:.*]]: tensor<2x5x3xf32>)
//       CHECK:   nn.matmul %[[X]], %[[Y]] {transpose_lhs, transpose_rhs}
func.func @transposed_operands(%x: tensor<2x3x4xf32>, %y: tensor<2x5x3xf32>) -> tensor<2x4x5xf32> {
  %0 = nn.transpose %x {permutation = array<i64: 0, 2, 1>} : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
  %1 = nn.transpose %y {permutation = array<i64: 0, 2, 1>} : (tensor<2x5x3xf32>) -> tensor<2x3x5xf32>
  %2 = nn.matmul %0, %1 : (tensor<2x4x3xf32>, tensor<2x3x5xf32>) -> tensor<2x4x5xf32>
  return %2 : tensor<2x4x5xf32>
}

// Elements 9, 7, 5 ... then each second of them backwards: from 1 + 2 * 2 in steps of 2 * -1.
// CHECK-LABEL: @slice_of_slice
//   CHECK-DAG:   %[[C5:.*]] = arith.constant 5 : index
//   CHECK-DAG:   %[[STEP:.*]] = arith.constant -2 : index
//       CHECK:   nn.slice %{{.*}}[%[[C5]]] [%{{.*}}] [%[[STEP]]] : tensor<10xf32> -> tensor<3xf32>
//   CHECK-NOT:   nn.slice
func.func @slice_of_slice(%x: tensor<10xf32>) -> tensor<3xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %back = arith.constant -1 : index
  %0 = nn.slice %x [%c1] [%c4] [%c2] : tensor<10xf32> -> tensor<4xf32>
  %1 = nn.slice %0 [%c2] [%c3] [%back] : tensor<4xf32> -> tensor<3xf32>
  return %1 : tensor<3xf32>
}

// CHECK-LABEL: @slice_of_concat
//  CHECK-SAME: (%[[X:.*]]: tensor<?x3xf32>, %[[Y:.*]]: tensor<?x4xf32>)
//       CHECK:   return %[[Y]]
func.func @slice_of_concat(%x: tensor<?x3xf32>, %y: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %y, %c0 : tensor<?x4xf32>
  %0 = nn.concat %x, %y {axis = 1 : i64} : (tensor<?x3xf32>, tensor<?x4xf32>) -> tensor<?x7xf32>
  %1 = nn.slice %0 [%c0, %c3] [%n, %c4] [%c1, %c1] : tensor<?x7xf32> -> tensor<?x4xf32>
  return %1 : tensor<?x4xf32>
}

// Parts put together again are the whole.
// CHECK-LABEL: @concat_of_slices
//  CHECK-SAME: (%[[X:.*]]: tensor<4x6xf32>)
//       CHECK:   return %[[X]]
func.func @concat_of_slices(%x: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %0 = nn.slice %x [%c0, %c0] [%c4, %c2] [%c1, %c1] : tensor<4x6xf32> -> tensor<4x2xf32>
  %1 = nn.slice %x [%c0, %c2] [%c4, %c4] [%c1, %c1] : tensor<4x6xf32> -> tensor<4x4xf32>
  %2 = nn.concat %0, %1 {axis = 1 : i64} : (tensor<4x2xf32>, tensor<4x4xf32>) -> tensor<4x6xf32>
  return %2 : tensor<4x6xf32>
}

// CHECK-LABEL: @concat_of_concat
//  CHECK-SAME: (%[[X:.*]]: tensor<2xf32>, %[[Y:.*]]: tensor<3xf32>, %{{.*}}: tensor<0xf32>)
//       CHECK:   nn.concat %[[X]], %[[Y]], %[[X]] {axis = 0 : i64}
func.func @concat_of_concat(%x: tensor<2xf32>, %y: tensor<3xf32>, %empty: tensor<0xf32>) -> tensor<7xf32> {
  %0 = nn.concat %x, %y, %empty {axis = 0 : i64} : (tensor<2xf32>, tensor<3xf32>, tensor<0xf32>) -> tensor<5xf32>
  %1 = nn.concat %0, %x {axis = 0 : i64} : (tensor<5xf32>, tensor<2xf32>) -> tensor<7xf32>
  return %1 : tensor<7xf32>
}

// CHECK-LABEL: @pads
//  CHECK-SAME: (%[[X:.*]]: tensor<4xf32>
//   CHECK-DAG:   %[[C1:.*]] = arith.constant 1 : index
//   CHECK-DAG:   %[[C3:.*]] = arith.constant 3 : index
//       CHECK:   %[[P:.*]] = nn.pad constant, %[[X]][%[[C3]]] [%[[C1]]]
//       CHECK:   return %[[P]], %[[X]]
func.func @pads(%x: tensor<4xf32>, %v: tensor<f32>) -> (tensor<8xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %0 = nn.pad constant, %x [%c1] [%c0] fill %v : tensor<f32> : tensor<4xf32> -> tensor<5xf32>
  %1 = nn.pad constant, %0 [%c2] [%c1] fill %v : tensor<f32> : tensor<5xf32> -> tensor<8xf32>
  %2 = nn.pad edge, %x [%c0] [%c0] : tensor<4xf32> -> tensor<4xf32>
  return %1, %2 : tensor<8xf32>, tensor<4xf32>
}

// Indices 4, 2, 0 of 5 rows are a slice; a scalar index drops its dimension.
// CHECK-LABEL: @gathers
//       CHECK:   nn.slice %{{.*}} : tensor<5x2xf32> -> tensor<3x2xf32>
//       CHECK:   %[[ROW:.*]] = nn.slice %{{.*}} : tensor<5x2xf32> -> tensor<1x2xf32>
//       CHECK:   nn.reshape %[[ROW]]{{.*}} : tensor<1x2xf32> -> tensor<2xf32>
func.func @gathers(%x: tensor<5x2xf32>) -> (tensor<3x2xf32>, tensor<2xf32>) {
  %i = nn.constant dense<[4, 2, 0]> : tensor<3xi64>
  %j = nn.constant dense<-1> : tensor<i64>
  %0 = nn.gather %x, %i {axis = 0 : i64} : (tensor<5x2xf32>, tensor<3xi64>) -> tensor<3x2xf32>
  %1 = nn.gather %x, %j {axis = 0 : i64} : (tensor<5x2xf32>, tensor<i64>) -> tensor<2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<2xf32>
}

// CHECK-LABEL: @reductions_of_one
//  CHECK-SAME: (%[[X:.*]]: tensor<?x1xf32>)
//       CHECK:   %[[R:.*]] = nn.reshape %[[X]]{{.*}} : tensor<?x1xf32> -> tensor<?xf32>
//       CHECK:   return %[[R]], %[[X]]
func.func @reductions_of_one(%x: tensor<?x1xf32>) -> (tensor<?xf32>, tensor<?x1xf32>) {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>} : (tensor<?x1xf32>) -> tensor<?xf32>
  %1 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<?x1xf32>) -> tensor<?x1xf32>
  return %0, %1 : tensor<?xf32>, tensor<?x1xf32>
}
