// RUN: tenon-opt %s --tenon-lower-math | FileCheck %s

// Functions of the C library, declared once; vectors element by element; 16-bit floats as f32. Ops that LLVM has intrinsics for stay.

// CHECK-DAG: llvm.func @erff(f32) -> f32 attributes {no_unwind, will_return}
// CHECK-DAG: llvm.func @atan2(f64, f64) -> f64 attributes {no_unwind, will_return}

// CHECK-LABEL: llvm.func @scalar
llvm.func @scalar(%x: f32, %y: f64, %h: f16) -> f64 {
  // CHECK: llvm.call @erff(%{{.*}}) : (f32) -> f32
  %0 = math.erf %x : f32
  // CHECK: %[[WIDE:.*]] = arith.extf %{{.*}} : f16 to f32
  // CHECK: %[[RESULT:.*]] = llvm.call @erff(%[[WIDE]])
  // CHECK: arith.truncf %[[RESULT]] : f32 to f16
  %1 = math.erf %h : f16
  // CHECK: math.sqrt
  %2 = math.sqrt %y : f64
  // CHECK: %[[ANGLE:.*]] = llvm.call @atan2
  %3 = math.atan2 %y, %2 : f64
  // CHECK: llvm.return %[[ANGLE]]
  llvm.return %3 : f64
}

// CHECK-LABEL: llvm.func @vector
llvm.func @vector(%x: vector<2xf32>) -> vector<2xf32> {
  // CHECK: %[[A:.*]] = vector.extract %{{.*}}[0]
  // CHECK: %[[FA:.*]] = llvm.call @erff(%[[A]])
  // CHECK: %[[B:.*]] = vector.extract %{{.*}}[1]
  // CHECK: %[[FB:.*]] = llvm.call @erff(%[[B]])
  // CHECK: vector.from_elements %[[FA]], %[[FB]]
  %0 = math.erf %x : vector<2xf32>
  llvm.return %0 : vector<2xf32>
}
