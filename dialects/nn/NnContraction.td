//===- NnContraction.td - matrix products, convolutions and pooling ------------------------===//

#ifndef TENON_DIALECTS_NN_CONTRACTION
#define TENON_DIALECTS_NN_CONTRACTION

include "dialects/nn/NnBase.td"

def NN_MatmulOp : NN_InferredOp<"matmul"> {
  let summary = "batched matrix product";
  let description = [{
        lhs[..., M, K] x rhs[..., K, N] -> result[..., M, N]
        result[b..., m, n] = sum over k of lhs[b..., m, k] * rhs[b..., k, n]

    Leading dimensions broadcast. With `transpose_lhs` / `transpose_rhs` (off by default) the last two dimensions of that operand are
    swapped before. Products are accumulated in f32 for f16, bf16 and f32, in f64 for f64, in the element type (wrapping) for
    integers. With `packing` the right-hand side is `tensor<[..., ceil(N / nr), K, nr]>` as the attribute describes. The order of the
    sum, tiles and threads are not decided here.

    - C1: both operands have the same element type and rank 2 or more (3 or more for a packed rhs).
    - C2: the extents of K agree.
    - C3: `packing` excludes `transpose_rhs`.
    - C4: a packed rhs has ceil(columns / nr) panels of nr columns; its `group` divides K.
    - C5: the leading dimensions broadcast.

    From ONNX MatMul (1, 9, 13), Gemm (1, 6, 7, 9, 11, 13), MatMulInteger (10), Einsum (12).
    - Valid: `nn.matmul %x, %w : (tensor<?x5x7xf32>, tensor<7x9xf32>) -> tensor<?x5x9xf32>`
    - Invalid: `nn.matmul %x, %w : (tensor<5x7xf32>, tensor<9x7xf32>) -> tensor<5x9xf32>` (C2; with `transpose_rhs` it is valid)
  }];
  let arguments = (ins NN_NumberTensor:$lhs, NN_NumberTensor:$rhs, UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs,
                       OptionalAttr<NN_PackingAttr>:$packing);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_ConvOp : NN_InferredOp<"conv", [AttrSizedOperandSegments]> {
  let summary = "convolution in one to three spatial dimensions";
  let description = [{
        input[N, C, D...] * filter[F, C/G, R...] -> result[N, F, P...]
        result[n, f, p...] = sum over c, r... of input[n, g * C/G + c, p * stride + r * dilation - pad_low ...] * filter[f, c, r...]

    with g = f / (F / G) and P = floor((D + pad_low + pad_high - (R - 1) * dilation - 1) / stride) + 1, at least 0. Outside the
    input is zero. `input` is [N, C, spatial...] or, with `channels_last` (off by default), [N, spatial..., C]; the result has the same
    layout, the filter does not change. `kernel`, `strides` and `dilations` have one entry per spatial dimension, `pads` all low
    pads and then all high ones; `groups` is 1 by default. Accumulation as in `nn.matmul`.
    With `packing` the filter is `tensor<[G, ceil(F/G / nr), K, nr]>`, K = R... x C/G with the channel innermost; F/G is the
    attribute's `columns`. Packed across groups it is `tensor<[1, ceil(F / nr), K, nr]>` with F columns, each of the K of its own
    group. Transformed for Winograd's algorithm it is `tensor<[ceil(F / nr), positions, K, nr]>` as the attribute describes.
    `alternatives` are the same filter in other formats, `alternative_packings`; a run reads the one that `form` says, 0 being `filter`.
    Tiles and threads are not decided here.

    - C1: one element type; ranks agree and are 3 to 5 (a packed filter has rank 4).
    - C2: groups is positive, C = G * filter dimension 1, F is a multiple of G.
    - C3: attributes have one entry (pads: two) per spatial dimension, kernel, strides and dilations at least 1, pads not negative, all
      below 2^31; kernel is the filter's.
    - C4: a packed filter has the shape above; its `group` divides C / G, and is 1 across groups.
    - C5: a packing for Winograd needs channels_last, floats, one group, and a window of more than 1 position whose tiles have at most 8
      positions in a dimension; strides only with dilations of 1; a window of three dimensions is 1 in the first, or in none and then has
      unit strides.
    - C6: each alternative has a packing, and there is a form if there are any; the filter is packed then. C1, C4 and C5 hold for all, and
      they have equally many columns.

    From ONNX Conv (1, 11, 22), ConvInteger (10); a bias is an `nn.add`.
    - Valid: `nn.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>} :
      (tensor<?x4x10xf32>, tensor<8x4x3xf32>) -> tensor<?x8x5xf32>`
    - Invalid: the same on `tensor<?x5x10xf32>` (C2: 5 channels, the filter has 4)
  }];
  let arguments = (ins NN_NumberTensor:$input, NN_NumberTensor:$filter, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DefaultValuedAttr<I64Attr, "1">:$groups, UnitAttr:$channels_last,
                       OptionalAttr<NN_PackingAttr>:$packing, Variadic<NN_NumberTensor>:$alternatives,
                       OptionalAttr<TypedArrayAttrBase<NN_PackingAttr, "packings">>:$alternative_packings, Optional<Index>:$form);
  let results = (outs NN_NumberTensor:$result);
  let builders = [
    // With the filter as it is.
    OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$filter, "::llvm::ArrayRef<int64_t>":$kernel,
                   "::llvm::ArrayRef<int64_t>":$strides, "::llvm::ArrayRef<int64_t>":$pads,
                   "::llvm::ArrayRef<int64_t>":$dilations, "int64_t":$groups), [{
      build($_builder, $_state, input, filter, kernel, strides, pads, dilations, groups, /*channels_last=*/false,
            PackingAttr(), ::mlir::ValueRange(), ::mlir::ArrayAttr(), ::mlir::Value());
    }]>];
  let assemblyFormat = "$input `,` $filter (`or` $alternatives^ `by` $form)? attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = inferredDeclarations # [{
    /// Whether the filters of all groups are the columns of one packed matrix.
    bool isPackedAcrossGroups();
  }];
}

