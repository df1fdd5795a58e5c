// RUN: tenon-opt %s --tenon-pack-weights=runtime-bytes=1024 | FileCheck %s
// RUN: tenon-opt %s --tenon-pack-weights="runtime-bytes=1024 winograd=false" | FileCheck %s --check-prefix=DIRECT
// RUN: tenon-opt %s --tenon-pack-weights="runtime-bytes=1024 vector-bytes=32 winograd=false" | FileCheck %s --check-prefix=GROUP

// A constant right-hand side becomes panels, K-major inside, the last one filled with zeros.
// CHECK-LABEL: func @matmul
// CHECK: nn.constant dense<{{\[}}{{\[}}[1, 2, 3, 4, 5, 0, 0, 0], [6, 7, 8, 9, 10, 0, 0, 0]]]> : tensor<1x2x8xi32>
// CHECK: nn.matmul %arg0, %{{.*}} {packing = #nn.packing<nr = 8, columns = 5>}
func.func @matmul(%x: tensor<?x2xi32>) -> tensor<?x5xi32> {
  %w = nn.constant dense<[[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]> : tensor<2x5xi32>
  %0 = nn.matmul %x, %w : (tensor<?x2xi32>, tensor<2x5xi32>) -> tensor<?x5xi32>
  return %0 : tensor<?x5xi32>
}

// A transposition is folded into the packing.
// CHECK-LABEL: func @transposed
// CHECK: nn.constant dense<{{\[}}{{\[}}[1, 3, 5, 0], [2, 4, 6, 0]]]> : tensor<1x2x4xi32>
// CHECK-NOT: transpose_rhs
func.func @transposed(%x: tensor<?x2xi32>) -> tensor<?x3xi32> {
  %w = nn.constant dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi32>
  %0 = nn.matmul %x, %w {transpose_rhs} : (tensor<?x2xi32>, tensor<3x2xi32>) -> tensor<?x3xi32>
  return %0 : tensor<?x3xi32>
}

// K of a filter runs over kernel positions, then channels: filter 0 is 1 2 | 3 4 (channel | position).
// CHECK-LABEL: func @conv
// CHECK: nn.constant dense<{{\[}}{{\[}}{{\[}}[1, 5, 0, 0], [3, 7, 0, 0], [2, 6, 0, 0], [4, 8, 0, 0]]]]> : tensor<1x1x4x4xi32>
// CHECK: nn.conv {{.*}} packing = #nn.packing<nr = 4, columns = 2>
func.func @conv(%x: tensor<?x9x2xi32>) -> tensor<?x8x2xi32> {
  %w = nn.constant dense<[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]> : tensor<2x2x2xi32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x9x2xi32>, tensor<2x2x2xi32>) -> tensor<?x8x2xi32>
  return %0 : tensor<?x8x2xi32>
}

// A depthwise filter is one matrix whose columns are the channels.
// CHECK-LABEL: func @depthwise
// CHECK: nn.constant dense<{{\[}}{{\[}}{{\[}}[1, 3, 5, 0], [2, 4, 6, 0]]]]> : tensor<1x1x2x4xi32>
func.func @depthwise(%x: tensor<?x9x3xi32>) -> tensor<?x8x3xi32> {
  %w = nn.constant dense<[[[1, 2]], [[3, 4]], [[5, 6]]]> : tensor<3x1x2xi32>
  %0 = nn.conv %x, %w {channels_last, groups = 3 : i64, kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x9x3xi32>, tensor<3x1x2xi32>) -> tensor<?x8x3xi32>
  return %0 : tensor<?x8x3xi32>
}

// So is one of few channels per group: its columns are the filters of all groups.
// CHECK-LABEL: func @few_channels
// CHECK: nn.constant dense<{{\[}}{{\[}}{{\[}}[1, 3, 5, 7], [2, 4, 6, 8]]]]> : tensor<1x1x2x4xi32>
// CHECK: nn.conv {{.*}}groups = 2 : i64{{.*}}packing = #nn.packing<nr = 4, columns = 4>
func.func @few_channels(%x: tensor<?x9x4xi32>) -> tensor<?x9x4xi32> {
  %w = nn.constant dense<[[[1], [2]], [[3], [4]], [[5], [6]], [[7], [8]]]> : tensor<4x2x1xi32>
  %0 = nn.conv %x, %w {channels_last, groups = 2 : i64, kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x9x4xi32>, tensor<4x2x1xi32>) -> tensor<?x9x4xi32>
  return %0 : tensor<?x9x4xi32>
}

