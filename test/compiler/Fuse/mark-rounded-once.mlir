// RUN: tenon-opt %s --tenon-mark-rounded-once | FileCheck %s

// What a rounding depends on is marked, back through movement, extremes and integers' casts; the rounding itself is exact.
// CHECK-LABEL: func.func @quantized
// CHECK: nn.cast %{{.*}} to f32 {nn.rounded_once}
// CHECK: nn.mul {{.*}} {nn.rounded_once}
// CHECK: nn.sigmoid {{.*}} {nn.rounded_once}
// CHECK: nn.reduce
// CHECK-NOT: nn.rounded_once
// CHECK: nn.transpose
// CHECK: nn.div {{.*}} {nn.rounded_once}
// CHECK: nn.round %{{[0-9]+}} :
func.func @quantized(%x: tensor<4x3xi32>, %scale: tensor<f32>) -> tensor<3x4xf32> {
  %0 = nn.cast %x to f32 : (tensor<4x3xi32>) -> tensor<4x3xf32>
  %1 = nn.mul %0, %scale : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x3xf32>
  %2 = nn.sigmoid %1 : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %3 = nn.reduce max, %2 {axes = array<i64: 0, 1>} : (tensor<4x3xf32>) -> tensor<f32>
  %4 = nn.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %5 = nn.div %4, %3 : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xf32>
  %6 = nn.round %5 : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return %6 : tensor<3x4xf32>
}

// Nothing is marked behind a sum of floats, whose order is free, nor without a rounding.
// CHECK-LABEL: func.func @free
// CHECK-NOT: nn.rounded_once
func.func @free(%x: tensor<4x3xf32>) -> (tensor<4xf32>, tensor<4x3xf32>) {
  %0 = nn.exp %x : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %1 = nn.reduce sum, %0 {axes = array<i64: 1>} : (tensor<4x3xf32>) -> tensor<4xf32>
  %2 = nn.exp %1 : (tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.floor %2 : (tensor<4xf32>) -> tensor<4xf32>
  return %3, %0 : tensor<4xf32>, tensor<4x3xf32>
}

// A cast to integers rounds, one to another float does not.
// CHECK-LABEL: func.func @casts
// CHECK: nn.tanh {{.*}} {nn.rounded_once}
// CHECK-NEXT: nn.cast
// CHECK-NEXT: nn.erf %{{.*}} :
// CHECK-NEXT: nn.cast
func.func @casts(%x: tensor<4xf32>) -> (tensor<4xui8>, tensor<4xf16>) {
  %0 = nn.tanh %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.cast %0 to ui8 : (tensor<4xf32>) -> tensor<4xui8>
  %2 = nn.erf %x : (tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.cast %2 to f16 : (tensor<4xf32>) -> tensor<4xf16>
  return %1, %3 : tensor<4xui8>, tensor<4xf16>
}
