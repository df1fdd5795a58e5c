//===- NnIndexing.td - elements chosen by values -------------------------------------------===//

#ifndef TENON_DIALECTS_NN_INDEXING
#define TENON_DIALECTS_NN_INDEXING

include "dialects/nn/NnBase.td"

// Indices may be negative (counted from the end); one outside [-D, D) is a run-time error that names the op.

def NN_GatherOp : NN_InferredOp<"gather"> {
  let summary = "slices of `input` along `axis`, chosen by indices";
  let description = [{
        input[A..., D, B...], indices[J...] -> result[A..., J..., B...]
        result[a..., j..., b...] = input[a..., indices[j...], b...]     D and J... are at `axis`

    - C1: 0 <= axis < rank of input.

    From ONNX Gather (1, 11, 13).
    - Valid: `nn.gather %x, %i {axis = 1 : i64} : (tensor<?x5x7xf32>, tensor<2x3xi64>) -> tensor<?x2x3x7xf32>`
    - Invalid: the same with `axis = 3` (C1)
  }];
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def NN_GatherElementsOp : NN_InferredOp<"gather_elements"> {
  let summary = "one element for each index, along `axis`";
  let description = [{
        result[i...] = input[i... with i[axis] = indices[i...]]     the shape is that of indices

    - C1: input and indices have one rank.
    - C2: 0 <= axis < rank.
    - C3: each extent of indices, but that of the axis, is at most the input's.

    From ONNX GatherElements (11, 13).
    - Valid: `nn.gather_elements %x, %i {axis = 1 : i64} : (tensor<4x5xf32>, tensor<4x2xi64>) -> tensor<4x2xf32>`
    - Invalid: `nn.gather_elements %x, %i {axis = 1 : i64} : (tensor<4x5xf32>, tensor<4xi64>) -> tensor<4xf32>` (C1)
  }];
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def NN_GatherNdOp : NN_InferredOp<"gather_nd"> {
  let summary = "slices of `input` at tuples of indices";
  let description = [{
        input[B..., D..., T...], indices[B..., J..., q] -> result[B..., J..., T...]
        result[b..., j..., t...] = input[b..., indices[b..., j..., 0], ..., indices[b..., j..., q - 1], t...]

    B... are the first `batch_dims` (0 by default) dimensions of both, q says how many dimensions after them are indexed.

    - C1: 0 <= batch_dims < rank of indices, at most the rank of input; the batch extents agree.
    - C2: q is static and batch_dims + q is at most the rank of input.

    From ONNX GatherND (11, 12, 13).
    - Valid: `nn.gather_nd %x, %i : (tensor<4x5x6xf32>, tensor<3x2xi64>) -> tensor<3x6xf32>`
    - Invalid: `nn.gather_nd %x, %i : (tensor<4x5x6xf32>, tensor<3x?xi64>) -> tensor<?xf32>` (C2)
  }];
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$indices, DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def NN_ScatterElementsOp : NN_InferredOp<"scatter_elements"> {
  let summary = "a copy of `input` where single elements are combined with updates";
  let description = [{
        result = input, then for all i...: result[i... with i[axis] = indices[i...]] = kind(old, updates[i...])

    `kind` is assign, add, mul, max or min. Several updates of one element are combined in row-major order of i (the last assigns).

    - C1: input and indices have one rank.
    - C2: 0 <= axis < rank.
    - C3: updates have the input's element type and the shape of indices.
    - C4: each extent of indices, but that of the axis, is at most the input's.
    - C5: strings and complex numbers are assigned, not combined.

    From ONNX Scatter (9, 11), ScatterElements (11, 13, 16, 18).
    - Valid: `nn.scatter_elements add, %x, %i, %u {axis = 0 : i64} : (tensor<4x5xf32>, tensor<2x5xi64>, tensor<2x5xf32>) -> tensor<4x5xf32>`
    - Invalid: the same with updates of `tensor<3x5xf32>` (C3)
  }];
  let arguments = (ins NN_ScatterKindAttr:$kind, NN_ScatteredTensor:$input, NN_IndexTensor:$indices, NN_ScatteredTensor:$updates,
                       I64Attr:$axis);
  let results = (outs NN_ScatteredTensor:$result);
  let assemblyFormat = "$kind `,` $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def NN_ScatterNdOp : NN_InferredOp<"scatter_nd"> {
  let summary = "a copy of `input` where slices are combined with updates";
  let description = [{
        result = input, then for j... in row-major order: result[indices[j..., :], t...] = kind(old, updates[j..., t...])

    - C1: input and updates have one element type.
    - C2: the last extent of indices is static and at most the rank of input.
    - C3: updates have the shape [J..., T...] of the indexed slices.
    - C4: strings and complex numbers are assigned, not combined.

    From ONNX ScatterND (11, 13, 16, 18).
    - Valid: `nn.scatter_nd assign, %x, %i, %u : (tensor<4x5xf32>, tensor<3x1xi64>, tensor<3x5xf32>) -> tensor<4x5xf32>`
    - Invalid: the same with updates of `tensor<3x4xf32>` (C3)
  }];
  let arguments = (ins NN_ScatterKindAttr:$kind, NN_ScatteredTensor:$input, NN_IndexTensor:$indices, NN_ScatteredTensor:$updates);
  let results = (outs NN_ScatteredTensor:$result);
  let assemblyFormat = "$kind `,` $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def NN_NonZeroOp : NN_InferredOp<"non_zero"> {
  let summary = "indices of the elements that are not zero, row-major: result[d, k] is index d of the k-th";
  let description = [{
        input[D...], count -> result[rank, count]

    `count` is how many there are (a sum computed before): the extent of dimension 1. Further elements are left out.
    A tensor of rank 0 has one element without indices: the result is [0, count].

    From ONNX NonZero (9, 13).
    - Valid: `nn.non_zero %x, %n : (tensor<2x3xf32>, index) -> tensor<2x?xi64>`
    - Invalid: `nn.non_zero %x, %n : (tensor<2x3xf32>, index) -> tensor<3x?xi64>` (the rank of the input is 2)
  }];
  let arguments = (ins NN_ComparableTensor:$input, Index:$count);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input `,` $count attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_INDEXING
