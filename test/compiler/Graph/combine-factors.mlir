// RUN: tenon-opt %s --tenon-combine-factors --canonicalize | FileCheck %s

// A scaled hard swish in front of a convolution: one factor, last, where the weights take it.
// CHECK-LABEL: func @hard_swish
// CHECK-DAG: %[[SHIFT:.*]] = nn.constant dense<1.500000e+00> : tensor<f32>
// CHECK-DAG: %[[FACTOR:.*]] = nn.constant dense<0.333333343> : tensor<f32>
// CHECK: %[[SUM:.*]] = nn.add %arg0, %[[SHIFT]]
// CHECK-NEXT: %[[PRODUCT:.*]] = nn.mul %[[SUM]], %[[FACTOR]]
// CHECK-NEXT: nn.conv %[[PRODUCT]]
func.func @hard_swish(%x: tensor<1x8x9x9xf32>) -> tensor<1x4x9x9xf32> {
  %six = nn.constant dense<6.0> : tensor<f32>
  %scale = nn.constant dense<2.0> : tensor<1x1x1x1xf32>
  %shift = nn.constant dense<0.5> : tensor<1x1x1x1xf32>
  %w = nn.constant dense<1.0> : tensor<4x8x3x3xf32>
  %0 = nn.div %x, %six : (tensor<1x8x9x9xf32>, tensor<f32>) -> tensor<1x8x9x9xf32>
  %1 = nn.mul %0, %scale : (tensor<1x8x9x9xf32>, tensor<1x1x1x1xf32>) -> tensor<1x8x9x9xf32>
  %2 = nn.add %1, %shift : (tensor<1x8x9x9xf32>, tensor<1x1x1x1xf32>) -> tensor<1x8x9x9xf32>
  %3 = nn.conv %2, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x9x9xf32>, tensor<4x8x3x3xf32>) -> tensor<1x4x9x9xf32>
  return %3 : tensor<1x4x9x9xf32>
}

// One divisor per channel.
// CHECK-LABEL: func @channels
// CHECK: %[[R:.*]] = nn.div %{{.*}}, %{{.*}} : (tensor<f32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK: nn.mul %arg0, %[[R]]
func.func @channels(%x: tensor<?x2xf32>, %y: tensor<2x3xf32>) -> tensor<?x3xf32> {
  %c = nn.constant dense<[3.0, 7.0]> : tensor<2xf32>
  %0 = nn.div %x, %c : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %1 = nn.matmul %0, %y : (tensor<?x2xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
  return %1 : tensor<?x3xf32>
}

// What a step function reads, if only behind other ops, and what leaves the model keep their bits.
// CHECK-LABEL: func @steps
// CHECK-COUNT-2: nn.div
func.func @steps(%x: tensor<9xf32>) -> (tensor<9xf32>, tensor<9xf32>) {
  %c = nn.constant dense<41.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.div %x, %c : (tensor<9xf32>, tensor<f32>) -> tensor<9xf32>
  %1 = nn.add %0, %half : (tensor<9xf32>, tensor<f32>) -> tensor<9xf32>
  %2 = nn.floor %1 : (tensor<9xf32>) -> tensor<9xf32>
  %3 = nn.div %x, %half : (tensor<9xf32>, tensor<f32>) -> tensor<9xf32>
  return %2, %3 : tensor<9xf32>, tensor<9xf32>
}

// No reciprocal where it is not a normal number; none of short floats and integers.
// CHECK-LABEL: func @extremes
// CHECK-COUNT-4: nn.div
func.func @extremes(%x: tensor<9xf32>, %h: tensor<9xf16>, %i: tensor<9xi32>) -> (tensor<f32>, tensor<f32>, tensor<f16>, tensor<i32>) {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %huge = nn.constant dense<3.0e38> : tensor<f32>
  %three = nn.constant dense<3.0> : tensor<f16>
  %four = nn.constant dense<4> : tensor<i32>
  %0 = nn.div %x, %zero : (tensor<9xf32>, tensor<f32>) -> tensor<9xf32>
  %1 = nn.div %x, %huge : (tensor<9xf32>, tensor<f32>) -> tensor<9xf32>
  %2 = nn.div %h, %three : (tensor<9xf16>, tensor<f16>) -> tensor<9xf16>
  %3 = nn.div %i, %four : (tensor<9xi32>, tensor<i32>) -> tensor<9xi32>
  %4 = nn.reduce sum, %0 {axes = array<i64: 0>} : (tensor<9xf32>) -> tensor<f32>
  %5 = nn.reduce sum, %1 {axes = array<i64: 0>} : (tensor<9xf32>) -> tensor<f32>
  %6 = nn.reduce sum, %2 {axes = array<i64: 0>} : (tensor<9xf16>) -> tensor<f16>
  %7 = nn.reduce sum, %3 {axes = array<i64: 0>} : (tensor<9xi32>) -> tensor<i32>
  return %4, %5, %6, %7 : tensor<f32>, tensor<f32>, tensor<f16>, tensor<i32>
}

// Factors whose product is not a normal number stay two.
// CHECK-LABEL: func @underflow
// CHECK-COUNT-2: nn.mul
func.func @underflow(%x: tensor<9xf32>) -> tensor<f32> {
  %small = nn.constant dense<1.0e-30> : tensor<f32>
  %0 = nn.mul %x, %small : (tensor<9xf32>, tensor<f32>) -> tensor<9xf32>
  %1 = nn.mul %0, %small : (tensor<9xf32>, tensor<f32>) -> tensor<9xf32>
  %2 = nn.reduce sum, %1 {axes = array<i64: 0>} : (tensor<9xf32>) -> tensor<f32>
  return %2 : tensor<f32>
}
