// RUN: tenon-opt %s | tenon-opt | FileCheck %s
// RUN: tenon-opt --mlir-print-op-generic %s | tenon-opt | FileCheck %s

// Buffers, then numbers.
// CHECK-LABEL: func @concat
// CHECK: ukernel.call "tenon_text_concat"(%{{.*}}, %{{.*}}, %{{.*}}) scalars(%{{.*}}) : memref<?xi64>, memref<?xi64>, memref<?xi64>
func.func @concat(%a: memref<?xi64>, %b: memref<?xi64>, %c: memref<?xi64>, %n: index) {
  ukernel.call "tenon_text_concat"(%a, %b, %c) scalars(%n) : memref<?xi64>, memref<?xi64>, memref<?xi64>
  return
}
