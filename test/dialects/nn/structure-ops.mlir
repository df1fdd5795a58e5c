// Launches of kernels before and after Schedule.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

func.func private @double(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> attributes {nn.kernel} {
  %0 = nn.add %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// A scheduled kernel takes a flat buffer for each tensor argument and result; booleans are bytes.
func.func private @is_nan(%x: memref<?xf32>, %out: memref<?xi8>, %n: index) attributes {nn.kernel} {
  return
}

// CHECK-LABEL: @main
func.func @main(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xi1>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  // CHECK: nn.launch @double(%{{.*}}) scalars(%{{.*}} : index) extents(%{{.*}}) : (tensor<?xf32>) -> tensor<?xf32>
  %0 = nn.launch @double(%x) scalars(%n : index) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
  // CHECK: nn.launch @is_nan(%{{.*}}) scalars(%{{.*}} : index) extents(%{{.*}}) : (tensor<?xf32>) -> tensor<?xi1>
  %1 = nn.launch @is_nan(%0) scalars(%n : index) extents(%n) : (tensor<?xf32>) -> tensor<?xi1>
  return %0, %1 : tensor<?xf32>, tensor<?xi1>
}

// CHECK-LABEL: @ranks
func.func @ranks(%rank: index, %condition: i1) {
  scf.if %condition {
    // CHECK: nn.fail "node 'conv' (Conv): input 0 has rank 2"
    nn.fail "node 'conv' (Conv): input 0 has rank 2"
  }
  // CHECK: nn.output_rank 0, %{{.*}}
  nn.output_rank 0, %rank
  return
}

// CHECK-LABEL: @requirements
func.func @requirements(%same: i1, %a: index, %b: index) {
  // CHECK: nn.require %{{.*}}, "%lld and %lld differ"(%{{.*}}, %{{.*}})
  nn.require %same, "%lld and %lld differ"(%a, %b)
  // CHECK: nn.require %{{.*}}, "no"
  nn.require %same, "no"
  return
}

// CHECK-LABEL: @rows
func.func @rows(%a: tensor<?x6xf32>, %b: tensor<?x1xf32>) {
  // CHECK: nn.join %{{.*}}, %{{.*}} : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x7xf32>
  %0 = nn.join %a, %b : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x7xf32>
  // CHECK: nn.part %{{.*}} {offset = 4 : i64} : (tensor<?x7xf32>) -> tensor<?x2xf32>
  %1 = nn.part %0 {offset = 4 : i64} : (tensor<?x7xf32>) -> tensor<?x2xf32>
  return
}
