// RUN: tenon-opt %s --tenon-plan-memory --split-input-file --verify-diagnostics | FileCheck %s

// Buffers that are never alive together share memory; each starts at a multiple of 64 bytes. A launch whose result is returned
// writes the output itself.

// CHECK-LABEL: func.func @main
// CHECK-SAME: tenon.arena_bytes = 192 : i64
// CHECK: nn.launch @k(%{{.*}}) {tenon.storage = [{arena = 0 : i64}]}
// CHECK: nn.launch @k(%{{.*}}) {tenon.storage = [{arena = 64 : i64}]}
// CHECK: nn.launch @k(%{{.*}}) {tenon.storage = [{arena = 128 : i64}]}
// CHECK: nn.launch @k2(%{{.*}}) {tenon.storage = [{arena = 64 : i64}]}
// CHECK: nn.launch @k(%{{.*}}) {tenon.storage = [{output = 0 : i64}]}
func.func private @k(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64}
func.func private @k2(memref<?xf32>, memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64}
func.func @main(%x: tensor<10xf32>) -> tensor<10xf32> {
  %0 = nn.launch @k(%x) : (tensor<10xf32>) -> tensor<10xf32>
  %1 = nn.launch @k(%0) : (tensor<10xf32>) -> tensor<10xf32>
  %2 = nn.launch @k(%1) : (tensor<10xf32>) -> tensor<10xf32>
  %3 = nn.launch @k2(%2, %0) : (tensor<10xf32>, tensor<10xf32>) -> tensor<10xf32>
  %4 = nn.launch @k(%3) : (tensor<10xf32>) -> tensor<10xf32>
  return %4 : tensor<10xf32>
}

// -----

// A result is written over an operand that ends there, through a view too, but not over an input of the model, nor over what is
// used later, nor if the kernel reads the same memory through another operand.

// CHECK-LABEL: func.func @main
// CHECK: nn.launch @over(%{{.*}}) {tenon.storage = [{arena = [[AT:.*]] : i64}]}
// CHECK: nn.launch @over(%{{.*}}) {tenon.storage = [{operand = 0 : i64}]}
// CHECK: nn.launch @over2(%{{.*}}) {tenon.storage = [{arena = [[OTHER:.*]] : i64}]}
// CHECK: nn.launch @over(%{{.*}}) {tenon.storage = [{arena = [[AT]] : i64}]}
// CHECK: nn.launch @over2(%{{.*}}) {tenon.storage = [{output = 0 : i64}]}
func.func private @over(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.in_place = [[0, 0]]}
func.func private @over2(memref<?xf32>, memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.in_place = [[0, 0]]}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c2 = arith.constant 2 : index
  %0 = nn.launch @over(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.reshape %0 [%c2, %c2] : tensor<4xf32> -> tensor<2x2xf32>
  %2 = nn.launch @over(%1) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %3 = nn.launch @over2(%2, %2) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<4xf32>
  %4 = nn.launch @over(%3) : (tensor<4xf32>) -> tensor<4xf32>
  %5 = nn.launch @over2(%3, %4) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %5 : tensor<4xf32>
}

// -----

// Where sizes follow from the inputs' extents the plan packs buffers, the larger ones first; constant sizes join in unless they are small;
// sizes that depend on data come from the host.

