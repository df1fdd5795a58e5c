// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=32" --canonicalize --cse | FileCheck %s
// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=64 masked-memory" --canonicalize --cse | FileCheck %s --check-prefix=MASKED
// RUN: tenon-opt %s --tenon-schedule-kernels="vector-bytes=16" --canonicalize --cse | FileCheck %s --check-prefix=NARROW
// RUN: tenon-opt %s --tenon-schedule-kernels=reference --canonicalize --cse | FileCheck %s --check-prefix=REFERENCE

// An elementwise kernel sweeps over its elements in vectors; dimensions along which everything advances alike are one.
// CHECK-LABEL: func.func private @elementwise(
// CHECK-SAME: memref<?xf32>, %{{.*}}: memref<?xf32>) attributes {nn.in_place = {{\[\[}}0, 0]], nn.kernel, nn.path = "vector", nn.results = 1
// CHECK: ukernel.phase
// CHECK: vector.load {{.*}} vector<8xf32>
// CHECK-NEXT: math.exp
// CHECK-NEXT: vector.store
// MASKED-LABEL: func.func private @elementwise(
// MASKED: vector.load {{.*}} vector<16xf32>
// REFERENCE-LABEL: func.func private @elementwise(
// REFERENCE-NOT: vector
// REFERENCE: memref.load
// REFERENCE-NEXT: math.exp
func.func private @elementwise(%x: tensor<6x8xf32>) -> tensor<6x8xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.exp %x : (tensor<6x8xf32>) -> tensor<6x8xf32>
  return %0 : tensor<6x8xf32>
}

// What rounds once is not contracted with the sum after it, and its functions are of twice the precision.
// CHECK-LABEL: func.func private @rounded_once(
// CHECK: math.exp %{{.*}} : vector<8xf64>
// CHECK: arith.truncf %{{.*}} : vector<8xf64> to vector<8xf32>
// CHECK-NEXT: arith.mulf %{{.*}} : vector<8xf32>
// CHECK-NEXT: arith.addf %{{.*}} : vector<8xf32>
func.func private @rounded_once(%x: tensor<8xf32>) -> tensor<8xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.exp %x {nn.rounded_once} : (tensor<8xf32>) -> tensor<8xf32>
  %1 = nn.mul %0, %x {nn.rounded_once} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %2 = nn.add %1, %x {nn.rounded_once} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %2 : tensor<8xf32>
}

// The rest of a row is masked where the machine has masks, else element by element.
// CHECK-LABEL: func.func private @tail(
// CHECK: vector.load
// CHECK: memref.load
// MASKED-LABEL: func.func private @tail(
// MASKED: vector.load
// MASKED: vector.create_mask
// MASKED: vector.maskedload
// MASKED: vector.maskedstore
func.func private @tail(%x: tensor<37xf32>) -> tensor<37xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.neg %x : (tensor<37xf32>) -> tensor<37xf32>
  return %0 : tensor<37xf32>
}

// A broadcast is as long as its shape says, whatever it is made of: every element of the row is stored.
// CHECK-LABEL: func.func private @row_of_one_number(
// CHECK-SAME: %[[ROWS:.*]]: memref<?xf32>, %[[SUMS:.*]]: memref<?xf32>, %{{.*}}: index
// CHECK: memref.store %{{.*}}, %[[SUMS]]
// CHECK: vector.store %{{.*}}, %[[ROWS]][{{.*}}] : memref<?xf32>, vector<8xf32>
func.func private @row_of_one_number(%n: index) -> (tensor<?x16xf32>, tensor<?xf32>) attributes {nn.kernel, nn.extents = []} {
  %one = nn.constant dense<1.0> : tensor<f32>
  %c16 = arith.constant 16 : index
  %0 = nn.broadcast %one[%n, %c16] : tensor<f32> -> tensor<?x16xf32>
  %1 = nn.reduce sum, %0 {axes = array<i64: 1>} : (tensor<?x16xf32>) -> tensor<?xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?xf32>
}

