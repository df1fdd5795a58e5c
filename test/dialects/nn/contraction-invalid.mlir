// One broken rule per function; labels as in dialects/nn/NnContraction.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @matmul_types(%x: tensor<2x3xf32>, %y: tensor<3x4xf64>) {
  // expected-error @below {{'nn.matmul' op C1: operands have element types 'f32' and 'f64'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y : (tensor<2x3xf32>, tensor<3x4xf64>) -> tensor<2x4xf32>
  return
}

// -----

func.func @matmul_ranks(%x: tensor<3xf32>, %y: tensor<3x4xf32>) {
  // expected-error @below {{C1: operands have ranks 1 and 2 but need 2 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y : (tensor<3xf32>, tensor<3x4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @matmul_depth(%x: tensor<2x3xf32>, %y: tensor<5x4xf32>) {
  // expected-error @below {{C2: lhs has K = 3 but rhs has K = 5}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y : (tensor<2x3xf32>, tensor<5x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @matmul_packed_transposed(%x: tensor<2x3xf32>, %y: tensor<1x3x16xf32>) {
  // expected-error @below {{C3: a packed rhs cannot be transposed}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y {transpose_rhs, packing = #nn.packing<nr = 16, columns = 9>} : (tensor<2x3xf32>, tensor<1x3x16xf32>) -> tensor<2x9xf32>
  return
}

// -----

func.func @matmul_panels(%x: tensor<2x3xf32>, %y: tensor<1x3x16xf32>) {
  // expected-error @below {{C4: rhs has 1 panels but #nn.packing<nr = 16, columns = 20> has 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y {packing = #nn.packing<nr = 16, columns = 20>} : (tensor<2x3xf32>, tensor<1x3x16xf32>) -> tensor<2x20xf32>
  return
}

// -----

func.func @matmul_panel_columns(%x: tensor<2x3xf32>, %y: tensor<1x3x8xf32>) {
  // expected-error @below {{C4: rhs has panels of 8 columns but nr is 16}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y {packing = #nn.packing<nr = 16, columns = 9>} : (tensor<2x3xf32>, tensor<1x3x8xf32>) -> tensor<2x9xf32>
  return
}

// -----

func.func @matmul_batch(%x: tensor<6x2x3xf32>, %y: tensor<5x3x4xf32>) {
  // expected-error @below {{C5: leading dimensions of 'tensor<6x2x3xf32>' and 'tensor<5x3x4xf32>' do not broadcast}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y : (tensor<6x2x3xf32>, tensor<5x3x4xf32>) -> tensor<6x2x4xf32>
  return
}

// -----

// expected-error @below {{expected positive nr and columns, got 0 and 9}}
func.func @packing(%x: tensor<2x3xf32>) attributes {format = #nn.packing<nr = 0, columns = 9>} {
  return
}

// -----

func.func @conv_types(%x: tensor<1x2x8xf32>, %w: tensor<4x2x3xf16>) {
  // expected-error @below {{'nn.conv' op C1: operands have element types 'f32' and 'f16'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x8xf32>, tensor<4x2x3xf16>) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_ranks(%x: tensor<1x2x8xf32>, %w: tensor<4x2x3x3xf32>) {
  // expected-error @below {{C1: input has rank 3 (needs 3 to 5) and filter has rank 4 (needs 3)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_channels(%x: tensor<1x3x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C2: input has 3 channels but filter has 2 in each of 1 groups}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x3x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_groups(%x: tensor<1x6x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C2: 4 filters do not divide into 3 groups}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 3 : i64} : (tensor<1x6x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_no_groups(%x: tensor<1x6x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C2: groups is 0 but must be positive}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 0 : i64} : (tensor<1x6x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_attribute_lengths(%x: tensor<1x2x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C3: pads has 1 entries but needs 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0>, dilations = array<i64: 1>} : (tensor<1x2x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_stride(%x: tensor<1x2x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C3: strides has entry 0 outside [1, 2^31)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 0>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_kernel(%x: tensor<1x2x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C3: filter dimension 2 is 3 but kernel says 5}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 5>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x2x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x4xf32>
  return
}

// -----

func.func @conv_packed_groups(%x: tensor<1x8x2xf32>, %w: tensor<2x1x6x8xf32>) {
  // expected-error @below {{C4: packed filter has 2 matrices but needs 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last, packing = #nn.packing<nr = 8, columns = 4>} : (tensor<1x8x2xf32>, tensor<2x1x6x8xf32>) -> tensor<1x6x4xf32>
  return
}

// -----

