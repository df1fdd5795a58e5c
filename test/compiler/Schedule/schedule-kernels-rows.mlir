// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=64 masked-memory" --canonicalize --cse | FileCheck %s
// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=32" --canonicalize --cse | FileCheck %s --check-prefix=REST

// Many short rows go through a pipeline: one loop along the row stores the results of one row, keeps the exponentials of the next
// one and takes the maximum of the one after that. Maximum and sum go from step to step, which are two more than rows.
// Without masks the rest of a row goes one by one, with sums of its own.
// CHECK-LABEL: func.func private @pipeline(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: %[[END:.*]] = arith.addi %{{.*}}, %c2 : index
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[END]] step %c1 iter_args({{.*}}) -> (f32, f32)
// CHECK: scf.for {{.*}} -> (vector<16xf32>, {{.*}})
// CHECK: vector.load %[[KEPT:.*]][
// CHECK: vector.store %{{.*}}, %[[OUT]]
// CHECK: math.exp {{.*}}tenon.not_positive
// CHECK-NEXT: vector.store
// CHECK-NEXT: arith.addf
// CHECK: vector.load %[[X]]
// CHECK-NEXT: arith.cmpf ogt
// CHECK: vector.load %[[KEPT]][
// CHECK-NOT: scf.for
// CHECK: return
func.func private @pipeline(%x: tensor<64x1024xf32>) -> tensor<64x1024xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<64x1024xf32>) -> tensor<64x1xf32>
  %1 = nn.sub %x, %0 : (tensor<64x1024xf32>, tensor<64x1xf32>) -> tensor<64x1024xf32>
  %2 = nn.exp %1 : (tensor<64x1024xf32>) -> tensor<64x1024xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<64x1024xf32>) -> tensor<64x1xf32>
  %4 = nn.div %2, %3 : (tensor<64x1024xf32>, tensor<64x1xf32>) -> tensor<64x1024xf32>
  return %4 : tensor<64x1024xf32>
}

// REST-LABEL: func.func private @rest(
// REST: scf.for {{.*}} -> (vector<8xf32>, {{.*}})
// REST: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>)
// REST: scf.for {{.*}} -> (f32, f32)
// REST: memref.store
// REST: math.exp {{.*}} : f32
func.func private @rest(%x: tensor<64x1021xf32>) -> tensor<64x1021xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<64x1021xf32>) -> tensor<64x1xf32>
  %1 = nn.sub %x, %0 : (tensor<64x1021xf32>, tensor<64x1xf32>) -> tensor<64x1021xf32>
  %2 = nn.exp %1 : (tensor<64x1021xf32>) -> tensor<64x1021xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<64x1021xf32>) -> tensor<64x1xf32>
  %4 = nn.div %2, %3 : (tensor<64x1021xf32>, tensor<64x1xf32>) -> tensor<64x1021xf32>
  return %4 : tensor<64x1021xf32>
}

// Rows of which the first level of cache does not hold four: a loop for each pass. Exponentials are kept where the result goes, without
// scratch memory. Next rows would push this one out: nothing is asked for.
// CHECK-LABEL: func.func private @long_rows(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: ukernel.phase {{.*}} scratch(%c0)
// CHECK-NOT: memref.prefetch
// CHECK: math.exp
// CHECK: vector.store %{{.*}}, %[[OUT]]
// CHECK: vector.load %[[OUT]]
// CHECK: vector.store %{{.*}}, %[[OUT]]
func.func private @long_rows(%x: tensor<64x16384xf32>) -> tensor<64x16384xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<64x16384xf32>) -> tensor<64x1xf32>
  %1 = nn.sub %x, %0 : (tensor<64x16384xf32>, tensor<64x1xf32>) -> tensor<64x16384xf32>
  %2 = nn.exp %1 : (tensor<64x16384xf32>) -> tensor<64x16384xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<64x16384xf32>) -> tensor<64x1xf32>
  %4 = nn.div %2, %3 : (tensor<64x16384xf32>, tensor<64x1xf32>) -> tensor<64x16384xf32>
  return %4 : tensor<64x16384xf32>
}

