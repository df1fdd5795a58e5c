// RUN: tenon-opt %s --tenon-build-descriptor="symbol=my_model name=tiny producer=me triple=x86_64-linux-gnu cpu=znver4 features=avx2,fma" --split-input-file --verify-diagnostics | FileCheck %s

// Names keep their bytes; a dynamic dimension is -1 and has the number of its symbol; equal symbols have equal numbers. The descriptor
// follows the struct of the model ABI; the manifest is JSON. The attributes it was made from are gone, but the weights.

// CHECK: module attributes {tenon.weights = [
// CHECK-NOT: {{tenon.inputs|nn.ranges}}
// CHECK-DAG: llvm.mlir.global internal unnamed_addr constant @[[NAME:text_[0-9a-f]*]]("caf\C3\A9:0\00")
// CHECK-DAG: @[[MANIFEST:text_[0-9a-f]*]]("{\22arena_bytes\22:null,\22buffers\22:[{\22bytes\22:64,\22first\22:0,\22last\22:1,\22storage\22:{\22arena\22:0},\22type\22:\22f32[?]\22}],\22cpu\22:\22znver4\22,\22inputs\22:[{\22dims\22:[\22n\22,3],\22name\22:\22caf\C3\A9:0\22,\22type\22:\22f32\22},{\22dims\22:[null],\22name\22:\22b\22,\22type\22:\22u8\22}],\22kernels\22:[{\22launches\22:2,\22name\22:\22k_0\22,\22nodes\22:[\22a\22,\22b\22],\22path\22:\22vector\22,\22phases\22:1}],\22launches\22:2,\22nodes\22:2,\22outputs\22:[{\22dims\22:[\22n\22],\22name\22:\22y\22,\22type\22:\22bool\22}],\22producer\22:\22me\22,\22ranges\22:{\22n\22:[1,8]},\22table_slots\22:7,\22triple\22:\22x86_64-linux-gnu\22,\22weights_bytes\22:64}\00")
// CHECK-DAG: @[[NODES:text_[0-9a-f]*]]("a, b\00")
// CHECK-DAG: @model_inputs_dims0(dense<[-1, 3]> : tensor<2xi64>)
// CHECK-DAG: @model_inputs_symbols0(dense<[0, -1]> : tensor<2xi32>)
// CHECK-DAG: @model_inputs_symbols1(dense<-1> : tensor<1xi32>)
// CHECK-DAG: @model_outputs_symbols0(dense<0> : tensor<1xi32>)
// CHECK-DAG: @model_symbol_ranges(dense<[1, 8]> : tensor<2xi64>)
// CHECK: llvm.mlir.global external constant @tenon_weights() {{.*}}alignment = 64 : i64{{.*}} : !llvm.array<64 x i8>
// CHECK: llvm.mlir.global external constant @my_model() {{.*}} : !llvm.struct<(i32, i32, ptr, ptr, ptr, ptr, ptr, i32, i32, ptr, i32, i32, ptr, ptr, ptr, i32, i32, ptr, ptr, i64, ptr, i64, i64, ptr, ptr, ptr, ptr, ptr, ptr, i32)>
// CHECK: llvm.mlir.constant(208 : i32)
// CHECK: llvm.mlir.addressof @[[MANIFEST]]
// CHECK: llvm.mlir.addressof @tenon_plan
// CHECK: llvm.mlir.addressof @tenon_run
module attributes {
  tenon.inputs = [{name = "caf\C3\A9:0", dims = ["n", ""], type = tensor<?x3xf32>}, {name = "b", dims = [""], type = tensor<?xui8>}],
  tenon.outputs = [{name = "y", dims = ["n"], type = tensor<?xi1>}],
  tenon.kernels = [{name = "k_0", nodes = ["a", "b"], launches = 2 : i64, phases = 1 : i64, nn.path = "vector"}],
  tenon.buffers = [{storage = {arena = 0 : i64}, bytes = 64 : i64, first = 0 : i64, last = 1 : i64, type = tensor<?xf32>}],
  tenon.table_slots = 7 : i64, nn.ranges = {n = array<i64: 1, 8>}, tenon.weights = [{offset = 0 : i64, value = dense<1.0> : tensor<4xf32>}]} {
  llvm.func @tenon_plan(!llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
  llvm.func @tenon_run(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
}

// -----

// expected-error @below {{expected a module whose main is lowered}}
module {
}

// -----

// Texts of constants are bytes one behind the other, and where each ends; a string's type has a number of its own.

// CHECK-NOT: nn.strings
// CHECK: llvm.mlir.global internal constant @model_inputs()
// CHECK: llvm.mlir.constant(64 : i32)
// CHECK: @model_string_bytes("caf\C3\A9a\00b")
// CHECK: @model_string_ends(dense<[5, 8]> : tensor<2xi64>)
// CHECK: llvm.mlir.global external constant @my_model()
// CHECK: llvm.mlir.constant(2 : i64)
// CHECK: llvm.mlir.addressof @model_string_bytes
// CHECK: llvm.mlir.addressof @model_string_ends
module attributes {
  tenon.inputs = [{name = "x", dims = [""], type = tensor<?xsi64>}], tenon.outputs = [], tenon.kernels = [], tenon.buffers = [],
  tenon.table_slots = 2 : i64, nn.strings = ["caf\C3\A9", "a\00b"], tenon.weights = []} {
  llvm.func @tenon_plan(!llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
  llvm.func @tenon_run(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
}
