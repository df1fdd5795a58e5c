// Recurrences parse, verify and print; what is printed parses again.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// T = 10 steps, B = ?, H = 8, two directions: projected holds 2 * 4 * 8 numbers for each step.
// CHECK-LABEL: @lstm
func.func @lstm(%x: tensor<10x?x64xf32>, %r: tensor<2x8x32xf32>, %h: tensor<2x?x8xf32>, %c: tensor<2x?x8xf32>, %p: tensor<2x24xf32>,
                %l: tensor<?xi32>) -> tensor<10x2x?x8xf32> {
  // CHECK: nn.lstm bidirectional, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} peephole %{{.*}} lengths %{{.*}}
  %y, %hn, %cn = nn.lstm bidirectional, %x, %r, %h, %c peephole %p lengths %l
      {activations = array<i32: 0, 1, 1, 0, 1, 1>, alpha = array<f32: 0.0, 0.0, 0.0, 0.0, 0.0, 0.0>,
       beta = array<f32: 0.0, 0.0, 0.0, 0.0, 0.0, 0.0>}
      : (tensor<10x?x64xf32>, tensor<2x8x32xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>, tensor<2x24xf32>, tensor<?xi32>)
      -> (tensor<10x2x?x8xf32>, tensor<2x?x8xf32>, tensor<2x?x8xf32>)
  return %y : tensor<10x2x?x8xf32>
}

// The third gate's bias is multiplied by the reset gate: it is an operand of its own.
// CHECK-LABEL: @gru
func.func @gru(%x: tensor<?x?x24xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x?x8xf32>, %b: tensor<1x8xf32>, %l: tensor<?xi32>) -> tensor<?x1x?x8xf32> {
  // CHECK: nn.gru reverse, %{{.*}}, %{{.*}}, %{{.*}} bias %{{.*}} lengths %{{.*}} {{.*}}linear_before_reset
  %y, %hn = nn.gru reverse, %x, %r, %h bias %b lengths %l
      {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>, linear_before_reset}
      : (tensor<?x?x24xf32>, tensor<1x8x24xf32>, tensor<1x?x8xf32>, tensor<1x8xf32>, tensor<?xi32>) -> (tensor<?x1x?x8xf32>, tensor<1x?x8xf32>)
  return %y : tensor<?x1x?x8xf32>
}

// CHECK-LABEL: @rnn
func.func @rnn(%x: tensor<10x?x8xf16>, %r: tensor<1x8x8xf16>, %h: tensor<1x?x8xf16>) -> tensor<1x?x8xf16> {
  // CHECK: nn.rnn forward, %{{.*}}, %{{.*}}, %{{.*}} {{.*}}clip = 3.000000e+00
  %y, %hn = nn.rnn forward, %x, %r, %h {activations = array<i32: 2>, alpha = array<f32: 0.0>, beta = array<f32: 0.0>, clip = 3.0 : f32}
      : (tensor<10x?x8xf16>, tensor<1x8x8xf16>, tensor<1x?x8xf16>) -> (tensor<10x1x?x8xf16>, tensor<1x?x8xf16>)
  return %hn : tensor<1x?x8xf16>
}

// Packed weights: 20 units in two panels of 16.
// CHECK-LABEL: @packed
func.func @packed(%x: tensor<?x1x60xf32>, %r: tensor<1x2x20x3x16xf32>, %h: tensor<1x1x20xf32>) -> tensor<?x1x1x20xf32> {
  // CHECK: nn.gru forward, {{.*}} (tensor<?x1x60xf32>, tensor<1x2x20x3x16xf32>, tensor<1x1x20xf32>) -> (tensor<?x1x1x20xf32>, tensor<1x1x20xf32>)
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<?x1x60xf32>, tensor<1x2x20x3x16xf32>, tensor<1x1x20xf32>) -> (tensor<?x1x1x20xf32>, tensor<1x1x20xf32>)
  return %y : tensor<?x1x1x20xf32>
}
