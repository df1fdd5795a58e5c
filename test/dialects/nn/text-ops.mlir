// Text ops parse, verify and print; what is printed parses again. Strings are si64: the number of a text in the table of a run.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK: module attributes {nn.strings = ["a", "b"]}
module attributes {nn.strings = ["a", "b"]} {

// What makes texts.
// CHECK-LABEL: @composed
func.func @composed(%x: tensor<?x3xsi64>, %y: tensor<?x3xsi64>) {
  // CHECK: nn.string_concat %{{.*}}, %{{.*}} : (tensor<?x3xsi64>, tensor<?x3xsi64>) -> tensor<?x3xsi64>
  %0 = nn.string_concat %x, %y : (tensor<?x3xsi64>, tensor<?x3xsi64>) -> tensor<?x3xsi64>
  // CHECK: nn.string_case %{{.*}} : (tensor<?x3xsi64>) -> tensor<?x3xsi64>
  %1 = nn.string_case %x : (tensor<?x3xsi64>) -> tensor<?x3xsi64>
  // CHECK: nn.string_case %{{.*}} {turkic, upper} : (tensor<?x3xsi64>) -> tensor<?x3xsi64>
  %2 = nn.string_case %x {turkic, upper} : (tensor<?x3xsi64>) -> tensor<?x3xsi64>
  return
}

// CHECK-LABEL: @split
func.func @split(%x: tensor<?xsi64>, %n: index) {
  // CHECK: nn.constant dense<1> : tensor<si64>
  %d = nn.constant dense<1> : tensor<si64>
  // CHECK: nn.string_split_count %{{.*}}, %{{.*}} {most = -1 : i64} : (tensor<?xsi64>, tensor<si64>) -> tensor<?xi64>
  %0 = nn.string_split_count %x, %d {most = -1 : i64} : (tensor<?xsi64>, tensor<si64>) -> tensor<?xi64>
  // CHECK: nn.string_split %{{.*}}, %{{.*}}, %{{.*}} {most = 2 : i64} : (tensor<?xsi64>, tensor<si64>, index) -> tensor<?x?xsi64>
  %1 = nn.string_split %x, %d, %n {most = 2 : i64} : (tensor<?xsi64>, tensor<si64>, index) -> tensor<?x?xsi64>
  return
}

// What asks something of texts.
// CHECK-LABEL: @asked
func.func @asked(%x: tensor<4xsi64>, %p: tensor<9xi64>) {
  // CHECK: nn.string_match %{{.*}}, %{{.*}} : (tensor<4xsi64>, tensor<9xi64>) -> tensor<4xi1>
  %0 = nn.string_match %x, %p : (tensor<4xsi64>, tensor<9xi64>) -> tensor<4xi1>
  // CHECK: nn.string_rank %{{.*}} : (tensor<4xsi64>) -> tensor<4xi64>
  %1 = nn.string_rank %x : (tensor<4xsi64>) -> tensor<4xi64>
  return
}

// CHECK-LABEL: @converted
func.func @converted(%x: tensor<?xsi64>, %y: tensor<2xui8>) {
  // CHECK: nn.string_parse %{{.*}} to f32 : (tensor<?xsi64>) -> tensor<?xf32>
  %0 = nn.string_parse %x to f32 : (tensor<?xsi64>) -> tensor<?xf32>
  // CHECK: nn.string_format %{{.*}} : (tensor<2xui8>) -> tensor<2xsi64>
  %1 = nn.string_format %y : (tensor<2xui8>) -> tensor<2xsi64>
  return
}

// Movement and equality know nothing of texts.
// CHECK-LABEL: @moved
func.func @moved(%x: tensor<?x3xsi64>, %i: tensor<2xi64>) -> tensor<?x2xi1> {
  // CHECK: nn.gather %{{.*}} : (tensor<?x3xsi64>, tensor<2xi64>) -> tensor<?x2xsi64>
  %0 = nn.gather %x, %i {axis = 1 : i64} : (tensor<?x3xsi64>, tensor<2xi64>) -> tensor<?x2xsi64>
  // CHECK: nn.compare eq, %{{.*}} : (tensor<?x2xsi64>, tensor<?x2xsi64>) -> tensor<?x2xi1>
  %1 = nn.compare eq, %0, %0 : (tensor<?x2xsi64>, tensor<?x2xsi64>) -> tensor<?x2xi1>
  return %1 : tensor<?x2xi1>
}
}
