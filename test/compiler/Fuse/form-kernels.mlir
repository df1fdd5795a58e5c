// RUN: tenon-opt %s --tenon-form-kernels --split-input-file | FileCheck %s
// RUN: tenon-opt %s --tenon-form-kernels=single-op --split-input-file | FileCheck %s --check-prefix=SINGLE

// A chain of elementwise ops of one shape is one kernel; the splat constant is copied into it.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[R:.*]] = nn.launch @[[K:.*]](%arg0)
// CHECK-NEXT: return %[[R]]
// CHECK: func.func private @[[K]](%[[X:.*]]: tensor<4xf32>) -> tensor<4xf32>
// CHECK-DAG: nn.constant dense<2.000000e+00>
// CHECK-DAG: nn.exp %[[X]]
// CHECK: nn.mul
// With one op per kernel there are two launches.
// SINGLE-LABEL: func.func @main
// SINGLE-COUNT-2: nn.launch
// SINGLE: return
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.exp %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.mul %0, %c : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// An activation that reads the product twice still joins it: one value is left to store.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: nn.launch
// CHECK-NOT: nn.launch
// CHECK: func.func private
// CHECK: nn.matmul
// CHECK: nn.sigmoid
// CHECK: nn.mul
func.func @main(%x: tensor<8x4xf32>, %w: tensor<4x16xf32>) -> tensor<8x16xf32> {
  %0 = nn.matmul %x, %w : (tensor<8x4xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  %1 = nn.sigmoid %0 : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %2 = nn.mul %0, %1 : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %2 : tensor<8x16xf32>
}

// -----

// A softmax written out is one kernel over its rows.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-1: nn.launch
// CHECK-NOT: nn.launch
// CHECK: func.func private
func.func @main(%x: tensor<8x40xf32>) -> tensor<8x40xf32> {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<8x40xf32>) -> tensor<8x1xf32>
  %1 = nn.sub %x, %0 : (tensor<8x40xf32>, tensor<8x1xf32>) -> tensor<8x40xf32>
  %2 = nn.exp %1 : (tensor<8x40xf32>) -> tensor<8x40xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<8x40xf32>) -> tensor<8x1xf32>
  %4 = nn.div %2, %3 : (tensor<8x40xf32>, tensor<8x1xf32>) -> tensor<8x40xf32>
  return %4 : tensor<8x40xf32>
}

// -----

// Ops on either side of a transposition that moves the last dimension stay apart; merging them around it would need
// a value before it exists.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-3: nn.launch
// CHECK-NOT: nn.launch
// CHECK: return
func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = nn.exp %x : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = nn.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = nn.add %0, %1 : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}

// -----

