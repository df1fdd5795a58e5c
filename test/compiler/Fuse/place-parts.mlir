// RUN: tenon-opt %s --tenon-form-kernels --tenon-place-parts --split-input-file | FileCheck %s

// The kernels that make what is concatenated along the last dimension write it where it belongs; the row of the result is their pitch.

// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = nn.launch @[[RELU:exp_[0-9]*]](%arg0)
// CHECK: %[[B:.*]] = nn.launch @[[CONV:matmul_[0-9]*]](
// CHECK: %[[J:.*]] = nn.join %[[A]], %[[B]] : (tensor<4x16xf32>, tensor<4x5xf32>) -> tensor<4x21xf32>
// CHECK: nn.launch @[[NEXT:transpose_[0-9]*]](%[[J]])
// CHECK: func.func private @[[RELU]]({{.*}} nn.pitches = array<i64: 0, 21>
// CHECK: func.func private @[[CONV]]({{.*}} nn.pitches = array<i64: 0, 0, 21>
// CHECK-NOT: nn.pitches
// CHECK-NOT: nn.concat
func.func @main(%x: tensor<4x16xf32>, %w: tensor<1x16x16xf32>) -> tensor<21x4xf32> {
  %0 = nn.exp %x : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = nn.matmul %x, %w {packing = #nn.packing<nr = 16, columns = 5>} : (tensor<4x16xf32>, tensor<1x16x16xf32>) -> tensor<4x5xf32>
  %2 = nn.concat %0, %1 {axis = 1 : i64} : (tensor<4x16xf32>, tensor<4x5xf32>) -> tensor<4x21xf32>
  %3 = nn.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<4x21xf32>) -> tensor<21x4xf32>
  return %3 : tensor<21x4xf32>
}

// -----

// What uses a range of the last dimension reads it where it lies.

// CHECK-LABEL: func.func @main
// CHECK: %[[P:.*]] = nn.part %arg0 {offset = 2 : i64} : (tensor<4x8xf32>) -> tensor<4x5xf32>
// CHECK: nn.launch @[[MATMUL:.*]](%[[P]], %arg1)
// CHECK: func.func private @[[MATMUL]]({{.*}} nn.pitches = array<i64: 8, 0, 0>
// CHECK-NOT: nn.slice
func.func @main(%x: tensor<4x8xf32>, %w: tensor<1x5x16xf32>) -> tensor<4x5xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %0 = nn.slice %x[%c0, %c2] [%c4, %c5] [%c1, %c1] : tensor<4x8xf32> -> tensor<4x5xf32>
  %1 = nn.matmul %0, %w {packing = #nn.packing<nr = 16, columns = 5>} : (tensor<4x5xf32>, tensor<1x5x16xf32>) -> tensor<4x5xf32>
  return %1 : tensor<4x5xf32>
}

// -----

// What no kernel makes, and what is there already, is copied by one kernel, if that is less than half of the row.

// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = nn.launch @exp_0(%arg0)
// CHECK: %[[C:.*]]:2 = nn.launch @copy(%arg1, %[[A]]) : (tensor<4x1xf32>, tensor<4x16xf32>) -> (tensor<4x1xf32>, tensor<4x16xf32>)
// CHECK: nn.join %[[C]]#0, %[[A]], %{{.*}}, %[[C]]#1
// CHECK: func.func private @exp_0({{.*}} nn.pitches = array<i64: 0, 53>
// CHECK: func.func private @copy({{.*}} nn.pitches = array<i64: 0, 53, 53, 53>
// CHECK-NEXT: nn.concat %{{.*}} {axis = 1 : i64} : (tensor<4x1xf32>) -> tensor<4x1xf32>
// CHECK-NEXT: nn.concat %{{.*}} {axis = 1 : i64} : (tensor<4x16xf32>) -> tensor<4x16xf32>
func.func @main(%x: tensor<4x16xf32>, %y: tensor<4x1xf32>, %w: tensor<2x16x16xf32>) -> tensor<53x4xf32> {
  %0 = nn.exp %x : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = nn.matmul %0, %w {packing = #nn.packing<nr = 16, columns = 20>} : (tensor<4x16xf32>, tensor<2x16x16xf32>) -> tensor<4x20xf32>
  %2 = nn.concat %y, %0, %1, %0 {axis = 1 : i64} : (tensor<4x1xf32>, tensor<4x16xf32>, tensor<4x20xf32>, tensor<4x16xf32>) -> tensor<4x53xf32>
  %3 = nn.transpose %2 {permutation = array<i64: 1, 0>} : (tensor<4x53xf32>) -> tensor<53x4xf32>
  return %3 : tensor<53x4xf32>
}

// -----

// Of concatenations that start with the same operands, the widest is the memory of all: those before it are its parts. Kernels that read
// them find rows of its length.

// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = nn.launch @exp_0(
// CHECK: %[[B:.*]] = nn.launch @[[MATMUL1:matmul_[0-9]*]](%[[A]],
// CHECK: %[[J1:.*]] = nn.join %[[A]], %[[B]]
// CHECK: %[[C:.*]] = nn.launch @[[MATMUL2:matmul_[0-9]*]](%[[J1]],
// CHECK: nn.join %[[A]], %[[B]], %[[C]]
// CHECK-DAG: func.func private @[[MATMUL1]]({{.*}} nn.pitches = array<i64: 24, 0, 24>
// CHECK-DAG: func.func private @[[MATMUL2]]({{.*}} nn.pitches = array<i64: 24, 0, 24>
func.func @main(%x: tensor<4x16xf32>, %v: tensor<1x16x16xf32>, %w: tensor<1x20x16xf32>) -> tensor<24x4xf32> {
  %0 = nn.exp %x : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = nn.matmul %0, %v {packing = #nn.packing<nr = 16, columns = 4>} : (tensor<4x16xf32>, tensor<1x16x16xf32>) -> tensor<4x4xf32>
  %2 = nn.concat %0, %1 {axis = 1 : i64} : (tensor<4x16xf32>, tensor<4x4xf32>) -> tensor<4x20xf32>
  %3 = nn.matmul %2, %w {packing = #nn.packing<nr = 16, columns = 4>} : (tensor<4x20xf32>, tensor<1x20x16xf32>) -> tensor<4x4xf32>
  %4 = nn.concat %0, %1, %3 {axis = 1 : i64} : (tensor<4x16xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x24xf32>
  %5 = nn.transpose %4 {permutation = array<i64: 1, 0>} : (tensor<4x24xf32>) -> tensor<24x4xf32>
  return %5 : tensor<24x4xf32>
}

// -----

// A kernel that would not find the rows keeps the copy; so does an output of the model, which is written in one go.

// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = nn.launch @exp_0(
// CHECK: nn.launch @{{concat_[0-9]*}}(%[[A]],
// CHECK-NOT: nn.join
// CHECK-NOT: nn.pitches
func.func @main(%x: tensor<4x16xf32>, %y: tensor<4x5xf32>) -> (tensor<21x4xf32>, tensor<4x21xf32>, tensor<16x4xf32>) {
  %0 = nn.exp %x : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = nn.concat %0, %y {axis = 1 : i64} : (tensor<4x16xf32>, tensor<4x5xf32>) -> tensor<4x21xf32>
  %2 = nn.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<4x16xf32>) -> tensor<16x4xf32>
  %3 = nn.neg %y : (tensor<4x5xf32>) -> tensor<4x5xf32>
  %4 = nn.concat %x, %3 {axis = 1 : i64} : (tensor<4x16xf32>, tensor<4x5xf32>) -> tensor<4x21xf32>
  %5 = nn.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<4x21xf32>) -> tensor<21x4xf32>
  return %5, %4, %2 : tensor<21x4xf32>, tensor<4x21xf32>, tensor<16x4xf32>
}

// -----

// An elementwise kernel takes short rows many at a time, unless they lie apart: a copy costs less.

// CHECK-LABEL: func.func @main
// CHECK: nn.launch @exp_0(
// CHECK: nn.launch @{{concat_[0-9]*}}(
// CHECK-NOT: nn.pitches
func.func @main(%x: tensor<4x3xf32>) -> tensor<6x4xf32> {
  %0 = nn.exp %x : (tensor<4x3xf32>) -> tensor<4x3xf32>
  %1 = nn.concat %x, %0 {axis = 1 : i64} : (tensor<4x3xf32>, tensor<4x3xf32>) -> tensor<4x6xf32>
  %2 = nn.transpose %1 {permutation = array<i64: 1, 0>} : (tensor<4x6xf32>) -> tensor<6x4xf32>
  return %2 : tensor<6x4xf32>
}
