// RUN: tenon-opt %s --tenon-form-kernels=single-op --tenon-merge-equal-kernels | FileCheck %s

// Kernels that compute the same are one function, launched with other arguments; a different op keeps its own.
// CHECK-LABEL: func.func @main
// CHECK: nn.launch @[[K:.*]](%arg0)
// CHECK: nn.launch @[[K]](%arg1)
// CHECK: nn.launch @[[ADD:.*]](
// CHECK-COUNT-2: func.func private
// CHECK-NOT: func.func private
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = nn.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.exp %y : (tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.add %0, %1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %2 : tensor<4xf32>
}