// Equal names of dynamic dimensions are one extent, and one scalar of the kernel.
// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]] = tensor.dim %arg0
// CHECK: nn.launch @{{.*}}(%arg0, %arg1) scalars(%[[N]] : index) extents(%[[N]])
// CHECK: nn.extents = [array<i64: 0>, array<i64: 0>]
func.func @main(%x: tensor<?xf32> {nn.dims = ["n"]}, %y: tensor<?xf32> {nn.dims = ["n"]}) -> tensor<?xf32> {
  %0 = nn.add %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// The extent of a value inside @main is the extent it was made with, also where a later op asks for it.
// CHECK-LABEL: func.func @main
// CHECK: %[[N:.*]] = tensor.dim %arg0
// CHECK: nn.launch
// CHECK-SAME: extents(%[[N]], %[[N]])
// CHECK: nn.launch
// CHECK-SAME: extents(%[[N]])
func.func @main(%x: tensor<?x1xf32>) -> (tensor<?x?xf32>, tensor<?xi64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?x1xf32>
  %0 = nn.broadcast %x [%n, %n] : tensor<?x1xf32> -> tensor<?x?xf32>
  %m = tensor.dim %0, %c1 : tensor<?x?xf32>
  %1 = nn.iota [%m] {dimension = 0} : tensor<?xi64>
  return %0, %1 : tensor<?x?xf32>, tensor<?xi64>
}

// -----

// Extents that are usually equal, for else one of them is 1: what costs next to nothing shares the kernel of the sum. What costs more does not, lest
// it be computed again for each row; nor does what others read too.
// CHECK-LABEL: func.func @main
// CHECK: nn.launch @mul_mul_add_0(
// CHECK: nn.launch @exp_
// CHECK: nn.launch @mul_add_
// CHECK: nn.launch @mul_
// CHECK: nn.launch @mul_add_
// CHECK-NOT: nn.launch
// CHECK: return
func.func @main(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %s: tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = nn.mul %x, %s : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %1 = nn.mul %y, %s : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = nn.add %0, %1 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = nn.exp %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = nn.mul %y, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %5 = nn.add %3, %4 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %6 = nn.mul %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %7 = nn.mul %y, %s : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %8 = nn.add %6, %7 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2, %5, %6, %8 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Microkernels read their operands from memory: a splat constant is an argument of their kernel, for whoever else uses it too.
// CHECK-LABEL: func.func @main
// CHECK: %[[C:.*]] = nn.constant dense<2.0
// CHECK: nn.launch @{{.*}}(%arg0, %[[C]])
// CHECK: func.func private
// CHECK-NOT: nn.constant
func.func @main(%x: tensor<5x5xf32>) -> tensor<5x7xf32> {
  %c = nn.constant dense<2.0> : tensor<5x7xf32>
  %0 = nn.matmul %x, %c : (tensor<5x5xf32>, tensor<5x7xf32>) -> tensor<5x7xf32>
  %1 = nn.add %0, %c : (tensor<5x7xf32>, tensor<5x7xf32>) -> tensor<5x7xf32>
  return %1 : tensor<5x7xf32>
}

// -----

// A requirement between two ops leaves them one kernel.
// CHECK-LABEL: func.func @main
// CHECK: nn.launch @exp_add_0
// CHECK: nn.require
// CHECK-NOT: nn.launch
// CHECK: return
func.func @main(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %m = tensor.dim %y, %c0 : tensor<?xf32>
  %0 = nn.exp %x : (tensor<?xf32>) -> tensor<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  nn.require %same, "%lld and %lld"(%n, %m)
  %1 = nn.add %0, %0 : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// What data decides is required before the kernel that relies on it, though that kernel also holds an op from before.
// CHECK-LABEL: func.func @main
// CHECK: %[[COUNT:.*]] = arith.index_cast
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %{{.*}}, %[[COUNT]]
// CHECK: nn.require %[[SAME]]
// CHECK: nn.launch @[[K:.*]](%arg0)
// CHECK: func.func private @[[K]]
// CHECK: nn.exp
// CHECK: nn.add
func.func @main(%x: tensor<?xf32>, %count: tensor<1xi64>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %0 = nn.exp %x : (tensor<?xf32>) -> tensor<?xf32>
  %number = tensor.extract %count[%c0] : tensor<1xi64>
  %c = arith.index_cast %number : i64 to index
  %same = arith.cmpi eq, %n, %c : index
  nn.require %same, "%lld and %lld"(%n, %c)
  %1 = nn.add %0, %0 : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// Attention of many rows is one kernel, with the scale and the mask of its scores.
// CHECK-LABEL: func.func @main
// CHECK: nn.launch @[[K:.*]](%arg0, %arg1, %arg3, %arg2)
// CHECK-NOT: nn.launch
// CHECK: func.func private @[[K]]
// CHECK: nn.matmul
// CHECK: nn.exp
// CHECK: nn.matmul
// SINGLE-LABEL: func.func @main
// SINGLE-COUNT-8: nn.launch
func.func @main(%q: tensor<2x40x8xf32>, %k: tensor<2x8x30xf32>, %v: tensor<2x30x8xf32>, %mask: tensor<40x30xf32>) -> tensor<2x40x8xf32> {
  %0 = nn.matmul %q, %k : (tensor<2x40x8xf32>, tensor<2x8x30xf32>) -> tensor<2x40x30xf32>
  %1 = nn.add %0, %mask : (tensor<2x40x30xf32>, tensor<40x30xf32>) -> tensor<2x40x30xf32>
  %2 = nn.reduce max, %1 {axes = array<i64: 2>, keep_dims} : (tensor<2x40x30xf32>) -> tensor<2x40x1xf32>
  %3 = nn.sub %1, %2 : (tensor<2x40x30xf32>, tensor<2x40x1xf32>) -> tensor<2x40x30xf32>
  %4 = nn.exp %3 : (tensor<2x40x30xf32>) -> tensor<2x40x30xf32>
  %5 = nn.reduce sum, %4 {axes = array<i64: 2>, keep_dims} : (tensor<2x40x30xf32>) -> tensor<2x40x1xf32>
  %6 = nn.div %4, %5 : (tensor<2x40x30xf32>, tensor<2x40x1xf32>) -> tensor<2x40x30xf32>
  %7 = nn.matmul %6, %v : (tensor<2x40x30xf32>, tensor<2x30x8xf32>) -> tensor<2x40x8xf32>
  return %7 : tensor<2x40x8xf32>
}

// -----

// Not where the probabilities are wanted as well.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-3: nn.launch
func.func @main(%q: tensor<40x8xf32>, %k: tensor<8x30xf32>, %v: tensor<30x8xf32>) -> (tensor<40x8xf32>, tensor<40x30xf32>) {
  %0 = nn.matmul %q, %k : (tensor<40x8xf32>, tensor<8x30xf32>) -> tensor<40x30xf32>
  %2 = nn.reduce max, %0 {axes = array<i64: 1>, keep_dims} : (tensor<40x30xf32>) -> tensor<40x1xf32>
  %3 = nn.sub %0, %2 : (tensor<40x30xf32>, tensor<40x1xf32>) -> tensor<40x30xf32>
  %4 = nn.exp %3 : (tensor<40x30xf32>) -> tensor<40x30xf32>
  %5 = nn.reduce sum, %4 {axes = array<i64: 1>, keep_dims} : (tensor<40x30xf32>) -> tensor<40x1xf32>
  %6 = nn.div %4, %5 : (tensor<40x30xf32>, tensor<40x1xf32>) -> tensor<40x30xf32>
  %7 = nn.matmul %6, %v : (tensor<40x30xf32>, tensor<30x8xf32>) -> tensor<40x8xf32>
  return %7, %6 : tensor<40x8xf32>, tensor<40x30xf32>
}

// -----

// Also where data decides an extent of a mask.
// CHECK-LABEL: func.func @main
// CHECK-COUNT-2: nn.launch
// CHECK-NOT: nn.launch
func.func @main(%q: tensor<40x8xf32>, %k: tensor<8x30xf32>, %v: tensor<30x8xf32>, %all: tensor<40x30xf32>, %count: tensor<1xi64>) -> tensor<40x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c30 = arith.constant 30 : index
  %number = tensor.extract %count[%c0] : tensor<1xi64>
  %rows = arith.index_cast %number : i64 to index
  %mask = nn.slice %all[%c0, %c0] [%rows, %c30] [%c1, %c1] : tensor<40x30xf32> -> tensor<?x30xf32>
  %0 = nn.matmul %q, %k : (tensor<40x8xf32>, tensor<8x30xf32>) -> tensor<40x30xf32>
  %1 = nn.add %0, %mask : (tensor<40x30xf32>, tensor<?x30xf32>) -> tensor<40x30xf32>
  %2 = nn.reduce max, %1 {axes = array<i64: 1>, keep_dims} : (tensor<40x30xf32>) -> tensor<40x1xf32>
  %3 = nn.sub %1, %2 : (tensor<40x30xf32>, tensor<40x1xf32>) -> tensor<40x30xf32>
  %4 = nn.exp %3 : (tensor<40x30xf32>) -> tensor<40x30xf32>
  %5 = nn.reduce sum, %4 {axes = array<i64: 1>, keep_dims} : (tensor<40x30xf32>) -> tensor<40x1xf32>
  %6 = nn.div %4, %5 : (tensor<40x30xf32>, tensor<40x1xf32>) -> tensor<40x30xf32>
  %7 = nn.matmul %6, %v : (tensor<40x30xf32>, tensor<30x8xf32>) -> tensor<40x8xf32>
  return %7 : tensor<40x8xf32>
}

// -----

// The same sum of extents in a branch and behind it: the branch computes its own.
// CHECK-LABEL: func.func @main
// CHECK: scf.if
// CHECK: } else {
// CHECK: %[[SUM:.*]] = arith.addi %[[N:.*]], %[[N]] : index
// CHECK: nn.launch @concat{{.*}} extents(%[[SUM]])
// CHECK: }
// CHECK: arith.addi %[[N]], %[[N]] : index
func.func @main(%a: tensor<?xf32>, %choice: i1) -> (tensor<?xf32>, tensor<?xf32>) {
  %0 = scf.if %choice -> (tensor<?xf32>) {
    scf.yield %a : tensor<?xf32>
  } else {
    %2 = nn.concat %a, %a {axis = 0 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    scf.yield %2 : tensor<?xf32>
  }
  %1 = nn.concat %a, %a, %a {axis = 0 : i64} : (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0, %1 : tensor<?xf32>, tensor<?xf32>
}
