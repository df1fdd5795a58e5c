// One broken rule per function; labels as in dialects/nn/NnMovement.td.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @reshape_product(%x: tensor<2x3xf32>) {
  %c4 = arith.constant 4 : index
  // expected-error @below {{'nn.reshape' op C1: input has 6 elements but sizes have a product of 4}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.reshape %x [%c4] : tensor<2x3xf32> -> tensor<4xf32>
  return
}

// -----

func.func @reshape_rest(%x: tensor<2x3xf32>, %n: index) {
  %c4 = arith.constant 4 : index
  // expected-error @below {{C1: input has 6 elements, not a multiple of 4}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.reshape %x [%c4, %n] : tensor<2x3xf32> -> tensor<4x?xf32>
  return
}

// -----

func.func @reshape_overflow(%x: tensor<?xf32>) {
  %big = arith.constant 4611686018427387904 : index
  // expected-error @below {{C1: sizes have a product above 2^63}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.reshape %x [%big, %big] : tensor<?xf32> -> tensor<?x?xf32>
  return
}

// -----

func.func @negative_extent(%x: tensor<?xf32>) {
  %c = arith.constant -4 : index
  // expected-error @below {{result extent -4 is negative}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.reshape %x [%c] : tensor<?xf32> -> tensor<?xf32>
  return
}

// -----

func.func @too_large(%x: tensor<f32>) {
  %c = arith.constant 2147483648 : index
  // expected-error @below {{result has more than 2^60 elements}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.broadcast %x [%c, %c] : tensor<f32> -> tensor<?x?xf32>
  return
}

// -----

func.func @transpose(%x: tensor<2x3xf32>) {
  // expected-error @below {{'nn.transpose' op C1: [0, 0] is no permutation of 2 dimensions}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.transpose %x {permutation = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @broadcast_rank(%x: tensor<2x3xf32>) {
  %c3 = arith.constant 3 : index
  // expected-error @below {{'nn.broadcast' op C1: 1 sizes are given but input has rank 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.broadcast %x [%c3] : tensor<2x3xf32> -> tensor<3xf32>
  return
}

// -----

func.func @broadcast_extent(%x: tensor<2x3xf32>) {
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  // expected-error @below {{C2: input dimension 1 is 3 and cannot become 4}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.broadcast %x [%c2, %c4] : tensor<2x3xf32> -> tensor<2x4xf32>
  return
}

// -----