// Not where vectors of filters would start at more than three places in a group.
// CHECK-LABEL: func @five_filters
// CHECK: nn.conv {{.*}}packing = #nn.packing<nr = 8, columns = 5>{{.*}} tensor<2x1x3x8xf32>
func.func @five_filters(%x: tensor<?x9x2xf32>) -> tensor<?x7x10xf32> {
  %w = nn.constant dense<1.0> : tensor<10x1x3xf32>
  %0 = nn.conv %x, %w {channels_last, groups = 2 : i64, kernel = array<i64: 3>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x9x2xf32>, tensor<10x1x3xf32>) -> tensor<?x7x10xf32>
  return %0 : tensor<?x7x10xf32>
}

// A window of one position makes a matrix product.
// CHECK-LABEL: func @pointwise
// CHECK-NOT: nn.conv
// CHECK: nn.matmul %arg0, %{{.*}} : (tensor<?x9x2xf32>, tensor<1x2x4xf32>) -> tensor<?x9x3xf32>
func.func @pointwise(%x: tensor<?x9x2xf32>) -> tensor<?x9x3xf32> {
  %w = nn.constant dense<1.0> : tensor<3x2x1xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 1>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x9x2xf32>, tensor<3x2x1xf32>) -> tensor<?x9x3xf32>
  return %0 : tensor<?x9x3xf32>
}

// With strides as well, of the pixels that are read.
// CHECK-LABEL: func @pointwise_with_stride
// CHECK: %[[N:.*]] = arith.ceildivui %{{.*}}, %[[STEP:.*]] :
// CHECK: %[[X:.*]] = nn.slice %arg0[{{.*}}] [%{{.*}}, %[[N]], %{{.*}}] [%{{.*}}, %[[STEP]], %{{.*}}] : tensor<4x?x2xf32> -> tensor<4x?x2xf32>
// CHECK: nn.matmul %[[X]], %{{.*}} : (tensor<4x?x2xf32>, tensor<1x2x4xf32>) -> tensor<4x?x3xf32>
func.func @pointwise_with_stride(%x: tensor<4x?x2xf32>) -> tensor<4x?x3xf32> {
  %w = nn.constant dense<1.0> : tensor<3x2x1xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 1>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<4x?x2xf32>, tensor<3x2x1xf32>) -> tensor<4x?x3xf32>
  return %0 : tensor<4x?x3xf32>
}

// Large right-hand sides are packed at run time, small ones by the product's own kernel.
// CHECK-LABEL: func @runtime
// CHECK: %[[P:.*]] = nn.pack %arg1 {packing = #nn.packing<nr = 16, columns = 32>} : (tensor<32x32xf32>) -> tensor<2x32x16xf32>
// CHECK: nn.matmul %arg0, %[[P]]
// CHECK: nn.matmul %arg0, %arg2 : (tensor<64x32xf32>, tensor<32x4xf32>)
func.func @runtime(%x: tensor<64x32xf32>, %y: tensor<32x32xf32>, %z: tensor<32x4xf32>) -> (tensor<64x32xf32>, tensor<64x4xf32>) {
  %0 = nn.matmul %x, %y : (tensor<64x32xf32>, tensor<32x32xf32>) -> tensor<64x32xf32>
  %1 = nn.matmul %x, %z : (tensor<64x32xf32>, tensor<32x4xf32>) -> tensor<64x4xf32>
  return %0, %1 : tensor<64x32xf32>, tensor<64x4xf32>
}

// A constant left-hand side and a column: operands are exchanged, because the column's transposition is a reshape.
// CHECK-LABEL: func @column
// CHECK: %[[ROW:.*]] = nn.reshape %arg0[%{{.*}}, %{{.*}}] : tensor<2x1xf32> -> tensor<1x2xf32>
// CHECK: %[[Y:.*]] = nn.matmul %[[ROW]], %{{.*}} {packing = #nn.packing<nr = 4, columns = 3>}
// CHECK: nn.reshape %[[Y]][%{{.*}}, %{{.*}}] : tensor<1x3xf32> -> tensor<3x1xf32>
func.func @column(%x: tensor<2x1xf32>) -> tensor<3x1xf32> {
  %w = nn.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %0 = nn.matmul %w, %x : (tensor<3x2xf32>, tensor<2x1xf32>) -> tensor<3x1xf32>
  return %0 : tensor<3x1xf32>
}

