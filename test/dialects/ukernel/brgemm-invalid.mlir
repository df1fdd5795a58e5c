// RUN: tenon-opt -split-input-file -verify-diagnostics %s

// C1
func.func @rows(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{needs at least one row}}
  "ukernel.brgemm"(%a, %i, %i, %a, %i, %i, %i, %i) <{nr = 16 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0>, vectors = 1 : i64}> ({
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    ukernel.yield
  }) : (memref<?xf32>, index, index, memref<?xf32>, index, index, index, index) -> ()
  return
}

// -----

// C1
func.func @vectors(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{vectors is 0 but must be positive}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) {nr = 16 : i64, vectors = 0 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C2
func.func @batch(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{batch has 1 entries but a_steps has 2 and b_steps has 1}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) batch(%i) a_steps(%i, %i) b_steps(%i) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C3
func.func @panels(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{nr is 12 but must be a multiple of 8 lanes}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) {nr = 12 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C4: without columns there is no mask.
func.func @arguments(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{epilogue has 4 arguments but needs 3}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index, %mask: vector<16xi1>):
    ukernel.yield
  }
  return
}

// -----

// C4
func.func @accumulator(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{first argument of the epilogue is 'f32' but must be a vector}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: f32, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C4
func.func @position(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{row and column of the epilogue must be of type index}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: i64, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C4
func.func @mask(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{mask of the epilogue is 'vector<8xi1>' but must be 'vector<16xi1>'}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) columns(%i) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index, %mask: vector<8xi1>):
    ukernel.yield
  }
  return
}

// -----

func.func @mask_b(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{mask_b needs columns}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) {nr = 16 : i64, vectors = 1 : i64, mask_b} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C5
func.func @types(%a: memref<?xf64>, %b: memref<?xf32>, %i: index) {
  // expected-error @+1 {{operand of 'f64' cannot be accumulated in 'f32'}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %b[%i] steps(%i, %i) k(%i) {nr = 16 : i64, vectors = 1 : i64} : memref<?xf64>, memref<?xf32> {
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

func.func @terminator(%a: memref<?xf32>, %i: index) {
  // expected-error @+1 {{epilogue must end in ukernel.yield}}
  "ukernel.brgemm"(%a, %i, %i, %i, %a, %i, %i, %i, %i) <{nr = 16 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0>, vectors = 1 : i64}> ({
  ^bb0(%v: vector<16xf32>, %m: index, %n: index):
    scf.yield
  }) : (memref<?xf32>, index, index, index, memref<?xf32>, index, index, index, index) -> ()
  return
}

// -----

// C6
func.func @group(%a: memref<?xf32>, %i: index) {
  %one = arith.constant 1 : index
  // expected-error @+1 {{k_group is 3 but must be a power of two}}
  ukernel.brgemm %a[%i] rows(%i) step(%one), %a[%i] steps(%i, %i) k(%i) {nr = 8 : i64, vectors = 1 : i64, k_group = 3 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C6
func.func @group_step(%a: memref<?xf32>, %i: index) {
  %one = arith.constant 1 : index
  // expected-error @+1 {{k_group is 2 but the step of k in a is not 1}}
  ukernel.brgemm %a[%i] rows(%i) step(%i), %a[%i] steps(%i, %i) k(%i) {nr = 8 : i64, vectors = 1 : i64, k_group = 2 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C6
func.func @group_k(%a: memref<?xf32>, %i: index) {
  %one = arith.constant 1 : index
  %k = arith.constant 7 : index
  // expected-error @+1 {{k is 7 but must be a multiple of k_group 2}}
  ukernel.brgemm %a[%i] rows(%i) step(%one), %a[%i] steps(%i, %i) k(%k) {nr = 8 : i64, vectors = 1 : i64, k_group = 2 : i64} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C6
func.func @group_types(%a: memref<?xf16>, %i: index) {
  %one = arith.constant 1 : index
  // expected-error @+1 {{k_group needs operands and accumulators of one type of floats}}
  ukernel.brgemm %a[%i] rows(%i) step(%one), %a[%i] steps(%i, %i) k(%i) {nr = 8 : i64, vectors = 1 : i64, k_group = 2 : i64} : memref<?xf16>, memref<?xf16> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C6
func.func @group_integers(%a: memref<?xi32>, %i: index) {
  %one = arith.constant 1 : index
  // expected-error @+1 {{k_group needs operands and accumulators of one type of floats}}
  ukernel.brgemm %a[%i] rows(%i) step(%one), %a[%i] steps(%i, %i) k(%i) {nr = 8 : i64, vectors = 1 : i64, k_group = 2 : i64} : memref<?xi32>, memref<?xi32> {
  ^bb0(%v: vector<8xi32>, %m: index, %n: index):
    ukernel.yield
  }
  return
}

// -----

// C6
func.func @group_mask(%a: memref<?xf32>, %i: index) {
  %one = arith.constant 1 : index
  // expected-error @+1 {{k_group excludes mask_b}}
  ukernel.brgemm %a[%i] rows(%i) step(%one), %a[%i] steps(%i, %i) k(%i) columns(%i) {nr = 8 : i64, vectors = 1 : i64, k_group = 2 : i64, mask_b} : memref<?xf32>, memref<?xf32> {
  ^bb0(%v: vector<8xf32>, %m: index, %n: index, %mask: vector<8xi1>):
    ukernel.yield
  }
  return
}
