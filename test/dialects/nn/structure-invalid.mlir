// One broken rule per function; labels as in dialects/nn/NnStructure.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @main(%x: tensor<2xf32>) {
  // expected-error @below {{C1: no function @missing in this module}}
  %0 = nn.launch @missing(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func private @plain(%x: tensor<2xf32>) -> tensor<2xf32>

func.func @main(%x: tensor<2xf32>) {
  // expected-error @below {{C1: function @plain has no attribute nn.kernel}}
  %0 = nn.launch @plain(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func private @k(%x: tensor<2xf32>) -> tensor<2xf32> attributes {nn.kernel}

func.func @main(%x: tensor<2xf32>, %n: index) {
  // expected-error @below {{C2: @k takes 1 arguments but gets 2}}
  %0 = nn.launch @k(%x) scalars(%n : index) : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func private @k(%x: tensor<3xf32>) -> tensor<2xf32> attributes {nn.kernel}

func.func @main(%x: tensor<2xf32>) {
  // expected-error @below {{C2: argument 0 of @k is 'tensor<3xf32>' but gets 'tensor<2xf32>'}}
  %0 = nn.launch @k(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

// A scheduled kernel on booleans takes bytes.
func.func private @k(%x: memref<?xf32>, %out: memref<?xi1>) attributes {nn.kernel}

func.func @main(%x: tensor<2xf32>) {
  // expected-error @below {{C2: argument 1 of @k is 'memref<?xi1>' but gets 'tensor<2xi1>'}}
  %0 = nn.launch @k(%x) : (tensor<2xf32>) -> tensor<2xi1>
  return
}

// -----

func.func private @k(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) attributes {nn.kernel}

func.func @main(%x: tensor<2xf32>) {
  // expected-error @below {{C3: @k has 2 results but 1 are expected}}
  %0 = nn.launch @k(%x) : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func private @k(%x: tensor<2xf32>) -> tensor<2xf32> attributes {nn.kernel}

func.func @main(%x: tensor<2xf32>) {
  // expected-error @below {{C3: result 0 of @k is 'tensor<2xf32>' but 'tensor<4xf32>' is expected}}
  %0 = nn.launch @k(%x) : (tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func private @k(%x: tensor<?xf32>) -> tensor<?xf32> attributes {nn.kernel}

func.func @main(%x: tensor<?xf32>) {
  // expected-error @below {{C4: results have 1 dynamic extents but 0 are given}}
  %0 = nn.launch @k(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @main() {
  // expected-error @below {{C1: the message is empty}}
  nn.fail ""
  return
}

// -----

func.func @main(%rank: index) {
  // expected-error @below {{attribute 'output' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  "nn.output_rank"(%rank) {output = -1 : i64} : (index) -> ()
  return
}

// -----

func.func @main(%same: i1, %a: index) {
  // expected-error @below {{C1: the message shows 2 values but there are 1}}
  nn.require %same, "%lld and %lld differ"(%a)
  return
}

// -----

func.func @main(%same: i1, %a: index) {
  // expected-error @below {{C1: the message shows 1 values but there are 1}}
  nn.require %same, "%lld is 100%"(%a)
  return
}

// -----

func.func @main(%a: tensor<2x6xf32>) {
  // expected-error @below {{C1: needs at least two parts}}
  %0 = nn.join %a : (tensor<2x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @main(%a: tensor<2x6xf32>, %b: tensor<6xf32>) {
  // expected-error @below {{C1: 'tensor<6xf32>' and 'tensor<2x12xf32>' differ in element type or rank}}
  %0 = nn.join %a, %b : (tensor<2x6xf32>, tensor<6xf32>) -> tensor<2x12xf32>
  return
}

// -----

func.func @main(%a: tensor<2x6xf32>, %b: tensor<2x?xf32>) {
  // expected-error @below {{C2: the last extent of 'tensor<2x?xf32>' is not known}}
  %0 = nn.join %a, %b : (tensor<2x6xf32>, tensor<2x?xf32>) -> tensor<2x12xf32>
  return
}

// -----

func.func @main(%a: tensor<?x6xf32>, %b: tensor<?x1xf32>) {
  // expected-error @below {{C2: the last extent is 8 but that of the parts 7}}
  %0 = nn.join %a, %b : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @main(%x: tensor<?x6xf32>) {
  // expected-error @below {{C1: 'tensor<?x6xf32>' and 'tensor<2xf32>' differ in element type or rank}}
  %0 = nn.part %x {offset = 4 : i64} : (tensor<?x6xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @main(%x: tensor<?x?xf32>) {
  // expected-error @below {{C2: the last extents of 'tensor<?x?xf32>' and 'tensor<?x2xf32>' have to be known}}
  %0 = nn.part %x {offset = 4 : i64} : (tensor<?x?xf32>) -> tensor<?x2xf32>
  return
}

// -----

func.func @main(%x: tensor<?x6xf32>) {
  // expected-error @below {{C2: the range from 5 to 7 does not lie in an extent of 6}}
  %0 = nn.part %x {offset = 5 : i64} : (tensor<?x6xf32>) -> tensor<?x2xf32>
  return
}
