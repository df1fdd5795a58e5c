// Constants and data movement parse, verify and print; what is printed parses again.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: @shapes
func.func @shapes(%x: tensor<?x6xf32>, %n: index) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c6 = arith.constant 6 : index
  // CHECK: nn.constant dense<[1, 2]> : tensor<2xi64>
  %k = nn.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: nn.reshape %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : tensor<?x6xf32> -> tensor<?x2x3xf32>
  %0 = nn.reshape %x [%n, %c2, %c3] : tensor<?x6xf32> -> tensor<?x2x3xf32>
  // CHECK: nn.transpose %{{.*}} {permutation = array<i64: 1, 0>} : (tensor<?x6xf32>) -> tensor<6x?xf32>
  %1 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<?x6xf32>) -> tensor<6x?xf32>
  // CHECK: nn.broadcast %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : tensor<?x6xf32> -> tensor<4x?x6xf32>
  %2 = nn.broadcast %x [%c4, %n, %c6] : tensor<?x6xf32> -> tensor<4x?x6xf32>
  // CHECK: nn.iota[%{{.*}}, %{{.*}}] {dimension = 1 : i64} : tensor<?x3xi64>
  %3 = nn.iota [%n, %c3] {dimension = 1 : i64} : tensor<?x3xi64>
  return
}

// CHECK-LABEL: @movement
func.func @movement(%x: tensor<?x6xf32>, %y: tensor<?x1xf32>, %n: index, %v: tensor<f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c5 = arith.constant 5 : index
  %back = arith.constant -2 : index
  // Elements 5, 3, 1 of each row.
  %c3 = arith.constant 3 : index
  // CHECK: nn.slice %{{.*}}[%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}] : tensor<?x6xf32> -> tensor<?x3xf32>
  %0 = nn.slice %x [%c0, %c5] [%n, %c3] [%c1, %back] : tensor<?x6xf32> -> tensor<?x3xf32>
  // CHECK: nn.concat %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x7xf32>
  %1 = nn.concat %x, %y {axis = 1 : i64} : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x7xf32>
  // CHECK: nn.pad constant, %{{.*}}[%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}] fill %{{.*}} : tensor<f32> : tensor<?x6xf32> -> tensor<?x9xf32>
  %2 = nn.pad constant, %x [%c0, %c1] [%c0, %c2] fill %v : tensor<f32> : tensor<?x6xf32> -> tensor<?x9xf32>
  // CHECK: nn.pad reflect, %{{.*}}[%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}] : tensor<?x6xf32> -> tensor<?x9xf32>
  %3 = nn.pad reflect, %x [%c0, %c1] [%c0, %c2] : tensor<?x6xf32> -> tensor<?x9xf32>
  return
}

// CHECK-LABEL: @resize
func.func @resize(%x: tensor<1x2x4xf32>, %scale: f32, %one: f32) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c8 = arith.constant 8 : index
  // CHECK: nn.resize linear, half_pixel, floor, %{{.*}}[%{{.*}}] scales[%{{.*}}] : tensor<1x2x4xf32> -> tensor<1x2x8xf32>
  %0 = nn.resize linear, half_pixel, floor, %x [%c1, %c2, %c8] scales [%one, %one, %scale] : tensor<1x2x4xf32> -> tensor<1x2x8xf32>
  // CHECK: nn.resize cubic, tf_crop_and_resize, {{.*}} roi[%{{.*}}] {{.*}} : tensor<1x2x4xf32> -> tensor<1x2x8xf32>
  %1 = nn.resize cubic, tf_crop_and_resize, floor, %x [%c1, %c2, %c8] scales [%one, %one, %scale]
      roi [%one, %one, %one, %one, %one, %one] {exclude_outside} : tensor<1x2x4xf32> -> tensor<1x2x8xf32>
  return
}

// CHECK-LABEL: @resample
func.func @resample(%x: tensor<?x4xf32>, %b: tensor<3x?xi1>, %n: index, %two: f32) -> (tensor<?x8xf32>, tensor<3x?xi1>) {
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  // CHECK: %[[P:.*]] = nn.resize_positions linear, half_pixel, floor, %{{.*}} to %{{.*}} scale %{{.*}} : tensor<2x8xi32>
  %p = nn.resize_positions linear, half_pixel, floor, %c4 to %c8 scale %two : tensor<2x8xi32>
  // CHECK: %[[W:.*]] = nn.resize_weights linear, half_pixel, %{{.*}} to %{{.*}} scale %{{.*}} {element = f32} : tensor<2x8xf32>
  %w = nn.resize_weights linear, half_pixel, %c4 to %c8 scale %two {element = f32} : tensor<2x8xf32>
  // CHECK: nn.resample %{{.*}} at[%[[P]]] weights[%[[W]]] {advances = array<f64: 5.000000e-01>, dims = array<i64: 1>}
  // CHECK-SAME: (tensor<?x4xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> tensor<?x8xf32>
  %0 = nn.resample %x at [%p] weights [%w] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<?x4xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> tensor<?x8xf32>
  // CHECK: nn.resize_positions nearest, asymmetric, floor, {{.*}} : tensor<1x?xi32>
  %q = nn.resize_positions nearest, asymmetric, floor, %n to %n scale %two : tensor<1x?xi32>
  // CHECK: nn.resize_weights cubic, align_corners, {{.*}} {cubic_coefficient = -5.000000e-01 : f32, element = f64, exclude_outside} : tensor<4x?xf64>
  %v = nn.resize_weights cubic, align_corners, %n to %n scale %two {cubic_coefficient = -0.5 : f32, element = f64, exclude_outside} : tensor<4x?xf64>
  // CHECK: nn.resample %{{.*}} at[%{{.*}}] {{.*}} : (tensor<3x?xi1>, tensor<1x?xi32>) -> tensor<3x?xi1>
  %1 = nn.resample %b at [%q] {dims = array<i64: 1>, advances = array<f64: 0.0>} : (tensor<3x?xi1>, tensor<1x?xi32>) -> tensor<3x?xi1>
  return %0, %1 : tensor<?x8xf32>, tensor<3x?xi1>
}

// CHECK-LABEL: @pack
func.func @pack(%x: tensor<7x20xf32>) -> tensor<2x7x16xf32> {
  // CHECK: nn.pack %{{.*}} {packing = #nn.packing<nr = 16, columns = 20>} : (tensor<7x20xf32>) -> tensor<2x7x16xf32>
  %0 = nn.pack %x {packing = #nn.packing<nr = 16, columns = 20>} : (tensor<7x20xf32>) -> tensor<2x7x16xf32>
  return %0 : tensor<2x7x16xf32>
}
