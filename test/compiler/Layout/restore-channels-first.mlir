// RUN: tenon-opt %s --tenon-convert-to-channels-last --tenon-restore-channels-first=vector-bytes=64 --canonicalize | FileCheck %s

// Nothing but planewise and elementwise ops between two transpositions: both go.
// CHECK-LABEL: func @pool_alone
// CHECK-NOT: nn.transpose
// CHECK: %[[P:.*]] = nn.pool max, %arg0 {dilations
// CHECK-NEXT: %[[M:.*]] = nn.max %[[P]]
// CHECK-NEXT: return %[[M]]
func.func @pool_alone(%x: tensor<?x8x32x?xf32>) -> tensor<?x8x16x?xf32> {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.pool max, %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<?x8x32x?xf32>) -> tensor<?x8x16x?xf32>
  %1 = nn.max %0, %zero : (tensor<?x8x16x?xf32>, tensor<f32>) -> tensor<?x8x16x?xf32>
  return %1 : tensor<?x8x16x?xf32>
}

// A bias is brought to the new order, a residual is there in it.
// CHECK-LABEL: func @depthwise
// CHECK-NOT: nn.transpose
// CHECK: %[[C:.*]] = nn.conv %arg0, %arg1 {dilations
// CHECK: %[[B:.*]] = nn.reshape %arg2{{.*}} -> tensor<1x8x1x1xf32>
// CHECK: %[[A:.*]] = nn.add %[[C]], %[[B]]
// CHECK: nn.add %[[A]], %arg0
func.func @depthwise(%x: tensor<1x8x32x32xf32>, %w: tensor<8x1x3x3xf32>, %bias: tensor<8x1x1xf32>) -> tensor<1x8x32x32xf32> {
  %0 = nn.conv %x, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 8 : i64} : (tensor<1x8x32x32xf32>, tensor<8x1x3x3xf32>) -> tensor<1x8x32x32xf32>
  %1 = nn.add %0, %bias : (tensor<1x8x32x32xf32>, tensor<8x1x1xf32>) -> tensor<1x8x32x32xf32>
  %2 = nn.add %1, %x : (tensor<1x8x32x32xf32>, tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32>
  return %2 : tensor<1x8x32x32xf32>
}

// A window of one position is a product with the pixels, group by group.
// CHECK-LABEL: func @pointwise
// CHECK-DAG: %[[F:.*]] = nn.reshape %arg1{{.*}} -> tensor<4x6x5xf32>
// CHECK-DAG: %[[X:.*]] = nn.reshape %arg0{{.*}} -> tensor<2x4x5x196xf32>
// CHECK: %[[P:.*]] = nn.matmul %[[F]], %[[X]] : (tensor<4x6x5xf32>, tensor<2x4x5x196xf32>) -> tensor<2x4x6x196xf32>
// CHECK: nn.reshape %[[P]]{{.*}} -> tensor<2x24x14x14xf32>
func.func @pointwise(%x: tensor<2x20x14x14xf32>, %w: tensor<24x5x1x1xf32>) -> tensor<2x24x14x14xf32> {
  %0 = nn.conv %x, %w {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 4 : i64} : (tensor<2x20x14x14xf32>, tensor<24x5x1x1xf32>) -> tensor<2x24x14x14xf32>
  return %0 : tensor<2x24x14x14xf32>
}

// Lines of three pixels do not fill vectors of sixteen.
// CHECK-LABEL: func @short_lines
// CHECK: nn.transpose
// CHECK: nn.pool {{.*}}channels_last
func.func @short_lines(%x: tensor<1x64x3x3xf32>) -> tensor<1x64x3x3xf32> {
  %0 = nn.pool max, %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x64x3x3xf32>) -> tensor<1x64x3x3xf32>
  return %0 : tensor<1x64x3x3xf32>
}

// A full convolution behind it wants channels last; so does what a filter of many channels costs.
// CHECK-LABEL: func @other_neighbours
// CHECK: nn.transpose %arg0
// CHECK: nn.pool {{.*}}channels_last
// CHECK: nn.conv {{.*}}channels_last
// CHECK: nn.conv {{.*}}channels_last
func.func @other_neighbours(%x: tensor<1x8x32x32xf32>, %w: tensor<8x8x3x3xf32>, %y: tensor<1x900x20x20xf32>, %v: tensor<900x900x1x1xf32>) -> (tensor<1x8x30x30xf32>, tensor<1x900x20x20xf32>) {
  %0 = nn.pool max, %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x8x32x32xf32>) -> tensor<1x8x32x32xf32>
  %1 = nn.conv %0, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x32x32xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x30x30xf32>
  %2 = nn.conv %y, %v {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x900x20x20xf32>, tensor<900x900x1x1xf32>) -> tensor<1x900x20x20xf32>
  return %1, %2 : tensor<1x8x30x30xf32>, tensor<1x900x20x20xf32>
}

// Fewer pixels than a vector has lanes.
// CHECK-LABEL: func @few_pixels
// CHECK: nn.conv {{.*}}channels_last
func.func @few_pixels(%x: tensor<8x64x3x3xf32>, %w: tensor<64x64x1x1xf32>) -> tensor<8x64x3x3xf32> {
  %0 = nn.conv %x, %w {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<8x64x3x3xf32>, tensor<64x64x1x1xf32>) -> tensor<8x64x3x3xf32>
  return %0 : tensor<8x64x3x3xf32>
}