// CHECK-LABEL: func.func @main
// CHECK-SAME: tenon.arena_bytes = 64 : i64
// CHECK-SAME: tenon.conflicts = [array<i32>, array<i32>, array<i32: 1>, array<i32: 0, 2>]
// CHECK: nn.launch @k(%{{.*}}) {{.*}} {tenon.storage = [{planned = 1 : i64}]}
// CHECK: nn.launch @k(%{{.*}}) {{.*}} {tenon.storage = [{planned = 2 : i64}]}
// CHECK: nn.launch @k(%{{.*}}) {{.*}} {tenon.storage = [{planned = 3 : i64}]}
// CHECK: nn.launch @count(%{{.*}}) {tenon.storage = [{arena = 0 : i64}]}
// CHECK: nn.launch @k2(%{{.*}}) {{.*}} {tenon.storage = [{heap}, {planned = 0 : i64}]}
// CHECK: nn.launch @k(%{{.*}}) {{.*}} {tenon.storage = [{output = 0 : i64}]}
func.func private @k(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64}
func.func private @k2(memref<?xf32>, memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 2 : i64}
func.func private @count(memref<?xf32>, memref<?xi64>) attributes {nn.kernel, nn.results = 1 : i64}
func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %0 = nn.launch @k(%x) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
  %1 = nn.launch @k(%0) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
  %2 = nn.launch @k(%1) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
  %3 = nn.launch @count(%2) : (tensor<?xf32>) -> tensor<i64>
  %4 = tensor.extract %3[] : tensor<i64>
  %5 = arith.index_cast %4 : i64 to index
  %6, %unused = nn.launch @k2(%2) extents(%5) : (tensor<?xf32>) -> (tensor<?xf32>, tensor<2000xf32>)
  %7 = nn.launch @k(%6) extents(%5) : (tensor<?xf32>) -> tensor<?xf32>
  return %7 : tensor<?xf32>
}

// -----

// Branches: both results are written to the output directly; the extent of a tensor that leaves a branch leaves with it.

