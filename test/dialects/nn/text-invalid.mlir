// One broken rule per function; labels as in dialects/nn/NnText.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @concat_shapes(%x: tensor<2xsi64>, %y: tensor<3xsi64>) {
  // expected-error @below {{'nn.string_concat' op C1: lhs 'tensor<2xsi64>' and rhs 'tensor<3xsi64>' differ in shape}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.string_concat %x, %y : (tensor<2xsi64>, tensor<3xsi64>) -> tensor<2xsi64>
  return
}

// -----

func.func @match_program(%x: tensor<2xsi64>, %p: tensor<i64>) {
  // expected-error @below {{'nn.string_match' op C1: the program has rank 0 but needs 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.string_match %x, %p : (tensor<2xsi64>, tensor<i64>) -> tensor<2xi1>
  return
}

// -----

func.func @split_count_delimiter(%x: tensor<2xsi64>, %d: tensor<1xsi64>) {
  // expected-error @below {{'nn.string_split_count' op C1: the delimiter has rank 1 but needs 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.string_split_count %x, %d {most = -1 : i64} : (tensor<2xsi64>, tensor<1xsi64>) -> tensor<2xi64>
  return
}

// -----

func.func @split_delimiter(%x: tensor<2xsi64>, %d: tensor<1xsi64>, %n: index) {
  // expected-error @below {{'nn.string_split' op C1: the delimiter has rank 1 but needs 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.string_split %x, %d, %n {most = -1 : i64} : (tensor<2xsi64>, tensor<1xsi64>, index) -> tensor<2x?xsi64>
  return
}

// -----

func.func @parse_to_text(%x: tensor<2xsi64>) {
  // expected-error @below {{'nn.string_parse' op C1: the element type is that of strings}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.string_parse %x to si64 : (tensor<2xsi64>) -> tensor<2xf32>
  return
}

// -----

// Strings are no numbers.
func.func @sum_of_texts(%x: tensor<2xsi64>) {
  // expected-error @below {{'nn.add' op operand #0 must be ranked tensor of}}
  %0 = nn.add %x, %x : (tensor<2xsi64>, tensor<2xsi64>) -> tensor<2xsi64>
  return
}

// -----

func.func @text_as_number(%x: tensor<2xsi64>) {
  // expected-error @below {{'nn.cast' op operand #0 must be ranked tensor of}}
  %0 = nn.cast %x to f32 : (tensor<2xsi64>) -> tensor<2xf32>
  return
}

// -----

func.func @case_of_numbers(%x: tensor<2xi64>) {
  // expected-error @below {{'nn.string_case' op operand #0 must be ranked tensor of string values}}
  %0 = nn.string_case %x : (tensor<2xi64>) -> tensor<2xsi64>
  return
}
