// RUN: tenon-opt %s --tenon-simplify-algebra | FileCheck %s

// CHECK-LABEL: @square
//       CHECK:   nn.mul %[[X:.*]], %[[X]]
func.func @square(%x: tensor<?xf32>) -> tensor<?xf32> {
  %two = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.pow %x, %two : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// pow(-0.0, 0.5) is 0.0 and pow(-inf, 0.5) is inf, sqrt has others, which matter where x may be negative.
// CHECK-LABEL: @square_root
//       CHECK:   %[[ROOT:.*]] = nn.sqrt %[[SQUARE:.*]] :
//       CHECK:   %[[RAW:.*]] = nn.sqrt %[[X:.*]] :
//   CHECK-DAG:   %[[IS_INFINITE:.*]] = nn.compare eq, %[[X]], %
//   CHECK-DAG:   %[[POSITIVE:.*]] = nn.abs %[[RAW]]
//       CHECK:   %[[OTHER:.*]] = nn.select %[[IS_INFINITE]], %{{.*}}, %[[POSITIVE]]
//       CHECK:   return %[[ROOT]], %[[OTHER]]
func.func @square_root(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.mul %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %1 = nn.pow %0, %half : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %2 = nn.pow %x, %half : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  return %1, %2 : tensor<?xf32>, tensor<?xf32>
}

// 1 / 8 is exact, 1 / 6 is not.
// CHECK-LABEL: @division
//       CHECK:   %[[EIGHTH:.*]] = nn.constant dense<1.250000e-01> : tensor<f32>
//       CHECK:   nn.mul %{{.*}}, %[[EIGHTH]]
//       CHECK:   nn.div
func.func @division(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %eight = nn.constant dense<8.0> : tensor<f32>
  %six = nn.constant dense<6.0> : tensor<f32>
  %0 = nn.div %x, %eight : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %1 = nn.div %x, %six : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  return %0, %1 : tensor<?xf32>, tensor<?xf32>
}

// CHECK-LABEL: @logistic
//       CHECK:   %[[Y:.*]] = nn.sigmoid
//       CHECK:   return %[[Y]]
func.func @logistic(%x: tensor<?xf32>) -> tensor<?xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.neg %x : (tensor<?xf32>) -> tensor<?xf32>
  %1 = nn.exp %0 : (tensor<?xf32>) -> tensor<?xf32>
  %2 = nn.add %1, %one : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %3 = nn.div %one, %2 : (tensor<f32>, tensor<?xf32>) -> tensor<?xf32>
  return %3 : tensor<?xf32>
}

// CHECK-LABEL: @signs
//  CHECK-SAME: (%[[X:.*]]: tensor<?xf32>, %[[Y:.*]]: tensor<?xf32>)
//   CHECK-DAG:   %[[SUB:.*]] = nn.sub %[[X]], %[[Y]]
//   CHECK-DAG:   %[[ADD:.*]] = nn.add %[[X]], %[[Y]]
//   CHECK-DAG:   %[[ABS:.*]] = nn.abs %[[Y]]
//       CHECK:   return %[[SUB]], %[[ADD]], %[[ABS]], %[[Y]]
func.func @signs(%x: tensor<?xf32>, %y: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %minus = nn.constant dense<-1.0> : tensor<f32>
  %0 = nn.mul %y, %minus : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %1 = nn.add %x, %0 : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %2 = nn.sub %x, %0 : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %3 = nn.abs %0 : (tensor<?xf32>) -> tensor<?xf32>
  %4 = nn.neg %0 : (tensor<?xf32>) -> tensor<?xf32>
  return %1, %2, %3, %4 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// Bounds of bounds are one bound; infinity bounds nothing.
// CHECK-LABEL: @bounds
//  CHECK-SAME: (%[[X:.*]]: tensor<?xf32>)
//       CHECK:   %[[B:.*]] = nn.max %{{.*}}, %{{.*}} : (tensor<f32>, tensor<f32>) -> tensor<f32>
//       CHECK:   %[[Y:.*]] = nn.max %[[X]], %[[B]]
//       CHECK:   return %[[Y]]
func.func @bounds(%x: tensor<?xf32>) -> tensor<?xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %two = nn.constant dense<2.0> : tensor<f32>
  %inf = nn.constant dense<0x7F800000> : tensor<f32>
  %0 = nn.max %x, %one : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %1 = nn.min %0, %inf : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  %2 = nn.max %1, %two : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}

// i32 holds every i8, so the way over it is none. f32 saturates where i8 wraps, so i32 to i8 over f32 stays.
// CHECK-LABEL: @casts
//  CHECK-SAME: (%[[X:.*]]: tensor<?xi8>, %[[Y:.*]]: tensor<?xi16>)
//       CHECK:   nn.cast %[[Y]] to f32
//       CHECK:   nn.cast %{{.*}} to i8 : (tensor<?xf32>) -> tensor<?xi8>
//       CHECK:   return %[[X]]
func.func @casts(%x: tensor<?xi8>, %y: tensor<?xi16>) -> (tensor<?xi8>, tensor<?xi8>) {
  %0 = nn.cast %x to i32 : (tensor<?xi8>) -> tensor<?xi32>
  %1 = nn.cast %0 to i8 : (tensor<?xi32>) -> tensor<?xi8>
  %2 = nn.cast %y to f32 : (tensor<?xi16>) -> tensor<?xf32>
  %3 = nn.cast %2 to i8 : (tensor<?xf32>) -> tensor<?xi8>
  return %1, %3 : tensor<?xi8>, tensor<?xi8>
}

