// RUN: tenon-opt %s --tenon-recognize-lookup | FileCheck %s

// Rows 0, 1, 2 and a fourth of zeros for every other x.
// CHECK-LABEL: @one_hot
//  CHECK-SAME: (%[[X:.*]]: tensor<?x1xi32>)
//   CHECK-DAG:   %[[TABLE:.*]] = nn.constant dense<{{.*}}> : tensor<3x2xf32>
//   CHECK-DAG:   %[[ZEROS:.*]] = nn.constant dense<0.000000e+00> : tensor<1x2xf32>
//   CHECK-DAG:   %[[FOUR:.*]] = nn.constant dense<3> : tensor<i32>
//   CHECK-DAG:   %[[NEGATIVE:.*]] = nn.compare lt, %[[X]]
//   CHECK-DAG:   %[[LEAST:.*]] = nn.min %[[X]], %[[FOUR]]
//       CHECK:   nn.select %[[NEGATIVE]], %[[FOUR]], %[[LEAST]]
//       CHECK:   %[[ROWS:.*]] = nn.concat %[[TABLE]], %[[ZEROS]] {axis = 0 : i64}
//       CHECK:   nn.gather %[[ROWS]], %{{.*}} {axis = 0 : i64} : (tensor<4x2xf32>, tensor<?xi32>) -> tensor<?x2xf32>
func.func @one_hot(%x: tensor<?x1xi32>) -> tensor<?x2xf32> {
  %counting = nn.constant dense<[[0, 1, 2]]> : tensor<1x3xi32>
  %table = nn.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %0 = nn.compare eq, %x, %counting : (tensor<?x1xi32>, tensor<1x3xi32>) -> tensor<?x3xi1>
  %1 = nn.cast %0 to f32 : (tensor<?x3xi1>) -> tensor<?x3xf32>
  %2 = nn.matmul %1, %table : (tensor<?x3xf32>, tensor<3x2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Not counting from 0 in ones: a product.
// CHECK-LABEL: @other_order
//       CHECK:   nn.matmul
func.func @other_order(%x: tensor<?x1xi32>) -> tensor<?x2xf32> {
  %counting = nn.constant dense<[[0, 2, 1]]> : tensor<1x3xi32>
  %table = nn.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %0 = nn.compare eq, %x, %counting : (tensor<?x1xi32>, tensor<1x3xi32>) -> tensor<?x3xi1>
  %1 = nn.cast %0 to f32 : (tensor<?x3xi1>) -> tensor<?x3xf32>
  %2 = nn.matmul %1, %table : (tensor<?x3xf32>, tensor<3x2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Infinity times 0 is NaN in the product.
// CHECK-LABEL: @infinite_table
//       CHECK:   nn.matmul
func.func @infinite_table(%x: tensor<?x1xi32>) -> tensor<?x1xf32> {
  %counting = nn.constant dense<[[0, 1]]> : tensor<1x2xi32>
  %table = nn.constant dense<[[1.0], [0x7F800000]]> : tensor<2x1xf32>
  %0 = nn.compare eq, %x, %counting : (tensor<?x1xi32>, tensor<1x2xi32>) -> tensor<?x2xi1>
  %1 = nn.cast %0 to f32 : (tensor<?x2xi1>) -> tensor<?x2xf32>
  %2 = nn.matmul %1, %table : (tensor<?x2xf32>, tensor<2x1xf32>) -> tensor<?x1xf32>
  return %2 : tensor<?x1xf32>
}
