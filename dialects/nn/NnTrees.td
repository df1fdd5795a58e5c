//===- NnTrees.td - ensembles of decision trees --------------------------------------------===//

#ifndef TENON_DIALECTS_NN_TREES
#define TENON_DIALECTS_NN_TREES

include "dialects/nn/NnBase.td"

def NN_TreeEnsembleOp : NN_InferredOp<"tree_ensemble", [NN_NeedsAllResults]> {
  let summary = "what the leaves of decision trees give, summed or compared over all trees";
  let description = [{
        x[N, F], columns[C, 4], cuts[K], nodes[P], roots[R], order[R], ranges[P, 2], targets, weights
            -> scores[N, T], leaves[L, R]                          T is `scores`; L = N if that is known to be at
                                                                   most 8, 0 if known to be more, else 8

    Trees are data. No threshold is met on the way down: each feature is first replaced by its rank among the thresholds that it is compared with.
    Column c, with [f, m, begin, end] = columns[c, :], has the bin

        bin[n, c] = number of i in [begin, end) for which x[n, f] <= cuts[i] does not hold
                    of a NaN x[n, f]: end - begin if m is 1, 0 if m is 0

    cuts[begin ... end - 1] ascend; NaN comes first (no number is at most NaN). So two columns of one feature serve nodes that send NaN
    different ways. A node is a word of bit fields: the lowest `rank_bits` its rank, the next `column_bits` its column, the rest its delta:

        next(p) = p + delta(p) + (rank(p) < bin[n, column(p)])

    The children of a node are neighbours, the one for numbers at most the threshold first. A leaf has delta 0 and all bits of its rank
    set, so that next(p) = p. leaf(n, r) is where next leads from roots[r] in the end.

        scores[n, t] = kind over r, in ascending order, of what leaf(n, r) = p gives to target t:
                       weights[p] if t = targets[r]                                         without `ranges`
                       weights[i] for each i in ranges[p, 0] <= i < ranges[p, 1] with targets[i] = t     with them

    `kind` is sum, min or max; of nothing they are 0, infinity and -infinity. `order` is a permutation of the trees in which neighbours
    have like depths. `steps` estimates how often next is taken for a row. `leaves` is room for leaf(n, r) that a schedule may
    use; what it holds in the end is undefined.

    - C1: x has rank 2, columns has extents [C, 4], cuts, nodes, roots, order, targets and weights have rank 1, ranges has extents [P, 2].
    - C2: cuts have the element type of x.
    - C3: kind is sum, min or max.
    - C4: rank_bits is 1 to 32, column_bits 0 to 32, and a word of nodes has more bits than both.
    - C5: order has the extent of roots; targets has the extent of roots without ranges, of weights with ranges.
    - C6: scores is positive.

    Undefined: nodes that are no forest, numbers out of range.

    From ONNX ai.onnx.ml TreeEnsembleClassifier, TreeEnsembleRegressor (1, 3), TreeEnsemble (5).
    - Valid: `nn.tree_ensemble sum, %x, %columns, %cuts, %nodes, %roots, %order, %targets, %weights {scores = 1 : i64, rank_bits = 8 : i64,
      column_bits = 8 : i64, steps = 3 : i64} : (tensor<?x4xf32>, tensor<2x4xi32>, tensor<5xf32>, tensor<9xui32>, tensor<1xi32>, tensor<1xi32>,
      tensor<1xi32>, tensor<9xf32>) -> (tensor<?x1xf32>, tensor<8x1xi32>)`
    - Invalid: the same with kind prod (C3)
  }];
  let arguments = (ins NN_ReduceKindAttr:$kind, RankedTensorOf<[F32, F64]>:$x, RankedTensorOf<[I32]>:$columns,
                       RankedTensorOf<[F32, F64]>:$cuts, RankedTensorOf<[UI32, UI64]>:$nodes, RankedTensorOf<[I32]>:$roots,
                       RankedTensorOf<[I32]>:$order, Optional<RankedTensorOf<[I32]>>:$ranges, RankedTensorOf<[I32]>:$targets,
                       RankedTensorOf<[F32, F64]>:$weights, I64Attr:$scores, I64Attr:$rank_bits, I64Attr:$column_bits, I64Attr:$steps);
  let results = (outs RankedTensorOf<[F32, F64]>:$result, RankedTensorOf<[I32]>:$leaves);
  let assemblyFormat = [{
    $kind `,` $x `,` $columns `,` $cuts `,` $nodes `,` $roots `,` $order `,` (`ranges` $ranges^ `,`)? $targets `,` $weights attr-dict `:`
    functional-type(operands, results)
  }];
  let extraClassDeclaration = inferredDeclarations # [{
    /// The most rows for which `leaves` has room.
    static constexpr int64_t fewRows = 8;
  }];
}

#endif // TENON_DIALECTS_NN_TREES
