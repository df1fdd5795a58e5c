// Ops that choose elements by values parse, verify and print; what is printed parses again.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: @gathers
func.func @gathers(%x: tensor<?x5x7xf32>, %i: tensor<2x3xi64>, %e: tensor<?x5x1xi32>, %n: tensor<?x4x2xi64>) {
  // CHECK: nn.gather %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<?x5x7xf32>, tensor<2x3xi64>) -> tensor<?x2x3x7xf32>
  %0 = nn.gather %x, %i {axis = 1 : i64} : (tensor<?x5x7xf32>, tensor<2x3xi64>) -> tensor<?x2x3x7xf32>
  // CHECK: nn.gather_elements %{{.*}}, %{{.*}} {axis = 2 : i64} : (tensor<?x5x7xf32>, tensor<?x5x1xi32>) -> tensor<?x5x1xf32>
  %1 = nn.gather_elements %x, %e {axis = 2 : i64} : (tensor<?x5x7xf32>, tensor<?x5x1xi32>) -> tensor<?x5x1xf32>
  // CHECK: nn.gather_nd %{{.*}}, %{{.*}} {batch_dims = 1 : i64} : (tensor<?x5x7xf32>, tensor<?x4x2xi64>) -> tensor<?x4xf32>
  %2 = nn.gather_nd %x, %n {batch_dims = 1 : i64} : (tensor<?x5x7xf32>, tensor<?x4x2xi64>) -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: @scatters
func.func @scatters(%x: tensor<4x5xf32>, %i: tensor<2x5xi64>, %u: tensor<2x5xf32>, %n: tensor<3x1xi64>, %v: tensor<3x5xf32>) {
  // CHECK: nn.scatter_elements add, {{.*}} {axis = 0 : i64} : (tensor<4x5xf32>, tensor<2x5xi64>, tensor<2x5xf32>) -> tensor<4x5xf32>
  %0 = nn.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<4x5xf32>, tensor<2x5xi64>, tensor<2x5xf32>) -> tensor<4x5xf32>
  // CHECK: nn.scatter_nd assign, {{.*}} : (tensor<4x5xf32>, tensor<3x1xi64>, tensor<3x5xf32>) -> tensor<4x5xf32>
  %1 = nn.scatter_nd assign, %x, %n, %v : (tensor<4x5xf32>, tensor<3x1xi64>, tensor<3x5xf32>) -> tensor<4x5xf32>
  return
}

// CHECK-LABEL: @non_zero
func.func @non_zero(%x: tensor<4x5xi1>, %n: index) -> tensor<2x?xi64> {
  // CHECK: nn.non_zero %{{.*}}, %{{.*}} : (tensor<4x5xi1>, index) -> tensor<2x?xi64>
  %0 = nn.non_zero %x, %n : (tensor<4x5xi1>, index) -> tensor<2x?xi64>
  return %0 : tensor<2x?xi64>
}
