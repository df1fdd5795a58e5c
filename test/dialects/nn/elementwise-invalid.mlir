// One broken rule per function; labels as in dialects/nn/NnElementwise.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @element_types(%x: tensor<2xf32>, %y: tensor<2xf16>) {
  // expected-error @below {{C1: operands have element types 'f32' and 'f16'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.add %x, %y : (tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>
  return
}

// -----

func.func @choices(%c: tensor<2xi1>, %x: tensor<2xf32>, %y: tensor<2xf64>) {
  // expected-error @below {{C1: operands have element types 'f32' and 'f64'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.select %c, %x, %y : (tensor<2xi1>, tensor<2xf32>, tensor<2xf64>) -> tensor<2xf32>
  return
}

// -----

func.func @shapes(%x: tensor<?x3xf32>, %y: tensor<4xf32>) {
  // expected-error @below {{C2: shapes 'tensor<?x3xf32>' and 'tensor<4xf32>' do not broadcast}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.mul %x, %y : (tensor<?x3xf32>, tensor<4xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @result_shape(%x: tensor<3xf32>) {
  // expected-error @below {{'nn.exp' op inferred type(s) 'tensor<3xf32>' are incompatible with return type(s) of operation 'tensor<4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.exp %x : (tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @cast_result(%x: tensor<3xf32>) {
  // expected-error @below {{are incompatible with return type(s)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.cast %x to i8 : (tensor<3xf32>) -> tensor<3xi16>
  return
}

// -----

func.func @bitcast_width(%x: tensor<3xf32>) {
  // expected-error @below {{C3: element type has 16 bits but the operand's has 32}}
  %0 = nn.bitcast %x to i16 : (tensor<3xf32>) -> tensor<3xi16>
  return
}

// -----

func.func @integer_exp(%x: tensor<3xi32>) {
  // expected-error @below {{operand #0 must be ranked tensor of floating point values}}
  %0 = nn.exp %x : (tensor<3xi32>) -> tensor<3xi32>
  return
}

// -----

func.func @arithmetic_of_small_floats(%x: tensor<3xf8E4M3FN>) {
  // expected-error @below {{operand #0 must be ranked tensor of}}
  %0 = nn.add %x, %x : (tensor<3xf8E4M3FN>, tensor<3xf8E4M3FN>) -> tensor<3xf8E4M3FN>
  return
}

// -----

func.func @comparison_of_small_integers(%x: tensor<3xi4>) {
  // expected-error @below {{operand #0 must be ranked tensor of}}
  %0 = nn.compare eq, %x, %x : (tensor<3xi4>, tensor<3xi4>) -> tensor<3xi1>
  return
}

// -----

func.func @arithmetic_of_complex_numbers(%x: tensor<3xcomplex<f32>>) {
  // expected-error @below {{operand #0 must be ranked tensor of}}
  %0 = nn.add %x, %x : (tensor<3xcomplex<f32>>, tensor<3xcomplex<f32>>) -> tensor<3xcomplex<f32>>
  return
}

// -----

func.func @real_part_of_a_real(%x: tensor<3xf32>) {
  // expected-error @below {{operand #0 must be ranked tensor of complex number values}}
  %0 = nn.real %x : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @parts_of_two_types(%x: tensor<4xf32>, %y: tensor<4xf64>) {
  // expected-error @below {{C1: operands have element types 'f32' and 'f64'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.complex %x, %y : (tensor<4xf32>, tensor<4xf64>) -> tensor<4xcomplex<f32>>
  return
}

// -----

func.func @parts_of_integers(%x: tensor<4xi32>) {
  // expected-error @below {{operand #0 must be ranked tensor of 32-bit float or 64-bit float values}}
  %0 = nn.complex %x, %x : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>
  return
}

// -----

func.func @bitcast_of_complex_numbers(%x: tensor<3xcomplex<f64>>) {
  // expected-error @below {{C3: element type has 64 bits but the operand's has 128}}
  %0 = nn.bitcast %x to f64 : (tensor<3xcomplex<f64>>) -> tensor<3xf64>
  return
}