// A row's value with a constant as long as the row is a full row, though all its elements are equal.
// CHECK-LABEL: func.func private @row_value_with_constant(
// CHECK-SAME: memref<?xf32>, %[[OUT:.*]]: memref<?xf32>)
// CHECK: vector.store %{{.*}}, %[[OUT]][{{.*}}] : memref<?xf32>, vector<8xf32>
func.func private @row_value_with_constant(%x: tensor<5x16xf32>) -> tensor<5x16xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %half = nn.constant dense<0.5> : tensor<16xf32>
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<5x16xf32>) -> tensor<5x1xf32>
  %1 = nn.add %0, %half : (tensor<5x1xf32>, tensor<16xf32>) -> tensor<5x16xf32>
  return %1 : tensor<5x16xf32>
}

// A row reduction keeps vector accumulators and adds their lanes at the end.
// CHECK-LABEL: func.func private @row_sum(
// CHECK: scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>)
// CHECK-COUNT-4: arith.addf
// CHECK: vector.shuffle
// CHECK: memref.store
func.func private @row_sum(%x: tensor<10x64xf32>) -> tensor<10xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce sum, %x {axes = array<i64: 1>} : (tensor<10x64xf32>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// A transposition goes through square tiles in registers.
// CHECK-LABEL: func.func private @transpose(
// CHECK-COUNT-8: vector.load
// CHECK-COUNT-24: vector.shuffle
// CHECK: vector.store
func.func private @transpose(%x: tensor<16x32xf32>) -> tensor<32x16xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<16x32xf32>) -> tensor<32x16xf32>
  return %0 : tensor<32x16xf32>
}

// Dimensions of one element are not in the way of the tiles.
// CHECK-LABEL: func.func private @transpose_beside_units(
// CHECK-SAME: nn.path = "vector"
// CHECK-COUNT-24: vector.shuffle
func.func private @transpose_beside_units(%x: tensor<16x32x1xf32>) -> tensor<1x32x16xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.transpose %x {permutation = array<i64: 2, 1, 0>} : (tensor<16x32x1xf32>) -> tensor<1x32x16xf32>
  return %0 : tensor<1x32x16xf32>
}

// Pixels of two channels become two planes by shuffles, with units between as well.
// CHECK-LABEL: func.func private @split_pixels(
// CHECK-SAME: nn.path = "vector"
// CHECK-COUNT-2: vector.shuffle
// CHECK-COUNT-2: vector.store
func.func private @split_pixels(%x: tensor<64x1x2xf32>) -> tensor<1x2x64xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.transpose %x {permutation = array<i64: 1, 2, 0>} : (tensor<64x1x2xf32>) -> tensor<1x2x64xf32>
  return %0 : tensor<1x2x64xf32>
}

// Runs of six elements that change places are copied by vectors, the last of which overlaps the one before; dimensions
// that move together are one, and only the start of a task is found by division.
// CHECK-LABEL: func.func private @phases(
// CHECK-SAME: nn.path = "vector"
// CHECK-NOT: arith.divui
// CHECK-COUNT-2: vector.load {{.*}} vector<4xf32>
// CHECK-NOT: vector.load
// MASKED-LABEL: func.func private @phases(
// MASKED-COUNT-2: vector.store {{.*}} vector<4xf32>
func.func private @phases(%x: tensor<9x112x2x112x2x3xf32>) -> tensor<9x112x112x2x2x3xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.transpose %x {permutation = array<i64: 0, 1, 3, 2, 4, 5>} : (tensor<9x112x2x112x2x3xf32>) -> tensor<9x112x112x2x2x3xf32>
  return %0 : tensor<9x112x112x2x2x3xf32>
}

// Whether a row repeats one element is known only at run time: a vector or a broadcast, never a gather.
// CHECK-LABEL: func.func private @repeats_perhaps(
// CHECK-SAME: nn.path = "vector"
// CHECK: scf.if {{.*}} -> (vector<8xf32>)
// CHECK-NEXT: vector.load
// CHECK: memref.load
// CHECK: vector.broadcast
func.func private @repeats_perhaps(%x: tensor<4x?xf32>, %y: tensor<4x?xf32>, %n: index, %m: index, %k: index) -> tensor<4x?xf32> attributes {nn.kernel, nn.extents = [array<i64: 2>, array<i64: 0>, array<i64: 1>]} {
  %0 = nn.add %x, %y : (tensor<4x?xf32>, tensor<4x?xf32>) -> tensor<4x?xf32>
  return %0 : tensor<4x?xf32>
}