// A 3x3 filter is transformed for Winograd's algorithm where that pays. Few channels, strides and other windows are summed directly.
// CHECK-LABEL: func @winograd
// CHECK: nn.constant dense_resource<packed{{.*}}> : tensor<1x36x8x8xf32>
// CHECK: nn.conv {{.*}} packing = #nn.packing<nr = 8, columns = 8, winograd = 4>
// DIRECT-LABEL: func @winograd
// DIRECT: nn.constant dense_resource<packed{{.*}}> : tensor<1x1x72x8xf32>
func.func @winograd(%x: tensor<1x?x?x8xf32>) -> tensor<1x?x?x8xf32> {
  %w = nn.constant dense<16.0> : tensor<8x8x3x3xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x?x?x8xf32>, tensor<8x8x3x3xf32>) -> tensor<1x?x?x8xf32>
  return %0 : tensor<1x?x?x8xf32>
}

// CHECK-LABEL: func @no_winograd
// CHECK-NOT: winograd
func.func @no_winograd(%x: tensor<1x64x64x2xf32>) -> (tensor<1x64x64x4xf32>, tensor<1x32x32x4xf32>) {
  %w = nn.constant dense<1.0> : tensor<4x2x3x3xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x64x64x2xf32>, tensor<4x2x3x3xf32>) -> tensor<1x64x64x4xf32>
  %1 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x64x64x2xf32>, tensor<4x2x3x3xf32>) -> tensor<1x32x32x4xf32>
  return %0, %1 : tensor<1x64x64x4xf32>, tensor<1x32x32x4xf32>
}

// Of a strided convolution the phases of the input are channels of the transformed filter: 2 x 2 x 3.
// CHECK-LABEL: func @strided
// CHECK: nn.conv %arg0, {{.*}} packing = #nn.packing<nr = 16, columns = 32, winograd = 3>, pads = array<i64: 3, 3, 3, 3>, strides = array<i64: 2, 2>} : (tensor<?x64x64x3xf32>, tensor<2x36x12x16xf32>)
// DIRECT-LABEL: func @strided
// DIRECT: nn.conv {{.*}} strides = array<i64: 2, 2>} : (tensor<?x64x64x3xf32>, tensor<1x2x147x16xf32>)
func.func @strided(%x: tensor<?x64x64x3xf32>) -> tensor<?x32x32x32xf32> {
  %w = nn.constant dense<1.0> : tensor<32x3x7x7xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 7, 7>, strides = array<i64: 2, 2>, pads = array<i64: 3, 3, 3, 3>, dilations = array<i64: 1, 1>} : (tensor<?x64x64x3xf32>, tensor<32x3x7x7xf32>) -> tensor<?x32x32x32xf32>
  return %0 : tensor<?x32x32x32xf32>
}

// A filter has several forms where each is the fastest at some extents: the run compares their cycles, four times the longer one of arithmetic
// and reading and once the shorter one. Forms for direct sums have results where the others have tiles, of which there are six at least.
// CHECK-LABEL: func @strided_line
// CHECK: %[[images:.*]] = tensor.dim %arg0, %c0
// CHECK: %[[results:.*]] = arith.divui
// CHECK: %[[along:.*]] = arith.ceildivui %[[results]], %c4
// CHECK: %[[count:.*]] = arith.muli %[[images]], %[[along]]
// CHECK: %[[tiles:.*]] = arith.maxui %[[count]], %c6
// CHECK: %[[arithmetic:.*]] = arith.muli %[[tiles]], %c
// CHECK: %[[longer:.*]] = arith.maxui %[[arithmetic]], %c[[reading:.*]] : index
// CHECK: %[[shorter:.*]] = arith.minui %[[arithmetic]], %c[[reading]] : index
// CHECK: %[[fourfold:.*]] = arith.muli %[[longer]], %c4
// CHECK: %[[winograd:.*]] = arith.addi %[[fourfold]], %[[shorter]]
// CHECK: arith.muli %[[images]], %[[results]]
// CHECK: %[[isLess:.*]] = arith.cmpi ult, %{{.*}}, %[[winograd]]
// CHECK: %[[form:.*]] = arith.select %[[isLess]], %c1{{.*}}, %c0
// CHECK: nn.conv %arg0, %{{.*}} or %{{.*}} by %[[form]] {alternative_packings = [#nn.packing<nr = 16, columns = 160>], {{.*}} packing = #nn.packing<nr = 16, columns = 160, winograd = 4>
// CHECK-SAME: (tensor<?x?x128xf32>, tensor<10x7x384x16xf32>, tensor<1x10x1536x16xf32>, index)
func.func @strided_line(%x: tensor<?x?x128xf32>) -> tensor<?x?x160xf32> {
  %w = nn.constant dense<1.0> : tensor<160x128x12xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 12>, strides = array<i64: 3>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x?x128xf32>, tensor<160x128x12xf32>) -> tensor<?x?x160xf32>
  return %0 : tensor<?x?x160xf32>
}

