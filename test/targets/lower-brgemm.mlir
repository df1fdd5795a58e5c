// RUN: tenon-opt %s --tenon-lower-ukernels="triple=x86_64-linux-gnu cpu=x86-64-v4" | FileCheck %s --check-prefixes=CHECK,FMA,BROADCAST
// RUN: tenon-opt %s --tenon-lower-ukernels="triple=x86_64-linux-gnu cpu=x86-64-v2" | FileCheck %s --check-prefixes=CHECK,MULADD
// RUN: tenon-opt %s --tenon-lower-ukernels="triple=aarch64-linux-gnu cpu=neoverse-n1" | FileCheck %s --check-prefixes=CHECK,LANES

// Accumulators are values that the loop over k carries; the epilogue follows it, once for each.
// With fused multiply-add it is one op; without, a product and a sum that may be contracted.
// An element of A is broadcast, or a vector of A along k gives its lanes as factors.
// CHECK-LABEL: func @tile
// CHECK: scf.for {{.*}} -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>
// BROADCAST: memref.load
// BROADCAST: vector.broadcast
// FMA: vector.fma
// MULADD: arith.mulf {{.*}} fastmath<contract>
// MULADD: arith.addf {{.*}} fastmath<contract>
// LANES: %[[A:.*]] = vector.load {{.*}} vector<4xf32>
// LANES: vector.extract {{.*}}[0]
// CHECK-COUNT-4: vector.store
func.func @tile(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %k = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %c192 = arith.constant 192 : index
  ukernel.brgemm %a[%c0] rows(%c0, %k, %c128, %c192) step(%c1), %b[%c0] steps(%c8, %c0) k(%k) {nr = 8 : i64, vectors = 2 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<4xf32>, %m: index, %n: index):
    %row = arith.muli %m, %c8 : index
    %at = arith.addi %row, %n : index
    vector.store %v, %c[%at] : memref<?xf32>, vector<4xf32>
    ukernel.yield
  }
  return
}

// A tile with fewer accumulators than the pipes need in flight is summed in several chains, which are added at the end.
// CHECK-LABEL: func @chains
// FMA: %[[S:.*]]:8 = scf.for
// FMA: %[[A:.*]] = arith.addf %{{.*}}#0, %{{.*}}#4
// FMA: %[[B:.*]] = arith.addf %{{.*}}#1, %{{.*}}#5
// FMA: %[[C:.*]] = arith.addf %{{.*}}#2, %{{.*}}#6
// FMA: %[[D:.*]] = arith.addf %{{.*}}#3, %{{.*}}#7
// FMA: %[[E:.*]] = arith.addf %[[A]], %[[C]]
// FMA: %[[F:.*]] = arith.addf %[[B]], %[[D]]
// FMA: %[[SUM:.*]] = arith.addf %[[E]], %[[F]]
// FMA: vector.store %[[SUM]]
func.func @chains(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>, %k: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  ukernel.brgemm %a[%c0] rows(%c0) step(%c1), %b[%c0] steps(%c4, %c0) k(%k) {nr = 4 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<4xf32>, %m: index, %n: index):
    vector.store %v, %c[%n] : memref<?xf32>, vector<4xf32>
    ukernel.yield
  }
  return
}

