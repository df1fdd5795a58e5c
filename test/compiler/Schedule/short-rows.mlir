// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=64 masked-memory" --canonicalize --cse -split-input-file | FileCheck %s

// The row is the last dimension of more than one element: vectors of it, not single elements.
// CHECK-LABEL: @slice
//       CHECK:   vector.load %{{.*}} : memref<?xf32>, vector<16xf32>
//       CHECK:   vector.store
func.func private @slice(%x: tensor<4x96x1xf32>) -> tensor<4x64x1xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c7 = arith.constant 7 : index
  %c64 = arith.constant 64 : index
  %0 = nn.slice %x[%c0, %c7, %c0] [%c4, %c64, %c1] [%c1, %c1, %c1] : tensor<4x96x1xf32> -> tensor<4x64x1xf32>
  return %0 : tensor<4x64x1xf32>
}

// -----

// Pairs are added with lanes over the sums: the elements of two vectors are picked apart.
// CHECK-LABEL: @pairs
//       CHECK:   %[[A:.*]] = vector.load
//       CHECK:   %[[B:.*]] = vector.load
//       CHECK:   vector.shuffle %[[A]], %[[B]] [0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31]
//       CHECK:   vector.store
func.func private @pairs(%x: tensor<64x2xf32>) -> tensor<64xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>} : (tensor<64x2xf32>) -> tensor<64xf32>
  return %0 : tensor<64xf32>
}

// -----

// Two vectors become one run.
// CHECK-LABEL: @side_by_side
//       CHECK:   %[[A:.*]] = vector.load
//       CHECK:   %[[B:.*]] = vector.load
//       CHECK:   vector.shuffle %[[A]], %[[B]] [0, 16, 1, 17,
//       CHECK:   vector.shuffle %[[A]], %[[B]] [8, 24, 9, 25,
// CHECK-COUNT-2: vector.store
func.func private @side_by_side(%x: tensor<8x32x1xf32>, %y: tensor<8x32x1xf32>) -> tensor<8x32x2xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.concat %x, %y {axis = 2 : i64} : (tensor<8x32x1xf32>, tensor<8x32x1xf32>) -> tensor<8x32x2xf32>
  return %0 : tensor<8x32x2xf32>
}

// -----

// Rows of 7, four times: whole vectors of lanes that are picked from three rows in two vectors.
// CHECK-LABEL: @tile
//       CHECK:   %[[A:.*]] = vector.load %{{.*}} : memref<?xf32>, vector<16xf32>
//       CHECK:   %[[B:.*]] = vector.load %{{.*}} : memref<?xf32>, vector<16xf32>
//       CHECK:   vector.shuffle %[[A]], %[[B]] [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1]
//       CHECK:   vector.shuffle %[[A]], %[[B]] [2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
//   CHECK-NOT:   masked
func.func private @tile(%x: tensor<9x1x7xf32>) -> tensor<9x4x7xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %c4 = arith.constant 4 : index
  %c7 = arith.constant 7 : index
  %c9 = arith.constant 9 : index
  %0 = nn.broadcast %x[%c9, %c4, %c7] : tensor<9x1x7xf32> -> tensor<9x4x7xf32>
  return %0 : tensor<9x4x7xf32>
}

// -----

// Long runs are copied by vectors, and the last one overlaps the one before.
// CHECK-LABEL: @runs
//       CHECK:   %[[A:.*]] = vector.load %{{.*}} : memref<?xf32>, vector<16xf32>
//       CHECK:   vector.store %[[A]]
//       CHECK:   %[[B:.*]] = vector.load %{{.*}} : memref<?xf32>, vector<16xf32>
//       CHECK:   vector.store %[[B]]
//   CHECK-NOT:   masked
func.func private @runs(%x: tensor<30x1x5x9xf32>) -> tensor<30x9x5x9xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %c5 = arith.constant 5 : index
  %c9 = arith.constant 9 : index
  %c30 = arith.constant 30 : index
  %0 = nn.broadcast %x[%c30, %c9, %c5, %c9] : tensor<30x1x5x9xf32> -> tensor<30x9x5x9xf32>
  return %0 : tensor<30x9x5x9xf32>
}
