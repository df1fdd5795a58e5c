// RUN: tenon-opt %s --tenon-form-kernels | FileCheck %s

// Two windows over planes are two kernels: the schedule of planes has one, and the elementwise ops that follow.
// CHECK-LABEL: func.func @main
// CHECK: nn.launch
// CHECK: nn.launch
// CHECK-NOT: nn.launch
// CHECK: func.func private @pool_0
// CHECK: nn.pool {{ *}}average
// CHECK-NOT: nn.add
// CHECK: func.func private @pool_add_max_1
// CHECK: nn.pool {{ *}}max
// CHECK: nn.add
// CHECK: nn.max
func.func @main(%x: tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32> {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.pool max, %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32>
  %1 = nn.pool average, %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32>
  %2 = nn.add %0, %1 : (tensor<1x8x32x32xf32>, tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32>
  %3 = nn.max %2, %zero : (tensor<1x8x32x32xf32>, tensor<f32>) -> tensor<1x8x32x32xf32>
  return %3 : tensor<1x8x32x32xf32>
}