func.func @conv_packed_panels(%x: tensor<1x8x2xf32>, %w: tensor<1x2x6x8xf32>) {
  // expected-error @below {{C4: filter type 'tensor<1x2x6x8xf32>' does not match #nn.packing<nr = 8, columns = 4>}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last, packing = #nn.packing<nr = 8, columns = 4>} : (tensor<1x8x2xf32>, tensor<1x2x6x8xf32>) -> tensor<1x6x4xf32>
  return
}

// -----

func.func @conv_packed_depth(%x: tensor<1x8x2xf32>, %w: tensor<1x1x5x8xf32>) {
  // expected-error @below {{C4: packed filter has K = 5 but the window has 3 positions of 2 / 1 channels}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last, packing = #nn.packing<nr = 8, columns = 4>} : (tensor<1x8x2xf32>, tensor<1x1x5x8xf32>) -> tensor<1x6x4xf32>
  return
}

// -----

func.func @conv_transpose_channels(%x: tensor<1x3x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{'nn.conv_transpose' op C2: input has 3 channels but filter has 4}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>} : (tensor<1x3x8xf32>, tensor<4x2x3xf32>) -> tensor<1x2x10xf32>
  return
}

// -----

func.func @conv_transpose_groups(%x: tensor<1x4x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C2: 4 channels do not divide into 3 groups}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0>, groups = 3 : i64} : (tensor<1x4x8xf32>, tensor<4x2x3xf32>) -> tensor<1x6x10xf32>
  return
}

// -----

func.func @conv_transpose_ranks(%x: tensor<4x8xf32>, %w: tensor<4x2xf32>) {
  // expected-error @below {{C1: input and filter have ranks 2 and 2 but must have the same of 3 to 5}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv_transpose %x, %w {strides = array<i64>, pads = array<i64>, dilations = array<i64>, output_padding = array<i64>} : (tensor<4x8xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @conv_transpose_output_padding(%x: tensor<1x4x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C3: output_padding has 2 entries but needs 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: 0, 0>} : (tensor<1x4x8xf32>, tensor<4x2x3xf32>) -> tensor<1x2x10xf32>
  return
}

// -----

func.func @conv_transpose_negative_padding(%x: tensor<1x4x8xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @below {{C3: output_padding has a negative entry}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, output_padding = array<i64: -1>} : (tensor<1x4x8xf32>, tensor<4x2x3xf32>) -> tensor<1x2x9xf32>
  return
}

// -----

func.func @pool_rank(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.pool' op C1: input has rank 2 but needs 3 or more}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pool max, %x {kernel = array<i64>, strides = array<i64>, pads = array<i64>, dilations = array<i64>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @pool_kernel(%x: tensor<1x4x8xf32>) {
  // expected-error @below {{C2: kernel has 2 entries but needs 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pool max, %x {kernel = array<i64: 2, 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<1x4x8xf32>) -> tensor<1x4x7xf32>
  return
}

// -----

func.func @argmax_layout(%x: tensor<1x8x4xf32>) {
  // expected-error @below {{'nn.pool_argmax' op C3: the input must be channels first}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pool_argmax %x {kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last} : (tensor<1x8x4xf32>) -> tensor<1x7x4xi64>
  return
}

// -----

func.func @conv_winograd_stride(%x: tensor<1x8x2xf32>, %w: tensor<1x5x2x4xf32>) {
  // expected-error @below {{C4: packed filter has K = 2 but the window has 2 positions of 2 / 1 channels}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last, packing = #nn.packing<nr = 4, columns = 4, winograd = 4>} : (tensor<1x8x2xf32>, tensor<1x5x2x4xf32>) -> tensor<1x3x4xf32>
  return
}

// -----

func.func @conv_winograd_stride_and_dilation(%x: tensor<1x8x2xf32>, %w: tensor<1x5x4x4xf32>) {
  // expected-error @below {{C5: #nn.packing<nr = 4, columns = 4, winograd = 4> does not fit the convolution}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 2>, channels_last, packing = #nn.packing<nr = 4, columns = 4, winograd = 4>} : (tensor<1x8x2xf32>, tensor<1x5x4x4xf32>) -> tensor<1x2x4xf32>
  return
}

// -----

func.func @conv_form_without_alternatives(%x: tensor<1x8x2xf32>, %w: tensor<1x1x6x4xf32>, %form: index) {
  // expected-error @below {{C6: 1 alternative filters need as many packings and a form}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w or %w by %form {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last, packing = #nn.packing<nr = 4, columns = 4>} : (tensor<1x8x2xf32>, tensor<1x1x6x4xf32>, tensor<1x1x6x4xf32>, index) -> tensor<1x6x4xf32>
  return
}

