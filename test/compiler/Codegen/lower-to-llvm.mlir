// RUN: tenon-opt %s --pass-pipeline='builtin.module(llvm.func(tenon-lower-to-llvm))' --split-input-file --verify-diagnostics | FileCheck %s

// Loops become blocks, memory accesses loads and stores of the element's alignment.

// CHECK-LABEL: llvm.func @sum(
// CHECK-SAME: %[[N:.*]]: i64, %[[P:.*]]: !llvm.ptr
// CHECK: llvm.br ^[[HEAD:.*]](%{{.*}}, %{{.*}} : i64, vector<4xf32>)
// CHECK: ^[[HEAD]](%[[I:.*]]: i64, %[[SUM:.*]]: vector<4xf32>):
// CHECK: llvm.icmp "slt" %[[I]], %[[N]]
// CHECK: %[[AT:.*]] = llvm.getelementptr %{{.*}}[%[[I]]]
// CHECK: %[[V:.*]] = llvm.load %[[AT]] {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK: llvm.fadd %[[SUM]], %[[V]] {fastmathFlags = #llvm.fastmath<contract>}
// CHECK: llvm.intr.exp
// CHECK-NOT: unrealized_conversion_cast
llvm.func @sum(%n: i64, %p: !llvm.ptr) -> vector<4xf32> {
  %0 = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %1 = llvm.insertvalue %p, %0[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
  %m = builtin.unrealized_conversion_cast %1 : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xf32>
  %end = arith.index_cast %n : i64 to index
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant dense<0.0> : vector<4xf32>
  %sum = scf.for %i = %c0 to %end step %c4 iter_args(%s = %zero) -> vector<4xf32> {
    %v = vector.load %m[%i] : memref<?xf32>, vector<4xf32>
    %next = arith.addf %s, %v fastmath<contract> : vector<4xf32>
    scf.yield %next : vector<4xf32>
  }
  %result = math.exp %sum : vector<4xf32>
  llvm.return %result : vector<4xf32>
}

// -----

// What has no conversion is an error.
llvm.func @left(%p: !llvm.ptr) {
  // expected-error @below {{failed to legalize operation 'tensor.empty'}}
  %0 = tensor.empty() : tensor<4xf32>
  llvm.return
}