def NN_ConvTransposeOp : NN_InferredOp<"conv_transpose"> {
  let summary = "transposed convolution (the gradient of a convolution with respect to its input)";
  let description = [{
        input[N, C, D...] * filter[C, F/G, R...] -> result[N, F, P...]
        result[n, g * F/G + f, p * stride + r * dilation - pad_low ...] += input[n, c, p...] * filter[c, f, r...]

    with g = c / (C / G), over all c, p, r whose target lies inside; P = (D - 1) * stride + (R - 1) * dilation + 1 - pad_low - pad_high +
    output_padding, at least 0. Attributes as in `nn.conv`; `output_padding` has one entry per spatial dimension.

    - C1: one element type; ranks agree and are 3 to 5.
    - C2: groups is positive, C is the filter's first extent and a multiple of G.
    - C3: attribute lengths and ranges as in `nn.conv`; output_padding is not negative.

    From ONNX ConvTranspose (1, 11, 22); `output_shape` and `auto_pad` are resolved by Import.
    - Valid: `nn.conv_transpose %x, %w {strides = array<i64: 2>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, output_padding =
      array<i64: 0>} : (tensor<1x3x10xf32>, tensor<3x5x4xf32>) -> tensor<1x5x20xf32>`
    - Invalid: the same on `tensor<1x4x10xf32>` (C2: 4 channels, the filter has 3)
  }];
  let arguments = (ins NN_FloatTensor:$input, NN_FloatTensor:$filter, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$output_padding,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
}

class NN_WindowOp<string mnemonic> : NN_InferredOp<mnemonic> {
  dag windowArguments = (ins NN_NumberTensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                             DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, UnitAttr:$ceil_mode,
                             UnitAttr:$channels_last);
}

def NN_PoolOp : NN_WindowOp<"pool"> {
  let summary = "maximum, average or sum over sliding windows";
  let description = [{
        result[n, c, p...] = kind over r... of input[n, c, p * stride + r * dilation - pad_low ...]

    Window positions outside the input are left out; `average` divides by the number of positions inside,
    `average_include_pad` by the number of positions inside the padded input, `sum` does not divide, `max` is NaN if an element is. Extent of a result
    dimension: floor((D + pad_low + pad_high - (kernel - 1) * dilation - 1) / stride) + 1, with `ceil_mode` (off by default) the ceiling instead,
    less one if the last window would start in the high padding. Layouts and attributes as in `nn.conv`. A window that sees no
    element of the input gives the lowest value (max), 0 (sum) or NaN (averages).

    - C1: input has rank 3 or more.
    - C2: attribute lengths and ranges as in `nn.conv`.

    From ONNX MaxPool (1, 8, 10, 11, 12, 22), AveragePool (1, 7, 10, 11, 19, 22), LpPool (1, 2, 11, 18, 22).
    - Valid: `nn.pool max, %x {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} :
      (tensor<1x2x8xf32>) -> tensor<1x2x3xf32>`
    - Invalid: the same on `tensor<2x8xf32>` (C1)
  }];
  let arguments = !con((ins NN_PoolKindAttr:$kind), windowArguments);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_PoolArgmaxOp : NN_WindowOp<"pool_argmax"> {
  let summary = "flat index in the whole input (N, C, spatial...) of the first maximum of each window";
  let description = [{
        result[n, c, p...] = flat index of the first maximum of the window that `nn.pool max` sees at p

    The index counts N, C and the spatial dimensions in row-major order; with `column_major` (off by default) the spatial dimensions are
    counted first to last as fastest to slowest (ONNX storage_order 1). Attributes and extents as in `nn.pool`.

    - C1, C2: as `nn.pool`.
    - C3: the input is channels first.

    From ONNX MaxPool (8, 10, 11, 12, 22), second output.
    - Valid: `nn.pool_argmax %x {kernel = array<i64: 3>, strides = array<i64: 2>, pads = array<i64: 0, 0>, dilations = array<i64: 1>} :
      (tensor<1x2x8xf32>) -> tensor<1x2x3xi64>`
    - Invalid: the same with `channels_last` (C3)
  }];
  let arguments = !con(windowArguments, (ins UnitAttr:$column_major));
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_CONTRACTION
