// One broken rule per function; labels as in dialects/nn/NnIndexing.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @gather_axis(%x: tensor<4x5xf32>, %i: tensor<3xi64>) {
  // expected-error @below {{'nn.gather' op C1: axis 2 is outside [0, 2)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.gather %x, %i {axis = 2 : i64} : (tensor<4x5xf32>, tensor<3xi64>) -> tensor<4x5x3xf32>
  return
}

// -----

func.func @gather_elements_ranks(%x: tensor<4x5xf32>, %i: tensor<3xi64>) {
  // expected-error @below {{'nn.gather_elements' op C1: input has rank 2 but indices have rank 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.gather_elements %x, %i {axis = 0 : i64} : (tensor<4x5xf32>, tensor<3xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @gather_elements_axis(%x: tensor<4x5xf32>, %i: tensor<3x5xi64>) {
  // expected-error @below {{C2: axis -1 is outside [0, 2)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.gather_elements %x, %i {axis = -1 : i64} : (tensor<4x5xf32>, tensor<3x5xi64>) -> tensor<3x5xf32>
  return
}

// -----

func.func @gather_nd_batch(%x: tensor<4x5xf32>, %i: tensor<3x1xi64>) {
  // expected-error @below {{'nn.gather_nd' op C1: batch_dims is 2 but ranks are 2 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.gather_nd %x, %i {batch_dims = 2 : i64} : (tensor<4x5xf32>, tensor<3x1xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_batch_extent(%x: tensor<4x5xf32>, %i: tensor<3x1xi64>) {
  // expected-error @below {{C1: batch dimension 0 is 4 and 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.gather_nd %x, %i {batch_dims = 1 : i64} : (tensor<4x5xf32>, tensor<3x1xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_dynamic(%x: tensor<4x5xf32>, %i: tensor<3x?xi64>) {
  // expected-error @below {{C2: the last extent of indices must be static}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.gather_nd %x, %i : (tensor<4x5xf32>, tensor<3x?xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @gather_nd_depth(%x: tensor<4x5xf32>, %i: tensor<3x3xi64>) {
  // expected-error @below {{C2: indices address 3 dimensions after 0 but input has rank 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.gather_nd %x, %i : (tensor<4x5xf32>, tensor<3x3xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @scatter_elements_shapes(%x: tensor<4x5xf32>, %i: tensor<3x5xi64>, %u: tensor<2x5xf32>) {
  // expected-error @below {{'nn.scatter_elements' op C3: indices 'tensor<3x5xi64>' and updates 'tensor<2x5xf32>' differ in shape}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_elements assign, %x, %i, %u {axis = 0 : i64} : (tensor<4x5xf32>, tensor<3x5xi64>, tensor<2x5xf32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @scatter_elements_types(%x: tensor<4x5xf32>, %i: tensor<3x5xi64>, %u: tensor<3x5xf16>) {
  // expected-error @below {{C3: input has element type 'f32' but updates have 'f16'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_elements assign, %x, %i, %u {axis = 0 : i64} : (tensor<4x5xf32>, tensor<3x5xi64>, tensor<3x5xf16>) -> tensor<4x5xf32>
  return
}

// -----

func.func @scatter_nd_types(%x: tensor<4xf32>, %i: tensor<3x1xi64>, %u: tensor<3xf16>) {
  // expected-error @below {{'nn.scatter_nd' op C1: input has element type 'f32' but updates have 'f16'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_nd assign, %x, %i, %u : (tensor<4xf32>, tensor<3x1xi64>, tensor<3xf16>) -> tensor<4xf32>
  return
}

// -----

func.func @scatter_nd_scalar_indices(%x: tensor<4xf32>, %i: tensor<i64>, %u: tensor<4xf32>) {
  // expected-error @below {{C2: indices have rank 0 but need 1 or more}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_nd assign, %x, %i, %u : (tensor<4xf32>, tensor<i64>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @scatter_nd_dynamic(%x: tensor<4xf32>, %i: tensor<3x?xi64>, %u: tensor<3xf32>) {
  // expected-error @below {{C2: the last extent of indices must be static}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_nd assign, %x, %i, %u : (tensor<4xf32>, tensor<3x?xi64>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @scatter_nd_depth(%x: tensor<4xf32>, %i: tensor<3x2xi64>, %u: tensor<3xf32>) {
  // expected-error @below {{C2: indices address 2 dimensions but input has rank 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_nd assign, %x, %i, %u : (tensor<4xf32>, tensor<3x2xi64>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @scatter_nd_updates(%x: tensor<4x5xf32>, %i: tensor<3x1xi64>, %u: tensor<3x4xf32>) {
  // expected-error @below {{C3: updates are 'tensor<3x4xf32>' but need 'tensor<3x5xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_nd assign, %x, %i, %u : (tensor<4x5xf32>, tensor<3x1xi64>, tensor<3x4xf32>) -> tensor<4x5xf32>
  return
}

// -----

func.func @non_zero(%x: tensor<4x5xf32>, %n: index) {
  // expected-error @below {{'nn.non_zero' op inferred type(s) 'tensor<2x?xi64>' are incompatible with return type(s) of operation 'tensor<3x?xi64>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.non_zero %x, %n : (tensor<4x5xf32>, index) -> tensor<3x?xi64>
  return
}

// -----

func.func @scatter_elements_strings(%x: tensor<4x5xsi64>, %i: tensor<2x5xi64>, %u: tensor<2x5xsi64>) {
  // expected-error @below {{C5: elements of type 'si64' are not combined by add}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<4x5xsi64>, tensor<2x5xi64>, tensor<2x5xsi64>) -> tensor<4x5xsi64>
  return
}

// -----

func.func @scatter_nd_complex(%x: tensor<4xcomplex<f32>>, %i: tensor<3x1xi64>, %u: tensor<3xcomplex<f32>>) {
  // expected-error @below {{C4: elements of type 'complex<f32>' are not combined by max}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.scatter_nd max, %x, %i, %u : (tensor<4xcomplex<f32>>, tensor<3x1xi64>, tensor<3xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  return
}
