// RUN: tenon-opt %s --tenon-count-operations | FileCheck %s

// Two operations for every multiply-add: 2 * (2 * 4) * 3.
// CHECK-LABEL: func.func private @matmul
// CHECK-SAME: nn.flops = 48 : i64
func.func private @matmul(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) -> tensor<2x4xf32> attributes {nn.kernel} {
  %0 = nn.matmul %a, %b : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// Each element of a result of 1x8x4x4 meets 3x3 positions of the two channels in its group: 2 * 128 * 9 * 2.
// CHECK-LABEL: func.func private @conv
// CHECK-SAME: nn.flops = 4608 : i64
func.func private @conv(%x: tensor<1x4x6x6xf32>, %w: tensor<8x2x3x3xf32>) -> tensor<1x8x4x4xf32> attributes {nn.kernel} {
  %0 = nn.conv %x, %w {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, groups = 2 : i64} : (tensor<1x4x6x6xf32>, tensor<8x2x3x3xf32>) -> tensor<1x8x4x4xf32>
  return %0 : tensor<1x8x4x4xf32>
}

// A recurrence multiplies each state of 8 numbers with three gates' matrices, for 5 steps of two batch items: 2 * 10 * 3 * 8 * 8.
// CHECK-LABEL: func.func private @gru
// CHECK-SAME: nn.flops = 3840 : i64
func.func private @gru(%x: tensor<5x2x24xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x2x8xf32>) -> tensor<5x1x2x8xf32> attributes {nn.kernel} {
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<5x2x24xf32>, tensor<1x8x24xf32>, tensor<1x2x8xf32>) -> (tensor<5x1x2x8xf32>, tensor<1x2x8xf32>)
  return %y : tensor<5x1x2x8xf32>
}

// Elementwise ops and movements are not counted.
// CHECK-LABEL: func.func private @exp
// CHECK-SAME: nn.flops = 0 : i64
func.func private @exp(%x: tensor<4xf32>) -> tensor<4xf32> attributes {nn.kernel} {
  %0 = nn.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// An unknown extent leaves the number out, and so does a number that 64 bits do not hold.
// CHECK-LABEL: func.func private @dynamic
// CHECK-NOT: nn.flops
func.func private @dynamic(%a: tensor<?x3xf32>, %b: tensor<3x4xf32>) -> tensor<?x4xf32> attributes {nn.kernel} {
  %0 = nn.matmul %a, %b : (tensor<?x3xf32>, tensor<3x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

func.func private @huge(%a: tensor<2097152x2097152xf32>, %b: tensor<2097152x2097152xf32>) -> tensor<2097152x2097152xf32> attributes {nn.kernel} {
  %0 = nn.matmul %a, %b : (tensor<2097152x2097152xf32>, tensor<2097152x2097152xf32>) -> tensor<2097152x2097152xf32>
  return %0 : tensor<2097152x2097152xf32>
}

// Only kernels are counted.
// CHECK-LABEL: func.func @main
// CHECK-NOT: nn.flops
func.func @main(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %0 = nn.matmul %a, %b : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