// Narrow floats are widened when loaded, integers wrap.
// CHECK-LABEL: func @types
// CHECK: memref.load {{.*}} : memref<?xbf16>
// CHECK: arith.extf
// CHECK-LABEL: func @integers
// CHECK: arith.muli {{.*}} : vector<4xi32>
// CHECK: arith.addi {{.*}} : vector<4xi32>
func.func @types(%a: memref<?xbf16>, %b: memref<?xbf16>, %c: memref<?xf32>, %i: index) {
  ukernel.brgemm %a[%i] rows(%i) step(%i), %b[%i] steps(%i, %i) k(%i) {nr = 4 : i64, vectors = 1 : i64} : memref<?xbf16>, memref<?xbf16> {
  ^bb0(%v: vector<4xf32>, %m: index, %n: index):
    vector.store %v, %c[%n] : memref<?xf32>, vector<4xf32>
    ukernel.yield
  }
  return
}
func.func @integers(%a: memref<?xi32>, %b: memref<?xi32>, %c: memref<?xi32>, %i: index) {
  ukernel.brgemm %a[%i] rows(%i) step(%i), %b[%i] steps(%i, %i) k(%i) {nr = 4 : i64, vectors = 1 : i64} : memref<?xi32>, memref<?xi32> {
  ^bb0(%v: vector<4xi32>, %m: index, %n: index):
    vector.store %v, %c[%n] : memref<?xi32>, vector<4xi32>
    ukernel.yield
  }
  return
}

// Columns that are not wanted are masked in the epilogue, and in B only where there is no memory behind them.
// CHECK-LABEL: func @columns
// CHECK: %[[MASK:.*]] = vector.create_mask
// CHECK: vector.maskedload {{.*}} %[[MASK]]
// CHECK: vector.maskedstore {{.*}} %[[MASK]]
func.func @columns(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>, %i: index) {
  ukernel.brgemm %a[%i] rows(%i) step(%i), %b[%i] steps(%i, %i) k(%i) columns(%i) {nr = 4 : i64, vectors = 1 : i64, mask_b} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<4xf32>, %m: index, %n: index, %mask: vector<4xi1>):
    vector.maskedstore %c[%n], %mask, %v : memref<?xf32>, vector<4xi1>, vector<4xf32>
    ukernel.yield
  }
  return
}

// Panels that come from far: what lies at the given distance is asked for, a line at a time, into the second level; two
// tiles share it, so that this one passes it at half of the speed.
// CHECK-LABEL: func @far
// CHECK: scf.for
// CHECK: memref.prefetch %{{.*}}[%{{.*}}], read, locality<2>, data : memref<?xf32>
// CHECK-COUNT-8: vector.store
func.func @far(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %k = arith.constant 64 : index
  %panel = arith.constant 512 : index
  ukernel.brgemm %a[%c0] rows(%c0, %k) step(%c1), %b[%c0] steps(%c8, %panel) k(%k) prefetch(%panel) {nr = 8 : i64, vectors = 4 : i64, prefetch_shares = 2 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<4xf32>, %m: index, %n: index):
    %row = arith.muli %m, %c8 : index
    %at = arith.addi %row, %n : index
    vector.store %v, %c[%at] : memref<?xf32>, vector<4xf32>
    ukernel.yield
  }
  return
}

// A tile that takes nearly all registers: loads of a step stay behind the step before; other tiles need no order.
// BROADCAST-LABEL: func @full
// BROADCAST: scf.for
// BROADCAST-COUNT-28: vector.fma
// BROADCAST: llvm.fence syncscope("singlethread") seq_cst
// BROADCAST-COUNT-28: vector.fma
// BROADCAST-LABEL: func @small
// BROADCAST-NOT: llvm.fence
func.func @full(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>) {
  %r0 = arith.constant 0 : index
  %r1 = arith.constant 64 : index
  %r2 = arith.constant 128 : index
  %r3 = arith.constant 192 : index
  %r4 = arith.constant 256 : index
  %r5 = arith.constant 320 : index
  %r6 = arith.constant 384 : index
  %r7 = arith.constant 448 : index
  %r8 = arith.constant 512 : index
  %r9 = arith.constant 576 : index
  %r10 = arith.constant 640 : index
  %r11 = arith.constant 704 : index
  %r12 = arith.constant 768 : index
  %r13 = arith.constant 832 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %panel = arith.constant 1024 : index
  ukernel.brgemm %a[%r0] rows(%r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8, %r9, %r10, %r11, %r12, %r13) step(%c1), %b[%r0] steps(%c16, %panel) k(%r1) {nr = 16 : i64, vectors = 2 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    vector.store %v, %c[%n] : memref<?xf32>, vector<16xf32>
    ukernel.yield
  }
  return
}
func.func @small(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>) {
  %r0 = arith.constant 0 : index
  %r1 = arith.constant 64 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  ukernel.brgemm %a[%r0] rows(%r0, %r1) step(%c1), %b[%r0] steps(%c16, %r0) k(%r1) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    vector.store %v, %c[%n] : memref<?xf32>, vector<16xf32>
    ukernel.yield
  }
  return
}

