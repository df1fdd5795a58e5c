// RUN: tenon-opt %s --tenon-approximate-math | FileCheck %s
// RUN: tenon-opt %s --tenon-approximate-math=scaling | FileCheck %s --check-prefix=SCALING
// RUN: tenon-opt %s --tenon-approximate-math="scaling lookup" | FileCheck %s --check-prefix=LOOKUP

// Transcendental functions of f32 and f64 become arithmetic, for scalars and vectors alike.
// CHECK-LABEL: func.func @vectors
// CHECK-NOT: math.exp
// CHECK-NOT: math.log
// CHECK-NOT: math.tanh
// CHECK-NOT: math.erf
// CHECK: return
func.func @vectors(%x: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  %0 = math.exp %x : vector<16xf32>
  %1 = math.log %x : vector<16xf32>
  %2 = math.tanh %x : vector<16xf32>
  %3 = math.erf %x : vector<16xf32>
  return %0, %1, %2, %3 : vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>
}

// CHECK-LABEL: func.func @double
// CHECK-NOT: {{math.(exp|log|tanh|erf|asin|acos|atan|sinh|cosh|powf) }}
// CHECK: return
func.func @double(%x: f64) -> f64 {
  %0 = math.exp %x : f64
  %1 = math.log %0 : f64
  %2 = math.tanh %1 : f64
  %3 = math.erf %2 : f64
  %4 = math.asin %3 : f64
  %5 = math.acos %4 : f64
  %6 = math.atan %5 : f64
  %7 = math.sinh %6 : f64
  %8 = math.cosh %7 : f64
  %9 = math.powf %8, %x : f64
  return %9 : f64
}

// CHECK-LABEL: func.func @power
// CHECK-NOT: math.powf
// CHECK: return
func.func @power(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.powf %x, %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// Rare arguments are left to the library behind a branch.
// CHECK-LABEL: func.func @sine
// CHECK: scf.if {{.*}} -> (vector<8xf32>)
// CHECK-NEXT: math.sin
// CHECK: else
// CHECK-NOT: math.sin
// CHECK: return
func.func @sine(%x: vector<8xf32>) -> vector<8xf32> {
  %0 = math.sin %x : vector<8xf32>
  return %0 : vector<8xf32>
}

// CHECK-LABEL: func.func @inverses
// CHECK-NOT: {{math.(asin|acos|atan|sinh|cosh|asinh|acosh|atanh|expm1|log1p)}}
// CHECK: return
func.func @inverses(%x: f32) -> f32 {
  %0 = math.asin %x : f32
  %1 = math.acos %0 : f32
  %2 = math.atan %1 : f32
  %3 = math.sinh %2 : f32
  %4 = math.cosh %3 : f32
  %5 = math.asinh %4 : f32
  %6 = math.acosh %5 : f32
  %7 = math.atanh %6 : f32
  %8 = math.expm1 %7 : f32
  %9 = math.log1p %8 : f32
  return %9 : f32
}

// With an instruction for it 2^n is not made of shifts; scalars have none.
// SCALING-LABEL: func.func @scaled
// SCALING: ukernel.scale
// SCALING: arith.shli
// CHECK-LABEL: func.func @scaled
// CHECK-NOT: ukernel.scale
func.func @scaled(%x: vector<16xf32>, %y: f32) -> (vector<16xf32>, f32) {
  %0 = math.exp %x : vector<16xf32>
  %1 = math.exp %y : f32
  return %0, %1 : vector<16xf32>, f32
}

// With a table in a register a polynomial of degree 3 is enough. The table holds powers of two (1 and 1.0443 are the first), of
// which those that take their whole exponent from the bits of the argument have lost what stands below it. f64 has no table.
// LOOKUP-LABEL: func.func @tabulated
// LOOKUP: %[[POWER:.*]] = ukernel.lookup [1065353216, 1065724611, {{.*}}] at
// LOOKUP-NOT: arith.shli
// LOOKUP: ukernel.scale
// LOOKUP: ukernel.lookup [1065353216, 1065200323, {{.*}}] at
// LOOKUP: arith.shli
// LOOKUP-NOT: ukernel.scale
// LOOKUP: arith.cmpf uge
// LOOKUP: arith.select
// LOOKUP: ukernel.lookup {{.*}} : vector<8xi32>
// LOOKUP: ukernel.scale
// LOOKUP: arith.addf
// LOOKUP-NOT: ukernel.lookup
// SCALING-LABEL: func.func @tabulated
// SCALING-NOT: ukernel.lookup
func.func @tabulated(%x: vector<16xf32>, %y: vector<8xf32>, %z: vector<8xf64>) -> (vector<16xf32>, vector<16xf32>, vector<8xf32>, vector<8xf64>) {
  %one = arith.constant dense<1.0> : vector<8xf32>
  %0 = math.exp %x : vector<16xf32>
  %1 = math.exp %x {tenon.not_positive} : vector<16xf32>
  %2 = math.exp %y : vector<8xf32>
  %3 = arith.addf %2, %one : vector<8xf32>
  %4 = math.exp %z : vector<8xf64>
  return %0, %1, %3, %4 : vector<16xf32>, vector<16xf32>, vector<8xf32>, vector<8xf64>
}

// Vectors of several registers are taken apart: instructions and tables are of one.
// LOOKUP-LABEL: func.func @registers
// LOOKUP: vector.shuffle %{{.*}}, %{{.*}} [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] : vector<32xf32>
// LOOKUP: ukernel.lookup {{.*}} : vector<16xi32>
// LOOKUP: vector.shuffle %{{.*}}, %{{.*}} [16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31] : vector<32xf32>
// LOOKUP: ukernel.lookup {{.*}} : vector<16xi32>
// LOOKUP-NOT: ukernel.lookup
// LOOKUP: return
func.func @registers(%x: vector<32xf32>) -> vector<32xf32> {
  %0 = math.exp %x {tenon.not_positive} : vector<32xf32>
  return %0 : vector<32xf32>
}