// What is below a byte lies in one: the low bits are taken out of it, and zeros are put above. The code of a small float is an integer.
// CHECK-LABEL: func.func private @small_types(%{{.*}}: memref<?xi8>, %{{.*}}: memref<?xi8>
// CHECK-SAME: nn.path = "vector"
// CHECK: arith.trunci %{{.*}} : vector<8xi8> to vector<8xi4>
// CHECK: arith.sitofp %{{.*}} : vector<8xi4> to vector<8xf32>
// CHECK: arith.trunci %{{.*}} : vector<8xi32> to vector<8xi6>
// CHECK: arith.extui %{{.*}} : vector<8xi6> to vector<8xi8>
func.func private @small_types(%x: tensor<64xi4>) -> tensor<64xf6E2M3FN> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.cast %x to f6E2M3FN : (tensor<64xi4>) -> tensor<64xf6E2M3FN>
  return %0 : tensor<64xf6E2M3FN>
}

// An index out of range is a status of the phase.
// CHECK-LABEL: func.func private @gather(
// CHECK: memref.alloca() : memref<1xi32>
// CHECK: arith.cmpi uge
// CHECK: ukernel.end %
func.func private @gather(%x: tensor<10x64xf32>, %i: tensor<3xi64>) -> tensor<3x64xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.gather %x, %i {axis = 0} : (tensor<10x64xf32>, tensor<3xi64>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

// A scatter runs in the order of its updates, after a copy.
// CHECK-LABEL: func.func private @scatter(
// CHECK-SAME: nn.path = "sequential"
// CHECK-COUNT-2: ukernel.phase
func.func private @scatter(%x: tensor<10xf32>, %i: tensor<3xi64>, %u: tensor<3xf32>) -> tensor<10xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>, array<i64>]} {
  %0 = nn.scatter_elements add, %x, %i, %u {axis = 0} : (tensor<10xf32>, tensor<3xi64>, tensor<3xf32>) -> tensor<10xf32>
  return %0 : tensor<10xf32>
}

// A short recurrence is one phase with a task per direction and group of batch items, which runs the whole sequence.
// CHECK-LABEL: func.func private @gru(
// CHECK-SAME: nn.path = "recurrence"
// CHECK: ukernel.phase
// CHECK: memref.view
// CHECK: scf.for
// CHECK: scf.for
// CHECK-NOT: ukernel.phase
// CHECK: return
func.func private @gru(%x: tensor<5x3x48xf32>, %r: tensor<2x8x24xf32>, %h: tensor<2x3x8xf32>) -> (tensor<5x2x3x8xf32>, tensor<2x3x8xf32>) attributes {nn.kernel, nn.extents = [array<i64>, array<i64>, array<i64>]} {
  %y, %hn = nn.gru bidirectional, %x, %r, %h {activations = array<i32: 0, 1, 0, 1>, alpha = array<f32: 0.0, 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0, 0.0, 0.0>}
      : (tensor<5x3x48xf32>, tensor<2x8x24xf32>, tensor<2x3x8xf32>) -> (tensor<5x2x3x8xf32>, tensor<2x3x8xf32>)
  return %y, %hn : tensor<5x2x3x8xf32>, tensor<2x3x8xf32>
}

