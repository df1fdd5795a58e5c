//===- NnReduction.td - reductions, scans and selections along axes ------------------------===//

#ifndef TENON_DIALECTS_NN_REDUCTION
#define TENON_DIALECTS_NN_REDUCTION

include "dialects/nn/NnBase.td"

def NN_ReduceOp : NN_InferredOp<"reduce"> {
  let summary = "reduction over axes";
  let description = [{
        result[i...] = kind over the elements of input whose indices outside `axes` are i...

    `keep_dims` (off by default) leaves extents of 1 in place of the axes. f16 and bf16 are accumulated in f32, integers wrap. The empty reduction gives 0
    (sum), 1 (prod), the lowest (max) or the highest value (min; infinities for floats). `max` and `min` are NaN if an element is. Booleans
    reduce with `max` (any) and `min` (all). The order of a sum is not decided here.

    - C1: axes lie in [0, rank) and ascend.
    - C2: booleans reduce with max or min.

    From ONNX ReduceSum, ReduceProd, ReduceMax, ReduceMin (1, 11, 12, 13, 18, 20) and, by composition, ReduceMean, ReduceL1, Softmax and others.
    - Valid: `nn.reduce sum, %x {axes = array<i64: 1>, keep_dims} : (tensor<?x5x7xf32>) -> tensor<?x1x7xf32>`
    - Invalid: the same with `array<i64: 1, 0>` (C1)
  }];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_NumberOrBoolTensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keep_dims);
  let results = (outs NN_NumberOrBoolTensor:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_ArgReduceOp : NN_InferredOp<"arg_reduce"> {
  let summary = "index of the largest (`max`) or smallest (`min`) element along an axis";
  let description = [{
        result[i...] = the position j along `axis` where input[i... with i[axis] = j] is the extreme

    `kind` is max or min. The first such position, or the last with `select_last`. NaN counts as the extreme. `keep_dims` as in `nn.reduce`
    (both off by default).

    - C1: 0 <= axis < rank.
    - C2: kind is max or min.

    From ONNX ArgMax, ArgMin (1, 11, 12, 13).
    - Valid: `nn.arg_reduce max, %x {axis = 1 : i64} : (tensor<?x5xf32>) -> tensor<?xi64>`
    - Invalid: `nn.arg_reduce sum, ...` (C2)
  }];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_NumberTensor:$input, I64Attr:$axis, UnitAttr:$keep_dims,
                       UnitAttr:$select_last);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_CumulativeOp : NN_InferredOp<"cumulative"> {
  let summary = "running sum or product along an axis";
  let description = [{
        result[i...] = kind over j <= i[axis] of input[i... with i[axis] = j]

    `exclusive` leaves out j = i[axis] itself; `reverse` runs from the end, over j >= i[axis] (both off by default). `kind` is sum or prod.

    - C1: 0 <= axis < rank.
    - C2: kind is sum or prod.

    From ONNX CumSum (11, 14), CumProd (26).
    - Valid: `nn.cumulative sum, %x {axis = 0 : i64} : (tensor<?xf32>) -> tensor<?xf32>`
    - Invalid: `nn.cumulative max, ...` (C2)
  }];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_NumberTensor:$input, I64Attr:$axis, UnitAttr:$exclusive,
                       UnitAttr:$reverse);
  let results = (outs NN_NumberTensor:$result);
  let assemblyFormat = "$kind `,` $input attr-dict `:` functional-type(operands, results)";
}

def NN_TopKOp : NN_InferredOp<"top_k"> {
  let summary = "the k largest or smallest elements along an axis, and their indices";
  let description = [{
        input[A..., D, B...] -> values[A..., k, B...], indices[A..., k, B...]     D and k are at `axis`

    Sorted from the largest (with `smallest`, off by default, the smallest) on; equal elements keep the order of their indices.

    - C1: 0 <= axis < rank.
    - C2: k is not above D (undefined where that is only seen at run time).

    From ONNX TopK (1, 10, 11, 24); `sorted = 0` may sort as well.
    - Valid: `nn.top_k %x, %k {axis = 1 : i64} : (tensor<?x5xf32>, index) -> (tensor<?x?xf32>, tensor<?x?xi64>)`
    - Invalid: `k` = 6 on `tensor<?x5xf32>` (C2)
  }];
  let arguments = (ins NN_NumberTensor:$input, Index:$k, I64Attr:$axis, UnitAttr:$smallest);
  let results = (outs NN_NumberTensor:$values, RankedTensorOf<[I64]>:$indices);
  let assemblyFormat = "$input `,` $k attr-dict `:` functional-type(operands, results)";
}

def NN_NonMaxSuppressionOp : NN_InferredOp<"non_max_suppression"> {
  let summary = "for each class, boxes of falling score that overlap no chosen one too much";
  let description = [{
        boxes[B, N, 4], scores[B, C, N] -> result[B, C, M]     M is `limit`
        result[b, c, :] = indices of the chosen boxes in the order of choice, then -1

    Boxes whose score is above `score_threshold` (all without one) are looked at from the highest score on, at equal scores from the
    lowest index on, until M are chosen. A box is chosen unless its intersection with a chosen one over their union is above `iou_threshold`;
    without a positive intersection and areas nothing overlaps. A box is two opposite corners y, x, y, x in any order, with `centered` (off by
    default) x, y of its centre, width and height.

    - C1: boxes have rank 3 and a last extent of 4.
    - C2: scores have rank 3; batch and number of boxes agree with those of boxes.

    From ONNX NonMaxSuppression (10, 11), together with nn.non_zero.
    - Valid: `nn.non_max_suppression %b, %s, %m, %o, %t : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, index, f32, f32) -> tensor<1x2x?xi64>`
    - Invalid: the same with boxes of `tensor<1x6x5xf32>` (C1)
  }];
  let arguments = (ins RankedTensorOf<[F32]>:$boxes, RankedTensorOf<[F32]>:$scores, Index:$limit, F32:$iou_threshold,
                       Optional<F32>:$score_threshold, UnitAttr:$centered);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = [{
    $boxes `,` $scores `,` $limit `,` $iou_threshold (`,` $score_threshold^)? attr-dict `:` functional-type(operands, results)
  }];
}

#endif // TENON_DIALECTS_NN_REDUCTION
