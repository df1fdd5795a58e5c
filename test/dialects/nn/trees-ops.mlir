// Ensembles of decision trees print as they are read, and the shapes of their results follow.
// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// The scores are as many as the attribute says; there is room for the leaves of eight rows.
// CHECK-LABEL: @dynamic_rows
func.func @dynamic_rows(%x: tensor<?x4xf32>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf32>, %nodes: tensor<9xui32>, %one: tensor<1xi32>,
                        %weights: tensor<9xf32>) -> tensor<?x1xf32> {
  // CHECK: nn.tree_ensemble sum, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {column_bits = 8 : i64, rank_bits = 8 : i64, scores = 1 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)
  %0, %1 = nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %one, %one, %one, %weights
      {scores = 1 : i64, rank_bits = 8 : i64, column_bits = 8 : i64, steps = 3 : i64}
      : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>, tensor<9xf32>)
      -> (tensor<?x1xf32>, tensor<8x1xi32>)
  return %0 : tensor<?x1xf32>
}

// Ranges say which weights a leaf gives. Three rows need room for three, a hundred none.
// CHECK-LABEL: @ranges
func.func @ranges(%few: tensor<3x4xf64>, %many: tensor<100x4xf64>, %columns: tensor<2x4xi32>, %cuts: tensor<5xf64>, %nodes: tensor<9xui64>,
                  %roots: tensor<2xi32>, %ranges: tensor<9x2xi32>, %targets: tensor<7xi32>, %weights: tensor<7xf32>) {
  // CHECK: nn.tree_ensemble min, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, ranges %{{.*}}, %{{.*}}, %{{.*}} {{.*}} -> (tensor<3x5xf32>, tensor<3x2xi32>)
  %0, %1 = nn.tree_ensemble min, %few, %columns, %cuts, %nodes, %roots, %roots, ranges %ranges, %targets, %weights
      {scores = 5 : i64, rank_bits = 16 : i64, column_bits = 16 : i64, steps = 3 : i64}
      : (tensor<3x4xf64>, tensor<2x4xi32>, tensor<5xf64>, tensor<9xui64>, tensor<2xi32>, tensor<2xi32>, tensor<9x2xi32>, tensor<7xi32>, tensor<7xf32>)
      -> (tensor<3x5xf32>, tensor<3x2xi32>)
  // CHECK: nn.tree_ensemble max, {{.*}} -> (tensor<100x5xf32>, tensor<0x2xi32>)
  %2, %3 = nn.tree_ensemble max, %many, %columns, %cuts, %nodes, %roots, %roots, ranges %ranges, %targets, %weights
      {scores = 5 : i64, rank_bits = 16 : i64, column_bits = 16 : i64, steps = 3 : i64}
      : (tensor<100x4xf64>, tensor<2x4xi32>, tensor<5xf64>, tensor<9xui64>, tensor<2xi32>, tensor<2xi32>, tensor<9x2xi32>, tensor<7xi32>, tensor<7xf32>)
      -> (tensor<100x5xf32>, tensor<0x2xi32>)
  return
}