// Extents that the run time knows are guessed from inputs of usual sizes: a deep layer of an image is small at all of them.
// CHECK-LABEL: func @deep
// CHECK: nn.conv {{.*}} strides = array<i64: 8, 8>
// CHECK: nn.conv {{.*}} strides = array<i64: 8, 8>
// CHECK: nn.conv {{.*}} {alternative_packings = [#nn.packing<nr = 16, columns = 64>], {{.*}} packing = #nn.packing<nr = 16, columns = 64, winograd = 2>
func.func @deep(%x: tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32> {
  %w = nn.constant dense<16.0> : tensor<64x64x3x3xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 8, 8>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x?x?x64xf32>, tensor<64x64x3x3xf32>) -> tensor<?x?x?x64xf32>
  %1 = nn.conv %0, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 8, 8>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x?x?x64xf32>, tensor<64x64x3x3xf32>) -> tensor<?x?x?x64xf32>
  %2 = nn.conv %1, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<?x?x?x64xf32>, tensor<64x64x3x3xf32>) -> tensor<?x?x?x64xf32>
  return %2 : tensor<?x?x?x64xf32>
}

// One filter is a panel of one column: contiguous.
// CHECK-LABEL: func @one_filter
// CHECK: nn.constant dense<{{\[}}{{\[}}{{\[}}[1.000000e+00], [3.000000e+00], [2.000000e+00], [4.000000e+00]]]]> : tensor<1x1x4x1xf32>
func.func @one_filter(%x: tensor<?x9x2xf32>) -> tensor<?x8x1xf32> {
  %w = nn.constant dense<[[[1.0, 2.0], [3.0, 4.0]]]> : tensor<1x2x2xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 2>, strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x9x2xf32>, tensor<1x2x2xf32>) -> tensor<?x8x1xf32>
  return %0 : tensor<?x8x1xf32>
}

// Recurrent weights: of a panel of units, the gates of each unit of the state side by side.
// CHECK-LABEL: func @recurrence
// CHECK: nn.constant dense<{{.*}}[0.000000e+00, 1.000000e+00, 0.000000e+00, 0.000000e+00], [2.000000e+00, 3.000000e+00, 0.000000e+00, 0.000000e+00], [4.000000e+00, 5.000000e+00, 0.000000e+00, 0.000000e+00]], {{\[}}[6.000000e+00, 7.000000e+00, 0.000000e+00, 0.000000e+00], {{.*}} : tensor<1x1x2x3x4xf32>
// CHECK: nn.gru forward, %arg0, %{{.*}}, %arg1
func.func @recurrence(%x: tensor<?x1x6xf32>, %h: tensor<1x1x2xf32>) -> tensor<?x1x1x2xf32> {
  %r = nn.constant dense<[[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]]]> : tensor<1x2x6xf32>
  %0, %1 = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>} : (tensor<?x1x6xf32>, tensor<1x2x6xf32>, tensor<1x1x2xf32>) -> (tensor<?x1x1x2xf32>, tensor<1x1x2xf32>)
  return %0 : tensor<?x1x1x2xf32>
}