// Its first stage asks for what is some lines away where the input comes from far.
// CHECK-LABEL: func.func private @far_pipeline(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: vector.load %[[X]]
// CHECK: vector.store %{{.*}}, %[[OUT]]
// CHECK: %[[AHEAD:.*]] = arith.addi %{{.*}}, %c512 : index
// CHECK-NEXT: memref.prefetch %[[X]][%[[AHEAD]]]
// CHECK-NEXT: vector.load %[[X]]
func.func private @far_pipeline(%x: tensor<1024x1024xf32>) -> tensor<1024x1024xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>, keep_dims} : (tensor<1024x1024xf32>) -> tensor<1024x1xf32>
  %1 = nn.sub %x, %0 : (tensor<1024x1024xf32>, tensor<1024x1xf32>) -> tensor<1024x1024xf32>
  return %1 : tensor<1024x1024xf32>
}

// A sum of rows that come from far asks for the next row, one line a vector, one of a few rows does not.
// CHECK-LABEL: func.func private @far_rows(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: memref.prefetch %[[X]]
// CHECK-NEXT: vector.load %[[X]]
// CHECK-LABEL: func.func private @near_rows(
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func private @far_rows(%x: tensor<1024x1024xf32>) -> tensor<1024xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>} : (tensor<1024x1024xf32>) -> tensor<1024xf32>
  return %0 : tensor<1024xf32>
}
func.func private @near_rows(%x: tensor<16x1024xf32>) -> tensor<16xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>} : (tensor<16x1024xf32>) -> tensor<16xf32>
  return %0 : tensor<16xf32>
}

// Quotients of integers by what is not there yet would trap.
// CHECK-LABEL: func.func private @integers(
// CHECK-NOT: iter_args({{.*}}) -> (i32
// CHECK: return
func.func private @integers(%x: tensor<64x1024xi32>) -> tensor<64x1024xi32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>, keep_dims} : (tensor<64x1024xi32>) -> tensor<64x1xi32>
  %1 = nn.div %x, %0 : (tensor<64x1024xi32>, tensor<64x1xi32>) -> tensor<64x1024xi32>
  return %1 : tensor<64x1024xi32>
}

// Rows side by side: the dimensions that they lie along are one, of 100 elements here. As many vectors at once as hide the latency
// of an addition; the 36 that are left go one vector at a time. Exponentials are kept where the result goes.
// CHECK-LABEL: func.func private @neighbours(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: scf.if
// CHECK: vector.load %[[X]]{{.*}} vector<64xf32>
// CHECK: math.exp {{.*}} : vector<64xf32>
// CHECK: vector.store %{{.*}}, %[[OUT]]
// CHECK: vector.load %[[OUT]]{{.*}} vector<64xf32>
// CHECK-NOT: math.exp
// CHECK: } else {
// CHECK: vector.load %[[X]]{{.*}} vector<16xf32>
// CHECK: vector.maskedload %[[X]]
func.func private @neighbours(%x: tensor<8x20x10x10xf32>) -> tensor<8x20x10x10xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<8x20x10x10xf32>) -> tensor<8x1x10x10xf32>
  %1 = nn.sub %x, %0 : (tensor<8x20x10x10xf32>, tensor<8x1x10x10xf32>) -> tensor<8x20x10x10xf32>
  %2 = nn.exp %1 : (tensor<8x20x10x10xf32>) -> tensor<8x20x10x10xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<8x20x10x10xf32>) -> tensor<8x1x10x10xf32>
  %4 = nn.div %2, %3 : (tensor<8x20x10x10xf32>, tensor<8x1x10x10xf32>) -> tensor<8x20x10x10xf32>
  return %4 : tensor<8x20x10x10xf32>
}

// An operand that lies along one of the dimensions only keeps them apart: ten lanes of a vector.
// CHECK-LABEL: func.func private @apart(
// CHECK-NOT: vector.load {{.*}} vector<64xf32>
// CHECK: vector.maskedload
// CHECK: return
func.func private @apart(%x: tensor<8x20x10x10xf32>, %w: tensor<10xf32>) -> tensor<8x10x10xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.mul %x, %w : (tensor<8x20x10x10xf32>, tensor<10xf32>) -> tensor<8x20x10x10xf32>
  %1 = nn.reduce sum, %0 {axes = array<i64: 1>} : (tensor<8x20x10x10xf32>) -> tensor<8x10x10xf32>
  return %1 : tensor<8x10x10xf32>
}

