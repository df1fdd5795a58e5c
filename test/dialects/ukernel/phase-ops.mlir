// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// A phase runs its region over ranges of tasks; it captures buffers and scalars from the kernel.
// CHECK-LABEL: func.func @phases
// CHECK: ukernel.phase tasks(%[[N:.*]]) work(%{{.*}}) scratch(%{{.*}}) {
// CHECK-NEXT: ^bb0(%[[BEGIN:.*]]: index, %[[END:.*]]: index, %{{.*}}: memref<?xi8>):
// CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
// CHECK: ukernel.end
func.func @phases(%x: memref<?xf32>, %n: index, %c0: index, %c1: index) {
  ukernel.phase tasks(%n) work(%n) scratch(%c0) {
  ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
    scf.for %i = %begin to %end step %c1 {
      %v = memref.load %x[%i] : memref<?xf32>
      %w = arith.negf %v : f32
      memref.store %w, %x[%i] : memref<?xf32>
    }
    ukernel.end
  }
  return
}

// What a launch amounts to.
// CHECK-LABEL: func.func @cost
// CHECK: ukernel.cost flops(%{{.*}}) bytes(%{{.*}})
func.func @cost(%flops: index, %bytes: index) {
  ukernel.cost flops(%flops) bytes(%bytes)
  return
}

// Tasks that can fail end with a status.
// CHECK-LABEL: func.func @status
// CHECK: ukernel.end %{{.*}}
func.func @status(%n: index, %c0: index, %code: i32) {
  ukernel.phase tasks(%n) work(%n) scratch(%c0) {
  ^bb0(%begin: index, %end: index, %scratch: memref<?xi8>):
    ukernel.end %code
  }
  return
}
