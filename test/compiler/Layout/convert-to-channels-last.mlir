// RUN: tenon-opt %s --tenon-convert-to-channels-last | FileCheck %s

// A convolution gets its data channels last; its result is transposed back, behind the elementwise op.
// CHECK-LABEL: func @conv
// CHECK: %[[T:.*]] = nn.transpose %arg0 {permutation = array<i64: 0, 2, 3, 1>}
// CHECK: %[[C:.*]] = nn.conv %[[T]], %arg1 {channels_last, {{.*}} -> tensor<?x30x?x16xf32>
// CHECK: %[[M:.*]] = nn.max %[[C]], %{{.*}} -> tensor<?x30x?x16xf32>
// CHECK: %[[R:.*]] = nn.transpose %[[M]] {permutation = array<i64: 0, 3, 1, 2>}
// CHECK: return %[[R]]
func.func @conv(%x: tensor<?x8x32x?xf32>, %w: tensor<16x8x3x3xf32>) -> tensor<?x16x30x?xf32> {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.conv %x, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<?x8x32x?xf32>, tensor<16x8x3x3xf32>) -> tensor<?x16x30x?xf32>
  %1 = nn.max %0, %zero : (tensor<?x16x30x?xf32>, tensor<f32>) -> tensor<?x16x30x?xf32>
  return %1 : tensor<?x16x30x?xf32>
}

// Transpositions of a residual block meet and cancel; the bias is brought to the same order.
// CHECK-LABEL: func @residual
// CHECK: %[[A:.*]] = nn.conv
// CHECK: nn.reshape %arg3
// CHECK: %[[B:.*]] = nn.add %[[A]], %
// CHECK: %[[C:.*]] = nn.conv %[[B]]
// CHECK: nn.add %[[C]], %[[B]]
func.func @residual(%x: tensor<1x8x8x8xf32>, %v: tensor<8x8x1x1xf32>, %w: tensor<8x8x1x1xf32>, %bias: tensor<8x1x1xf32>) -> tensor<1x8x8x8xf32> {
  %0 = nn.conv %x, %v {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x8xf32>, tensor<8x8x1x1xf32>) -> tensor<1x8x8x8xf32>
  %1 = nn.add %0, %bias : (tensor<1x8x8x8xf32>, tensor<8x1x1xf32>) -> tensor<1x8x8x8xf32>
  %2 = nn.conv %1, %w {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x8xf32>, tensor<8x8x1x1xf32>) -> tensor<1x8x8x8xf32>
  %3 = nn.add %2, %1 : (tensor<1x8x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x8x8x8xf32>
  return %3 : tensor<1x8x8x8xf32>
}

// A model that transposes its channels-last input itself: nothing is moved in front of the convolution.
// CHECK-LABEL: func @nhwc
// CHECK: nn.conv %arg0
func.func @nhwc(%x: tensor<1x32x32x3xf32>, %w: tensor<16x3x3x3xf32>) -> tensor<1x16x30x30xf32> {
  %0 = nn.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x32x32x3xf32>) -> tensor<1x3x32x32xf32>
  %1 = nn.conv %0, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x3x32x32xf32>, tensor<16x3x3x3xf32>) -> tensor<1x16x30x30xf32>
  return %1 : tensor<1x16x30x30xf32>
}

// Pools, reductions, concatenations, slices, pads and resizes are rewritten, axes and lists permuted.
// CHECK-LABEL: func @chain
// CHECK: %[[P:.*]] = nn.pool max, {{.*}}channels_last{{.*}} -> tensor<1x4x4x8xf32>
// CHECK: %[[J:.*]] = nn.concat %[[P]], %[[P]] {axis = 3 : i64} {{.*}} -> tensor<1x4x4x16xf32>
// CHECK: %[[S:.*]] = nn.slice %[[J]][%c0, %c0, %c1, %c2] [%c1, %c4, %c2, %c8] [%c1, %c1, %c1, %c1] : tensor<1x4x4x16xf32> -> tensor<1x4x2x8xf32>
// CHECK: %[[D:.*]] = nn.pad edge, %[[S]][%c0, %c1, %c0, %c0] [%c0, %c1, %c0, %c0] : tensor<1x4x2x8xf32> -> tensor<1x6x2x8xf32>
// CHECK: %[[R:.*]] = nn.reduce sum, %[[D]] {axes = array<i64: 1, 2>} : (tensor<1x6x2x8xf32>) -> tensor<1x8xf32>
// CHECK: return %[[R]]
func.func @chain(%x: tensor<1x8x8x8xf32>) -> tensor<1x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %0 = nn.pool max, %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x8xf32>) -> tensor<1x8x4x4xf32>
  %1 = nn.concat %0, %0 {axis = 1 : i64} : (tensor<1x8x4x4xf32>, tensor<1x8x4x4xf32>) -> tensor<1x16x4x4xf32>
  %2 = nn.slice %1[%c0, %c2, %c0, %c1] [%c1, %c8, %c4, %c2] [%c1, %c1, %c1, %c1] : tensor<1x16x4x4xf32> -> tensor<1x8x4x2xf32>
  %3 = nn.pad edge, %2[%c0, %c0, %c1, %c0] [%c0, %c0, %c1, %c0] : tensor<1x8x4x2xf32> -> tensor<1x8x6x2xf32>
  %4 = nn.reduce sum, %3 {axes = array<i64: 2, 3>} : (tensor<1x8x6x2xf32>) -> tensor<1x8xf32>
  return %4 : tensor<1x8xf32>
}

