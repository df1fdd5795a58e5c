// RUN: tenon-opt %s --tenon-outline-phases --split-input-file --verify-diagnostics | FileCheck %s

// A phase becomes a body with one argument per captured buffer or scalar, a task function that loads them from the slots, and a
// call of host->parallel (member at byte 8). Constants are copied; what the kernel computes from its arguments is computed again.
// The kernel stays as a declaration that says what a launch has to know.

// CHECK: func.func private @scale(memref<?xf32>, memref<?xf32>, index) attributes {nn.kernel, nn.results = 1 : i64,
// CHECK-SAME: tenon.function = @scale_kernel, tenon.index = 0 : i64, tenon.phases = 1 : i64, tenon.scratch = 256 : i64, tenon.slots = 3 : i64}

// CHECK: llvm.func internal @scale_kernel(%[[HOST:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr) -> i32
// CHECK: %[[N:.*]] = arith.index_cast {{.*}} : i64 to index
// CHECK: %[[TASKS:.*]] = arith.ceildivui %[[N]]
// CHECK: %[[FN:.*]] = llvm.mlir.addressof @scale_0 : !llvm.ptr
// CHECK: %[[TASKS64:.*]] = arith.index_cast %[[TASKS]] : index to i64
// CHECK: %[[MEMBER:.*]] = llvm.getelementptr %[[HOST]][8]
// CHECK: %[[PARALLEL:.*]] = llvm.load %[[MEMBER]]
// CHECK: %[[STATUS:.*]] = llvm.call %[[PARALLEL]](%[[HOST]], %[[FN]], %[[ARGS]], %[[TASKS64]],
// CHECK: %[[FAILED:.*]] = llvm.icmp "ne" %[[STATUS]]
// CHECK: cf.cond_br %[[FAILED]], ^[[FAIL:.*]], ^[[NEXT:.*]]

// CHECK: llvm.func internal @scale_0_body(
// CHECK-SAME: %{{.*}}: i64, %{{.*}}: !llvm.ptr {llvm.noalias, llvm.readonly}, %{{.*}}: !llvm.ptr {llvm.noalias},
// CHECK-SAME: %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias}) -> i32 attributes {no_inline}
// CHECK: arith.muli
// CHECK: scf.for
// CHECK: llvm.return

// CHECK: llvm.func internal @scale_0(%[[SLOTS:.*]]: !llvm.ptr {llvm.readonly}, %[[B:.*]]: i64, %[[E:.*]]: i64, %[[SCRATCH:.*]]: !llvm.ptr) -> i32
// CHECK: %[[S2:.*]] = llvm.getelementptr %[[SLOTS]][16]
// CHECK: %[[NUMBER:.*]] = llvm.load %[[S2]]
// CHECK: %[[X:.*]] = llvm.load %[[SLOTS]]
// CHECK: %[[S1:.*]] = llvm.getelementptr %[[SLOTS]][8]
// CHECK: %[[Y:.*]] = llvm.load %[[S1]]
// CHECK: llvm.call @scale_0_body(%[[NUMBER]], %[[X]], %[[Y]], %[[B]], %[[E]], %[[SCRATCH]])
func.func private @scale(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) attributes {nn.kernel, nn.results = 1 : i64} {
  %c64 = arith.constant 64 : index
  %c256 = arith.constant 256 : index
  %tasks = arith.ceildivui %n, %c64 : index
  %twice = arith.muli %n, %c64 : index
  ukernel.phase tasks(%tasks) work(%n) scratch(%c256) {
  ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
    %c1 = arith.constant 1 : index
    scf.for %i = %begin to %end step %c1 {
      %j = arith.remui %i, %twice : index
      %v = memref.load %x[%j] : memref<?xf32>
      %w = arith.addf %v, %v : f32
      memref.store %w, %y[%j] : memref<?xf32>
    }
    ukernel.end
  }
  return
}

// -----

// Where a result may be written over an argument, neither is said to be apart from the other; the rest still is.

// CHECK: llvm.func internal @add_0_body(%{{[^:]*}}: !llvm.ptr {llvm.readonly}, %{{[^:]*}}: !llvm.ptr {llvm.noalias, llvm.readonly},
// CHECK-SAME: %{{[^:]*}}: !llvm.ptr, %{{[^:]*}}: i64, %{{[^:]*}}: i64,
func.func private @add(%x: memref<?xf32>, %y: memref<?xf32>, %z: memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.in_place = [[0, 0]]} {
  %c4 = arith.constant 4 : index
  %c0 = arith.constant 0 : index
  ukernel.phase tasks(%c4) work(%c4) scratch(%c0) {
  ^bb0(%i: index, %end: index, %scratch: memref<?xi8>):
    %a = memref.load %x[%i] : memref<?xf32>
    %b = memref.load %y[%i] : memref<?xf32>
    %c = arith.addf %a, %b : f32
    memref.store %c, %z[%i] : memref<?xf32>
    ukernel.end
  }
  return
}

// -----

// Variants: phases in branches are started in branches. A result of scf.if that a later phase uses gets a slot, which the kernel
// stores before that phase. A scratch size that is no constant gets a function. Phases that can fail say what a user reads.

