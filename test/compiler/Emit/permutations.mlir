// Lanes are picked from a vector by one instruction: in a row longer than a vector, and in a short one, whose numbers the loop over rows does
// not change and of whose lanes only some are stored.
// RUN: tenon compile %s --target x86_64-linux-gnu --cpu x86-64-v4 --emit asm -o - | FileCheck %s --check-prefixes=CHECK,V4
// RUN: tenon compile %s --target x86_64-linux-gnu --cpu x86-64-v3 --emit asm -o - | FileCheck %s --check-prefixes=CHECK,V3

// CHECK-NOT: pextr
// CHECK: resample_0_{{.*}}body:
// CHECK-NOT: pextr
// V4: vpermd {{.*}}%zmm
// V3: vpermd {{.*}}%ymm
// CHECK-NOT: pextr
// CHECK: .size
// V4: resample_1_{{.*}}body:
// V4-NOT: pextr
// V4: vpermw
// V4-NOT: pextr
// V4: .size

module {
  func.func @main(%x: tensor<30x500xf32> {nn.name = "x"}, %y: tensor<300x7xi16> {nn.name = "y"}) -> (tensor<30x1000xf32> {nn.name = "u"}, tensor<300x14xi16> {nn.name = "v"}) {
    %c14 = arith.constant 14 : index
    %c30 = arith.constant 30 : index
    %c300 = arith.constant 300 : index
    %c1000 = arith.constant 1000 : index
    %one = arith.constant 1.0 : f32
    %two = arith.constant 2.0 : f32
    %0 = nn.resize linear, half_pixel, floor, %x [%c30, %c1000] scales [%one, %two] : tensor<30x500xf32> -> tensor<30x1000xf32>
    %1 = nn.resize nearest, asymmetric, floor, %y [%c300, %c14] scales [%one, %two] : tensor<300x7xi16> -> tensor<300x14xi16>
    return %0, %1 : tensor<30x1000xf32>, tensor<300x14xi16>
  }
}