// Long steps are shared by threads: two phases for each (the reset state is complete before the second), one for the last state.
// CHECK-LABEL: func.func private @long_gru(
// CHECK: scf.while
// CHECK: ukernel.phase
// CHECK: ukernel.phase
// CHECK: scf.yield
// CHECK: ukernel.phase
// CHECK-NOT: ukernel.phase
// CHECK: return
func.func private @long_gru(%x: tensor<5x3x1152xf32>, %r: tensor<1x384x1152xf32>, %h: tensor<1x3x384xf32>) -> (tensor<5x1x3x384xf32>, tensor<1x3x384xf32>) attributes {nn.kernel, nn.extents = [array<i64>, array<i64>, array<i64>]} {
  %y, %hn = nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>}
      : (tensor<5x3x1152xf32>, tensor<1x384x1152xf32>, tensor<1x3x384xf32>) -> (tensor<5x1x3x384xf32>, tensor<1x3x384xf32>)
  return %y, %hn : tensor<5x1x3x384xf32>, tensor<1x3x384xf32>
}

// One filter: partial sums of as many pixels as there are lanes, transposed and added.
// CHECK-LABEL: func.func private @one_filter(
// CHECK-SAME: nn.path = "dot"
// CHECK-NOT: ukernel.brgemm
// CHECK-COUNT-20: vector.shuffle
func.func private @one_filter(%x: tensor<1x20x20x16xf32>, %w: tensor<1x1x144x1xf32>) -> tensor<1x18x18x1xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.conv %x, %w {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 1, columns = 1>} : (tensor<1x20x20x16xf32>, tensor<1x1x144x1xf32>) -> tensor<1x18x18x1xf32>
  return %0 : tensor<1x18x18x1xf32>
}

// -----

// Attention: keys and values are packed, then two products for each block of keys with the exponentials in between; the
// scores of a block of rows are scratch.
// CHECK-LABEL: func.func private @attention
// CHECK-SAME: nn.path = "attention"
// CHECK: ukernel.phase
// CHECK: ukernel.brgemm
// CHECK: math.exp %{{.*}} {tenon.not_positive} : f32
// CHECK: math.exp %{{.*}} {tenon.not_positive} : vector<
// CHECK: ukernel.brgemm
// CHECK: arith.divf
func.func private @attention(%q: tensor<40x8xf32>, %k: tensor<8x30xf32>, %v: tensor<30x8xf32>) -> tensor<40x8xf32> attributes {nn.kernel} {
  %0 = nn.matmul %q, %k : (tensor<40x8xf32>, tensor<8x30xf32>) -> tensor<40x30xf32>
  %1 = nn.reduce max, %0 {axes = array<i64: 1>, keep_dims} : (tensor<40x30xf32>) -> tensor<40x1xf32>
  %2 = nn.sub %0, %1 : (tensor<40x30xf32>, tensor<40x1xf32>) -> tensor<40x30xf32>
  %3 = nn.exp %2 : (tensor<40x30xf32>) -> tensor<40x30xf32>
  %4 = nn.reduce sum, %3 {axes = array<i64: 1>, keep_dims} : (tensor<40x30xf32>) -> tensor<40x1xf32>
  %5 = nn.div %3, %4 : (tensor<40x30xf32>, tensor<40x1xf32>) -> tensor<40x30xf32>
  %6 = nn.matmul %5, %v : (tensor<40x30xf32>, tensor<30x8xf32>) -> tensor<40x8xf32>
  return %6 : tensor<40x8xf32>
}

// -----

// Columns that only the run time counts: of the group of two vectors that is not full, one is computed where it holds all that are left.
// CHECK-LABEL: func.func private @columns(
// CHECK-SAME: %[[N:[^ ]*]]: index)
// CHECK: ukernel.brgemm {{.*}} vectors = 2
// CHECK: %[[LEFT:.*]] = arith.subi %[[N]], %{{.*}}
// CHECK: %[[FITS:.*]] = arith.cmpi ule, %[[LEFT]], %c8
// CHECK: scf.if %[[FITS]] {
// CHECK: ukernel.brgemm {{.*}} columns(%[[LEFT]]) {{.*}} vectors = 1
// CHECK: } else {
// CHECK: ukernel.brgemm {{.*}} columns(%[[LEFT]]) {{.*}} vectors = 2
func.func private @columns(%x: tensor<6x8xf32>, %y: tensor<8x?xf32>, %n: index) -> tensor<6x?xf32>
    attributes {nn.kernel, nn.extents = [array<i64>, array<i64: 0>]} {
  %0 = nn.matmul %x, %y : (tensor<6x8xf32>, tensor<8x?xf32>) -> tensor<6x?xf32>
  return %0 : tensor<6x?xf32>
}

