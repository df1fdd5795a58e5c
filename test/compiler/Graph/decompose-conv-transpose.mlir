// RUN: tenon-opt %s --tenon-decompose-conv-transpose --canonicalize -split-input-file | FileCheck %s
// RUN: tenon-opt %s --tenon-decompose-conv-transpose --canonicalize --tenon-fold-constants -split-input-file | FileCheck %s --check-prefix=VALUE

// Stride 2, kernel 4: two taps, two phases of five filters each; of the 22 interleaved positions 20 from the second on are kept.
// CHECK-LABEL: @strided
//       CHECK:   %[[Y:.*]] = nn.conv %{{.*}}, %{{.*}} {{.*}}kernel = array<i64: 2>, pads = array<i64: 1, 1>, strides = array<i64: 1>} : (tensor<1x3x10xf32>, tensor<10x3x2xf32>) -> tensor<1x10x11xf32>
//       CHECK:   %[[S:.*]] = nn.reshape %[[Y]]{{.*}} -> tensor<1x2x5x11xf32>
//       CHECK:   %[[T:.*]] = nn.transpose %[[S]] {permutation = array<i64: 0, 2, 3, 1>}
//       CHECK:   %[[J:.*]] = nn.reshape %[[T]]{{.*}} -> tensor<1x5x22xf32>
//       CHECK:   nn.slice %[[J]]{{.*}} -> tensor<1x5x20xf32>
func.func @strided(%x: tensor<1x3x10xf32>, %w: tensor<3x5x4xf32>) -> tensor<1x5x20xf32> {
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 0>}
      : (tensor<1x3x10xf32>, tensor<3x5x4xf32>) -> tensor<1x5x20xf32>
  return %0 : tensor<1x5x20xf32>
}

// -----

// A channel and a filter per group: a convolution for each phase with its own bias and activation, side by side.
// CHECK-LABEL: @depthwise
//       CHECK:   %[[Y0:.*]] = nn.conv {{.*}}groups = 4{{.*}} : (tensor<1x4x10xf32>, tensor<4x1x2xf32>) -> tensor<1x4x11xf32>
//       CHECK:   %[[A0:.*]] = nn.add %[[Y0]], %{{.*}} : (tensor<1x4x11xf32>, tensor<1x4x1xf32>)
//       CHECK:   %[[Y1:.*]] = nn.conv {{.*}}groups = 4{{.*}} : (tensor<1x4x10xf32>, tensor<4x1x2xf32>) -> tensor<1x4x11xf32>
//       CHECK:   %[[A1:.*]] = nn.add %[[Y1]], %{{.*}} : (tensor<1x4x11xf32>, tensor<1x4x1xf32>)
//       CHECK:   %[[C:.*]] = nn.concat %[[A0]], %[[A1]] {axis = 1 : i64} : {{.*}} -> tensor<1x8x11xf32>
//       CHECK:   %[[S:.*]] = nn.reshape %[[C]]{{.*}} -> tensor<1x2x4x11xf32>
//       CHECK:   nn.transpose %[[S]] {permutation = array<i64: 0, 2, 3, 1>}
func.func @depthwise(%x: tensor<1x4x10xf32>, %w: tensor<4x1x4xf32>) -> tensor<1x4x20xf32> {
  %b = nn.constant dense<[[[1.0], [2.0], [3.0], [4.0]]]> : tensor<1x4x1xf32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 0>, groups = 4 : i64}
      : (tensor<1x4x10xf32>, tensor<4x1x4xf32>) -> tensor<1x4x20xf32>
  %1 = nn.add %0, %b : (tensor<1x4x20xf32>, tensor<1x4x1xf32>) -> tensor<1x4x20xf32>
  return %1 : tensor<1x4x20xf32>
}

// -----

// With stride 1 it is a convolution with the filter turned around.
// CHECK-LABEL: @stride_one
//   CHECK-NOT:   nn.transpose {{.*}}tensor<1x5x12xf32>
//       CHECK:   nn.conv {{.*}}pads = array<i64: 2, 2>{{.*}} -> tensor<1x5x12xf32>
func.func @stride_one(%x: tensor<1x3x10xf32>, %w: tensor<3x5x3xf32>) -> tensor<1x5x12xf32> {
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>}
      : (tensor<1x3x10xf32>, tensor<3x5x3xf32>) -> tensor<1x5x12xf32>
  return %0 : tensor<1x5x12xf32>
}

// -----

