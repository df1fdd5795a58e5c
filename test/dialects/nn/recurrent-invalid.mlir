// One broken rule per function; labels as in dialects/nn/NnRecurrent.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @ranks(%x: tensor<10x32xf32>, %r: tensor<1x8x32xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.lstm' op C1: projected and recurrent have ranks 2 and 3 but need 3}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn, %cn = nn.lstm forward, %x, %r, %h, %h {activations = array<i32: 0, 1, 1>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0>}
      : (tensor<10x32xf32>, tensor<1x8x32xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @gates(%x: tensor<10x2x24xf32>, %r: tensor<1x8x32xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{C2: projected dimension 2 is 24 but must be 32}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn, %cn = nn.lstm forward, %x, %r, %h, %h {activations = array<i32: 0, 1, 1>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0>}
      : (tensor<10x2x24xf32>, tensor<1x8x32xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @peephole_rank(%x: tensor<10x2x32xf32>, %r: tensor<1x8x32xf32>, %h: tensor<1x2x8xf32>, %p: tensor<24xf32>) {
  // expected-error @below {{C2: peephole has rank 1 but needs 2}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn, %cn = nn.lstm forward, %x, %r, %h, %h peephole %p {activations = array<i32: 0, 1, 1>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0>}
      : (tensor<10x2x32xf32>, tensor<1x8x32xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<24xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @element_types(%x: tensor<10x2x32xf32>, %r: tensor<1x8x32xf16>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{C2: recurrent has element type 'f16' but projected has 'f32'}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn, %cn = nn.lstm forward, %x, %r, %h, %h {activations = array<i32: 0, 1, 1>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0>}
      : (tensor<10x2x32xf32>, tensor<1x8x32xf16>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @activations(%x: tensor<10x2x32xf32>, %r: tensor<1x8x32xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{C3: activations, alpha and beta have 2, 3 and 3 entries but need 3}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn, %cn = nn.lstm forward, %x, %r, %h, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0>}
      : (tensor<10x2x32xf32>, tensor<1x8x32xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @unknown_activation(%x: tensor<10x2x32xf32>, %r: tensor<1x8x32xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{C3: 99 is no activation}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn, %cn = nn.lstm forward, %x, %r, %h, %h {activations = array<i32: 0, 1, 99>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0>}
      : (tensor<10x2x32xf32>, tensor<1x8x32xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>)
  return
}