// -----

func.func @conv_alternative_of_others(%x: tensor<1x8x2xf32>, %w: tensor<1x1x6x4xf32>, %v: tensor<1x6x2x4xf32>, %form: index) {
  // expected-error @below {{C6: an alternative has 3 columns but the filter has 4}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w or %v by %form {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last, packing = #nn.packing<nr = 4, columns = 4>, alternative_packings = [#nn.packing<nr = 4, columns = 3, winograd = 4>]} : (tensor<1x8x2xf32>, tensor<1x1x6x4xf32>, tensor<1x6x2x4xf32>, index) -> tensor<1x6x4xf32>
  return
}

// -----

func.func @conv_alternative_of_filter_as_it_is(%x: tensor<1x2x8xf32>, %w: tensor<4x2x3xf32>, %v: tensor<1x6x2x4xf32>, %form: index) {
  // expected-error @below {{C6: a filter that is not packed has no alternatives}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w or %v by %form {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, alternative_packings = [#nn.packing<nr = 4, columns = 4, winograd = 4>]} : (tensor<1x2x8xf32>, tensor<4x2x3xf32>, tensor<1x6x2x4xf32>, index) -> tensor<1x4x6xf32>
  return
}

// -----

func.func @conv_winograd_positions(%x: tensor<1x8x2xf32>, %w: tensor<1x5x2x4xf32>) {
  // expected-error @below {{C4: packed filter has 5 matrices but needs 6}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, channels_last, packing = #nn.packing<nr = 4, columns = 4, winograd = 4>} : (tensor<1x8x2xf32>, tensor<1x5x2x4xf32>) -> tensor<1x6x4xf32>
  return
}

// -----

// expected-error @below {{expected Winograd tiles of at most 6 results, got 7}}
func.func @winograd_tile(%x: tensor<2x3xf32>) attributes {format = #nn.packing<nr = 4, columns = 9, winograd = 7>} {
  return
}

// -----

// expected-error @below {{expected a group of a power of two, got 3}}
func.func @packing_group(%x: tensor<2x3xf32>) attributes {format = #nn.packing<nr = 4, columns = 9, group = 3>} {
  return
}

// -----

// expected-error @below {{expected no group with Winograd tiles, got 2}}
func.func @packing_group_winograd(%x: tensor<2x3xf32>) attributes {format = #nn.packing<nr = 4, columns = 9, winograd = 2, group = 2>} {
  return
}

// -----

func.func @matmul_group(%x: tensor<2x3xf32>, %y: tensor<1x3x8xf32>) {
  // expected-error @below {{C4: rhs has K = 3 but the group of #nn.packing<nr = 8, columns = 7, group = 2> must divide it}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.matmul %x, %y {packing = #nn.packing<nr = 8, columns = 7, group = 2>} : (tensor<2x3xf32>, tensor<1x3x8xf32>) -> tensor<2x7xf32>
  return
}

// -----

func.func @conv_group(%x: tensor<1x8x6xf32>, %w: tensor<2x1x6x8xf32>) {
  // expected-error @below {{C4: the group of #nn.packing<nr = 8, columns = 4, group = 2> must divide the channels of each of 2 groups}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2 : i64, channels_last, packing = #nn.packing<nr = 8, columns = 4, group = 2>} : (tensor<1x8x6xf32>, tensor<2x1x6x8xf32>) -> tensor<1x7x8xf32>
  return
}

// -----

func.func @depthwise_group(%x: tensor<1x8x4xf32>, %w: tensor<1x1x2x4xf32>) {
  // expected-error @below {{C4: the group of #nn.packing<nr = 4, columns = 4, group = 2> must divide the channels of each of 4 groups}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 4 : i64, channels_last, packing = #nn.packing<nr = 4, columns = 4, group = 2>} : (tensor<1x8x4xf32>, tensor<1x1x2x4xf32>) -> tensor<1x7x4xf32>
  return
}

// -----

func.func @across_groups(%x: tensor<1x8x4xf32>, %w: tensor<1x2x2x4xf32>) {
  // expected-error @below {{C4: 5 columns do not divide into 2 groups}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.conv %x, %w {kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, groups = 2 : i64, channels_last, packing = #nn.packing<nr = 4, columns = 5>} : (tensor<1x8x4xf32>, tensor<1x2x2x4xf32>) -> tensor<1x8x5xf32>
  return
}
