// RUN: tenon-opt %s --tenon-tabulate-resize | FileCheck %s

// Each dimension whose extent changes gets a table of positions and one of weights. Twice the extent: results n apart have neighbours at
// most n / 2 apart.
// CHECK-LABEL: func @linear
// CHECK-DAG: %[[P:.*]] = nn.resize_positions linear, half_pixel, floor, %c4 to %c8 scale %{{.*}} : tensor<2x8xi32>
// CHECK-DAG: %[[W:.*]] = nn.resize_weights linear, half_pixel, %c4 to %c8 scale %{{.*}} {element = f32} : tensor<2x8xf32>
// CHECK: nn.resample %arg0 at[%[[P]]] weights[%[[W]]] {advances = array<f64: 5.000000e-01>, dims = array<i64: 2>} : ({{.*}}) -> tensor<1x3x8xf16>
func.func @linear(%x: tensor<1x3x4xf16>) -> tensor<1x3x8xf16> {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %one = arith.constant 1.0 : f32
  %two = arith.constant 2.0 : f32
  %0 = nn.resize linear, half_pixel, floor, %x [%c1, %c3, %c8] scales [%one, %one, %two] : tensor<1x3x4xf16> -> tensor<1x3x8xf16>
  return %0 : tensor<1x3x8xf16>
}

// The nearest neighbour has no weight; in f64 weights are f64.
// CHECK-LABEL: func @kinds
// CHECK-NOT: nn.resize_weights nearest
// CHECK: nn.resample %arg0 at[%{{[a-z0-9_]*}}] {advances = array<f64: 2.000000e+00>
// CHECK: nn.resize_weights cubic, {{.*}} {cubic_coefficient = -5.000000e-01 : f32, element = f64, exclude_outside} : tensor<4x4xf64>
func.func @kinds(%x: tensor<8xi8>, %y: tensor<8xf64>) -> (tensor<4xi8>, tensor<4xf64>) {
  %c4 = arith.constant 4 : index
  %half = arith.constant 0.5 : f32
  %0 = nn.resize nearest, asymmetric, floor, %x [%c4] scales [%half] : tensor<8xi8> -> tensor<4xi8>
  %1 = nn.resize cubic, half_pixel, floor, %y [%c4] scales [%half] {cubic_coefficient = -0.5 : f32, exclude_outside} : tensor<8xf64> -> tensor<4xf64>
  return %0, %1 : tensor<4xi8>, tensor<4xf64>
}

// Of run-time extents the scale says enough; of a run-time scale nothing is known. A dimension with scale 1 that keeps its extent has no table.
// CHECK-LABEL: func @dynamic
// CHECK: nn.resize_positions linear, half_pixel, floor, %{{.*}} to %arg1 scale %{{.*}} : tensor<2x?xi32>
// CHECK: nn.resample {{.*}} {advances = array<f64: 5.000000e-01>, dims = array<i64: 1>}
// CHECK: nn.resample {{.*}} {advances = array<f64: 0.000000e+00>, dims = array<i64: 1>}
func.func @dynamic(%x: tensor<?x?xf32>, %n: index, %scale: f32) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x?xf32>
  %one = arith.constant 1.0 : f32
  %two = arith.constant 2.0 : f32
  %0 = nn.resize linear, half_pixel, floor, %x [%rows, %n] scales [%one, %two] : tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = nn.resize linear, half_pixel, floor, %x [%rows, %n] scales [%one, %scale] : tensor<?x?xf32> -> tensor<?x?xf32>
  return %0, %1 : tensor<?x?xf32>, tensor<?x?xf32>
}

// Nothing changes: nothing is left.
// CHECK-LABEL: func @same
// CHECK-NEXT: %{{.*}} = arith.constant
// CHECK-NEXT: %{{.*}} = arith.constant
// CHECK-NEXT: return %arg0
func.func @same(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c4 = arith.constant 4 : index
  %one = arith.constant 1.0 : f32
  %0 = nn.resize linear, half_pixel, floor, %x [%c4] scales [%one] : tensor<4xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// Antialiasing has as many neighbours as the scale says: tables of known extents are made here. Positions outside are those of the border.
// CHECK-LABEL: func @antialiased
// CHECK: %[[P:.*]] = nn.constant dense<{{\[}}[0, 1, 3, 5], [0, 2, 4, 6], [1, 3, 5, 7], [2, 4, 6, 7]]> : tensor<4x4xi32>
// CHECK: %[[W:.*]] = nn.constant dense<{{\[}}[1.250000e-01, {{.*}}], [3.750000e-01, {{.*}}], [3.750000e-01, {{.*}}], [1.250000e-01, {{.*}}]]> : tensor<4x4xf32>
// CHECK: nn.resample %arg0 at[%[[P]]] weights[%[[W]]] {advances = array<f64: 2.0{{.*}}>, dims = array<i64: 0>}
func.func @antialiased(%x: tensor<8xf32>) -> tensor<4xf32> {
  %c4 = arith.constant 4 : index
  %half = arith.constant 0.5 : f32
  %0 = nn.resize linear, half_pixel, floor, %x [%c4] scales [%half] {antialias} : tensor<8xf32> -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// One dimension after the other: first what shrinks, then what grows. Between them no number is rounded to a narrow type.
// CHECK-LABEL: func @antialiased_both
// CHECK: %[[X:.*]] = nn.cast %arg0 to f32 : (tensor<8x4xf16>) -> tensor<8x4xf32>
// CHECK: %[[Y:.*]] = nn.resample %[[X]] {{.*}}dims = array<i64: 0>{{.*}} -> tensor<4x4xf32>
// CHECK: %[[Z:.*]] = nn.resample %[[Y]] {{.*}}dims = array<i64: 1>{{.*}} -> tensor<4x8xf32>
// CHECK: nn.cast %[[Z]] to f16 : (tensor<4x8xf32>) -> tensor<4x8xf16>
func.func @antialiased_both(%x: tensor<8x4xf16>) -> tensor<4x8xf16> {
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %half = arith.constant 0.5 : f32
  %two = arith.constant 2.0 : f32
  %0 = nn.resize linear, half_pixel, floor, %x [%c4, %c8] scales [%half, %two] {antialias} : tensor<8x4xf16> -> tensor<4x8xf16>
  return %0 : tensor<4x8xf16>
}

// How many neighbours there are only the run knows, and tf_crop_and_resize has positions outside: they stay.
// CHECK-LABEL: func @stays
// CHECK: nn.resize linear, half_pixel, floor, {{.*}} {antialias}
// CHECK: nn.resize nearest, tf_crop_and_resize
func.func @stays(%x: tensor<?xf32>, %y: tensor<8xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %c4 = arith.constant 4 : index
  %half = arith.constant 0.5 : f32
  %0 = nn.resize linear, half_pixel, floor, %x [%c4] scales [%half] {antialias} : tensor<?xf32> -> tensor<4xf32>
  %1 = nn.resize nearest, tf_crop_and_resize, floor, %y [%c4] scales [%half] roi [%half, %half] : tensor<8xf32> -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
