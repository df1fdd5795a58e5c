// RUN: tenon-opt %s --tenon-infer-shapes -split-input-file | FileCheck %s

// Types become as static as operands say, through casts that say less, and the function's type follows.
// CHECK-LABEL: @refine
//  CHECK-SAME: -> tensor<?x8x5xf32>
func.func @refine(%x: tensor<?x4x10xf32>, %w: tensor<8x4x3xf32>) -> tensor<?x?x?xf32> {
  %0 = tensor.cast %x : tensor<?x4x10xf32> to tensor<?x?x?xf32>
  // CHECK: nn.conv {{.*}} : (tensor<?x4x10xf32>, tensor<8x4x3xf32>) -> tensor<?x8x5xf32>
  %1 = nn.conv %0, %w {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>}
      : (tensor<?x?x?xf32>, tensor<8x4x3xf32>) -> tensor<?x?x?xf32>
  // CHECK: nn.exp %{{.*}} : (tensor<?x8x5xf32>) -> tensor<?x8x5xf32>
  %2 = nn.exp %1 : (tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  return %2 : tensor<?x?x?xf32>
}

// -----

// A size of a reshape that is not constant follows from the number of elements.
// CHECK-LABEL: @rest_of_reshape
func.func @rest_of_reshape(%x: tensor<6x4xf32>, %n: index) -> tensor<?x?xf32> {
  %c3 = arith.constant 3 : index
  // CHECK: nn.reshape {{.*}} : tensor<6x4xf32> -> tensor<8x3xf32>
  %0 = nn.reshape %x [%n, %c3] : tensor<6x4xf32> -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// The extent of a result is arithmetic on extents of arguments: (D + 2 - 2 - 1) / 2 + 1 = (D + 1) / 2.
// CHECK-LABEL: @resolve
//  CHECK-SAME: (%[[X:.*]]: tensor<1x4x?xf32>
//   CHECK-DAG:   %[[C1:.*]] = arith.constant 1 : index
//   CHECK-DAG:   %[[C2:.*]] = arith.constant 2 : index
//       CHECK:   %[[D:.*]] = tensor.dim %[[X]], %[[C2]]
//       CHECK:   %[[SUM:.*]] = arith.addi %[[D]], %[[C1]]
//       CHECK:   %[[E:.*]] = arith.divui %[[SUM]], %[[C2]]
//   CHECK-NOT:   tensor.dim
//       CHECK:   return %[[E]]
func.func @resolve(%x: tensor<1x4x?xf32>, %w: tensor<8x4x3xf32>) -> index {
  %c2 = arith.constant 2 : index
  %0 = nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>}
      : (tensor<1x4x?xf32>, tensor<8x4x3xf32>) -> tensor<1x8x?xf32>
  %1 = nn.exp %0 : (tensor<1x8x?xf32>) -> tensor<1x8x?xf32>
  %2 = tensor.dim %1, %c2 : tensor<1x8x?xf32>
  return %2 : index
}

// -----

// Dimensions with the same name have one extent, that of the first.
// CHECK-LABEL: @same_name
//  CHECK-SAME: (%[[X:.*]]: tensor<?x?xf32> {{.*}}, %[[Y:.*]]: tensor<?xf32>
//       CHECK:   %[[N:.*]] = tensor.dim %[[X]], %{{.*}}
//       CHECK:   return %[[N]]
func.func @same_name(%x: tensor<?x?xf32> {nn.dims = ["m", "n"]}, %y: tensor<?xf32> {nn.dims = ["n"]}) -> index {
  %c0 = arith.constant 0 : index
  %0 = tensor.dim %y, %c0 : tensor<?xf32>
  return %0 : index
}

// -----

// One of them is pinned, so are all.
// CHECK-LABEL: @pinned
//  CHECK-SAME: (%{{.*}}: tensor<3x7xf32> {{.*}}, %{{.*}}: tensor<7xf32> {{.*}}) -> tensor<7xf32>
func.func @pinned(%x: tensor<3x7xf32> {nn.dims = ["m", "n"]}, %y: tensor<?xf32> {nn.dims = ["n"]}) -> tensor<?xf32> {
  // CHECK: nn.exp %{{.*}} : (tensor<7xf32>) -> tensor<7xf32>
  %0 = nn.exp %y : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// A condition's result is what both branches agree on; a branch that knows more is cast.
// CHECK-LABEL: @branches
//  CHECK-SAME: -> tensor<4x?xf32>
func.func @branches(%c: i1, %x: tensor<4x2xf32>, %y: tensor<4x?xf32>) -> tensor<?x?xf32> {
  // CHECK: scf.if %{{.*}} -> (tensor<4x?xf32>)
  %0 = scf.if %c -> (tensor<?x?xf32>) {
    %1 = nn.exp %x : (tensor<4x2xf32>) -> tensor<4x2xf32>
    %2 = tensor.cast %1 : tensor<4x2xf32> to tensor<?x?xf32>
    // CHECK: tensor.cast %{{.*}} : tensor<4x2xf32> to tensor<4x?xf32>
    scf.yield %2 : tensor<?x?xf32>
  } else {
    // CHECK: %[[E:.*]] = nn.neg %{{.*}} : (tensor<4x?xf32>) -> tensor<4x?xf32>
    // CHECK: scf.yield %[[E]] : tensor<4x?xf32>
    %1 = nn.neg %y : (tensor<4x?xf32>) -> tensor<4x?xf32>
    %2 = tensor.cast %1 : tensor<4x?xf32> to tensor<?x?xf32>
    scf.yield %2 : tensor<?x?xf32>
  }
  return %0 : tensor<?x?xf32>
}

// -----

// A loop carries the type it was written with: refined values are cast for it.
// CHECK-LABEL: @loop
func.func @loop(%x: tensor<4xf32>, %go: i1) -> tensor<?xf32> {
  // CHECK: %[[E:.*]] = nn.exp %{{.*}} : (tensor<4xf32>) -> tensor<4xf32>
  // CHECK: %[[C:.*]] = tensor.cast %[[E]] : tensor<4xf32> to tensor<?xf32>
  %0 = nn.exp %x : (tensor<4xf32>) -> tensor<?xf32>
  // CHECK: scf.while (%{{.*}} = %[[C]]) : (tensor<?xf32>) -> tensor<?xf32>
  %1 = scf.while (%carried = %0) : (tensor<?xf32>) -> tensor<?xf32> {
    scf.condition(%go) %carried : tensor<?xf32>
  } do {
  ^bb0(%carried: tensor<?xf32>):
    %2 = nn.neg %carried : (tensor<?xf32>) -> tensor<?xf32>
    scf.yield %2 : tensor<?xf32>
  }
  return %1 : tensor<?xf32>
}

// -----

// What every run requires of an argument's extent is its extent: 4 channels, and 96 elements are 2 x 48. What a branch requires is not.
// CHECK-LABEL: @required
// CHECK-SAME: (%{{.*}}: tensor<2x4x?xf32>, %{{.*}}: i1)
func.func @required(%x: tensor<?x?x?xf32>, %c: i1) -> tensor<?x?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c12 = arith.constant 12 : index
  %c96 = arith.constant 96 : index
  %channels = tensor.dim %x, %c1 : tensor<?x?x?xf32>
  %fits = arith.cmpi eq, %channels, %c4 : index
  nn.require %fits, "%lld channels"(%channels)
  %images = tensor.dim %x, %c0 : tensor<?x?x?xf32>
  %some = arith.muli %images, %c4 : index
  %elements = arith.muli %some, %c12 : index
  %all = arith.cmpi eq, %c96, %elements : index
  nn.require %all, "%lld elements"(%elements)
  %length = tensor.dim %x, %c2 : tensor<?x?x?xf32>
  %isTwelve = arith.cmpi eq, %length, %c12 : index
  scf.if %c {
    nn.require %isTwelve, "a length of %lld"(%length)
  }
  return %x : tensor<?x?x?xf32>
}
