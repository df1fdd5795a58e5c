// RUN: tenon-opt %s --tenon-merge-products --split-input-file | FileCheck %s

// Rows from anywhere are brought together; a bias that all have is added once.
// CHECK-LABEL: @two
//  CHECK-SAME: (%[[X:.*]]: tensor<1x128xf32>, %[[Y:.*]]: tensor<1x128xf32>)
//   CHECK-DAG:   %[[W:.*]] = nn.constant dense<2.000000e+00>
//   CHECK-DAG:   %[[A:.*]] = nn.reshape %[[X]]{{.*}} -> tensor<1x1x128xf32>
//   CHECK-DAG:   %[[B:.*]] = nn.reshape %[[Y]]{{.*}} -> tensor<1x1x128xf32>
//       CHECK:   %[[ROWS:.*]] = nn.concat %[[A]], %[[B]] {axis = 0 : i64}
//       CHECK:   %[[PRODUCT:.*]] = nn.matmul %[[ROWS]], %[[W]] : (tensor<2x1x128xf32>, tensor<128x256xf32>) -> tensor<2x1x256xf32>
//       CHECK:   %[[SUM:.*]] = nn.add %[[PRODUCT]], %{{.*}} : (tensor<2x1x256xf32>, tensor<256xf32>) -> tensor<2x1x256xf32>
//       CHECK:   %[[FIRST:.*]] = nn.slice %[[SUM]]
//       CHECK:   %[[R:.*]] = nn.reshape %[[FIRST]]
//       CHECK:   %[[SECOND:.*]] = nn.slice %[[SUM]]
//       CHECK:   %[[S:.*]] = nn.reshape %[[SECOND]]
//       CHECK:   nn.tanh %[[R]]
//       CHECK:   nn.exp %[[S]]
func.func @two(%x: tensor<1x128xf32>, %y: tensor<1x128xf32>) -> (tensor<1x256xf32>, tensor<1x256xf32>) {
  %w = nn.constant dense<2.0> : tensor<128x256xf32>
  %bias = nn.constant dense<3.0> : tensor<256xf32>
  %0 = nn.matmul %x, %w : (tensor<1x128xf32>, tensor<128x256xf32>) -> tensor<1x256xf32>
  %1 = nn.add %0, %bias : (tensor<1x256xf32>, tensor<256xf32>) -> tensor<1x256xf32>
  %2 = nn.tanh %1 : (tensor<1x256xf32>) -> tensor<1x256xf32>
  %3 = nn.matmul %y, %w : (tensor<1x128xf32>, tensor<128x256xf32>) -> tensor<1x256xf32>
  %4 = nn.add %3, %bias : (tensor<1x256xf32>, tensor<256xf32>) -> tensor<1x256xf32>
  %5 = nn.exp %4 : (tensor<1x256xf32>) -> tensor<1x256xf32>
  return %2, %5 : tensor<1x256xf32>, tensor<1x256xf32>
}

// -----

// Neighbouring slices, in whatever order: the tensor that they are slices of.
// CHECK-LABEL: @steps
//  CHECK-SAME: (%[[X:.*]]: tensor<1x128x2xf32>)
//       CHECK:   %[[PART:.*]] = nn.slice %[[X]]{{.*}} -> tensor<1x128x2xf32>
//       CHECK:   %[[ROWS:.*]] = nn.transpose %[[PART]] {permutation = array<i64: 2, 0, 1>}
//       CHECK:   %[[STACK:.*]] = nn.reshape %[[ROWS]]{{.*}} -> tensor<2x1x128xf32>
//       CHECK:   %[[PRODUCT:.*]] = nn.matmul %[[STACK]]
//       CHECK:   %[[FIRST:.*]] = nn.slice %[[PRODUCT]]
//       CHECK:   %[[R:.*]] = nn.reshape %[[FIRST]]
//       CHECK:   %[[SECOND:.*]] = nn.slice %[[PRODUCT]]
//       CHECK:   %[[S:.*]] = nn.reshape %[[SECOND]]
//       CHECK:   return %[[S]], %[[R]]
func.func @steps(%x: tensor<1x128x2xf32>) -> (tensor<1x256xf32>, tensor<1x256xf32>) {
  %w = nn.constant dense<2.0> : tensor<128x256xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c128 = arith.constant 128 : index
  %0 = nn.slice %x[%c0, %c0, %c1] [%c1, %c128, %c1] [%c1, %c1, %c1] : tensor<1x128x2xf32> -> tensor<1x128x1xf32>
  %1 = nn.reshape %0[%c1, %c128] : tensor<1x128x1xf32> -> tensor<1x128xf32>
  %2 = nn.matmul %1, %w : (tensor<1x128xf32>, tensor<128x256xf32>) -> tensor<1x256xf32>
  %3 = nn.slice %x[%c0, %c0, %c0] [%c1, %c128, %c1] [%c1, %c1, %c1] : tensor<1x128x2xf32> -> tensor<1x128x1xf32>
  %4 = nn.reshape %3[%c1, %c128] : tensor<1x128x1xf32> -> tensor<1x128xf32>
  %5 = nn.matmul %4, %w : (tensor<1x128xf32>, tensor<128x256xf32>) -> tensor<1x256xf32>
  return %2, %5 : tensor<1x256xf32>, tensor<1x256xf32>
}