// A reshape keeps the layout if its segments lie side by side: here two spatial dimensions become one.
// CHECK-LABEL: func @flatten
// CHECK: %[[C:.*]] = nn.conv
// CHECK: %[[F:.*]] = nn.reshape %[[C]][%c1, %c64, %c16] : tensor<1x8x8x16xf32> -> tensor<1x64x16xf32>
// CHECK: return %[[F]]
func.func @flatten(%x: tensor<1x8x8x8xf32>, %w: tensor<16x8x1x1xf32>) -> tensor<1x64x16xf32> {
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %0 = nn.conv %x, %w {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x8xf32>, tensor<16x8x1x1xf32>) -> tensor<1x16x8x8xf32>
  %1 = nn.reshape %0[%c1, %c16, %c64] : tensor<1x16x8x8xf32> -> tensor<1x16x64xf32>
  %2 = nn.transpose %1 {permutation = array<i64: 0, 2, 1>} : (tensor<1x16x64xf32>) -> tensor<1x64x16xf32>
  return %2 : tensor<1x64x16xf32>
}

// Dimensions of a segment that lie apart are brought together in whole rows (a transposed convolution's phases); the channels' transposition goes on.
// CHECK-LABEL: func @interleaved
// CHECK: %[[C:.*]] = nn.conv
// CHECK: %[[S:.*]] = nn.reshape %[[C]]{{.*}} -> tensor<1x?x?x2x2x6xf32>
// CHECK: %[[T:.*]] = nn.transpose %[[S]] {permutation = array<i64: 0, 1, 3, 2, 4, 5>} : (tensor<1x?x?x2x2x6xf32>) -> tensor<1x?x2x?x2x6xf32>
// CHECK: %[[J:.*]] = nn.reshape %[[T]]{{.*}} -> tensor<1x?x?x6xf32>
// CHECK: return %[[J]]
func.func @interleaved(%x: tensor<1x?x?x8xf32>, %w: tensor<24x8x1x1xf32>) -> tensor<1x?x?x6xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  %h = tensor.dim %x, %c1 : tensor<1x?x?x8xf32>
  %v = tensor.dim %x, %c2 : tensor<1x?x?x8xf32>
  %hh = arith.muli %h, %c2 : index
  %vv = arith.muli %v, %c2 : index
  %n = nn.transpose %x {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x?x?x8xf32>) -> tensor<1x8x?x?xf32>
  %0 = nn.conv %n, %w {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x?x?xf32>, tensor<24x8x1x1xf32>) -> tensor<1x24x?x?xf32>
  %1 = nn.reshape %0[%c1, %c2, %c2, %c6, %h, %v] : tensor<1x24x?x?xf32> -> tensor<1x2x2x6x?x?xf32>
  %2 = nn.transpose %1 {permutation = array<i64: 0, 3, 4, 1, 5, 2>} : (tensor<1x2x2x6x?x?xf32>) -> tensor<1x6x?x2x?x2xf32>
  %3 = nn.reshape %2[%c1, %c6, %hh, %vv] : tensor<1x6x?x2x?x2xf32> -> tensor<1x6x?x?xf32>
  %4 = nn.transpose %3 {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x6x?x?xf32>) -> tensor<1x?x?x6xf32>
  return %4 : tensor<1x?x?x6xf32>
}

// Where more large operands would have to be moved than are, nothing is pushed.
// CHECK-LABEL: func @outnumbered
// CHECK: %[[T:.*]] = nn.transpose %{{.*}} {permutation = array<i64: 0, 3, 1, 2>}
// CHECK: nn.select %arg1, %arg2, %[[T]]
func.func @outnumbered(%x: tensor<1x8x8x8xf32>, %c: tensor<1x8x4x4xi1>, %y: tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32> {
  %0 = nn.pool max, %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>} : (tensor<1x8x8x8xf32>) -> tensor<1x8x4x4xf32>
  %1 = nn.select %c, %y, %0 : (tensor<1x8x4x4xi1>, tensor<1x8x4x4xf32>, tensor<1x8x4x4xf32>) -> tensor<1x8x4x4xf32>
  return %1 : tensor<1x8x4x4xf32>
}
