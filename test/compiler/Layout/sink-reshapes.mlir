// RUN: tenon-opt %s --tenon-sink-reshapes --canonicalize | FileCheck %s

// Bias, activation and residual become an epilogue of the product; extents that only the run time knows are told apart
// behind those that are known.
// CHECK-LABEL: func @product
// CHECK: %[[P:.*]] = nn.matmul
// CHECK-DAG: %[[B:.*]] = nn.reshape %arg2{{.*}} : tensor<8x1x1xf32> -> tensor<1x2x4x1xf32>
// CHECK: %[[A:.*]] = nn.add %[[P]], %[[B]] : (tensor<5x2x4x?xf32>, tensor<1x2x4x1xf32>) -> tensor<5x2x4x?xf32>
// CHECK: %[[M:.*]] = nn.max %[[A]], %{{.*}} : (tensor<5x2x4x?xf32>, tensor<f32>)
// CHECK: %[[R:.*]] = nn.reshape %arg3{{.*}} : tensor<5x8x?x?xf32> -> tensor<5x2x4x?xf32>
// CHECK: %[[S:.*]] = nn.add %[[M]], %[[R]]
// CHECK: %[[Y:.*]] = nn.reshape %[[S]]{{.*}} -> tensor<5x8x?x?xf32>
// CHECK: return %[[Y]]
func.func @product(%w: tensor<2x4x3xf32>, %x: tensor<5x2x3x?xf32>, %bias: tensor<8x1x1xf32>, %other: tensor<5x8x?x?xf32>) -> tensor<5x8x?x?xf32> {
  %c5 = arith.constant 5 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %zero = nn.constant dense<0.0> : tensor<f32>
  %h = tensor.dim %other, %c2 : tensor<5x8x?x?xf32>
  %v = tensor.dim %other, %c3 : tensor<5x8x?x?xf32>
  %0 = nn.matmul %w, %x : (tensor<2x4x3xf32>, tensor<5x2x3x?xf32>) -> tensor<5x2x4x?xf32>
  %1 = nn.reshape %0 [%c5, %c8, %h, %v] : tensor<5x2x4x?xf32> -> tensor<5x8x?x?xf32>
  %2 = nn.add %1, %bias : (tensor<5x8x?x?xf32>, tensor<8x1x1xf32>) -> tensor<5x8x?x?xf32>
  %3 = nn.max %2, %zero : (tensor<5x8x?x?xf32>, tensor<f32>) -> tensor<5x8x?x?xf32>
  %4 = nn.add %3, %other : (tensor<5x8x?x?xf32>, tensor<5x8x?x?xf32>) -> tensor<5x8x?x?xf32>
  return %4 : tensor<5x8x?x?xf32>
}

// An operand with one of two dimensions that are one before; a reshape that others read.
// CHECK-LABEL: func @others
// CHECK: nn.reshape
// CHECK: nn.add {{.*}} -> tensor<8x6x7xf32>
// CHECK: nn.reshape
// CHECK: nn.max {{.*}} -> tensor<8x6x7xf32>
func.func @others(%w: tensor<8x3xf32>, %x: tensor<3x42xf32>, %row: tensor<7xf32>) -> (tensor<8x6x7xf32>, tensor<8x6x7xf32>, tensor<8x6x7xf32>) {
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  %c8 = arith.constant 8 : index
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.matmul %w, %x : (tensor<8x3xf32>, tensor<3x42xf32>) -> tensor<8x42xf32>
  %1 = nn.reshape %0 [%c8, %c6, %c7] : tensor<8x42xf32> -> tensor<8x6x7xf32>
  %2 = nn.add %1, %row : (tensor<8x6x7xf32>, tensor<7xf32>) -> tensor<8x6x7xf32>
  %3 = nn.matmul %w, %x : (tensor<8x3xf32>, tensor<3x42xf32>) -> tensor<8x42xf32>
  %4 = nn.reshape %3 [%c8, %c6, %c7] : tensor<8x42xf32> -> tensor<8x6x7xf32>
  %5 = nn.max %4, %zero : (tensor<8x6x7xf32>, tensor<f32>) -> tensor<8x6x7xf32>
  return %2, %4, %5 : tensor<8x6x7xf32>, tensor<8x6x7xf32>, tensor<8x6x7xf32>
}