// CHECK-LABEL: func.func @main
// CHECK: %[[R:.*]]:3 = scf.if %{{.*}} -> (tensor<4xf32>, tensor<?xf32>, index)
// CHECK:   nn.launch @k(%{{.*}}) {tenon.storage = [{output = 0 : i64}]}
// CHECK:   scf.yield %{{.*}}, %{{.*}}, %[[N:.*]] : tensor<4xf32>, tensor<?xf32>, index
// CHECK: } else {
// CHECK:   nn.launch @k(%{{.*}}) {tenon.storage = [{arena = 0 : i64}]}
// CHECK:   nn.launch @k(%{{.*}}) {tenon.storage = [{output = 0 : i64}]}
// CHECK: } {tenon.result_extents = {{\[}}[], [2]]}
// CHECK: extents(%[[R]]#2)
func.func private @k(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64}
func.func @main(%x: tensor<4xf32>, %y: tensor<?xf32>, %c: tensor<i1>) -> (tensor<4xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %condition = tensor.extract %c[] : tensor<i1>
  %0:2 = scf.if %condition -> (tensor<4xf32>, tensor<?xf32>) {
    %1 = nn.launch @k(%x) : (tensor<4xf32>) -> tensor<4xf32>
    scf.yield %1, %y : tensor<4xf32>, tensor<?xf32>
  } else {
    %1 = nn.launch @k(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %2 = nn.launch @k(%1) : (tensor<4xf32>) -> tensor<4xf32>
    %3 = tensor.cast %1 : tensor<4xf32> to tensor<?xf32>
    scf.yield %2, %3 : tensor<4xf32>, tensor<?xf32>
  }
  %n = tensor.dim %0#1, %c0 : tensor<?xf32>
  %4 = nn.launch @k(%0#1) extents(%n) : (tensor<?xf32>) -> tensor<?xf32>
  return %0#0, %4 : tensor<4xf32>, tensor<?xf32>
}

// -----

// Loops: a carried tensor has memory of its own for the whole loop; copies to it are made in order, so that one whose value is in the
// memory of an earlier one needs a second buffer. What is made before the loop and used in it lives until its end.

// CHECK-LABEL: func.func @main
// CHECK: nn.launch @k2(%{{.*}}) {tenon.storage = [{arena = [[BEFORE:.*]] : i64}]}
// CHECK: scf.while
// CHECK-NOT: arena = [[BEFORE]] :
// CHECK: } attributes {{{.*}}tenon.storage = [{arena = {{[0-9]*}} : i64}, {arena = {{[0-9]*}} : i64, scratch = {{[0-9]*}} : i64}, {arena = {{[0-9]*}} : i64}]}
func.func private @k2(memref<?xf32>, memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64}
func.func @main(%x: tensor<4xf32>, %y: tensor<4xf32>, %t: tensor<index>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %trips = tensor.extract %t[] : tensor<index>
  %before = nn.launch @k2(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %r:4 = scf.while (%a = %x, %b = %y, %c = %x, %i = %c0) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, index) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, index) {
    %go = arith.cmpi ult, %i, %trips : index
    scf.condition(%go) %a, %b, %c, %i : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, index
  } do {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>, %c: tensor<4xf32>, %i: index):
    %next = nn.launch @k2(%a, %before) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %last = nn.launch @k2(%next, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %j = arith.addi %i, %c1 : index
    scf.yield %c, %a, %last, %j : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, index
  }
  return %r#0 : tensor<4xf32>
}

// -----

// expected-error @below {{expected a function @main}}
module {
}

// -----

// A join lives from the first launch that writes a part of it to the last that reads it or a part; parts are at offsets in its rows. The
// join of two of its parts is a part of it too. Nothing is written over a part.

// CHECK-LABEL: func.func @main
// CHECK-SAME: tenon.arena_bytes = 192 : i64
// CHECK: nn.launch @whole(%{{.*}}) {tenon.storage = [{arena = 128 : i64}]}
// CHECK: nn.launch @part(%{{.*}}) {tenon.storage = [{arena = 0 : i64, offset = 0 : i64}]}
// CHECK: nn.launch @whole(%{{.*}}) {tenon.storage = [{arena = 128 : i64}]}
// CHECK: nn.launch @part(%{{.*}}) {tenon.storage = [{arena = 0 : i64, offset = 8 : i64}]}
// CHECK: nn.launch @next(%{{.*}}) {tenon.storage = [{arena = 0 : i64, offset = 16 : i64}]}
// CHECK: nn.join %{{.*}}, %{{.*}}, %{{.*}} {tenon.storage = [{arena = 0 : i64}]}
func.func private @whole(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64}
func.func private @part(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.pitches = array<i64: 0, 6>}
func.func private @next(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.in_place = [[0, 0]], nn.pitches = array<i64: 6, 6>}
func.func private @read(memref<?xf32>, memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.pitches = array<i64: 6, 0, 0>}
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %0 = nn.launch @whole(%x) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %1 = nn.launch @part(%0) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %2 = nn.launch @whole(%x) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %3 = nn.launch @part(%2) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %4 = nn.join %1, %3 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x4xf32>
  %5 = nn.part %4 {offset = 1 : i64} : (tensor<4x4xf32>) -> tensor<4x2xf32>
  %6 = nn.launch @next(%5) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %7 = nn.join %1, %3, %6 : (tensor<4x2xf32>, tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x6xf32>
  %8 = nn.launch @read(%5, %7) : (tensor<4x2xf32>, tensor<4x6xf32>) -> tensor<4x2xf32>
  return %8 : tensor<4x2xf32>
}

// -----

// A kernel that does not know how far apart the rows of its operand are would read others.

func.func private @k(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64}
func.func @main(%x: tensor<4x6xf32>) -> tensor<4x2xf32> {
  %0 = nn.part %x {offset = 1 : i64} : (tensor<4x6xf32>) -> tensor<4x2xf32>
  // expected-error @below {{expected rows 0 elements apart but they are 6}}
  %1 = nn.launch @k(%0) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %1 : tensor<4x2xf32>
}

// -----

// A tensor lies in one memory.

func.func private @k(memref<?xf32>, memref<?xf32>) attributes {nn.kernel, nn.results = 1 : i64, nn.pitches = array<i64: 0, 4>}
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %0 = nn.launch @k(%x) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %1 = nn.launch @k(%x) : (tensor<4x2xf32>) -> tensor<4x2xf32>
  %2 = nn.join %0, %1 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x4xf32>
  // expected-error @below {{a part lies in another join}}
  %3 = nn.join %1, %0 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x4xf32>
  return %x : tensor<4x2xf32>
}