// -----

// A product that needs another's result, here inside of a region, stays; what needs a merged one comes behind it.
// CHECK-LABEL: @chain
//       CHECK:   nn.concat
//       CHECK:   %[[PRODUCT:.*]] = nn.matmul {{.*}} -> tensor<2x1x128xf32>
//       CHECK:   scf.if
//       CHECK:   nn.matmul {{.*}} -> tensor<1x128xf32>
//   CHECK-NOT:   nn.matmul
func.func @chain(%x: tensor<1x128xf32>, %y: tensor<1x128xf32>, %c: i1) -> (tensor<1x128xf32>, tensor<1x128xf32>, tensor<1x128xf32>) {
  %w = nn.constant dense<2.0> : tensor<128x128xf32>
  %0 = nn.matmul %x, %w : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
  %1 = scf.if %c -> tensor<1x128xf32> {
    %2 = nn.exp %0 : (tensor<1x128xf32>) -> tensor<1x128xf32>
    scf.yield %2 : tensor<1x128xf32>
  } else {
    scf.yield %x : tensor<1x128xf32>
  }
  %3 = nn.matmul %1, %w : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
  %4 = nn.matmul %y, %w : (tensor<1x128xf32>, tensor<128x128xf32>) -> tensor<1x128xf32>
  return %3, %4, %1 : tensor<1x128xf32>, tensor<1x128xf32>, tensor<1x128xf32>
}

// -----

// Weights of few columns are less than the rows that would have to be moved.
// CHECK-LABEL: @long_rows
//   CHECK-NOT:   nn.concat
func.func @long_rows(%x: tensor<32x4096xf32>, %y: tensor<32x4096xf32>) -> (tensor<32x16xf32>, tensor<32x16xf32>) {
  %w = nn.constant dense<2.0> : tensor<4096x16xf32>
  %0 = nn.matmul %x, %w : (tensor<32x4096xf32>, tensor<4096x16xf32>) -> tensor<32x16xf32>
  %1 = nn.matmul %y, %w : (tensor<32x4096xf32>, tensor<4096x16xf32>) -> tensor<32x16xf32>
  return %0, %1 : tensor<32x16xf32>, tensor<32x16xf32>
}

// -----

// Not: small weights, many rows, few of unknown rows, other shapes.
// CHECK-LABEL: @others
//   CHECK-NOT:   nn.concat
func.func @others(%x: tensor<1x16xf32>, %y: tensor<64x128xf32>, %z: tensor<?x128xf32>, %u: tensor<2x128xf32>, %v: tensor<1x128xf32>)
    -> (tensor<1x16xf32>, tensor<1x16xf32>, tensor<64x256xf32>, tensor<64x256xf32>, tensor<?x256xf32>, tensor<?x256xf32>, tensor<2x256xf32>, tensor<1x256xf32>) {
  %small = nn.constant dense<2.0> : tensor<16x16xf32>
  %w = nn.constant dense<2.0> : tensor<128x256xf32>
  %a = nn.exp %x : (tensor<1x16xf32>) -> tensor<1x16xf32>
  %b = nn.exp %y : (tensor<64x128xf32>) -> tensor<64x128xf32>
  %c = nn.exp %z : (tensor<?x128xf32>) -> tensor<?x128xf32>
  %0 = nn.matmul %x, %small : (tensor<1x16xf32>, tensor<16x16xf32>) -> tensor<1x16xf32>
  %1 = nn.matmul %a, %small : (tensor<1x16xf32>, tensor<16x16xf32>) -> tensor<1x16xf32>
  %2 = nn.matmul %y, %w : (tensor<64x128xf32>, tensor<128x256xf32>) -> tensor<64x256xf32>
  %3 = nn.matmul %b, %w : (tensor<64x128xf32>, tensor<128x256xf32>) -> tensor<64x256xf32>
  %4 = nn.matmul %z, %w : (tensor<?x128xf32>, tensor<128x256xf32>) -> tensor<?x256xf32>
  %5 = nn.matmul %c, %w : (tensor<?x128xf32>, tensor<128x256xf32>) -> tensor<?x256xf32>
  %6 = nn.matmul %u, %w : (tensor<2x128xf32>, tensor<128x256xf32>) -> tensor<2x256xf32>
  %7 = nn.matmul %v, %w : (tensor<1x128xf32>, tensor<128x256xf32>) -> tensor<1x256xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7 : tensor<1x16xf32>, tensor<1x16xf32>, tensor<64x256xf32>, tensor<64x256xf32>, tensor<?x256xf32>, tensor<?x256xf32>, tensor<2x256xf32>, tensor<1x256xf32>
}
