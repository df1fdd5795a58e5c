//===- NnMovement.td - constants, shapes and data movement --------------------------------===//

#ifndef TENON_DIALECTS_NN_MOVEMENT
#define TENON_DIALECTS_NN_MOVEMENT

include "dialects/nn/NnBase.td"

def NN_ConstantOp : NN_Op<"constant", [ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a constant tensor";
  let description = [{
    Small tensors are dense elements. Weights are `dense_resource`: a handle to bytes that live beside the IR (a mapped file), never
    hashed nor copied.
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def NN_ReshapeOp : NN_InferredOp<"reshape"> {
  let summary = "the same elements in row-major order under another shape";
  let description = [{`sizes` gives every result extent; their product is the number of elements.}];
  let arguments = (ins NN_Tensor:$input, Variadic<Index>:$sizes);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `[` $sizes `]` attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def NN_TransposeOp : NN_InferredOp<"transpose"> {
  let summary = "permutation of dimensions: result dimension i is input dimension permutation[i]";
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def NN_BroadcastOp : NN_InferredOp<"broadcast"> {
  let summary = "repetition along dimensions of extent 1, and new leading dimensions";
  let description = [{
    `sizes` gives every result extent. Shapes align at the last dimension; an input extent is 1 or equals the result's.
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<Index>:$sizes);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `[` $sizes `]` attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def NN_SliceOp : NN_InferredOp<"slice", [AttrSizedOperandSegments]> {
  let summary = "result[i...] = input[offset + i * step ...]";
  let description = [{
    One offset, size and step for each dimension; steps may be negative, never 0. All accessed elements lie inside the input (whoever
    builds the op clamps).
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<Index>:$offsets, Variadic<Index>:$sizes, Variadic<Index>:$steps);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `[` $offsets `]` `[` $sizes `]` `[` $steps `]` attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

def NN_ConcatOp : NN_InferredOp<"concat"> {
  let summary = "operands one after the other along `axis`";
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_PadOp : NN_InferredOp<"pad", [AttrSizedOperandSegments]> {
  let summary = "elements added before and after in each dimension";
  let description = [{
    `low` and `high` have one entry per dimension and are not negative. `value` (rank 0, same element type) fills in
    mode `constant`; `edge` repeats the border, `reflect` mirrors without it, `wrap` continues at the other end.
  }];
  let arguments = (ins NN_PadModeAttr:$mode, NN_Tensor:$input, Variadic<Index>:$low, Variadic<Index>:$high,
                       Optional<NN_Tensor>:$value);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$mode `,` $input `[` $low `]` `[` $high `]` (`fill` $value^ `:` type($value))? attr-dict `:` type($input) `->` type($result)";
}

def NN_IotaOp : NN_InferredOp<"iota"> {
  let summary = "result[i...] = i[dimension], as i64";
  let arguments = (ins Variadic<Index>:$sizes, I64Attr:$dimension);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "`[` $sizes `]` attr-dict `:` type($result)";
}

def NN_ResizeOp : NN_InferredOp<"resize", [AttrSizedOperandSegments]> {
  let summary = "interpolation on a grid of another size";
  let description = [{
    ONNX Resize (opset 10 to 19) and Upsample. One extent (`sizes`) and one scale (`scales`, f32) per dimension: result
    coordinate x is mapped to the input by `coordinate` with that scale, then interpolated; dimensions with scale 1 and equal
    extents are left alone. `roi` (f32, starts then ends, normalised) only for tf_crop_and_resize; outside the
    input that mode gives `extrapolation`. `cubic_coefficient` is Keys' a. `exclude_outside` renormalises cubic weights at the border,
    `antialias` widens linear and cubic kernels when shrinking.
  }];
  let arguments = (ins NN_NumberTensor:$input, Variadic<Index>:$sizes, Variadic<F32>:$scales, Variadic<F32>:$roi,
                       NN_ResizeModeAttr:$mode, NN_ResizeCoordinateAttr:$coordinate, NN_ResizeNearestAttr:$nearest,
                       DefaultValuedAttr<F32Attr, "-0.75f">:$cubic_coefficient,
                       DefaultValuedAttr<F32Attr, "0.0f">:$extrapolation, UnitAttr:$exclude_outside,
                       UnitAttr:$antialias);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = [{
    $mode `,` $coordinate `,` $nearest `,` $input `[` $sizes `]` `scales` `[` $scales `]` (`roi` `[` $roi^ `]`)? attr-dict
    `:` type($input) `->` type($result)
  }];
}

def NN_PackOp : NN_InferredOp<"pack"> {
  let summary = "a right-hand side in packed panels";
  let description = [{
    `input` is [..., K, N]; the result is [..., ceil(N / nr), K, nr], see the `packing` attribute.
  }];
  let arguments = (ins NN_NumberTensor:$input, NN_PackingAttr:$packing);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_MOVEMENT