// f32 holds every float of 8 bits; those hold few numbers, and one that saturates is not left out.
// CHECK-LABEL: @casts_of_small_floats
//  CHECK-SAME: (%[[X:.*]]: tensor<?xf8E5M2>, %[[Y:.*]]: tensor<?xf32>)
//       CHECK:   %[[A:.*]] = nn.cast %[[X]] to f8E4M3FN {saturate = false} : (tensor<?xf8E5M2>) -> tensor<?xf8E4M3FN>
//       CHECK:   %[[B:.*]] = nn.cast %[[Y]] to f8E4M3FN
//       CHECK:   %[[C:.*]] = nn.cast %[[B]] to f32
//       CHECK:   return %[[A]], %[[C]]
func.func @casts_of_small_floats(%x: tensor<?xf8E5M2>, %y: tensor<?xf32>) -> (tensor<?xf8E4M3FN>, tensor<?xf32>) {
  %0 = nn.cast %x to f32 : (tensor<?xf8E5M2>) -> tensor<?xf32>
  %1 = nn.cast %0 to f8E4M3FN {saturate = false} : (tensor<?xf32>) -> tensor<?xf8E4M3FN>
  %2 = nn.cast %y to f8E4M3FN : (tensor<?xf32>) -> tensor<?xf8E4M3FN>
  %3 = nn.cast %2 to f32 : (tensor<?xf8E4M3FN>) -> tensor<?xf32>
  return %1, %3 : tensor<?xf8E4M3FN>, tensor<?xf32>
}

// CHECK-LABEL: @choices
//  CHECK-SAME: (%[[C:.*]]: tensor<4xi1>, %[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>)
//       CHECK:   %[[S:.*]] = nn.select %[[C]], %[[Y]], %[[X]]
//       CHECK:   return %[[S]], %[[X]], %[[Y]]
func.func @choices(%c: tensor<4xi1>, %x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %false = nn.constant dense<false> : tensor<i1>
  %0 = nn.not %c : (tensor<4xi1>) -> tensor<4xi1>
  %1 = nn.select %0, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.select %c, %x, %x : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %3 = nn.select %false, %x, %y : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// What is not chosen may still stretch the result, where only the run time knows extents.
// CHECK-LABEL: @stretched
// CHECK-COUNT-2: nn.select
//      CHECK: return %{{.*}}, %{{.*}}, %arg1
func.func @stretched(%c: tensor<?xi1>, %x: tensor<?xf32>, %y: tensor<?xf32>, %z: tensor<1xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %false = nn.constant dense<false> : tensor<i1>
  %0 = nn.select %c, %x, %x : (tensor<?xi1>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %1 = nn.select %false, %x, %y : (tensor<i1>, tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  %2 = nn.select %false, %z, %x : (tensor<i1>, tensor<1xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0, %1, %2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// With NaN both x < y and x >= y are false.
// CHECK-LABEL: @opposites
//       CHECK:   nn.compare ne
//       CHECK:   nn.compare ge, {{.*}} (tensor<?xi32>
//       CHECK:   nn.compare lt, {{.*}} (tensor<?xf32>
//       CHECK:   nn.not
func.func @opposites(%x: tensor<?xf32>, %i: tensor<?xi32>) -> (tensor<?xi1>, tensor<?xi1>, tensor<?xi1>) {
  %0 = nn.compare eq, %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xi1>
  %1 = nn.not %0 : (tensor<?xi1>) -> tensor<?xi1>
  %2 = nn.compare lt, %i, %i : (tensor<?xi32>, tensor<?xi32>) -> tensor<?xi1>
  %3 = nn.not %2 : (tensor<?xi1>) -> tensor<?xi1>
  %4 = nn.compare lt, %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xi1>
  %5 = nn.not %4 : (tensor<?xi1>) -> tensor<?xi1>
  return %1, %3, %5 : tensor<?xi1>, tensor<?xi1>, tensor<?xi1>
}

// CHECK-LABEL: @logic
//  CHECK-SAME: (%[[X:.*]]: tensor<?xi1>)
//       CHECK:   return %[[X]], %[[X]]
func.func @logic(%x: tensor<?xi1>) -> (tensor<?xi1>, tensor<?xi1>) {
  %true = nn.constant dense<true> : tensor<i1>
  %false = nn.constant dense<false> : tensor<i1>
  %0 = nn.and %x, %true : (tensor<?xi1>, tensor<i1>) -> tensor<?xi1>
  %1 = nn.or %x, %false : (tensor<?xi1>, tensor<i1>) -> tensor<?xi1>
  return %0, %1 : tensor<?xi1>, tensor<?xi1>
}
