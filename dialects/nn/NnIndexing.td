//===- NnIndexing.td - elements chosen by values -------------------------------------------===//

#ifndef TENON_DIALECTS_NN_INDEXING
#define TENON_DIALECTS_NN_INDEXING

include "dialects/nn/NnBase.td"

// Indices may be negative (counted from the end); one outside [-D, D) is a run-time error that names the op.

def NN_GatherOp : NN_InferredOp<"gather"> {
  let summary = "result[a..., j..., b...] = input[a..., indices[j...], b...] with j... at `axis`";
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def NN_GatherElementsOp : NN_InferredOp<"gather_elements"> {
  let summary = "result[i...] = input[i... with i[axis] = indices[i...]]";
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def NN_GatherNdOp : NN_InferredOp<"gather_nd"> {
  let summary = "result[b..., j..., t...] = input[b..., indices[b..., j..., :], t...]";
  let description = [{The last extent of `indices` (static) says how many leading dimensions after the batch are indexed.}];
  let arguments = (ins NN_Tensor:$input, NN_IndexTensor:$indices, DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices attr-dict `:` functional-type(operands, results)";
}

def NN_ScatterElementsOp : NN_InferredOp<"scatter_elements"> {
  let summary = "a copy of `input` where [i... with i[axis] = indices[i...]] is combined with updates[i...]";
  let arguments = (ins NN_ScatterKindAttr:$kind, NN_Tensor:$input, NN_IndexTensor:$indices, NN_Tensor:$updates,
                       I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$kind `,` $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def NN_ScatterNdOp : NN_InferredOp<"scatter_nd"> {
  let summary = "a copy of `input` where [indices[j..., :], t...] is combined with updates[j..., t...], in order of j";
  let arguments = (ins NN_ScatterKindAttr:$kind, NN_Tensor:$input, NN_IndexTensor:$indices, NN_Tensor:$updates);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$kind `,` $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def NN_NonZeroOp : NN_InferredOp<"non_zero"> {
  let summary = "indices of the elements that are not zero, row-major: result[d, k] is index d of the k-th";
  let description = [{
        input[...] -> result[rank, count]

    `count` is how many there are (a sum computed before): the extent of dimension 1. Further elements are left out.
    A tensor of rank 0 has one element without indices: the result is [0, count].

    From ONNX NonZero. Valid: `nn.non_zero %x, %n : (tensor<2x3xf32>, index) -> tensor<2x?xi64>`.
  }];
  let arguments = (ins NN_Tensor:$input, Index:$count);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input `,` $count attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_INDEXING
