// Matrix products, convolutions and pools parse, verify and print; what is printed parses again.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: @matmul
func.func @matmul(%x: tensor<?x5x7xf32>, %w: tensor<7x9xf32>, %t: tensor<9x7xf32>, %p: tensor<1x7x16xf32>,
                  %g: tensor<?x8xf32>, %q: tensor<1x8x4xf32>) {
  // CHECK: nn.matmul %{{.*}}, %{{.*}} : (tensor<?x5x7xf32>, tensor<7x9xf32>) -> tensor<?x5x9xf32>
  %0 = nn.matmul %x, %w : (tensor<?x5x7xf32>, tensor<7x9xf32>) -> tensor<?x5x9xf32>
  // CHECK: nn.matmul %{{.*}}, %{{.*}} {transpose_rhs} : (tensor<?x5x7xf32>, tensor<9x7xf32>) -> tensor<?x5x9xf32>
  %1 = nn.matmul %x, %t {transpose_rhs} : (tensor<?x5x7xf32>, tensor<9x7xf32>) -> tensor<?x5x9xf32>
  // CHECK: nn.matmul %{{.*}}, %{{.*}} {packing = #nn.packing<nr = 16, columns = 9>} : (tensor<?x5x7xf32>, tensor<1x7x16xf32>) -> tensor<?x5x9xf32>
  %2 = nn.matmul %x, %p {packing = #nn.packing<nr = 16, columns = 9>} : (tensor<?x5x7xf32>, tensor<1x7x16xf32>) -> tensor<?x5x9xf32>
  // CHECK: nn.matmul %{{.*}}, %{{.*}} {packing = #nn.packing<nr = 4, columns = 3, group = 2>} : (tensor<?x8xf32>, tensor<1x8x4xf32>) -> tensor<?x3xf32>
  %3 = nn.matmul %g, %q {packing = #nn.packing<nr = 4, columns = 3, group = 2>} : (tensor<?x8xf32>, tensor<1x8x4xf32>) -> tensor<?x3xf32>
  return
}

// CHECK-LABEL: @conv
func.func @conv(%x: tensor<?x4x10x8xf32>, %w: tensor<6x2x3x3xf32>, %y: tensor<?x10x8x4xf32>, %p: tensor<2x1x18x8xf32>, %u: tensor<1x36x4x8xf32>,
                %v: tensor<1x25x16x8xf32>, %q: tensor<1x1x36x8xf32>, %form: index) {
  // CHECK: nn.conv {{.*}} -> tensor<?x6x5x8xf32>
  %0 = nn.conv %x, %w {kernel = array<i64: 3, 3>, strides = array<i64: 2, 1>, pads = array<i64: 1, 1, 1, 1>,
                       dilations = array<i64: 1, 1>, groups = 2 : i64} : (tensor<?x4x10x8xf32>, tensor<6x2x3x3xf32>) -> tensor<?x6x5x8xf32>
  // The same with channels last and a packed filter: 3 filters in each of 2 groups, 9 positions of 2 channels.
  // CHECK: nn.conv {{.*}}channels_last{{.*}} -> tensor<?x5x8x6xf32>
  %1 = nn.conv %y, %p {kernel = array<i64: 3, 3>, strides = array<i64: 2, 1>, pads = array<i64: 1, 1, 1, 1>,
                       dilations = array<i64: 1, 1>, groups = 2 : i64, channels_last, packing = #nn.packing<nr = 8, columns = 3>}
      : (tensor<?x10x8x4xf32>, tensor<2x1x18x8xf32>) -> tensor<?x5x8x6xf32>
  // A filter for tiles of 4 x 4 results, 6 x 6 positions.
  // CHECK: nn.conv {{.*}}packing = #nn.packing<nr = 8, columns = 5, winograd = 4>{{.*}} -> tensor<?x10x8x5xf32>
  %2 = nn.conv %y, %u {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>,
                       dilations = array<i64: 1, 1>, channels_last, packing = #nn.packing<nr = 8, columns = 5, winograd = 4>}
      : (tensor<?x10x8x4xf32>, tensor<1x36x4x8xf32>) -> tensor<?x10x8x5xf32>
  // With strides the phases of the input are channels: windows of 2 x 2 positions, 2 x 2 x 4 channels. The run may take the filter
  // as it is instead.
  // CHECK: nn.conv %{{.*}}, %{{.*}} or %{{.*}} by %{{.*}} {alternative_packings = [#nn.packing<nr = 8, columns = 5>]{{.*}} -> tensor<?x5x4x5xf32>
  %3 = nn.conv %y, %v or %q by %form {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>,
                       dilations = array<i64: 1, 1>, channels_last, packing = #nn.packing<nr = 8, columns = 5, winograd = 4>,
                       alternative_packings = [#nn.packing<nr = 8, columns = 5>]}
      : (tensor<?x10x8x4xf32>, tensor<1x25x16x8xf32>, tensor<1x1x36x8xf32>, index) -> tensor<?x5x4x5xf32>
  return
}

// (10 - 1) * 2 + (3 - 1) * 1 + 1 - 1 - 1 + 1 = 20
// CHECK-LABEL: @conv_transpose
func.func @conv_transpose(%x: tensor<1x4x10xf32>, %w: tensor<4x5x3xf32>) {
  // CHECK: nn.conv_transpose {{.*}} -> tensor<1x5x20xf32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>,
                                 output_padding = array<i64: 1>} : (tensor<1x4x10xf32>, tensor<4x5x3xf32>) -> tensor<1x5x20xf32>
  return
}

// With ceil_mode a window may hang over the end: 1 + ceil((8 - 3) / 2) = 4 instead of 3.
// CHECK-LABEL: @pool
func.func @pool(%x: tensor<1x2x8xf32>) {
  // CHECK: nn.pool max, {{.*}} -> tensor<1x2x3xf32>
  %0 = nn.pool max, %x {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x8xf32>) -> tensor<1x2x3xf32>
  // CHECK: nn.pool average_include_pad, {{.*}}ceil_mode{{.*}} -> tensor<1x2x4xf32>
  %1 = nn.pool average_include_pad, %x {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, ceil_mode} : (tensor<1x2x8xf32>) -> tensor<1x2x4xf32>
  // CHECK: nn.pool_argmax {{.*}} -> tensor<1x2x3xi64>
  %2 = nn.pool_argmax %x {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x8xf32>) -> tensor<1x2x3xi64>
  return
}
