// RUN: tenon-opt %s --tenon-outline-phases --tenon-plan-memory --tenon-lower-main --split-input-file --verify-diagnostics | FileCheck %s

// A launch stores pointers and scalars to the slots and calls the kernel; a failure is returned. Constants are offsets into the
// weights, equal ones one; inputs that are returned are copied. Names, symbols and kernels are left for the descriptor.

// CHECK: module attributes {tenon.arena_bytes = 64 : i64, tenon.buffers = [
// CHECK-SAME: tenon.inputs = [{dims = [""], name = "x:0", type = tensor<4xf32>}]
// CHECK-SAME: tenon.kernels = [{launches = 2 : i64, name = "k", nn.path = "vector", nodes = ["first", "second"], phases = 1 : i64}]
// CHECK-SAME: tenon.outputs = [{dims = [""], name = "y", type = tensor<4xf32>}, {dims = [""], name = "z", type = tensor<4xf32>}]
// CHECK-SAME: tenon.table_slots = 2 : i64
// CHECK-SAME: tenon.weights = [{offset = 0 : i64, value = dense<1.000000e+00> : tensor<4xf32>}]
// CHECK-NOT: func.func

// CHECK: llvm.func internal @tenon_plan(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[TABLE:.*]]: !llvm.ptr) -> i32
// CHECK: %[[SCRATCH:.*]] = llvm.mlir.constant(32 : i64)
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[TABLE]][8]
// CHECK: llvm.store %[[SCRATCH]], %[[SLOT]]
// CHECK: %[[ARENA:.*]] = llvm.mlir.constant(64 : i64)
// CHECK: llvm.store %[[ARENA]], %[[TABLE]]

