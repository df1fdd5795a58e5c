// One broken rule per function; labels as in dialects/nn/NnTrees.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @rank_of_x(%x: tensor<?x4x1xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{'nn.tree_ensemble' op C1: x has rank 3 but needs 2}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4x1xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @rank_of_nodes(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9x1xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C1: nodes has rank 2 but needs 1}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9x1xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @columns(%x: tensor<?x4xf32>, %columns: tensor<2x3xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C1: columns have extent 3 in dimension 1 but need 4}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x3xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @ranges(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %ranges: tensor<8x2xi32>, %targets: tensor<9xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C1: ranges have extent 8 in dimension 0 but need 9}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, ranges %ranges, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<8x2xi32>, tensor<9xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @cuts(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf64>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C2: cuts of 'f64' but x of 'f32'}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf64>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @kind(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C3: kind is sum, min or max, not prod}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble prod, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @bits(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C4: a node of 32 bits has 16 for its rank and 16 for its column}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 16 : i64, column_bits = 16 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @rank_bits(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C4: a node of 32 bits has 0 for its rank and 8 for its column}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 0 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @order(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<2xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C5: order have extent 2 in dimension 0 but need 1}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<2xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @targets(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<2xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C5: targets have extent 2 in dimension 0 but need 1}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<2xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @targets_of_weights(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %ranges: tensor<9x2xi32>, %targets: tensor<2xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C5: targets have extent 2 in dimension 0 but need 9}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, ranges %ranges, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<9x2xi32>, tensor<2xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}

// -----

func.func @scores(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %roots: tensor<1xi32>, %order: tensor<1xi32>, %targets: tensor<1xi32>, %weights: tensor<9xf32>) {
  // expected-error @below {{C6: scores is 0 but must be positive}}
  // expected-error @below {{failed to infer returned types}}
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 0 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return
}
