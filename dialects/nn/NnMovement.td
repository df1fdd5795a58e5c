//===- NnMovement.td - constants, shapes and data movement ---------------------------------===//

#ifndef TENON_DIALECTS_NN_MOVEMENT
#define TENON_DIALECTS_NN_MOVEMENT

include "dialects/nn/NnBase.td"

def NN_ConstantOp : NN_Op<"constant", [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a constant tensor";
  let description = [{
    `value` is dense elements up to 1 KiB, or of equal elements. Weights are `dense_resource`: a handle to bytes that live beside the IR (a mapped file
    or the heap), never hashed nor copied. The result has the value's type.

    From ONNX initializers and Constant (1, 9, 11, 12, 13, 19, 21, 23).
    - Valid: `nn.constant dense<[1, 2]> : tensor<2xi64>`
    - Invalid: `nn.constant dense<1> : vector<2xi64>` (no tensor)
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def NN_ReshapeOp : NN_InferredOp<"reshape"> {
  let summary = "the same elements in row-major order under another shape";
  let description = [{
        result[j...] = input[i...]     where i... and j... have the same row-major position

    `sizes` gives every result extent. A view: nothing moves.

    - C1: the product of `sizes` is the number of elements (undefined where that is only seen at run time).

    From ONNX Reshape (1, 5, 13, 14, 19, 21), Flatten (1, 9, 11, 13), Squeeze and Unsqueeze (1, 11, 13, 21); -1 and 0 are resolved by Import.
    - Valid: `nn.reshape %x [%n, %c2, %c3] : tensor<?x6xf32> -> tensor<?x2x3xf32>`
    - Invalid: `nn.reshape %x [%c4] : tensor<2x3xf32> -> tensor<4xf32>` (C1)
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<Index>:$sizes);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `[` $sizes `]` attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def NN_TransposeOp : NN_InferredOp<"transpose"> {
  let summary = "permutation of dimensions: result dimension i is input dimension permutation[i]";
  let description = [{
        result[i...] = input[j...]     with j[permutation[d]] = i[d]

    Drawn for `permutation = [1, 0]`: `[[a, b, c], [d, e, f]]` becomes `[[a, d], [b, e], [c, f]]`.

    - C1: `permutation` is one of the input's dimensions.

    From ONNX Transpose (1, 13, 21).
    - Valid: `nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<?x4xf32>) -> tensor<4x?xf32>`
    - Invalid: the same with `array<i64: 0, 0>` (C1)
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def NN_BroadcastOp : NN_InferredOp<"broadcast"> {
  let summary = "repetition along dimensions of extent 1, and new leading dimensions";
  let description = [{
        result[i...] = input[j...]     with j[d] = 0 where the input's extent is 1; aligned at the last dimension

    `sizes` gives every result extent.

    - C1: there are at least as many sizes as the input has dimensions.
    - C2: an input extent is 1 or equals the result's.

    From ONNX Expand (8, 13), Tile (1, 6, 13) and ConstantOfShape (9, 20, 21).
    - Valid: `nn.broadcast %x [%n, %c4] : tensor<1x4xf32> -> tensor<?x4xf32>`
    - Invalid: `nn.broadcast %x [%c2, %c4] : tensor<2x3xf32> -> tensor<2x4xf32>` (C2)
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<Index>:$sizes);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `[` $sizes `]` attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def NN_SliceOp : NN_InferredOp<"slice", [AttrSizedOperandSegments]> {
  let summary = "result[i...] = input[offset + i * step ...]";
  let description = [{
        result[i...] = input[offsets + i * steps ...]     result extents are `sizes`

    One offset, size and step for each dimension; steps may be negative, never 0.

    - C1: as many offsets, sizes and steps as the input has dimensions.
    - C2: no step is 0.
    - C3: all accessed elements lie inside the input (whoever builds the op clamps; undefined where that is only seen at run time).

    From ONNX Slice (1, 10, 11, 13), Split (1, 2, 11, 13, 18).
    - Valid, elements 5, 3, 1 of each row: `nn.slice %x [%c0, %c5] [%n, %c3] [%c1, %minus2] : tensor<?x6xf32> -> tensor<?x3xf32>`
    - Invalid: `nn.slice %x [%c3] [%c1] [%c1] : tensor<3xf32> -> tensor<1xf32>` (C3)
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<Index>:$offsets, Variadic<Index>:$sizes, Variadic<Index>:$steps);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `[` $offsets `]` `[` $sizes `]` `[` $steps `]` attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def NN_ConcatOp : NN_InferredOp<"concat"> {
  let summary = "operands one after the other along `axis`";
  let description = [{
        result[i...] = input k at i... less the extents of the inputs before it along `axis`

    - C1: at least one operand; element types and ranks agree.
    - C2: 0 <= axis < rank.
    - C3: the extents of other dimensions agree.

    From ONNX Concat (1, 4, 11, 13).
    - Valid: `nn.concat %x, %y {axis = 1 : i64} : (tensor<?x6xf32>, tensor<?x1xf32>) -> tensor<?x7xf32>`
    - Invalid: the same with `axis = 0` (C3)
  }];
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_PadOp : NN_InferredOp<"pad", [AttrSizedOperandSegments]> {
  let summary = "elements added before and after in each dimension";
  let description = [{
        result[i...] = input[i... - low...] inside, else what `mode` says

    `constant` fills with `value` (rank 0, same element type), `edge` repeats the border, `reflect` mirrors without it (several times if
    need be), `wrap` continues at the other end. Drawn for [a, b, c] with low 2 and high 1: `edge` a a a b c c, `reflect` c b a b c b,
    `wrap` b c a b c a.

    - C1: `low` and `high` have one entry per dimension.
    - C2: `value` is given exactly for `constant`.
    - C3: pads are not negative. Undefined for a dimension without elements but in mode `constant`.

    From ONNX Pad (1, 2, 11, 13, 18, 19, 21); negative pads become an `nn.slice`.
    - Valid: `nn.pad reflect, %x [%c0, %c1] [%c0, %c2] : tensor<?x6xf32> -> tensor<?x9xf32>`
    - Invalid: `nn.pad constant, %x [%c1] [%c1] : tensor<3xf32> -> tensor<5xf32>` (C2)
  }];
  let arguments = (ins NN_PadModeAttr:$mode, NN_Tensor:$input, Variadic<Index>:$low, Variadic<Index>:$high,
                       Optional<NN_Tensor>:$value);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$mode `,` $input `[` $low `]` `[` $high `]` (`fill` $value^ `:` type($value))? attr-dict `:` type($input) `->` type($result)";
}

def NN_IotaOp : NN_InferredOp<"iota"> {
  let summary = "indices along a dimension";
  let description = [{
        result[i...] = i[dimension]

    - C1: 0 <= dimension < number of sizes.

    From ONNX Range (11), OneHot (9, 11), EyeLike (9, 22), by composition.
    - Valid: `nn.iota [%n, %c3] {dimension = 1 : i64} : tensor<?x3xi64>`
    - Invalid: the same with `dimension = 2` (C1)
  }];
  let arguments = (ins Variadic<Index>:$sizes, I64Attr:$dimension);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "`[` $sizes `]` attr-dict `:` type($result)";
}

def NN_ResizeOp : NN_InferredOp<"resize", [AttrSizedOperandSegments]> {
  let summary = "interpolation on a grid of another size";
  let description = [{
        result[x...] = interpolation of input at coordinate(x...)     result extents are `sizes`

    One extent and one f32 scale per dimension. Result position x maps to the input's by `coordinate`, with D the input's and R = D * scale the scaled
    extent:

        half_pixel              (x + 0.5) / scale - 0.5
        half_pixel_symmetric    the same about the middle: D / 2 * (1 - size / R) + (x + 0.5) / scale - 0.5
        pytorch_half_pixel      half_pixel, but 0 where the extent is 1
        align_corners           x * (D - 1) / (R - 1), and 0 where R is 1
        asymmetric              x / scale
        tf_half_pixel_for_nn    (x + 0.5) / scale
        tf_crop_and_resize      start * (D - 1) + x * (end - start) * (D - 1) / (size - 1), with the starts and ends of `roi`

    then interpolates: `nearest` rounds as `nearest` says, `linear` between two neighbours, `cubic` between four with Keys' a =
    `cubic_coefficient` (-0.75 by default). Positions outside are those of the border, in tf_crop_and_resize `extrapolation` (0 by default).
    `exclude_outside` leaves them out of cubic weights, which are then normalised; `antialias` widens linear and cubic kernels when shrinking (both off by
    default). Dimensions with scale 1 and equal extents are left alone.

    - C1: as many sizes and scales as the input has dimensions.
    - C2: `roi` has two entries per dimension (starts, then ends) exactly for tf_crop_and_resize.
    - C3: elements that are no numbers are not interpolated: `nearest`, and not tf_crop_and_resize.

    From ONNX Resize (10, 11, 13, 18, 19), Upsample (7, 9).
    - Valid: `nn.resize linear, half_pixel, floor, %x [%c1, %c8] scales [%one, %two] : tensor<1x4xf32> -> tensor<1x8xf32>`
    - Invalid: the same with one scale (C1)
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<Index>:$sizes, Variadic<F32>:$scales, Variadic<F32>:$roi,
                       NN_ResizeModeAttr:$mode, NN_ResizeCoordinateAttr:$coordinate, NN_ResizeNearestAttr:$nearest,
                       DefaultValuedAttr<F32Attr, "-0.75f">:$cubic_coefficient,
                       DefaultValuedAttr<F32Attr, "0.0f">:$extrapolation, UnitAttr:$exclude_outside,
                       UnitAttr:$antialias);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $mode `,` $coordinate `,` $nearest `,` $input `[` $sizes `]` `scales` `[` $scales `]` (`roi` `[` $roi^ `]`)? attr-dict
    `:` type($input) `->` type($result)
  }];
}

def NN_ResizePositionsOp : NN_InferredOp<"resize_positions"> {
  let summary = "indices of the elements that nn.resize interpolates between, along one dimension";
  let description = [{
        result[t, x] = index in the input, of extent `extent`, of neighbour t of result index x

    with coordinates as in nn.resize, for results 0 <= x < `size`. `extent` is below 2^31. `nearest` has one neighbour, `linear` two, `cubic` four, in ascending
    order. A neighbour outside the input is the element at the border.

    - C1: `coordinate` is not tf_crop_and_resize.

    Made by Layout from nn.resize, from no ONNX op.
    - Valid: `nn.resize_positions linear, half_pixel, floor, %c4 to %c8 scale %two : tensor<2x8xi32>`
    - Invalid: the same with tf_crop_and_resize (C1)
  }];
  let arguments = (ins Index:$extent, Index:$size, F32:$scale, NN_ResizeModeAttr:$mode,
                       NN_ResizeCoordinateAttr:$coordinate, NN_ResizeNearestAttr:$nearest);
  let results = (outs RankedTensorOf<[I32]>:$result);
  let assemblyFormat = [{
    $mode `,` $coordinate `,` $nearest `,` $extent `to` $size `scale` $scale attr-dict `:` type($result)
  }];
}

def NN_ResizeWeightsOp : NN_InferredOp<"resize_weights"> {
  let summary = "weights of the elements that nn.resize interpolates between, along one dimension";
  let description = [{
        result[t, x] = weight of neighbour t of result index x

    of the neighbours that nn.resize_positions says, computed in f64 and rounded to `element`, f32 or f64. `cubic_coefficient` (-0.75 by default) and
    `exclude_outside` (off by default) are those of nn.resize.

    - C1: `coordinate` is not tf_crop_and_resize.
    - C2: `mode` is not nearest, whose only neighbour has weight 1.

    Made by Layout from nn.resize, from no ONNX op.
    - Valid: `nn.resize_weights linear, half_pixel, %c4 to %c8 scale %two {element = f32} : tensor<2x8xf32>`
    - Invalid: the same with nearest (C2)
  }];
  let arguments = (ins Index:$extent, Index:$size, F32:$scale, NN_ResizeModeAttr:$mode,
                       NN_ResizeCoordinateAttr:$coordinate, TypeAttrOf<AnyTypeOf<[F32, F64]>>:$element,
                       DefaultValuedAttr<F32Attr, "-0.75f">:$cubic_coefficient, UnitAttr:$exclude_outside);
  let results = (outs NN_PartTensor:$result);
  let assemblyFormat = "$mode `,` $coordinate `,` $extent `to` $size `scale` $scale attr-dict `:` type($result)";
}

def NN_ResampleOp : NN_InferredOp<"resample", [AttrSizedOperandSegments]> {
  let summary = "weighted sums of elements at positions that tables say, dimension by dimension";
  let description = [{
        result[x...] = sum over t of input[..., positions_k[t, x_d], ...] * weights_k[t, x_d]     for d = dims[k], nested over all k

    A dimension d = dims[k] of the result has as many elements as `positions_k` has columns; the others stay. Without weights there is one position
    and nothing is computed: any element moves. Sums are in f32, in f64 where the input's elements are f64.

    `advances_k` is what is known of how far positions move on: position [t, x + n] less position [t, x] is between 0 and
    ceil(n * advances_k); 0 where nothing is known. Positions of one column ascend and lie side by side, but at the border. Speed depends on it,
    and results where it is not true.

    - C1: `dims` are dimensions of the input, ascending; there is one `positions` and one of `advances` for each.
    - C2: `positions` have rank 2 and a known number of rows, one where there are no `weights`; else there are as many `weights`, of the same extents.
    - C3: elements that are no numbers have no weights; weights are f64 for elements of f64, else f32.
    - C4: positions lie in the input (undefined where not).

    Made by Layout from nn.resize, from no ONNX op.
    - Valid: `nn.resample %x at [%p] weights [%w] {dims = array<i64: 1>, advances = array<f64: 0.5>} : (tensor<?x4xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> tensor<?x8xf32>`
    - Invalid: the same without weights (C2)
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<RankedTensorOf<[I32]>>:$positions, Variadic<NN_PartTensor>:$weights,
                       DenseI64ArrayAttr:$dims, DenseF64ArrayAttr:$advances);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $input `at` `[` $positions `]` (`weights` `[` $weights^ `]`)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_PackOp : NN_InferredOp<"pack"> {
  let summary = "a right-hand side in packed panels";
  let description = [{
        input[..., K, N] -> result[..., ceil(N / nr), K, nr]
        result[..., n / nr, k, n % nr] = input[..., k, n], and 0 where n >= N

    - C1: input has rank 2 or more.
    - C2: N is the attribute's `columns`.
    - C3: the attribute's `group` is 1.

    Made by Layout, from no ONNX op.
    - Valid: `nn.pack %x {packing = #nn.packing<nr = 16, columns = 20>} : (tensor<7x20xf32>) -> tensor<2x7x16xf32>`
    - Invalid: the same of `tensor<7x21xf32>` (C2)
  }];
  let arguments = (ins NN_NumberTensor:$input, NN_PackingAttr:$packing);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_MOVEMENT
