// Elementwise ops that are one of their operands.
// RUN: tenon-opt %s --canonicalize | FileCheck %s

// x * 1, x / 1, x - 0.0 and x + -0.0 are x, whatever x is.
// CHECK-LABEL: @identities
//  CHECK-SAME: (%[[X:.*]]: tensor<?x4xf32>)
//       CHECK:   return %[[X]] : tensor<?x4xf32>
func.func @identities(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %zero = nn.constant dense<0.0> : tensor<4xf32>
  %minus_zero = nn.constant dense<-0.0> : tensor<1x1xf32>
  %0 = nn.mul %x, %one : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = nn.div %0, %one : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %2 = nn.sub %1, %zero : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = nn.add %minus_zero, %2 : (tensor<1x1xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %3 : tensor<?x4xf32>
}

// -0.0 + 0.0 is 0.0, so adding 0.0 is no identity; for integers it is.
// CHECK-LABEL: @adding_zero
//  CHECK-SAME: %[[F:.*]]: tensor<2xf32>, %[[I:.*]]: tensor<2xi32>
//       CHECK:   %[[SUM:.*]] = nn.add %[[F]]
//       CHECK:   return %[[SUM]], %[[I]]
func.func @adding_zero(%f: tensor<2xf32>, %i: tensor<2xi32>) -> (tensor<2xf32>, tensor<2xi32>) {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %none = nn.constant dense<0> : tensor<i32>
  %0 = nn.add %f, %zero : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %1 = nn.add %i, %none : (tensor<2xi32>, tensor<i32>) -> tensor<2xi32>
  return %0, %1 : tensor<2xf32>, tensor<2xi32>
}

// An operand that the constant broadcasts is not the result.
// CHECK-LABEL: @broadcast_stays
//       CHECK:   nn.mul
func.func @broadcast_stays(%x: tensor<1xf32>) -> tensor<4xf32> {
  %one = nn.constant dense<1.0> : tensor<4xf32>
  %0 = nn.mul %x, %one : (tensor<1xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: @cast_to_own_type
//  CHECK-SAME: (%[[X:.*]]: tensor<?xi8>)
//       CHECK:   return %[[X]]
func.func @cast_to_own_type(%x: tensor<?xi8>) -> tensor<?xi8> {
  %0 = nn.cast %x to i8 : (tensor<?xi8>) -> tensor<?xi8>
  return %0 : tensor<?xi8>
}
