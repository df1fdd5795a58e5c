// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=64 masked-memory" | FileCheck %s
// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=64" | FileCheck %s --check-prefix=UNMASKED

// A line of 18 pixels with a stride of two: pixels of even and of odd columns apart in scratch, behind and in front of
// what is outside; windows are vectors there. All nine lines of the result share what they read.
// CHECK-LABEL: func private @pool(
// CHECK-SAME: nn.path = "planes"
// CHECK: ukernel.phase
// CHECK: scf.for %{{.*}} = %c0{{.*}} to %c19
// CHECK: vector.load %arg0
// CHECK: vector.shuffle
// CHECK: vector.store
// CHECK: arith.maximumf {{.*}} : vector<16xf32>
// CHECK: vector.create_mask
// CHECK: vector.maskedstore
// UNMASKED-LABEL: func private @pool(
// UNMASKED-NOT: vector.masked
// UNMASKED: arith.maximumf {{.*}} : vector<16xf32>
// UNMASKED-NOT: vector.extract
// UNMASKED: memref.load {{.*}} : memref<?xf32>
// UNMASKED: memref.store
func.func private @pool(%x: tensor<1x16x18x18xf32>) -> tensor<1x16x9x9xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.pool max, %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x16x18x18xf32>) -> tensor<1x16x9x9xf32>
  return %0 : tensor<1x16x9x9xf32>
}

// Lines of unknown length: whole vectors, and a rest if there is one.
// CHECK-LABEL: func private @depthwise(
// CHECK-SAME: nn.path = "planes"
// CHECK: vector.broadcast {{.*}} : f32 to vector<16xf32>
// CHECK: arith.mulf {{.*}} fastmath<contract> : vector<16xf32>
// CHECK: vector.store
// CHECK: scf.if
// CHECK: vector.maskedstore
func.func private @depthwise(%x: tensor<1x16x?x?xf32>, %w: tensor<32x1x3x3xf32>, %h: index, %v: index) -> tensor<1x32x?x?xf32> attributes {nn.kernel, nn.extents = [array<i64: 0, 1>]} {
  %0 = nn.conv %x, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>, groups = 16 : i64} : (tensor<1x16x?x?xf32>, tensor<32x1x3x3xf32>) -> tensor<1x32x?x?xf32>
  return %0 : tensor<1x32x?x?xf32>
}