// CHECK: llvm.mlir.global internal unnamed_addr constant @[[TEXT:[a-z0-9_]*]]("node 'gather' (Gather): an index in the data is out of range\00")
// CHECK: func.func private @variants({{.*}}) attributes {{{.*}}tenon.phases = 3 : i64, tenon.scratch = @variants_scratch, tenon.scratch_arguments = array<i64: {{.*}}>, tenon.slots = 3 : i64}
// CHECK: llvm.func internal @variants_kernel(%{{.*}}: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr) -> i32
// CHECK: cf.cond_br %{{.*}}, ^[[THEN:.*]], ^[[ELSE:.*]]
// CHECK: ^[[THEN]]:
// CHECK: llvm.mlir.addressof @variants_0
// CHECK: ^[[ELSE]]:
// CHECK: llvm.mlir.addressof @variants_1
// CHECK: ^{{.*}}(%[[FACTOR:.*]]: f32):
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[ARGS]][16]
// CHECK: llvm.store %[[FACTOR]], %[[SLOT]]
// CHECK: llvm.mlir.addressof @variants_2
// CHECK: llvm.mlir.addressof @[[TEXT]]
// CHECK: llvm.getelementptr %{{.*}}[32]
// CHECK: llvm.func internal @variants_scratch(%{{.*}}: !llvm.ptr) -> i64
// CHECK: cf.cond_br
// CHECK: arith.maxsi
func.func private @variants(%x: memref<?xf32>, %n: index) attributes {nn.kernel, nn.results = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %isSmall = arith.cmpi ult, %n, %c4 : index
  %factor = scf.if %isSmall -> f32 {
    %bytes = arith.muli %n, %c4 : index
    ukernel.phase tasks(%n) work(%n) scratch(%bytes) {
    ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
      ukernel.end
    }
    %two = arith.constant 2.0 : f32
    scf.yield %two : f32
  } else {
    ukernel.phase tasks(%n) work(%n) scratch(%c0) {
    ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
      ukernel.end
    }
    %three = arith.constant 3.0 : f32
    scf.yield %three : f32
  }
  ukernel.phase tasks(%n) work(%n) scratch(%c0) {
  ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
    memref.store %factor, %x[%begin] : memref<?xf32>
    %status = arith.constant 2 : i32
    ukernel.end %status
  } loc("gather"("Gather"))
  return
}

// -----

// What a loop carries reaches the phases inside it through a slot; what a launch amounts to is told if somebody asks.

// CHECK: llvm.func internal @steps_kernel(%[[HOST:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr) -> i32
// CHECK: %[[MEMBER:.*]] = llvm.getelementptr %[[HOST]][40]
// CHECK: %[[ACCOUNT:.*]] = llvm.load %[[MEMBER]] {alignment = 8 : i64} : !llvm.ptr -> !llvm.ptr
// CHECK: %[[WANTED:.*]] = llvm.icmp "ne" %[[ACCOUNT]]
// CHECK: cf.cond_br %[[WANTED]]
// CHECK: llvm.call %[[ACCOUNT]](%[[HOST]]
// CHECK: ^{{.*}}(%[[STEP:.*]]: index):
// CHECK: arith.cmpi ult, %[[STEP]]
// CHECK: %[[STEP64:.*]] = arith.index_cast %{{.*}} : index to i64
// CHECK: %[[SLOT:.*]] = llvm.getelementptr %[[ARGS]][16]
// CHECK: llvm.store %[[STEP64]], %[[SLOT]]
// CHECK: llvm.mlir.addressof @steps_0
func.func private @steps(%x: memref<?xindex>, %n: index) attributes {nn.kernel, nn.results = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  ukernel.cost flops(%n) bytes(%c0)
  %end = scf.while (%step = %c0) : (index) -> index {
    %more = arith.cmpi ult, %step, %n : index
    scf.condition(%more) %step : index
  } do {
  ^bb0(%step: index):
    ukernel.phase tasks(%n) work(%n) scratch(%c0) {
    ^bb0(%begin: index, %last: index, %scratch: memref<?xi8>):
      memref.store %step, %x[%begin] : memref<?xindex>
      ukernel.end
    }
    %next = arith.addi %step, %c1 : index
    scf.yield %next : index
  }
  return
}

// -----

// Only arguments are buffers.

// expected-error @below {{has a phase that captures a buffer other than an argument}}
func.func private @k(%n: index) attributes {nn.kernel, nn.results = 0 : i64} {
  %c0 = arith.constant 0 : index
  %m = memref.alloc(%n) : memref<?xf32>
  ukernel.phase tasks(%n) work(%n) scratch(%c0) {
  ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
    %v = memref.load %m[%begin] : memref<?xf32>
    ukernel.end
  }
  return
}

// -----

// A call of a function that is compiled ahead: the host, whose failures it records itself, the node, pointers, numbers.

// CHECK: llvm.func internal @join_kernel(%[[HOST:.*]]: !llvm.ptr, %[[ARGS:.*]]: !llvm.ptr) -> i32
// CHECK: %[[N:.*]] = arith.index_cast {{.*}} : i64 to index
// CHECK: %[[NODE:.*]] = llvm.mlir.addressof @text_
// CHECK: %[[X:.*]] = llvm.load %[[ARGS]]
// CHECK: %[[AGAIN:.*]] = llvm.load %[[ARGS]]
// CHECK: %[[Y:.*]] = llvm.load
// CHECK: %[[COUNT:.*]] = arith.index_cast %[[N]] : index to i64
// CHECK: %[[STATUS:.*]] = llvm.call @tenon_text_concat(%[[HOST]], %[[NODE]], %[[X]], %[[AGAIN]], %[[Y]], %[[COUNT]])
// CHECK: llvm.icmp "ne" %[[STATUS]]
// CHECK: llvm.func @tenon_text_concat(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64) -> i32
func.func private @join(%x: memref<?xi64>, %y: memref<?xi64>, %n: index) attributes {nn.kernel, nn.results = 1 : i64} {
  ukernel.call "tenon_text_concat"(%x, %x, %y) scalars(%n) : memref<?xi64>, memref<?xi64>, memref<?xi64>
  return
}