// -----

// A text op is one call of its function: operands and the result as buffers, the number of elements, and what the op says.

// CHECK-LABEL: func.func private @split(
// CHECK-SAME: %[[X:.*]]: memref<?xi64>, %[[D:.*]]: memref<?xi64>, %[[OUT:.*]]: memref<?xi64>, %[[WIDTH:.*]]: index, %[[N:.*]]: index)
// CHECK-SAME: nn.path = "call"
// CHECK-NOT: ukernel.phase
// CHECK: ukernel.call "tenon_text_split"(%[[X]], %[[D]], %[[OUT]]) scalars(%[[N]], %[[WIDTH]], %{{.*}}) : memref<?xi64>, memref<?xi64>, memref<?xi64>
func.func private @split(%x: tensor<?xsi64>, %d: tensor<si64>, %width: index, %n: index) -> tensor<?x?xsi64>
    attributes {nn.kernel, nn.extents = [array<i64: 1>, array<i64>]} {
  %0 = nn.string_split %x, %d, %width {most = 3 : i64} : (tensor<?xsi64>, tensor<si64>, index) -> tensor<?x?xsi64>
  return %0 : tensor<?x?xsi64>
}

// -----

// A complex number is an integer of twice a part's width, the real part in the low half. One that fills a vector is moved alone.
// CHECK-LABEL: func.func private @planes_of_complex(
// CHECK-SAME: memref<?xi128>, %{{.*}}: memref<?xi128>) attributes {{.*}}nn.path = "vector"
// CHECK: vector.shuffle
// NARROW-LABEL: func.func private @planes_of_complex(
// NARROW-NOT: vector.shuffle
// NARROW: memref.load %{{.*}} : memref<?xi128>
func.func private @planes_of_complex(%x: tensor<1x3x40x40xcomplex<f64>>) -> tensor<1x40x40x3xcomplex<f64>> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x3x40x40xcomplex<f64>>) -> tensor<1x40x40x3xcomplex<f64>>
  return %0 : tensor<1x40x40x3xcomplex<f64>>
}

// -----

// CHECK-LABEL: func.func private @parts_of_complex(
// CHECK-SAME: %[[X:.*]]: memref<?xi64>, %{{.*}}: memref<?xi64>)
// CHECK: %[[NUMBER:.*]] = vector.load %[[X]]
// CHECK-DAG: %[[IMAG:.*]] = arith.trunci %{{.*}} : vector<[[LANES:.*]]xi64> to vector<[[LANES]]xi32>
// CHECK-DAG: %[[REAL:.*]] = arith.trunci %[[NUMBER]] : vector<[[LANES]]xi64> to vector<[[LANES]]xi32>
// CHECK: arith.shli %{{.*}} : vector<[[LANES]]xi64>
// CHECK: arith.ori %{{.*}} : vector<[[LANES]]xi64>
func.func private @parts_of_complex(%x: tensor<40xcomplex<f32>>) -> tensor<40xcomplex<f32>> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.real %x : (tensor<40xcomplex<f32>>) -> tensor<40xf32>
  %1 = nn.imag %x : (tensor<40xcomplex<f32>>) -> tensor<40xf32>
  %2 = nn.complex %1, %0 : (tensor<40xf32>, tensor<40xf32>) -> tensor<40xcomplex<f32>>
  return %2 : tensor<40xcomplex<f32>>
}

// Up to four pixels of a line are reduced together (eight with 32 registers); an input pixel is loaded once for all windows that it belongs to.
// MASKED-LABEL: func.func private @pooling(
// MASKED-SAME: nn.path = "pooling"
// MASKED: ukernel.phase
// MASKED: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>)
// MASKED-COUNT-7: vector.load
// MASKED-NOT: vector.load
// MASKED: scf.yield
// The last pixel's window leaves the line: the same without that column.
// MASKED: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>)
// MASKED-COUNT-6: vector.load
// MASKED-NOT: vector.load
// MASKED: scf.yield
// REFERENCE-LABEL: func.func private @pooling(
// REFERENCE-SAME: nn.path = "reference"
func.func private @pooling(%x: tensor<1x18x18x16xf32>) -> tensor<1x9x9x16xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.pool max, %x {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 0, 0, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x18x18x16xf32>) -> tensor<1x9x9x16xf32>
  return %0 : tensor<1x9x9x16xf32>
}

