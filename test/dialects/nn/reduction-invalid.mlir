// One broken rule per function; labels as in dialects/nn/NnReduction.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @reduce_axis(%x: tensor<2x3xf32>) {
  // expected-error @below {{'nn.reduce' op C1: axis 2 is outside [0, 2)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.reduce sum, %x {axes = array<i64: 2>} : (tensor<2x3xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @reduce_order(%x: tensor<2x3xf32>) {
  // expected-error @below {{C1: axes must ascend but 0 follows 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.reduce sum, %x {axes = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<f32>
  return
}

// -----

func.func @reduce_booleans(%x: tensor<3xi1>) {
  // expected-error @below {{C2: booleans reduce with max or min, not sum}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.reduce sum, %x {axes = array<i64: 0>} : (tensor<3xi1>) -> tensor<i1>
  return
}

// -----

func.func @arg_reduce_axis(%x: tensor<3xf32>) {
  // expected-error @below {{'nn.arg_reduce' op C1: axis -1 is outside [0, 1)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.arg_reduce max, %x {axis = -1 : i64} : (tensor<3xf32>) -> tensor<i64>
  return
}

// -----

func.func @arg_reduce_kind(%x: tensor<3xf32>) {
  // expected-error @below {{C2: kind is max or min, not prod}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.arg_reduce prod, %x {axis = 0 : i64} : (tensor<3xf32>) -> tensor<i64>
  return
}

// -----

func.func @cumulative_axis(%x: tensor<3xf32>) {
  // expected-error @below {{'nn.cumulative' op C1: axis 1 is outside [0, 1)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.cumulative sum, %x {axis = 1 : i64} : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @cumulative_kind(%x: tensor<3xf32>) {
  // expected-error @below {{C2: kind is sum or prod, not max}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.cumulative max, %x {axis = 0 : i64} : (tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @top_k_axis(%x: tensor<3xf32>, %k: index) {
  // expected-error @below {{'nn.top_k' op C1: axis 1 is outside [0, 1)}}
  // expected-error @below {{failed to infer returned types}}
  %0:2 = nn.top_k %x, %k {axis = 1 : i64} : (tensor<3xf32>, index) -> (tensor<?xf32>, tensor<?xi64>)
  return
}

// -----

func.func @top_k_count(%x: tensor<3xf32>) {
  %c4 = arith.constant 4 : index
  // expected-error @below {{C2: k is 4 but the axis has extent 3}}
  // expected-error @below {{failed to infer returned types}}
  %0:2 = nn.top_k %x, %c4 {axis = 0 : i64} : (tensor<3xf32>, index) -> (tensor<4xf32>, tensor<4xi64>)
  return
}

// -----

func.func @suppression_boxes_rank(%b: tensor<6x4xf32>, %s: tensor<1x2x6xf32>, %m: index, %o: f32) {
  // expected-error @below {{C1: boxes have rank 2 but need 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.non_max_suppression %b, %s, %m, %o : (tensor<6x4xf32>, tensor<1x2x6xf32>, index, f32) -> tensor<1x2x?xi64>
  return
}

// -----

func.func @suppression_boxes(%b: tensor<1x6x5xf32>, %s: tensor<1x2x6xf32>, %m: index, %o: f32) {
  // expected-error @below {{C1: a box has 5 entries but needs 4}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.non_max_suppression %b, %s, %m, %o : (tensor<1x6x5xf32>, tensor<1x2x6xf32>, index, f32) -> tensor<1x2x?xi64>
  return
}

// -----

func.func @suppression_scores_rank(%b: tensor<1x6x4xf32>, %s: tensor<2x6xf32>, %m: index, %o: f32) {
  // expected-error @below {{C2: scores have rank 2 but need 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.non_max_suppression %b, %s, %m, %o : (tensor<1x6x4xf32>, tensor<2x6xf32>, index, f32) -> tensor<1x2x?xi64>
  return
}

// -----

func.func @suppression_count(%b: tensor<1x6x4xf32>, %s: tensor<1x2x7xf32>, %m: index, %o: f32) {
  // expected-error @below {{C2: boxes have extent 6 in dimension 1 but scores have 7 in dimension 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.non_max_suppression %b, %s, %m, %o : (tensor<1x6x4xf32>, tensor<1x2x7xf32>, index, f32) -> tensor<1x2x?xi64>
  return
}
