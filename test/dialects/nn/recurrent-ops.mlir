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
