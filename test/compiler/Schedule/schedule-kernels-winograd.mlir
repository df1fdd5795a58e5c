// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=32" --canonicalize --cse | FileCheck %s
// RUN: not tenon-opt %s --tenon-schedule-kernels=reference 2>&1 | FileCheck %s --check-prefix=REFERENCE

// The reference lowering cannot read a transformed filter, and says so.
// REFERENCE: error: expected only elementwise ops behind a convolution with a transformed filter

// Winograd's algorithm: the transformed input and the products lie in scratch, a product per position of a tile.
// CHECK-LABEL: func.func private @winograd(
// CHECK-SAME: nn.path = "winograd"
// CHECK: scf.for {{.*}} to %c36
// CHECK: ukernel.brgemm
func.func private @winograd(%x: tensor<1x14x14x16xf32>, %w: tensor<1x36x16x16xf32>) -> tensor<1x14x14x16xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 16, columns = 16, winograd = 4>} : (tensor<1x14x14x16xf32>, tensor<1x36x16x16xf32>) -> tensor<1x14x14x16xf32>
  return %0 : tensor<1x14x14x16xf32>
}

// Where only the number of images is not known, blocks cut the 49 tiles of each image: three of 13 and one of 10. There is
// a body of the product for each height that occurs.
// CHECK-LABEL: func.func private @images(
// CHECK: ukernel.brgemm {{.*}} rows(%c0, %c16, %c32, %c48, %c64) step
// CHECK: ukernel.brgemm {{.*}} rows(%c0, %c16, %c32, %c48) step
// CHECK-NOT: ukernel.brgemm
func.func private @images(%x: tensor<?x28x28x16xf32>, %w: tensor<1x36x16x16xf32>, %n: index) -> tensor<?x28x28x16xf32> attributes {nn.kernel, nn.extents = [array<i64: 0>, array<i64>]} {
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 16, columns = 16, winograd = 4>} : (tensor<?x28x28x16xf32>, tensor<1x36x16x16xf32>) -> tensor<?x28x28x16xf32>
  return %0 : tensor<?x28x28x16xf32>
}

// Where the number of tiles is not known, for each from the highest to half of it.
// CHECK-LABEL: func.func private @lines(
// CHECK: ukernel.brgemm {{.*}} rows(%c0, %c16, %c32, %c48, %c64, %c80) step
// CHECK: ukernel.brgemm {{.*}} rows(%c0, %c16, %c32, %c48, %c64) step
// CHECK: ukernel.brgemm {{.*}} rows(%c0, %c16, %c32, %c48) step
// CHECK: ukernel.brgemm {{.*}} rows(%c0, %c16, %c32) step
// CHECK-NOT: ukernel.brgemm
func.func private @lines(%x: tensor<1x?x28x16xf32>, %w: tensor<1x36x16x16xf32>, %h: index) -> tensor<1x?x28x16xf32> attributes {nn.kernel, nn.extents = [array<i64: 0>, array<i64>]} {
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 16, columns = 16, winograd = 4>} : (tensor<1x?x28x16xf32>, tensor<1x36x16x16xf32>) -> tensor<1x?x28x16xf32>
  return %0 : tensor<1x?x28x16xf32>
}

// The phases of a strided convolution are slices of the channels, read from where they are: four for each tile, or the two of a line as
// one run where a pixel fills no vector.
// CHECK-LABEL: func.func private @strided(
// CHECK-SAME: nn.path = "winograd"
// CHECK: scf.for {{.*}} to %c4
// CHECK: ukernel.brgemm {{.*}} k(%c64)
func.func private @strided(%x: tensor<1x28x28x16xf32>, %w: tensor<1x25x64x16xf32>) -> tensor<1x14x14x16xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 16, columns = 16, winograd = 4>} : (tensor<1x28x28x16xf32>, tensor<1x25x64x16xf32>) -> tensor<1x14x14x16xf32>
  return %0 : tensor<1x14x14x16xf32>
}

// CHECK-LABEL: func.func private @strided_few_channels(
// CHECK: scf.for {{.*}} to %c2
// CHECK: ukernel.brgemm {{.*}} k(%c12)
func.func private @strided_few_channels(%x: tensor<1x28x28x3xf32>, %w: tensor<1x25x12x16xf32>) -> tensor<1x14x14x16xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 16, columns = 16, winograd = 4>} : (tensor<1x28x28x3xf32>, tensor<1x25x12x16xf32>) -> tensor<1x14x14x16xf32>
  return %0 : tensor<1x14x14x16xf32>
}

// Phases for each form of a filter; a run goes through those of one.
// CHECK-LABEL: func.func private @forms(
// CHECK-SAME: nn.path = "winograd|brgemm"
// CHECK: %[[isFirst:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK: scf.if %[[isFirst]] {
// CHECK: ukernel.phase
// CHECK: } else {
// CHECK: ukernel.phase
func.func private @forms(%x: tensor<1x?x28x16xf32>, %w: tensor<1x36x16x16xf32>, %v: tensor<1x1x144x16xf32>, %h: index, %form: index) -> tensor<1x?x28x16xf32> attributes {nn.kernel, nn.extents = [array<i64: 0>, array<i64>, array<i64>]} {
  %0 = nn.conv %x, %w or %v by %form {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 16, columns = 16, winograd = 4>, alternative_packings = [#nn.packing<nr = 16, columns = 16>]} : (tensor<1x?x28x16xf32>, tensor<1x36x16x16xf32>, tensor<1x1x144x16xf32>, index) -> tensor<1x?x28x16xf32>
  return %0 : tensor<1x?x28x16xf32>
}