// CHECK: llvm.func internal @tenon_run(%[[HOST:.*]]: !llvm.ptr, %[[INPUTS:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[MEMORY:.*]]: !llvm.ptr, %[[WEIGHTS:.*]]: !llvm.ptr) -> i32
// CHECK: llvm.alloca
// CHECK: %[[ARGS:.*]] = llvm.alloca %{{.*}} x i64
// CHECK: %[[X:.*]] = llvm.load %[[INPUTS]] invariant
// CHECK: llvm.store %[[X]], %[[ARGS]]
// CHECK: llvm.store %[[WEIGHTS]], %{{.*}}
// CHECK: llvm.store %[[MEMORY]], %{{.*}}
// CHECK: %[[STATUS:.*]] = llvm.call @k_kernel(%[[HOST]], %[[ARGS]])
// CHECK: cf.cond_br
// CHECK: %[[MEMBER:.*]] = llvm.getelementptr %[[HOST]][16]
// CHECK: llvm.load %[[MEMBER]]
// CHECK: %[[OUT:.*]] = llvm.call
// CHECK: llvm.return %[[STATUS]] : i32
// CHECK: llvm.call @k_kernel
// CHECK: %[[OUT1:.*]] = llvm.call
// CHECK: "llvm.intr.memmove"(%[[OUT1]], %[[X]],
func.func private @k(%x: memref<?xf32>, %w: memref<?xf32>, %y: memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.path = "vector"} {
  %c4 = arith.constant 4 : index
  %c32 = arith.constant 32 : index
  ukernel.phase tasks(%c4) work(%c4) scratch(%c32) {
  ^bb0(%i: index, %end: index, %scratch: memref<?xi8>):
    %a = memref.load %x[%i] : memref<?xf32>
    %b = memref.load %w[%i] : memref<?xf32>
    %c = arith.addf %a, %b : f32
    memref.store %c, %y[%i] : memref<?xf32>
    ukernel.end
  }
  return
}
func.func @main(%x: tensor<4xf32> {nn.name = "x:0"}) -> (tensor<4xf32> {nn.name = "y"}, tensor<4xf32> {nn.name = "z"}) {
  %one = nn.constant dense<1.0> : tensor<4xf32>
  %again = nn.constant dense<1.0> : tensor<4xf32>
  %0 = nn.launch @k(%x, %one) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("first"("Add"))
  %1 = nn.launch @k(%0, %again) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc(fused["second"("Add"), "first"("Add")])
  return %1, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// Arithmetic on extents moves to the plan, which leaves in the table what run asks for, behind the
// buffers' offsets that the packing function finds. Sizes are
// multiplied with a check for overflow; a view whose extents do not fit is an error of the caller.

// CHECK: tenon.outputs = [{dims = ["n", ""], name = "y", type = tensor<?x2xf32>}], tenon.table_slots = 5 : i64
// CHECK: llvm.mlir.global {{.*}}("node 'view' (Reshape): %lld elements do not fit a shape of %lld\00")
// CHECK: llvm.func internal @tenon_plan(%[[HOST:.*]]: !llvm.ptr, %[[DIMS:.*]]: !llvm.ptr, %[[TABLE:.*]]: !llvm.ptr) -> i32
// CHECK: %[[N:.*]] = llvm.load %[[DIMS]] invariant
// CHECK: "llvm.intr.smul.with.overflow"
// CHECK: %[[FAILED:.*]] = llvm.icmp "ne" %{{.*}}, %{{.*}} : !llvm.ptr
// CHECK: cf.cond_br %[[FAILED]]
// CHECK: llvm.getelementptr %[[HOST]][32]
// CHECK: %[[STARTS:.*]] = llvm.mlir.addressof @tenon_conflict_starts
// CHECK: %[[CONFLICTS:.*]] = llvm.mlir.addressof @tenon_conflicts
// CHECK: %[[END:.*]] = llvm.call @tenon_pack(%{{.*}}, %[[STARTS]], %[[CONFLICTS]],
// CHECK: llvm.store %[[END]], %[[TABLE]]
// CHECK: llvm.func internal @tenon_run(%{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: !llvm.ptr, %[[RUNTABLE:[^:]*]]: !llvm.ptr, %[[MEMORY:[^:]*]]: !llvm.ptr
// CHECK: %[[POOL:.*]] = llvm.getelementptr %[[RUNTABLE]][16]
// CHECK: %[[OFFSET:.*]] = llvm.load %[[POOL]] invariant
// CHECK: llvm.getelementptr %[[MEMORY]][%[[OFFSET]]]
// CHECK-NOT: arith.divui
func.func private @k(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) attributes {nn.kernel, nn.results = 1 : i64} {
  %c0 = arith.constant 0 : index
  ukernel.phase tasks(%n) work(%n) scratch(%c0) {
  ^bb0(%i: index, %end: index, %scratch: memref<?xi8>):
    ukernel.end
  }
  return
}
func.func @main(%x: tensor<?x2xf32> {nn.name = "x", nn.dims = ["n", ""]}) -> (tensor<?x2xf32> {nn.name = "y"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c0 : tensor<?x2xf32>
  %half = arith.divui %n, %c2 : index
  %0 = nn.launch @k(%x) scalars(%half : index) extents(%n) : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %1 = nn.reshape %0 [%half, %c4] : tensor<?x2xf32> -> tensor<?x4xf32> loc("view"("Reshape"))
  %2 = nn.launch @k(%1) scalars(%half : index) extents(%n) : (tensor<?x4xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// -----

// What the inputs' extents decide is required by the plan, what data decides by run.

// CHECK: llvm.func internal @tenon_plan
// CHECK: %[[SAME:.*]] = arith.cmpi eq, %[[A:.*]], %[[B:.*]] : index
// CHECK: arith.xori %[[SAME]]
// CHECK: llvm.func internal @tenon_run
// CHECK: %[[AGREES:.*]] = arith.cmpi eq
// CHECK: %[[BAD:.*]] = arith.xori %[[AGREES]]
// CHECK: cf.cond_br %[[BAD]]
func.func private @k(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) attributes {nn.kernel} {
  return
}
func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = ["n"]}, %y: tensor<?xf32> {nn.name = "y", nn.dims = ["m"]},
                %count: tensor<1xi64> {nn.name = "count", nn.dims = [""]}) -> (tensor<?xf32> {nn.name = "z"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %m = tensor.dim %y, %c0 : tensor<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  nn.require %same, "%lld and %lld"(%n, %m)
  %number = tensor.extract %count[%c0] : tensor<1xi64>
  %c = arith.index_cast %number : i64 to index
  %agrees = arith.cmpi eq, %n, %c : index
  nn.require %agrees, "%lld and %lld"(%n, %c)
  %0 = nn.launch @k(%x) scalars(%n : index) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Scalars that depend on data are loaded where they are extracted, and computed in run; a divisor that may be 0 does not trap.

// CHECK: llvm.func internal @tenon_run
// CHECK: %[[AT:.*]] = llvm.getelementptr %{{.*}}[16]
// CHECK: %[[VALUE:.*]] = llvm.load %[[AT]] {alignment = 8 : i64} : !llvm.ptr -> i64
// CHECK: arith.cmpi eq, %[[VALUE]]
// CHECK: %[[SAFE:.*]] = arith.select %{{.*}}, %{{.*}}, %[[VALUE]] : i64
// CHECK: arith.divsi %{{.*}}, %[[SAFE]] : i64
func.func private @k(%y: memref<?xi64>, %n: i64) attributes {nn.kernel, nn.results = 1 : i64} {
  %c1 = arith.constant 1 : index
  ukernel.phase tasks(%c1) work(%c1) scratch(%c1) {
  ^bb0(%i: index, %end: index, %scratch: memref<?xi8>):
    memref.store %n, %y[%i] : memref<?xi64>
    ukernel.end
  }
  return
}
func.func @main(%x: tensor<3xi64> {nn.name = "x"}) -> (tensor<1xi64> {nn.name = "y"}) {
  %c2 = arith.constant 2 : index
  %c100 = arith.constant 100 : i64
  %0 = tensor.extract %x[%c2] : tensor<3xi64>
  %1 = arith.divsi %c100, %0 : i64
  %2 = nn.launch @k() scalars(%1 : i64) : () -> tensor<1xi64>
  return %2 : tensor<1xi64>
}

// -----

// Branches become blocks; a tensor leaves a branch as a pointer.

// CHECK: llvm.func internal @tenon_run
// CHECK: cf.cond_br %{{.*}}, ^[[THEN:.*]], ^[[ELSE:.*]]
// CHECK: ^[[THEN]]:
// CHECK: cf.br ^[[MERGE:.*]](%{{.*}} : !llvm.ptr)
// CHECK: ^[[ELSE]]:
// CHECK: cf.br ^[[MERGE]](%{{.*}} : !llvm.ptr)
// CHECK: ^[[MERGE]](%[[R:.*]]: !llvm.ptr):
// CHECK: "llvm.intr.memmove"(%{{.*}}, %[[R]],
func.func @main(%x: tensor<4xf32> {nn.name = "x"}, %y: tensor<4xf32> {nn.name = "y"}, %c: tensor<i1> {nn.name = "c"}) -> (tensor<4xf32> {nn.name = "z"}) {
  %condition = tensor.extract %c[] : tensor<i1>
  %0 = scf.if %condition -> tensor<4xf32> {
    scf.yield %x : tensor<4xf32>
  } else {
    scf.yield %y : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// Scratch memory is allocated before a model runs, but for a kernel whose need depends on data.

func.func private @k(%y: memref<?xi64>, %n: index) attributes {nn.kernel, nn.results = 1 : i64} {
  ukernel.phase tasks(%n) work(%n) scratch(%n) {
  ^bb0(%i: index, %end: index, %scratch: memref<?xi8>):
    ukernel.end
  }
  return
}
// CHECK: llvm.func internal @tenon_plan
// CHECK-NOT: @k_scratch
// CHECK: llvm.func internal @tenon_run
// CHECK: %[[BYTES:.*]] = llvm.call @k_scratch(%[[ARGS:.*]]) : (!llvm.ptr) -> i64
// CHECK: %[[STATUS:.*]] = llvm.call %{{.*}}(%[[HOST:.*]], %[[BYTES]]) : !llvm.ptr, (!llvm.ptr, i64) -> i32
// CHECK: cf.cond_br
// CHECK: llvm.call @k_kernel(%[[HOST]], %[[ARGS]])
func.func @main(%x: tensor<index> {nn.name = "x"}) -> (tensor<1xi64> {nn.name = "y"}) {
  %n = tensor.extract %x[] : tensor<index>
  %0 = nn.launch @k() scalars(%n : index) : () -> tensor<1xi64>
  return %0 : tensor<1xi64>
}

// -----

// A scalar that does not decide the size may depend on data: its slot holds 1 while the plan asks for the size.

func.func private @k(%y: memref<?xi64>, %n: index, %m: index) attributes {nn.kernel, nn.results = 1 : i64} {
  ukernel.phase tasks(%m) work(%m) scratch(%n) {
  ^bb0(%i: index, %end: index, %scratch: memref<?xi8>):
    ukernel.end
  }
  return
}
// CHECK: llvm.func internal @k_scratch
// CHECK: llvm.func internal @tenon_plan
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i64) : i64
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[ARGS:.*]][16]
// CHECK: llvm.store %[[ONE]], %[[SLOT]]
// CHECK: llvm.call @k_scratch(%[[ARGS]])
func.func @main(%x: tensor<?xindex> {nn.name = "x"}, %y: tensor<index> {nn.name = "y"}) -> (tensor<1xi64> {nn.name = "z"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xindex>
  %m = tensor.extract %y[] : tensor<index>
  %0 = nn.launch @k() scalars(%n, %m : index, index) : () -> tensor<1xi64>
  return %0 : tensor<1xi64>
}
