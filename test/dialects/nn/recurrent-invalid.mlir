// One broken rule per function; labels as in dialects/nn/NnRecurrent.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @ranks(%x: tensor<10x32xf32>, %r: tensor<1x8x32xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.lstm' op C1: projected and recurrent have ranks 2 and 3 but need 3, or recurrent 5 if it is packed}}
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

// -----

func.func @gru_ranks(%x: tensor<10x2x24xf32>, %r: tensor<8x24xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.gru' op C1: projected and recurrent have ranks 3 and 2 but need 3, or recurrent 5 if it is packed}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<10x2x24xf32>, tensor<8x24xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @gru_gates(%x: tensor<10x2x32xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.gru' op C2: projected dimension 2 is 32 but must be 24}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<10x2x32xf32>, tensor<1x8x24xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @gru_state(%x: tensor<10x2x24xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x3x8xf32>) {
  // expected-error @below {{'nn.gru' op C2: initial_h dimension 1 is 3 but must be 2}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<10x2x24xf32>, tensor<1x8x24xf32>, tensor<1x3x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @gru_bias_rank(%x: tensor<10x2x24xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x2x8xf32>, %e: tensor<8xf32>) {
  // expected-error @below {{'nn.gru' op C2: bias has rank 1 but needs 2}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h bias %e {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>, linear_before_reset}
      : (tensor<10x2x24xf32>, tensor<1x8x24xf32>, tensor<1x2x8xf32>, tensor<8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @gru_lengths(%x: tensor<10x2x24xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x2x8xf32>, %e: tensor<3xi32>) {
  // expected-error @below {{'nn.gru' op C2: lengths dimension 0 is 3 but must be 2}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h lengths %e {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<10x2x24xf32>, tensor<1x8x24xf32>, tensor<1x2x8xf32>, tensor<3xi32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @gru_activations(%x: tensor<10x2x24xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.gru' op C3: activations, alpha and beta have 2, 1 and 1 entries but need 2}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0>, beta = array<f32: 0.0>}
      : (tensor<10x2x24xf32>, tensor<1x8x24xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @gru_bias(%x: tensor<10x2x24xf32>, %r: tensor<1x8x24xf32>, %h: tensor<1x2x8xf32>, %e: tensor<1x8xf32>) {
  // expected-error @below {{'nn.gru' op C4: bias is given without linear_before_reset}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h bias %e {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<10x2x24xf32>, tensor<1x8x24xf32>, tensor<1x2x8xf32>, tensor<1x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @rnn_ranks(%x: tensor<10x2x8xf32>, %r: tensor<8x8xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.rnn' op C1: projected and recurrent have ranks 3 and 2 but need 3, or recurrent 5 if it is packed}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.rnn forward, %x, %r, %h {activations = array<i32: 1>, alpha = array<f32: 0.0>, beta = array<f32: 0.0>}
      : (tensor<10x2x8xf32>, tensor<8x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @rnn_weights(%x: tensor<10x2x8xf32>, %r: tensor<1x8x16xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.rnn' op C2: recurrent dimension 2 is 16 but must be 8}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.rnn forward, %x, %r, %h {activations = array<i32: 1>, alpha = array<f32: 0.0>, beta = array<f32: 0.0>}
      : (tensor<10x2x8xf32>, tensor<1x8x16xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @rnn_element_types(%x: tensor<10x2x8xf32>, %r: tensor<1x8x8xf64>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.rnn' op C2: recurrent has element type 'f64' but projected has 'f32'}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.rnn forward, %x, %r, %h {activations = array<i32: 1>, alpha = array<f32: 0.0>, beta = array<f32: 0.0>}
      : (tensor<10x2x8xf32>, tensor<1x8x8xf64>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @rnn_activations(%x: tensor<10x2x8xf32>, %r: tensor<1x8x8xf32>, %h: tensor<1x2x8xf32>) {
  // expected-error @below {{'nn.rnn' op C3: 11 is no activation}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.rnn forward, %x, %r, %h {activations = array<i32: 11>, alpha = array<f32: 0.0>, beta = array<f32: 0.0>}
      : (tensor<10x2x8xf32>, tensor<1x8x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)
  return
}

// -----

func.func @panels(%x: tensor<?x1x60xf32>, %r: tensor<1x3x20x3x16xf32>, %h: tensor<1x1x20xf32>) {
  // expected-error @below {{C2: recurrent dimension 1 is 3 but must be 2}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<?x1x60xf32>, tensor<1x3x20x3x16xf32>, tensor<1x1x20xf32>) -> (tensor<?x1x1x20xf32>, tensor<1x1x20xf32>)
  return
}

// -----

func.func @open_panels(%x: tensor<?x1x60xf32>, %r: tensor<1x2x?x3x16xf32>, %h: tensor<1x1x20xf32>) {
  // expected-error @below {{C1: packed recurrent weights need known extents}}
  // expected-error @below {{failed to infer returned types}}
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<?x1x60xf32>, tensor<1x2x?x3x16xf32>, tensor<1x1x20xf32>) -> (tensor<?x1x1x20xf32>, tensor<1x1x20xf32>)
  return
}
