//===- NnReduction.td - reductions, scans and selections along axes ----------------------===//

#ifndef TENON_DIALECTS_NN_REDUCTION
#define TENON_DIALECTS_NN_REDUCTION

include "dialects/nn/NnBase.td"

def NN_ReduceOp : NN_InferredOp<"reduce"> {
  let summary = "reduction over axes";
  let description = [{
    `axes` are distinct, ascending and not negative; `keep_dims` leaves extents of 1 in their place. f16 and bf16 are
    accumulated in f32. The empty reduction gives 0, 1, the lowest or the highest value (infinities for floats). `max` and `min`
    are NaN if an element is. Booleans reduce with `max` (any) and `min` (all).
  }];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_Tensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keep_dims);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_ArgReduceOp : NN_InferredOp<"arg_reduce"> {
  let summary = "index of the largest (`max`) or smallest (`min`) element along an axis";
  let description = [{The first such index, or the last with `select_last`. NaN counts as the extreme.}];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_NumberTensor:$input, I64Attr:$axis, UnitAttr:$keep_dims,
                       UnitAttr:$select_last);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_CumulativeOp : NN_InferredOp<"cumulative"> {
  let summary = "running sum or product along an axis";
  let description = [{`exclusive` leaves out the element itself; `reverse` runs from the end. `kind` is sum or prod.}];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_NumberTensor:$input, I64Attr:$axis, UnitAttr:$exclusive,
                       UnitAttr:$reverse);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_TopKOp : NN_InferredOp<"top_k"> {
  let summary = "the k largest or smallest elements along an axis, and their indices";
  let description = [{
    Sorted from the extreme on; equal elements keep the order of their indices. `k` is not above the extent of the axis.
  }];
  let arguments = (ins NN_NumberTensor:$input, Index:$k, I64Attr:$axis, UnitAttr:$smallest);
  let results = (outs NN_NumberTensor:$values, RankedTensorOf<[I64]>:$indices);
  let assemblyFormat = "$input `,` $k attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_REDUCTION
