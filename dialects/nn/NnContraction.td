//===- NnContraction.td - matrix products, convolutions and pooling ----------------------===//

#ifndef TENON_DIALECTS_NN_CONTRACTION
#define TENON_DIALECTS_NN_CONTRACTION

include "dialects/nn/NnBase.td"

def NN_MatmulOp : NN_InferredOp<"matmul"> {
  let summary = "batched matrix product";
  let description = [{
        lhs[..., M, K] x rhs[..., K, N] -> result[..., M, N]

    Leading dimensions broadcast. With `transpose_lhs` / `transpose_rhs` the last two dimensions of that operand are
    swapped. Products are accumulated in f32 for f16, bf16 and f32, in f64 for f64, in the element type (wrapping) for
    integers. With `packing` the right-hand side is `tensor<[..., ceil(N / nr), K, nr]>` as the attribute describes.

    C1: both operands have the same element type and rank 2 or more. C2: the extents of K agree where both are static.
    C3: `packing` excludes `transpose_rhs`.
  }];
  let arguments = (ins NN_NumberTensor:$lhs, NN_NumberTensor:$rhs, UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs,
                       OptionalAttr<NN_PackingAttr>:$packing);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_ConvOp : NN_InferredOp<"conv"> {
  let summary = "convolution in one to three spatial dimensions";
  let description = [{
        result[n, f, p...] = sum over c, r... of input[n, g * C/G + c, p * stride + r * dilation - pad_low ...] * filter[f, c, r...]

    with g = f / (F / G); outside the input is zero. `input` is [N, C, spatial...] or, with `channels_last`,
    [N, spatial..., C]; the result has the same layout. `filter` is [F, C/G, kernel...] always. `pads` holds all low
    pads, then all high ones (not negative). Accumulation as in `matmul`.
    With `packing` the filter is `tensor<[G, ceil(F/G / nr), K, nr]>`, K = kernel... x C/G with the channel innermost, and
    `kernel` gives the window.
    A depthwise filter (C = F = G) is packed as one group whose columns are the channels: `tensor<[1, ceil(C / nr), kernel..., nr]>`
    with the kernel's positions as one dimension, columns = C.

    C1: ranks agree and are 3 to 5. C2: C = G * filter dimension 1 and F is a multiple of G. C3: attribute lengths match.
  }];
  let arguments = (ins NN_NumberTensor:$input, NN_NumberTensor:$filter, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DefaultValuedAttr<I64Attr, "1">:$groups, UnitAttr:$channels_last,
                       OptionalAttr<NN_PackingAttr>:$packing);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$input `,` $filter attr-dict `:` functional-type(operands, results)";
}

def NN_ConvTransposeOp : NN_InferredOp<"conv_transpose"> {
  let summary = "transposed convolution (the gradient of a convolution with respect to its input)";
  let description = [{
        result[n, g * F/G + f, p * stride + r * dilation - pad_low ...] += input[n, c, p...] * filter[c, f, r...]

    with g = c / (C / G). `filter` is [C, F/G, kernel...]. Result extents: (D - 1) * stride + (kernel - 1) * dilation + 1
    - pad_low - pad_high + output_padding.
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
    Window positions outside the input are left out; `average` divides by the number of positions inside,
    `average_include_pad` by the number of positions inside the padded input. Extent of a result dimension:
    floor((D + pad_low + pad_high - (kernel - 1) * dilation - 1) / stride) + 1, with `ceil_mode` the ceiling instead, less one
    if the last window would start in the high padding. Layouts as in `conv`.
  }];
  let arguments = !con((ins NN_PoolKindAttr:$kind), windowArguments);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_PoolArgmaxOp : NN_WindowOp<"pool_argmax"> {
  let summary = "flat index in the whole input (N, C, spatial...) of the first maximum of each window";
  let description = [{
    With `column_major` the spatial dimensions are counted first to last as fastest to slowest (ONNX storage_order 1).
    The input is channels first.
  }];
  let arguments = !con(windowArguments, (ins UnitAttr:$column_major));
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_CONTRACTION