// Rows of A a distance apart that only the run time knows: each third one has an address of its own, and LLVM does not see how they hang together.
// CHECK-LABEL: func @unknown_distance
// CHECK-SAME: %[[STEP:[^ ]*]]: index
// CHECK: %[[NUMBER:.*]] = arith.index_cast %[[STEP]] : index to i64
// CHECK: %[[SAME:.*]] = llvm.inline_asm "", "=r,0" %[[NUMBER]] : (i64) -> i64
// CHECK: %[[DISTANCE:.*]] = arith.index_cast %[[SAME]] : i64 to index
// CHECK: llvm.inline_asm
// CHECK: %[[FIRST:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK: arith.addi %[[FIRST]], %[[DISTANCE]]
// CHECK: llvm.inline_asm
// CHECK: %[[FOURTH:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK-NOT: llvm.inline_asm
// CHECK: scf.for
// CHECK: arith.addi %{{.*}}, %[[FOURTH]]
// CHECK-COUNT-4: vector.store
func.func @unknown_distance(%step: index, %a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %r2 = arith.muli %step, %c2 : index
  %r3 = arith.muli %c3, %step : index
  ukernel.brgemm %a[%c0] rows(%c0, %step, %r2, %r3) step(%c1), %b[%c0] steps(%c4, %c0) k(%step) {nr = 4 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<4xf32>, %m: index, %n: index):
    vector.store %v, %c[%m] : memref<?xf32>, vector<4xf32>
    ukernel.yield
  }
  return
}

// Steps of k side by side: two elements of A for each column, sums of twice as many lanes, whose neighbours are added at the end. Masks are of columns.
// CHECK-LABEL: func @group
// CHECK: %[[MASK:.*]] = vector.create_mask {{.*}} vector<8xi1>
// CHECK: scf.for {{.*}} -> (vector<16xf32>
// CHECK: vector.load %arg1[%{{.*}}] : memref<?xf32>, vector<16xf32>
// CHECK: %[[A:.*]] = vector.load %arg0[%{{.*}}] : memref<?xf32>, vector<2xf32>
// CHECK: vector.shuffle %[[A]], %[[A]] [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
// FMA: vector.fma {{.*}} : vector<16xf32>
// CHECK: %[[EVEN:.*]] = vector.shuffle %[[SUM:.*]], %[[SUM]] [0, 2, 4, 6, 8, 10, 12, 14]
// CHECK: %[[ODD:.*]] = vector.shuffle %[[SUM]], %[[SUM]] [1, 3, 5, 7, 9, 11, 13, 15]
// CHECK: %[[RESULT:.*]] = arith.addf %[[EVEN]], %[[ODD]] : vector<8xf32>
// CHECK: vector.maskedstore %arg2[%{{.*}}], %[[MASK]], %[[RESULT]]
func.func @group(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>, %columns: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %k = arith.constant 512 : index
  ukernel.brgemm %a[%c0] rows(%c0) step(%c1), %b[%c0] steps(%c8, %c0) k(%k) columns(%columns) {nr = 8 : i64, vectors = 1 : i64, k_group = 2 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index, %mask: vector<8xi1>):
    vector.maskedstore %c[%n], %mask, %v : memref<?xf32>, vector<8xi1>, vector<8xf32>
    ukernel.yield
  }
  return
}
