// RUN: tenon-opt %s --tenon-fold-padding | FileCheck %s

// CHECK-LABEL: @conv
//  CHECK-SAME: (%[[X:.*]]: tensor<?x4x10xf32>
//       CHECK:   nn.conv %[[X]], {{.*}}pads = array<i64: 3, 1>
func.func @conv(%x: tensor<?x4x10xf32>, %w: tensor<8x4x3xf32>) -> tensor<?x8x12xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.pad constant, %x [%c0, %c0, %c2] [%c0, %c0, %c0] fill %zero : tensor<f32> : tensor<?x4x10xf32> -> tensor<?x4x12xf32>
  %1 = nn.conv %0, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>}
      : (tensor<?x4x12xf32>, tensor<8x4x3xf32>) -> tensor<?x8x12xf32>
  return %1 : tensor<?x8x12xf32>
}

// Padding with another value, or of channels, is not what a convolution does.
// CHECK-LABEL: @conv_stays
// CHECK-COUNT-2: nn.pad
func.func @conv_stays(%x: tensor<?x3x10xf32>, %y: tensor<?x4x10xf32>, %w: tensor<8x4x3xf32>) -> (tensor<?x8x8xf32>, tensor<?x8x10xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = nn.constant dense<0.0> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.pad constant, %x [%c0, %c1, %c0] [%c0, %c0, %c0] fill %zero : tensor<f32> : tensor<?x3x10xf32> -> tensor<?x4x10xf32>
  %1 = nn.conv %0, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<?x4x10xf32>, tensor<8x4x3xf32>) -> tensor<?x8x8xf32>
  %2 = nn.pad constant, %y [%c0, %c0, %c1] [%c0, %c0, %c1] fill %one : tensor<f32> : tensor<?x4x10xf32> -> tensor<?x4x12xf32>
  %3 = nn.conv %2, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<?x4x12xf32>, tensor<8x4x3xf32>) -> tensor<?x8x10xf32>
  return %1, %3 : tensor<?x8x8xf32>, tensor<?x8x10xf32>
}

// An average that counted zeros as elements counts its padding.
// CHECK-LABEL: @average
//       CHECK:   nn.pool average_include_pad, {{.*}}pads = array<i64: 1, 1>
func.func @average(%x: tensor<?x4x10xf32>) -> tensor<?x4x10xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.pad constant, %x [%c0, %c0, %c1] [%c0, %c0, %c1] fill %zero : tensor<f32> : tensor<?x4x10xf32> -> tensor<?x4x12xf32>
  %1 = nn.pool average, %0 {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<?x4x12xf32>) -> tensor<?x4x10xf32>
  return %1 : tensor<?x4x10xf32>
}

// -infinity is below every element; a window that would see nothing else keeps it.
// CHECK-LABEL: @maximum
//  CHECK-SAME: (%[[X:.*]]: tensor<?x4x10xf32>)
//       CHECK:   %[[P:.*]] = nn.pad
//       CHECK:   nn.pool max, %[[X]] {{.*}}pads = array<i64: 2, 2>
//       CHECK:   nn.pool max, %[[P]] {{.*}}pads = array<i64: 0, 0>
func.func @maximum(%x: tensor<?x4x10xf32>) -> (tensor<?x4x12xf32>, tensor<?x4x12xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %lowest = nn.constant dense<0xFF800000> : tensor<f32>
  %0 = nn.pad constant, %x [%c0, %c0, %c2] [%c0, %c0, %c2] fill %lowest : tensor<f32> : tensor<?x4x10xf32> -> tensor<?x4x14xf32>
  %1 = nn.pool max, %0 {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<?x4x14xf32>) -> tensor<?x4x12xf32>
  %2 = nn.pool max, %0 {kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 2>}
      : (tensor<?x4x14xf32>) -> tensor<?x4x12xf32>
  return %1, %2 : tensor<?x4x12xf32>, tensor<?x4x12xf32>
}