// Panels narrower than a vector (here of 32 bytes) hold steps of k side by side: k = 0 and 1 of the first column, then of the second.
// CHECK-LABEL: func @grouped
// CHECK: #nn.packing<nr = 4, columns = 3>
// GROUP-LABEL: func @grouped
// GROUP: nn.constant dense<{{\[}}{{\[}}[1.000000e+00, 1.100000e+01, 2.000000e+00, 1.200000e+01], [3.000000e+00, 1.300000e+01, 0.000000e+00, 0.000000e+00], [2.100000e+01, 3.100000e+01, 2.200000e+01, 3.200000e+01], [2.300000e+01, 3.300000e+01, 0.000000e+00, 0.000000e+00], [4.100000e+01, 5.100000e+01, 4.200000e+01, 5.200000e+01], [4.300000e+01, 5.300000e+01, 0.000000e+00, 0.000000e+00], [6.100000e+01, 7.100000e+01, 6.200000e+01, 7.200000e+01], [6.300000e+01, 7.300000e+01, 0.000000e+00, 0.000000e+00]]]> : tensor<1x8x4xf32>
// GROUP: nn.matmul %arg0, %{{.*}} {packing = #nn.packing<nr = 4, columns = 3, group = 2>}
func.func @grouped(%x: tensor<?x8xf32>) -> tensor<?x3xf32> {
  %w = nn.constant dense<[[1.0, 2.0, 3.0], [11.0, 12.0, 13.0], [21.0, 22.0, 23.0], [31.0, 32.0, 33.0], [41.0, 42.0, 43.0], [51.0, 52.0, 53.0], [61.0, 62.0, 63.0], [71.0, 72.0, 73.0]]> : tensor<8x3xf32>
  %0 = nn.matmul %x, %w : (tensor<?x8xf32>, tensor<8x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// Not where the left-hand side is transposed, where K is odd or short, with integers, nor where the right-hand side is packed at run time.
// GROUP-LABEL: func @ungrouped
// GROUP-COUNT-5: #nn.packing<nr = 4, columns = 3>
func.func @ungrouped(%x: tensor<8x9xf32>, %y: tensor<9x11xf32>, %z: tensor<9x4xf32>, %i: tensor<9x8xi32>, %r: tensor<100x4096xf32>, %w: tensor<4096x3xf32>)
    -> (tensor<9x3xf32>, tensor<9x3xf32>, tensor<9x3xf32>, tensor<9x3xi32>, tensor<100x3xf32>) {
  %w8 = nn.constant dense<1.0> : tensor<8x3xf32>
  %w11 = nn.constant dense<1.0> : tensor<11x3xf32>
  %w4 = nn.constant dense<1.0> : tensor<4x3xf32>
  %i8 = nn.constant dense<1> : tensor<8x3xi32>
  %0 = nn.matmul %x, %w8 {transpose_lhs} : (tensor<8x9xf32>, tensor<8x3xf32>) -> tensor<9x3xf32>
  %1 = nn.matmul %y, %w11 : (tensor<9x11xf32>, tensor<11x3xf32>) -> tensor<9x3xf32>
  %2 = nn.matmul %z, %w4 : (tensor<9x4xf32>, tensor<4x3xf32>) -> tensor<9x3xf32>
  %3 = nn.matmul %i, %i8 : (tensor<9x8xi32>, tensor<8x3xi32>) -> tensor<9x3xi32>
  %4 = nn.matmul %r, %w : (tensor<100x4096xf32>, tensor<4096x3xf32>) -> tensor<100x3xf32>
  return %0, %1, %2, %3, %4 : tensor<9x3xf32>, tensor<9x3xf32>, tensor<9x3xf32>, tensor<9x3xi32>, tensor<100x3xf32>
}

// Of a filter, channels are grouped: filter 0 is 1 2 | 3 4 | 5 6 | 7 8 (channel | position).
// GROUP-LABEL: func @grouped_channels
// GROUP: nn.constant dense<{{\[}}{{\[}}{{\[}}[1.000000e+00, 3.000000e+00, 9.000000e+00, 1.100000e+01], [0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00], [5.000000e+00, 7.000000e+00, 1.300000e+01, 1.500000e+01], [0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00], [2.000000e+00, 4.000000e+00, 1.000000e+01, 1.200000e+01], [0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00], [6.000000e+00, 8.000000e+00, 1.400000e+01, 1.600000e+01], [0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00]]]]> : tensor<1x1x8x4xf32>
// GROUP: nn.conv {{.*}} packing = #nn.packing<nr = 4, columns = 2, group = 2>
func.func @grouped_channels(%x: tensor<?x9x4xf32>) -> tensor<?x4x2xf32> {
  %w = nn.constant dense<[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], [[9.0, 10.0], [11.0, 12.0], [13.0, 14.0], [15.0, 16.0]]]> : tensor<2x4x2xf32>
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 2>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} : (tensor<?x9x4xf32>, tensor<2x4x2xf32>) -> tensor<?x4x2xf32>
  return %0 : tensor<?x4x2xf32>
}