// Where the run knows the extents, a tile at each border knows which columns it has (here five of six: of four pixels, the outermost leaves the line),
// and those between have all of them.
// MASKED-LABEL: func.func private @pooling_of_open_lines(
// MASKED: scf.if
// MASKED: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// MASKED-COUNT-5: vector.load
// MASKED-NOT: vector.load
// MASKED: scf.yield
// MASKED: scf.for
// MASKED: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// MASKED-COUNT-6: vector.load
// MASKED-NOT: vector.load
// MASKED: scf.yield
// Two pixels where the line has no room for that, or one.
// MASKED: else
// MASKED: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>) {
// MASKED: else
// MASKED: scf.for {{.*}} -> (vector<16xf32>) {
// The last tile ends with the line.
// MASKED: arith.subi %{{.*}}, %c4
// MASKED: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// MASKED-COUNT-5: vector.load
// MASKED-NOT: vector.load
// MASKED: scf.yield
func.func private @pooling_of_open_lines(%x: tensor<1x?x?x16xf32>, %h: index, %w: index) -> tensor<1x?x?x16xf32> attributes {nn.kernel, nn.extents = [array<i64: 0, 1>]} {
  %0 = nn.pool max, %x {channels_last, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, dilations = array<i64: 1, 1>} : (tensor<1x?x?x16xf32>) -> tensor<1x?x?x16xf32>
  return %0 : tensor<1x?x?x16xf32>
}

// Two channels and four filters per group: eight channels are loaded, and the lanes of each of the two picked from them.
// MASKED-LABEL: func.func private @across_groups(
// MASKED-SAME: nn.path = "depthwise"
// MASKED: %[[X:.*]] = vector.load {{.*}} vector<8xf32>
// MASKED: vector.shuffle %[[X]], %[[X]] [0, 0, 0, 0, 2, 2, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6]
// MASKED: vector.shuffle %[[X]], %[[X]] [1, 1, 1, 1, 3, 3, 3, 3, 5, 5, 5, 5, 7, 7, 7, 7]
func.func private @across_groups(%x: tensor<1x9x9x8xf32>, %w: tensor<1x1x18x16xf32>) -> tensor<1x7x7x16xf32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.conv %x, %w {channels_last, groups = 4 : i64, kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, dilations = array<i64: 1, 1>, packing = #nn.packing<nr = 16, columns = 16>} : (tensor<1x9x9x8xf32>, tensor<1x1x18x16xf32>) -> tensor<1x7x7x16xf32>
  return %0 : tensor<1x7x7x16xf32>
}

// The maximum of softmax is taken without asking for NaN, which is in the sum; one that is a result is not.
// MASKED-LABEL: func.func private @softmax(
// MASKED-NOT: arith.maximumf
// MASKED: arith.cmpf ogt
// MASKED-LABEL: func.func private @softmax_and_maximum(
// MASKED: arith.maximumf
func.func private @softmax(%x: tensor<8x64xf32>) -> tensor<8x64xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %1 = nn.sub %x, %0 : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %2 = nn.exp %1 : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %4 = nn.div %2, %3 : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %4 : tensor<8x64xf32>
}
func.func private @softmax_and_maximum(%x: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x1xf32>) attributes {nn.kernel, nn.extents = [array<i64>]} {
  %0 = nn.reduce max, %x {axes = array<i64: 1>, keep_dims} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %1 = nn.sub %x, %0 : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %2 = nn.exp %1 : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %3 = nn.reduce sum, %2 {axes = array<i64: 1>, keep_dims} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %4 = nn.div %2, %3 : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %4, %0 : tensor<8x64xf32>, tensor<8x1xf32>
}

