//===- NnOps.td - all ops of the nn dialect, by family -------------------------------------===//

#ifndef TENON_DIALECTS_NN_OPS
#define TENON_DIALECTS_NN_OPS

include "dialects/nn/NnContraction.td"
include "dialects/nn/NnElementwise.td"
include "dialects/nn/NnIndexing.td"
include "dialects/nn/NnMovement.td"
include "dialects/nn/NnRecurrent.td"
include "dialects/nn/NnReduction.td"
include "dialects/nn/NnStructure.td"
include "dialects/nn/NnText.td"
include "dialects/nn/NnTrees.td"

#endif // TENON_DIALECTS_NN_OPS