// A sum alone reads half as many vectors of each row as there are registers, if rows have no rest then.
// CHECK-LABEL: func.func private @long_runs(
// CHECK: vector.load {{.*}} vector<128xf32>
// CHECK-NOT: vector.maskedload
// CHECK: return
func.func private @long_runs(%x: tensor<8x12x4096xf32>) -> tensor<8x4096xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>} : (tensor<8x12x4096xf32>) -> tensor<8x4096xf32>
  return %0 : tensor<8x4096xf32>
}

// Many columns from far are summed in blocks of a page, eight lines of which are added to sums in memory at a time.
// CHECK-LABEL: func.func private @columns(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: ukernel.phase {{.*}} scratch(%c8192)
// CHECK: scf.for %{{.*}} = %c0 to %c16 step %c8
// CHECK: scf.for
// CHECK: vector.load %[[SUMS:.*]][%{{.*}}] : memref<1024xf32>, vector<64xf32>
// CHECK-COUNT-8: vector.load %[[X]]
// CHECK: vector.store %{{.*}}, %[[SUMS]]
// CHECK: vector.store %{{.*}}, %[[OUT]]
func.func private @columns(%x: tensor<8x20x4100xf32>) -> tensor<8x4100xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>} : (tensor<8x20x4100xf32>) -> tensor<8x4100xf32>
  return %0 : tensor<8x4100xf32>
}

// Three rows side by side are one run of whole vectors, three of which repeat. A maximum is in all lanes of its row after four
// steps; the last vector of the run ends with the last element, and its first lanes do not count again.
// CHECK-LABEL: func.func private @few(
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK: %[[LAST:.*]] = vector.load %{{.*}}[%c1193]
// CHECK-NEXT: %[[ALL:.*]] = arith.maximumf %[[LAST]], %[[SUM:[^ ]*]]
// CHECK-NEXT: arith.select %{{.*}}, %[[ALL]], %[[SUM]] : vector<16xi1>
// CHECK: vector.shuffle {{.*}} [8, 9, 10, 11,
// CHECK: vector.shuffle {{.*}} [12, 13, 14, 15,
// CHECK: vector.shuffle {{.*}} [6, 7, 8, 9,
// CHECK: vector.shuffle {{.*}} [3, 4, 5, 6,
// CHECK-NOT: vector.maskedload
// CHECK: return
func.func private @few(%x: tensor<403x3xf32>) -> tensor<3xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 0>} : (tensor<403x3xf32>) -> tensor<3xf32>
  return %0 : tensor<3xf32>
}

// Rows side by side that come from far: the last reduction asks for the same row of the next group, a line at a time, if a group
// stays in the first level of cache.
// CHECK-LABEL: func.func private @far_neighbours(
// CHECK-SAME: %[[X:.*]]: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: arith.cmpf ogt
// CHECK-COUNT-4: memref.prefetch %[[X]]
// CHECK-NOT: memref.prefetch
// CHECK: math.exp
// CHECK-LABEL: func.func private @high_neighbours(
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func private @far_neighbours(%x: tensor<8x64x4096xf32>) -> tensor<8x64x4096xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<8x64x4096xf32>) -> tensor<8x1x4096xf32>
  %1 = nn.sub %x, %0 : (tensor<8x64x4096xf32>, tensor<8x1x4096xf32>) -> tensor<8x64x4096xf32>
  %2 = nn.exp %1 : (tensor<8x64x4096xf32>) -> tensor<8x64x4096xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<8x64x4096xf32>) -> tensor<8x1x4096xf32>
  %4 = nn.div %2, %3 : (tensor<8x64x4096xf32>, tensor<8x1x4096xf32>) -> tensor<8x64x4096xf32>
  return %4 : tensor<8x64x4096xf32>
}
func.func private @high_neighbours(%x: tensor<8x256x4096xf32>) -> tensor<8x256x4096xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<8x256x4096xf32>) -> tensor<8x1x4096xf32>
  %1 = nn.sub %x, %0 : (tensor<8x256x4096xf32>, tensor<8x1x4096xf32>) -> tensor<8x256x4096xf32>
  %2 = nn.exp %1 : (tensor<8x256x4096xf32>) -> tensor<8x256x4096xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<8x256x4096xf32>) -> tensor<8x1x4096xf32>
  %4 = nn.div %2, %3 : (tensor<8x256x4096xf32>, tensor<8x1x4096xf32>) -> tensor<8x256x4096xf32>
  return %4 : tensor<8x256x4096xf32>
}