// -----

// Twice as many results: the neighbours of all lanes lie in one window, which is interpolated between two rows before lanes are picked.
// CHECK-LABEL: func.func private @upsampled(
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<?xf32>
// CHECK-SAME: nn.path = "vector"
// CHECK-NOT: vector.gather
// CHECK-COUNT-2: vector.load %[[X]]
// CHECK-NOT: vector.load %[[X]]
// CHECK-COUNT-2: vector.from_elements
func.func private @upsampled(%x: tensor<20x40xf32>, %p: tensor<2x40xi32>, %w: tensor<2x40xf32>, %q: tensor<2x80xi32>, %v: tensor<2x80xf32>) -> tensor<40x80xf32>
    attributes {nn.kernel, nn.extents = [array<i64>, array<i64>, array<i64>, array<i64>, array<i64>]} {
  %0 = nn.resample %x at [%p, %q] weights [%w, %v] {dims = array<i64: 0, 1>, advances = array<f64: 0.5, 0.5>}
      : (tensor<20x40xf32>, tensor<2x40xi32>, tensor<2x80xi32>, tensor<2x40xf32>, tensor<2x80xf32>) -> tensor<40x80xf32>
  return %0 : tensor<40x80xf32>
}

// -----

// Half as many results: two windows. Too far apart: gathered.
// CHECK-LABEL: func.func private @downsampled(
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<?xi32>
// CHECK-COUNT-2: vector.load %[[X]]
// CHECK-NOT: vector.gather
// CHECK-LABEL: func.func private @thinned(
// CHECK-SAME: nn.path = "gather"
// CHECK: vector.gather
func.func private @downsampled(%x: tensor<80xi32>, %p: tensor<1x40xi32>) -> tensor<40xi32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.resample %x at [%p] {dims = array<i64: 0>, advances = array<f64: 2.0>} : (tensor<80xi32>, tensor<1x40xi32>) -> tensor<40xi32>
  return %0 : tensor<40xi32>
}
func.func private @thinned(%x: tensor<400xi32>, %p: tensor<1x40xi32>) -> tensor<40xi32> attributes {nn.kernel, nn.extents = [array<i64>, array<i64>]} {
  %0 = nn.resample %x at [%p] {dims = array<i64: 0>, advances = array<f64: 10.0>} : (tensor<400xi32>, tensor<1x40xi32>) -> tensor<40xi32>
  return %0 : tensor<40xi32>
}

// -----

// Where nothing is known the run chooses by how far the positions of a vector spread.
// CHECK-LABEL: func.func private @any_scale(
// CHECK-SAME: %[[X:[a-z0-9]*]]: memref<?xi32>
// CHECK: scf.if
// CHECK: vector.load %[[X]]
// CHECK: scf.if
// CHECK-COUNT-2: vector.load %[[X]]
// CHECK: vector.gather %[[X]]
func.func private @any_scale(%x: tensor<?xi32>, %p: tensor<1x?xi32>, %n: index, %m: index) -> tensor<?xi32> attributes {nn.kernel, nn.extents = [array<i64: 0>, array<i64: 1>]} {
  %0 = nn.resample %x at [%p] {dims = array<i64: 0>, advances = array<f64: 0.0>} : (tensor<?xi32>, tensor<1x?xi32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}

// -----

// Reflected rows: the border in front is read backwards, so is the one behind; nothing is gathered.
// CHECK-LABEL: func.func private @reflected(
// CHECK-SAME: nn.path = "vector"
// CHECK-NOT: vector.gather
// CHECK-NOT: arith.remsi
// CHECK: vector.shuffle
// CHECK: vector.load
// CHECK: vector.shuffle
func.func private @reflected(%x: tensor<20x40xf32>) -> tensor<20x56xf32> attributes {nn.kernel, nn.extents = [array<i64>]} {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %0 = nn.pad reflect, %x [%c0, %c8] [%c0, %c8] : tensor<20x40xf32> -> tensor<20x56xf32>
  return %0 : tensor<20x56xf32>
}