// A window as long as the stride: every phase is wanted whole, nothing is cut off.
// CHECK-LABEL: @whole
//       CHECK:   nn.transpose {{.*}} -> tensor<1x4x?x2xf32>
//       CHECK:   %[[J:.*]] = nn.reshape {{.*}} -> tensor<1x4x?xf32>
//       CHECK:   return %[[J]]
func.func @whole(%x: tensor<1x3x?xf32>) -> tensor<1x4x?xf32> {
  %w = nn.constant dense<1.0> : tensor<3x4x2xf32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>} : (tensor<1x3x?xf32>, tensor<3x4x2xf32>) -> tensor<1x4x?xf32>
  return %0 : tensor<1x4x?xf32>
}

// A bias and an activation go before the interleaving.
// CHECK-LABEL: @epilogue
//       CHECK:   %[[Y:.*]] = nn.conv
//       CHECK:   %[[A:.*]] = nn.add %[[Y]], %{{.*}} : (tensor<1x4x11xf32>, tensor<1x4x1xf32>)
//       CHECK:   %[[M:.*]] = nn.max %[[A]]
//       CHECK:   nn.transpose
//   CHECK-NOT:   nn.add
func.func @epilogue(%x: tensor<1x3x10xf32>, %w: tensor<3x2x4xf32>) -> tensor<1x2x20xf32> {
  %b = nn.constant dense<[[[1.0], [2.0]]]> : tensor<1x2x1xf32>
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 0>}
      : (tensor<1x3x10xf32>, tensor<3x2x4xf32>) -> tensor<1x2x20xf32>
  %1 = nn.add %0, %b : (tensor<1x2x20xf32>, tensor<1x2x1xf32>) -> tensor<1x2x20xf32>
  %2 = nn.max %1, %zero : (tensor<1x2x20xf32>, tensor<f32>) -> tensor<1x2x20xf32>
  return %2 : tensor<1x2x20xf32>
}

// -----

// The values: 1 and 2 spread out by 3, each times the filter 10, 1 with a zero between (dilation 2), one zero added at the end.
// VALUE-LABEL: @values
//       VALUE:   nn.constant dense<{{\[\[\[}}1.000000e+01, 0.000000e+00, 1.000000e+00, 2.000000e+01, 0.000000e+00, 2.000000e+00, 0.000000e+00]]]>
func.func @values() -> tensor<1x1x7xf32> {
  %x = nn.constant dense<[[[1.0, 2.0]]]> : tensor<1x1x2xf32>
  %w = nn.constant dense<[[[10.0, 1.0]]]> : tensor<1x1x2xf32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 3>, pads = array<i64: 0, 0>, dilations = array<i64: 2>, output_padding = array<i64: 1>}
      : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x7xf32>
  return %0 : tensor<1x1x7xf32>
}

// -----

// Two groups and two dimensions: channel 0 makes filters 0 and 1, channel 1 filters 2 and 3; low pads cut the first row off.
// VALUE-LABEL: @groups
//       VALUE:   nn.constant dense<{{\[\[\[\[}}1.000000e+00, 2.000000e+00]], {{\[\[}}3.000000e+00, 4.000000e+00]], {{\[\[}}5.000000e+01, 6.000000e+01]], {{\[\[}}7.000000e+01, 8.000000e+01]]]]>
func.func @groups() -> tensor<1x4x1x2xf32> {
  %x = nn.constant dense<[[[[1.0]], [[10.0]]]]> : tensor<1x2x1x1xf32>
  %w = nn.constant dense<[[[[0.0, 0.0], [1.0, 2.0]], [[0.0, 0.0], [3.0, 4.0]]], [[[0.0, 0.0], [5.0, 6.0]], [[0.0, 0.0], [7.0, 8.0]]]]> : tensor<2x2x2x2xf32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 2, 2>, pads = array<i64: 1, 0, 0, 0>, dilations = array<i64: 1, 1>,
                                 output_padding = array<i64: 0, 0>, groups = 2 : i64}
      : (tensor<1x2x1x1xf32>, tensor<2x2x2x2xf32>) -> tensor<1x4x1x2xf32>
  return %0 : tensor<1x4x1x2xf32>
}

// -----

// A filter of unknown extent stays as it is.
// CHECK-LABEL: @dynamic_filter
//       CHECK:   nn.conv_transpose
func.func @dynamic_filter(%x: tensor<1x3x10xf32>, %w: tensor<3x2x?xf32>) -> tensor<1x2x?xf32> {
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding = array<i64: 0>}
      : (tensor<1x3x10xf32>, tensor<3x2x?xf32>) -> tensor<1x2x?xf32>
  return %0 : tensor<1x2x?xf32>
}
