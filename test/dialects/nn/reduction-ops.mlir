// Reductions, scans and selections along axes parse, verify and print; what is printed parses again.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: @reductions
func.func @reductions(%x: tensor<?x5x7xf32>, %k: index, %b: tensor<3xi1>) {
  // CHECK: nn.reduce sum, %{{.*}} {axes = array<i64: 1, 2>} : (tensor<?x5x7xf32>) -> tensor<?xf32>
  %0 = nn.reduce sum, %x {axes = array<i64: 1, 2>} : (tensor<?x5x7xf32>) -> tensor<?xf32>
  // CHECK: nn.reduce max, %{{.*}} {axes = array<i64: 1>, keep_dims} : (tensor<?x5x7xf32>) -> tensor<?x1x7xf32>
  %1 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<?x5x7xf32>) -> tensor<?x1x7xf32>
  // CHECK: nn.reduce min, %{{.*}} {axes = array<i64: 0>} : (tensor<3xi1>) -> tensor<i1>
  %2 = nn.reduce min, %b {axes = array<i64: 0>} : (tensor<3xi1>) -> tensor<i1>
  // CHECK: nn.arg_reduce max, %{{.*}} {axis = 2 : i64, keep_dims, select_last} : (tensor<?x5x7xf32>) -> tensor<?x5x1xi64>
  %3 = nn.arg_reduce max, %x {axis = 2 : i64, keep_dims, select_last} : (tensor<?x5x7xf32>) -> tensor<?x5x1xi64>
  // CHECK: nn.cumulative prod, %{{.*}} {axis = 0 : i64, exclusive, reverse} : (tensor<?x5x7xf32>) -> tensor<?x5x7xf32>
  %4 = nn.cumulative prod, %x {axis = 0 : i64, exclusive, reverse} : (tensor<?x5x7xf32>) -> tensor<?x5x7xf32>
  // CHECK: nn.top_k %{{.*}}, %{{.*}} {axis = 1 : i64, smallest} : (tensor<?x5x7xf32>, index) -> (tensor<?x?x7xf32>, tensor<?x?x7xi64>)
  %5:2 = nn.top_k %x, %k {axis = 1 : i64, smallest} : (tensor<?x5x7xf32>, index) -> (tensor<?x?x7xf32>, tensor<?x?x7xi64>)
  return
}

// The score threshold may be missing.
// CHECK-LABEL: @non_max_suppression
func.func @non_max_suppression(%boxes: tensor<?x?x4xf32>, %scores: tensor<?x2x?xf32>, %m: index, %o: f32) {
  // CHECK: nn.non_max_suppression %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {centered} : (tensor<?x?x4xf32>, tensor<?x2x?xf32>, index, f32) -> tensor<?x2x?xi64>
  %0 = nn.non_max_suppression %boxes, %scores, %m, %o {centered} : (tensor<?x?x4xf32>, tensor<?x2x?xf32>, index, f32) -> tensor<?x2x?xi64>
  // CHECK: nn.non_max_suppression %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x?x4xf32>, tensor<?x2x?xf32>, index, f32, f32) -> tensor<?x2x?xi64>
  %1 = nn.non_max_suppression %boxes, %scores, %m, %o, %o : (tensor<?x?x4xf32>, tensor<?x2x?xf32>, index, f32, f32) -> tensor<?x2x?xi64>
  return
}