func.func @slice_counts(%x: tensor<2x3xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @below {{'nn.slice' op C1: input has rank 2 but there are 1 offsets, 2 sizes and 2 steps}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.slice %x [%c1] [%c1, %c1] [%c1, %c1] : tensor<2x3xf32> -> tensor<1x1xf32>
  return
}

// -----

func.func @slice_step(%x: tensor<3xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{C2: step of dimension 0 is 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.slice %x [%c0] [%c1] [%c0] : tensor<3xf32> -> tensor<1xf32>
  return
}

// -----

func.func @slice_offset(%x: tensor<3xf32>) {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  // expected-error @below {{C3: offset 3 of dimension 0 is outside [0, 3)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.slice %x [%c3] [%c1] [%c1] : tensor<3xf32> -> tensor<1xf32>
  return
}

// -----

func.func @slice_end(%x: tensor<3xf32>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  // expected-error @below {{C3: 2 elements from 1 in steps of 2 leave dimension 0 of extent 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.slice %x [%c1] [%c2] [%c2] : tensor<3xf32> -> tensor<2xf32>
  return
}

// -----

func.func @concat_nothing() {
  // expected-error @below {{'nn.concat' op C1: needs at least one operand}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.concat {axis = 0 : i64} : () -> tensor<0xf32>
  return
}

// -----

func.func @concat_types(%x: tensor<2xf32>, %y: tensor<2x2xf32>) {
  // expected-error @below {{C1: operands 'tensor<2xf32>' and 'tensor<2x2xf32>' differ in element type or rank}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.concat %x, %y {axis = 0 : i64} : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @concat_axis(%x: tensor<2xf32>) {
  // expected-error @below {{C2: axis 1 is outside [0, 1)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.concat %x, %x {axis = 1 : i64} : (tensor<2xf32>, tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @concat_extents(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @below {{C3: operands have extents 3 and 4 in dimension 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.concat %x, %y {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @pad_counts(%x: tensor<2x3xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @below {{'nn.pad' op C1: input has rank 2 but there are 2 low and 1 high pads}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pad edge, %x [%c1, %c1] [%c1] : tensor<2x3xf32> -> tensor<4x5xf32>
  return
}

// -----

func.func @pad_without_value(%x: tensor<3xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @below {{C2: mode constant needs a fill value and other modes take none}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pad constant, %x [%c1] [%c1] : tensor<3xf32> -> tensor<5xf32>
  return
}

// -----

func.func @pad_value(%x: tensor<3xf32>, %v: tensor<1xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @below {{C2: the fill value is 'tensor<1xf32>' but must be a scalar tensor of 'f32'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pad constant, %x [%c1] [%c1] fill %v : tensor<1xf32> : tensor<3xf32> -> tensor<5xf32>
  return
}

// -----

func.func @pad_negative(%x: tensor<3xf32>) {
  %c = arith.constant -1 : index
  // expected-error @below {{C3: pad -1 is negative}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pad edge, %x [%c] [%c] : tensor<3xf32> -> tensor<1xf32>
  return
}

// -----

func.func @iota() {
  %c3 = arith.constant 3 : index
  // expected-error @below {{'nn.iota' op C1: axis 1 is outside [0, 1)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.iota [%c3] {dimension = 1 : i64} : tensor<3xi64>
  return
}

// -----

func.func @resize_counts(%x: tensor<2x3xf32>, %s: f32) {
  %c3 = arith.constant 3 : index
  // expected-error @below {{'nn.resize' op C1: input has rank 2 but there are 2 sizes and 1 scales}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resize linear, half_pixel, floor, %x [%c3, %c3] scales [%s] : tensor<2x3xf32> -> tensor<3x3xf32>
  return
}

// -----

func.func @resize_roi(%x: tensor<3xf32>, %s: f32) {
  %c3 = arith.constant 3 : index
  // expected-error @below {{C2: roi has 1 entries but needs 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resize linear, half_pixel, floor, %x [%c3] scales [%s] roi [%s] : tensor<3xf32> -> tensor<3xf32>
  return
}

// -----

func.func @pack_rank(%x: tensor<3xf32>) {
  // expected-error @below {{'nn.pack' op C1: input has rank 1 but needs 2 or more}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pack %x {packing = #nn.packing<nr = 16, columns = 3>} : (tensor<3xf32>) -> tensor<1x1x16xf32>
  return
}

// -----

func.func @pack_columns(%x: tensor<4x3xf32>) {
  // expected-error @below {{C2: input has 3 columns but #nn.packing<nr = 16, columns = 5> says 5}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pack %x {packing = #nn.packing<nr = 16, columns = 5>} : (tensor<4x3xf32>) -> tensor<1x4x16xf32>
  return
}

// -----

func.func @pack_group(%x: tensor<4x3xf32>) {
  // expected-error @below {{C3: group is 2 but must be 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.pack %x {packing = #nn.packing<nr = 4, columns = 3, group = 2>} : (tensor<4x3xf32>) -> tensor<1x4x4xf32>
  return
}

// -----

func.func @resize_strings(%x: tensor<3xsi64>, %s: f32) {
  %c3 = arith.constant 3 : index
  // expected-error @below {{C3: elements of type 'si64' are not interpolated}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resize linear, half_pixel, floor, %x [%c3] scales [%s] : tensor<3xsi64> -> tensor<3xsi64>
  return
}

// -----

func.func @positions_crop(%n: index, %s: f32) {
  // expected-error @below {{'nn.resize_positions' op C1: coordinates of tf_crop_and_resize have no table}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resize_positions linear, tf_crop_and_resize, floor, %n to %n scale %s : tensor<2x?xi32>
  return
}

// -----

func.func @weights_nearest(%n: index, %s: f32) {
  // expected-error @below {{'nn.resize_weights' op C2: mode nearest has no weights}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resize_weights nearest, half_pixel, %n to %n scale %s {element = f32} : tensor<1x?xf32>
  return
}

// -----

func.func @resample_counts(%x: tensor<3x4xf32>, %p: tensor<2x8xi32>, %w: tensor<2x8xf32>) {
  // expected-error @below {{'nn.resample' op C1: there are 1 dims but 1 positions and 2 advances}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] weights [%w] {dims = array<i64: 1>, advances = array<f64: 0.5, 0.5>} : (tensor<3x4xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @resample_weight_count(%x: tensor<3x4xf32>, %p: tensor<2x8xi32>, %w: tensor<2x8xf32>) {
  // expected-error @below {{C2: there are 1 positions but 2 weights}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] weights [%w, %w] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<3x4xf32>, tensor<2x8xi32>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @resample_strings(%x: tensor<3x4xsi64>, %p: tensor<2x8xi32>, %w: tensor<2x8xf32>) {
  // expected-error @below {{C3: elements of type 'si64' have no weights}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] weights [%w] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<3x4xsi64>, tensor<2x8xi32>, tensor<2x8xf32>) -> tensor<3x8xsi64>
  return
}

// -----

func.func @resample_dim(%x: tensor<3x4xf32>, %p: tensor<2x8xi32>, %w: tensor<2x8xf32>) {
  // expected-error @below {{C1: axis 2 is outside [0, 2)}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] weights [%w] {dims = array<i64: 2>, advances = array<f64: 0.5>} : (tensor<3x4xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @resample_order(%x: tensor<3x4xf32>, %p: tensor<2x8xi32>, %w: tensor<2x8xf32>) {
  // expected-error @below {{C1: dims [1, 0] do not ascend}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p, %p] weights [%w, %w] {dims = array<i64: 1, 0>, advances = array<f64: 0.5, 0.5>} : (tensor<3x4xf32>, tensor<2x8xi32>, tensor<2x8xi32>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<8x8xf32>
  return
}

// -----

func.func @resample_rank(%x: tensor<3x4xf32>, %p: tensor<8xi32>) {
  // expected-error @below {{C2: positions are 'tensor<8xi32>' but have rank 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<3x4xf32>, tensor<8xi32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @resample_rows(%x: tensor<3x4xf32>, %p: tensor<?x8xi32>) {
  // expected-error @below {{C2: positions are 'tensor<?x8xi32>' but have a known number of rows}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<3x4xf32>, tensor<?x8xi32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @resample_unweighted(%x: tensor<3x4xf32>, %p: tensor<2x8xi32>, %w: tensor<2x8xf32>) {
  // expected-error @below {{C2: positions are 'tensor<2x8xi32>' but have one row without weights}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<3x4xf32>, tensor<2x8xi32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @resample_f64(%x: tensor<3x4xf64>, %p: tensor<2x8xi32>, %w: tensor<2x8xf32>) {
  // expected-error @below {{C3: weights are 'tensor<2x8xf32>' for elements of type 'f64'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] weights [%w] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<3x4xf64>, tensor<2x8xi32>, tensor<2x8xf32>) -> tensor<3x8xf64>
  return
}

// -----

func.func @resample_tables(%x: tensor<3x4xf32>, %p: tensor<2x8xi32>, %w: tensor<2x7xf32>) {
  // expected-error @below {{C2: positions are 'tensor<2x8xi32>' but weights 'tensor<2x7xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = nn.resample %x at [%p] weights [%w] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<3x4xf32>, tensor<2x8xi32>, tensor<2x7xf32>) -> tensor<3x8xf32>
  return
}
