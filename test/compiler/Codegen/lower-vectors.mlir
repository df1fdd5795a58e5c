// RUN: tenon-opt %s --pass-pipeline='builtin.module(llvm.func(tenon-lower-vectors))' | FileCheck %s --check-prefixes=CHECK,SOFT
// RUN: tenon-opt %s --pass-pipeline='builtin.module(llvm.func(tenon-lower-vectors{half-conversion=true}))' | FileCheck %s --check-prefixes=CHECK,HARD

// An outer product is one multiply-add per row.
// CHECK-LABEL: llvm.func @outer
// CHECK-COUNT-2: vector.fma {{.*}} : vector<8xf32>
// CHECK-NOT: vector.outerproduct
llvm.func @outer(%a: vector<2xf32>, %b: vector<8xf32>, %row: vector<8xf32>) {
  %c = vector.broadcast %row : vector<8xf32> to vector<2x8xf32>
  %0 = vector.outerproduct %a, %b, %c : vector<2xf32>, vector<8xf32>
  %m = memref.alloca() : memref<2x8xf32>
  %c0 = arith.constant 0 : index
  vector.transfer_write %0, %m[%c0, %c0] {in_bounds = [true, true]} : vector<2x8xf32>, memref<2x8xf32>
  llvm.return
}

// A mask of the first lanes compares 32-bit numbers, for any count.
// CHECK-LABEL: llvm.func @mask
// CHECK: %[[N:.*]] = arith.minsi %{{.*}}, %{{.*}} : index
// CHECK: %[[N32:.*]] = arith.index_cast %[[N]] : index to i32
// CHECK: %[[ALL:.*]] = vector.broadcast %[[N32]] : i32 to vector<4xi32>
// CHECK: arith.cmpi slt, %{{.*}}, %[[ALL]] : vector<4xi32>
llvm.func @mask(%n: i64) -> vector<4xi1> {
  %0 = arith.index_cast %n : i64 to index
  %1 = vector.create_mask %0 : vector<4xi1>
  llvm.return %1 : vector<4xi1>
}

// Memory in the frame does not grow in loops.
// CHECK-LABEL: llvm.func @frame
// CHECK: memref.alloca
// CHECK: scf.for
// CHECK-NOT: memref.alloca
// CHECK: llvm.return
llvm.func @frame(%n: i64) {
  %end = arith.index_cast %n : i64 to index
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %v = arith.constant 0.0 : f32
  scf.for %i = %c0 to %end step %c1 {
    %m = memref.alloca() : memref<4xf32>
    memref.store %v, %m[%c0] : memref<4xf32>
  }
  llvm.return
}

// Conversions that LLVM would call a library of its own for are integer arithmetic.
// CHECK-LABEL: llvm.func @half
llvm.func @half(%x: f32, %y: f64, %h: f16) -> f64 {
  // SOFT-NOT: arith.truncf {{.*}} to f16
  // HARD: arith.truncf %{{.*}} : f32 to f16
  %0 = arith.truncf %x : f32 to f16
  // CHECK-NOT: arith.truncf {{.*}} to bf16
  %1 = arith.truncf %x : f32 to bf16
  // HARD: arith.extf %{{.*}} : f16 to f32
  // CHECK: arith.extf %{{.*}} : f32 to f64
  %2 = arith.extf %h : f16 to f64
  // CHECK: arith.truncf %{{.*}} : f64 to f32
  // CHECK: arith.cmpf one
  %3 = arith.truncf %y : f64 to f16
  %4 = arith.bitcast %0 : f16 to i16
  %5 = arith.bitcast %1 : bf16 to i16
  %6 = arith.bitcast %3 : f16 to i16
  %7 = arith.addi %4, %5 : i16
  %8 = arith.addi %7, %6 : i16
  %9 = arith.sitofp %8 : i16 to f64
  %10 = arith.addf %9, %2 : f64
  llvm.return %10 : f64
}

// What is only moved is moved as integers: LLVM would keep 16-bit floats in f32 registers.
// CHECK-LABEL: llvm.func @moved
// CHECK: %[[A:.*]] = vector.load %{{.*}} : memref<?xi16>, vector<8xi16>
// CHECK: %[[B:.*]] = vector.maskedload %{{.*}} : memref<?xi16>, vector<8xi1>, vector<8xi16> into vector<8xi16>
// CHECK: %[[C:.*]] = arith.select %{{.*}}, %[[A]], %[[B]] : vector<8xi1>, vector<8xi16>
// CHECK: vector.store %[[C]], %{{.*}} : memref<?xi16>, vector<8xi16>
llvm.func @moved(%p: !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>, %mask: vector<8xi1>) {
  %m = builtin.unrealized_conversion_cast %p : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xbf16>
  %c0 = arith.constant 0 : index
  %one = arith.constant dense<1.0> : vector<8xbf16>
  %a = vector.load %m[%c0] : memref<?xbf16>, vector<8xbf16>
  %b = vector.maskedload %m[%c0], %mask, %one : memref<?xbf16>, vector<8xi1>, vector<8xbf16> into vector<8xbf16>
  %c = arith.select %mask, %a, %b : vector<8xi1>, vector<8xbf16>
  vector.store %c, %m[%c0] : memref<?xbf16>, vector<8xbf16>
  llvm.return
}

// Numbers are compared in f32, and an op that has them as numbers gets them by a bitcast.
// CHECK-LABEL: llvm.func @compared
// HARD: %[[L:.*]] = arith.bitcast %{{.*}} : i16 to f16
// HARD: arith.extf {{.*}} : f16 to f32
// CHECK: arith.cmpf olt, %{{.*}}, %{{.*}} : f32
llvm.func @compared(%p: !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>) -> i1 {
  %m = builtin.unrealized_conversion_cast %p : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<?xf16>
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f16
  %a = memref.load %m[%c0] : memref<?xf16>
  %less = arith.cmpf olt, %a, %zero : f16
  llvm.return %less : i1
}
