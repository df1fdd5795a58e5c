// RUN: tenon-opt %s --tenon-fold-into-weights | FileCheck %s

// Batch normalization: scale and shift per channel, behind a bias. w * 2 and * 3; (b + shift / scale) by parts: 10 * 2 + 1, 20 * 3 + 2.
// CHECK-LABEL: @batch_normalization
//   CHECK-DAG:   %[[W:.*]] = nn.constant dense<{{\[\[\[}}2.000000e+00]], {{\[\[}}1.200000e+01]]]> : tensor<2x1x1xf32>
//   CHECK-DAG:   %[[B:.*]] = nn.constant dense<{{\[\[\[}}2.100000e+01], [6.200000e+01]]]> : tensor<1x2x1xf32>
//       CHECK:   %[[Y:.*]] = nn.conv %{{.*}}, %[[W]]
//       CHECK:   %[[Z:.*]] = nn.add %[[Y]], %[[B]]
//       CHECK:   return %[[Z]]
func.func @batch_normalization(%x: tensor<?x1x5xf32>) -> tensor<?x2x5xf32> {
  %w = nn.constant dense<[[[1.0]], [[4.0]]]> : tensor<2x1x1xf32>
  %b = nn.constant dense<[[[10.0], [20.0]]]> : tensor<1x2x1xf32>
  %scale = nn.constant dense<[[[2.0], [3.0]]]> : tensor<1x2x1xf32>
  %shift = nn.constant dense<[[[1.0], [2.0]]]> : tensor<1x2x1xf32>
  %0 = nn.conv %x, %w {kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<?x1x5xf32>, tensor<2x1x1xf32>) -> tensor<?x2x5xf32>
  %1 = nn.add %0, %b : (tensor<?x2x5xf32>, tensor<1x2x1xf32>) -> tensor<?x2x5xf32>
  %2 = nn.mul %1, %scale : (tensor<?x2x5xf32>, tensor<1x2x1xf32>) -> tensor<?x2x5xf32>
  %3 = nn.add %2, %shift : (tensor<?x2x5xf32>, tensor<1x2x1xf32>) -> tensor<?x2x5xf32>
  return %3 : tensor<?x2x5xf32>
}

// Factors in front scale the input channels of the weights: rows of a matrix product.
// CHECK-LABEL: @factor_in_front
//  CHECK-SAME: (%[[X:.*]]: tensor<?x2xf32>)
//       CHECK:   %[[W:.*]] = nn.constant dense<{{\[\[}}1.000000e+01, 2.000000e+01], [3.000000e+02, 4.000000e+02]]> : tensor<2x2xf32>
//       CHECK:   nn.matmul %[[X]], %[[W]]
func.func @factor_in_front(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %scale = nn.constant dense<[10.0, 100.0]> : tensor<2xf32>
  %0 = nn.mul %x, %scale : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %1 = nn.matmul %0, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  return %1 : tensor<?x2xf32>
}

// The channels of a depthwise convolution's input are its groups.
// CHECK-LABEL: @depthwise
//       CHECK:   %[[W:.*]] = nn.constant dense<{{\[\[\[}}1.000000e+01]], {{\[\[}}2.000000e+02]]]> : tensor<2x1x1xf32>
//       CHECK:   nn.conv %{{.*}}, %[[W]]
func.func @depthwise(%x: tensor<?x2x5xf32>) -> tensor<?x2x5xf32> {
  %w = nn.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %scale = nn.constant dense<[[[10.0], [100.0]]]> : tensor<1x2x1xf32>
  %0 = nn.mul %x, %scale : (tensor<?x2x5xf32>, tensor<1x2x1xf32>) -> tensor<?x2x5xf32>
  %1 = nn.conv %0, %w {kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2 : i64}
      : (tensor<?x2x5xf32>, tensor<2x1x1xf32>) -> tensor<?x2x5xf32>
  return %1 : tensor<?x2x5xf32>
}

// A transposed convolution has its result's channels in the second dimension of its filter.
// CHECK-LABEL: @conv_transpose
//       CHECK:   %[[W:.*]] = nn.constant dense<{{\[\[\[}}-1.000000e+00], [-2.000000e+01]]]> : tensor<1x2x1xf32>
//       CHECK:   %[[Y:.*]] = nn.conv_transpose %{{.*}}, %[[W]]
//       CHECK:   return %[[Y]]
func.func @conv_transpose(%x: tensor<?x1x5xf32>) -> tensor<?x2x5xf32> {
  %w = nn.constant dense<[[[1.0], [2.0]]]> : tensor<1x2x1xf32>
  %scale = nn.constant dense<[[[1.0], [10.0]]]> : tensor<1x2x1xf32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>}
      : (tensor<?x1x5xf32>, tensor<1x2x1xf32>) -> tensor<?x2x5xf32>
  %1 = nn.mul %0, %scale : (tensor<?x2x5xf32>, tensor<1x2x1xf32>) -> tensor<?x2x5xf32>
  %2 = nn.neg %1 : (tensor<?x2x5xf32>) -> tensor<?x2x5xf32>
  return %2 : tensor<?x2x5xf32>
}

// A second reader sees the unscaled result; factors along other dimensions are none of channels.
// CHECK-LABEL: @stays
// CHECK-COUNT-2: nn.mul
func.func @stays(%x: tensor<?x1x2xf32>) -> (tensor<?x1x2xf32>, tensor<?x1x2xf32>, tensor<?x1x2xf32>) {
  %w = nn.constant dense<2.0> : tensor<1x1x1xf32>
  %one = nn.constant dense<3.0> : tensor<f32>
  %along = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = nn.conv %x, %w {kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<?x1x2xf32>, tensor<1x1x1xf32>) -> tensor<?x1x2xf32>
  %1 = nn.mul %0, %one : (tensor<?x1x2xf32>, tensor<f32>) -> tensor<?x1x2xf32>
  %2 = nn.conv %1, %w {kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>}
      : (tensor<?x1x2xf32>, tensor<1x1x1xf32>) -> tensor<?x1x2xf32>
  %3 = nn.mul %2, %along : (tensor<?x1x2xf32>, tensor<2xf32>) -> tensor<?x1x2xf32>
  return %0, %1, %3 : tensor<?x1x2xf32>, tensor<?x1x2xf32>, tensor<?x1x2xf32>
}

// Biases add up, a zero bias is none, and a bias comes before a residual.
// CHECK-LABEL: @biases
//  CHECK-SAME: (%{{.*}}: tensor<?x2xf32>, %[[R:.*]]: tensor<?x2xf32>)
//   CHECK-DAG:   %[[B:.*]] = nn.constant dense<[4.000000e+00, 6.000000e+00]> : tensor<2xf32>
//       CHECK:   %[[Y:.*]] = nn.matmul
//       CHECK:   %[[A:.*]] = nn.add %[[Y]], %[[B]]
//       CHECK:   nn.add %[[A]], %[[R]]
//   CHECK-NOT:   nn.add
func.func @biases(%x: tensor<?x2xf32>, %r: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %zero = nn.constant dense<0.0> : tensor<2xf32>
  %a = nn.constant dense<[5.0, 7.0]> : tensor<2xf32>
  %b = nn.constant dense<1.0> : tensor<2xf32>
  %0 = nn.matmul %x, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %1 = nn.add %0, %zero : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %2 = nn.sub %1, %b : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %3 = nn.add %2, %r : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %4 = nn.add %3, %a : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}
