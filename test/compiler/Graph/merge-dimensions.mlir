// RUN: tenon-opt %s --tenon-merge-dimensions --canonicalize | FileCheck %s

// CHECK-LABEL: func @depth
// CHECK-DAG: %[[X:.*]] = nn.reshape %arg0{{.*}} -> tensor<?x4x5x42xf32>
// CHECK-DAG: %[[W:.*]] = nn.reshape %arg1{{.*}} -> tensor<8x4x3x1xf32>
// CHECK: %[[C:.*]] = nn.conv %[[X]], %[[W]] {dilations = array<i64: 2, 1>, kernel = array<i64: 3, 1>, pads = array<i64: 1, 0, 2, 0>, strides = array<i64: 1, 1>} {{.*}} -> tensor<?x8x4x42xf32>
// CHECK: nn.reshape %[[C]]{{.*}} -> tensor<?x8x4x6x7xf32>
func.func @depth(%x: tensor<?x4x5x6x7xf32>, %w: tensor<8x4x3x1x1xf32>) -> tensor<?x8x4x6x7xf32> {
  %0 = nn.conv %x, %w {kernel = array<i64: 3, 1, 1>, strides = array<i64: 1, 1, 1>, pads = array<i64: 1, 0, 0, 2, 0, 0>, dilations = array<i64: 2, 1, 1>} : (tensor<?x4x5x6x7xf32>, tensor<8x4x3x1x1xf32>) -> tensor<?x8x4x6x7xf32>
  return %0 : tensor<?x8x4x6x7xf32>
}

// CHECK-LABEL: func @columns
// CHECK: nn.conv {{.*}} {dilations = array<i64: 1, 1>, kernel = array<i64: 1, 5>, pads = array<i64: 0, 2, 0, 2>, strides = array<i64: 1, 2>} : (tensor<1x4x30x?xf32>, tensor<8x4x1x5xf32>) -> tensor<1x8x30x?xf32>
func.func @columns(%x: tensor<1x4x5x6x?xf32>, %w: tensor<8x4x1x1x5xf32>) -> tensor<1x8x5x6x?xf32> {
  %0 = nn.conv %x, %w {kernel = array<i64: 1, 1, 5>, strides = array<i64: 1, 1, 2>, pads = array<i64: 0, 0, 2, 0, 0, 2>, dilations = array<i64: 1, 1, 1>} : (tensor<1x4x5x6x?xf32>, tensor<8x4x1x1x5xf32>) -> tensor<1x8x5x6x?xf32>
  return %0 : tensor<1x8x5x6x?xf32>
}

// Windows in two dimensions, none at all, a stride, one channel in a group.
// CHECK-LABEL: func @others
// CHECK-NOT: nn.reshape
func.func @others(%x: tensor<1x4x5x6x7xf32>, %a: tensor<8x4x1x3x3xf32>, %b: tensor<8x4x1x1x1xf32>, %c: tensor<8x4x3x1x1xf32>, %d: tensor<4x1x3x1x1xf32>) -> (tensor<1x8x5x4x5xf32>, tensor<1x8x5x6x7xf32>, tensor<1x8x3x3x7xf32>, tensor<1x4x3x6x7xf32>) {
  %0 = nn.conv %x, %a {kernel = array<i64: 1, 3, 3>, strides = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, dilations = array<i64: 1, 1, 1>} : (tensor<1x4x5x6x7xf32>, tensor<8x4x1x3x3xf32>) -> tensor<1x8x5x4x5xf32>
  %1 = nn.conv %x, %b {kernel = array<i64: 1, 1, 1>, strides = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, dilations = array<i64: 1, 1, 1>} : (tensor<1x4x5x6x7xf32>, tensor<8x4x1x1x1xf32>) -> tensor<1x8x5x6x7xf32>
  %2 = nn.conv %x, %c {kernel = array<i64: 3, 1, 1>, strides = array<i64: 1, 2, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, dilations = array<i64: 1, 1, 1>} : (tensor<1x4x5x6x7xf32>, tensor<8x4x3x1x1xf32>) -> tensor<1x8x3x3x7xf32>
  %3 = nn.conv %x, %d {kernel = array<i64: 3, 1, 1>, strides = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>, dilations = array<i64: 1, 1, 1>, groups = 4 : i64} : (tensor<1x4x5x6x7xf32>, tensor<4x1x3x1x1xf32>) -> tensor<1x4x3x6x7xf32>
  return %0, %1, %2, %3 : tensor<1x8x5x4x5xf32>, tensor<1x8x5x6x7xf32>, tensor<1x8x3x3x7xf32>, tensor<1x4x3x6x7xf32>
}
