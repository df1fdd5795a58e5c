// One column of i32 sums as i16: each store writes one element, not the sum that it was truncated from. The instruction
// selection of LLVM 22 makes it four bytes of a masked store with one lane.
// RUN: tenon compile %s --target x86_64-linux-gnu --cpu x86-64-v4 --emit asm -o - | FileCheck %s

// CHECK: matmul_cast_0{{.*}}_body:
// CHECK-NOT: {{vmovd|vmovss}} %xmm{{[0-9]+}}, {{.*}}(%
// CHECK: {{vpextrw|movw}}
// CHECK-NOT: {{vmovd|vmovss}} %xmm{{[0-9]+}}, {{.*}}(%
// CHECK: .size

module {
  func.func @main(%arg0: tensor<12x3xi32> {nn.name = "x"}) -> (tensor<12x1xi16> {nn.name = "y"}) {
    %w = nn.constant dense<[[39], [28], [4]]> : tensor<3x1xi32>
    %0 = nn.matmul %arg0, %w : (tensor<12x3xi32>, tensor<3x1xi32>) -> tensor<12x1xi32>
    %1 = nn.cast %0 to i16 : (tensor<12x1xi32>) -> tensor<12x1xi16>
    return %1 : tensor<12x1xi16>
  }
}
