//===- NnRecurrent.td - recurrences over time ----------------------------------------------===//

#ifndef TENON_DIALECTS_NN_RECURRENT
#define TENON_DIALECTS_NN_RECURRENT

include "dialects/nn/NnBase.td"

// An op that runs a cell over a sequence. The product of all inputs with the input weights is computed outside; `gates` is the number of
// H wide vectors that it gives for each step, `functions` the number of activations of a cell.
class NN_RecurrentOp<string mnemonic, int gates, int functions, list<Trait> traits = []>
    : NN_InferredOp<mnemonic, !listconcat(traits, [NN_NeedsAllResults])> {
  let extraClassDeclaration = inferredDeclarations # [{
    static constexpr int64_t gateCount = }] # gates # [{, functionCount = }] # functions # [{;
    int64_t directionCount() { return getDirection() == Direction::bidirectional ? 2 : 1; }
  }];
}

def NN_LstmOp : NN_RecurrentOp<"lstm", 4, 3, [AttrSizedOperandSegments]> {
  let summary = "the recurrent part of an LSTM over a whole sequence";
  let description = [{
    `projected`[T, B, D * 4 * H] = x_t . W^T + Wb + Rb is computed outside (a matrix product over all steps at once); gates are in ONNX's
    order i, o, f, c. For each direction d and step t, with X = projected[t, b, d * 4H + gate * H ...]:

        i = f(X_i + h . R_i^T + P_i * c)      f = f(X_f + h . R_f^T + P_f * c)     (or 1 - i with input_forget)
        c' = f * c + i * g(X_c + h . R_c^T)   o = f(X_o + h . R_o^T + P_o * c')    h' = o * h(c')

    `recurrent`[D, H, 4 * H] holds R^T, or packed [D, ceil(H / n), H, 4, n] units in panels of n; `initial_h`, `initial_c`[D, B, H]; `peephole`[D, 3 * H] (i, o, f); `lengths`[B]: beyond its length a batch
    item gives zeros and keeps its last state. D is 2 for `bidirectional`, else 1; the reverse direction starts at the last valid
    step. Results: `sequence`[T, D, B, H], `last_h`, `last_c`[D, B, H]. `activations` has three entries per direction (f, g, h),
    numbers of the enumeration Activation; `alpha` and `beta` likewise. `clip` (0 by default: none) bounds the arguments of the activations,
    `input_forget` is off by default.

    - C1: projected has rank 3, recurrent 3 or, with known extents, 5.
    - C2: all operands have the shapes above and one element type (lengths i32).
    - C3: activations, alpha and beta have 3 * D entries, activations are known.

    From ONNX LSTM (1, 7, 14, 22).
    - Valid: `nn.lstm forward, %x, %r, %h, %c {activations = array<i32: 0, 1, 1>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0,
      0.0>} : (tensor<10x2x32xf32>, tensor<1x8x32xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>,
      tensor<1x2x8xf32>)`
    - Invalid: the same with projected of `tensor<10x2x24xf32>` (C2: 4 * 8 = 32 numbers for each step)
  }];
  let arguments = (ins NN_FloatTensor:$projected, NN_FloatTensor:$recurrent, NN_FloatTensor:$initial_h,
                       NN_FloatTensor:$initial_c, Optional<NN_FloatTensor>:$peephole,
                       Optional<RankedTensorOf<[I32]>>:$lengths, NN_DirectionAttr:$direction,
                       DenseI32ArrayAttr:$activations, DenseF32ArrayAttr:$alpha, DenseF32ArrayAttr:$beta,
                       DefaultValuedAttr<F32Attr, "0.0f">:$clip, UnitAttr:$input_forget);
  let results = (outs NN_FloatTensor:$sequence, NN_FloatTensor:$last_h, NN_FloatTensor:$last_c);
  let assemblyFormat = [{
    $direction `,` $projected `,` $recurrent `,` $initial_h `,` $initial_c (`peephole` $peephole^)? (`lengths` $lengths^)?
    attr-dict `:` functional-type(operands, results)
  }];
}

def NN_GruOp : NN_RecurrentOp<"gru", 3, 2, [AttrSizedOperandSegments]> {
  let summary = "the recurrent part of a GRU over a whole sequence";
  let description = [{
    `projected`[T, B, D * 3 * H] = x_t . W^T and biases is computed outside (a matrix product over all steps at once); gates are in ONNX's order
    z, r, h. For each direction d and step t, with X = projected[t, b, d * 3H + gate * H ...]:

        z = f(X_z + h . R_z^T)    r = f(X_r + h . R_r^T)
        n = g(X_h + (r * h) . R_h^T)                or, with linear_before_reset,   n = g(X_h + r * (h . R_h^T + bias))
        h' = (1 - z) * n + z * h

    `recurrent`[D, H, 3 * H] holds R^T, or packed [D, ceil(H / n), H, 3, n] units in panels of n; `initial_h`[D, B, H]; `bias`[D, H] is zero if absent; `lengths`[B]: beyond its length a batch item gives
    zeros and keeps its last state. D is 2 for `bidirectional`, else 1; the reverse direction starts at the last valid step. Results:
    `sequence`[T, D, B, H], `last_h`[D, B, H]. `activations` has two entries per direction (f, g), numbers of the enumeration Activation;
    `alpha` and `beta` likewise. `clip` (0 by default: none) bounds the arguments of the activations, `linear_before_reset` is off by default.

    - C1: projected has rank 3, recurrent 3 or, with known extents, 5.
    - C2: all operands have the shapes above and one element type (lengths i32).
    - C3: activations, alpha and beta have 2 * D entries, activations are known.
    - C4: bias is given only with linear_before_reset; else it belongs to projected.

    From ONNX GRU (1, 3, 7, 14, 22).
    - Valid: `nn.gru forward, %x, %r, %h {activations = array<i32: 0, 1>, alpha = array<f32: 0.0, 0.0>, beta = array<f32: 0.0, 0.0>} :
      (tensor<10x2x24xf32>, tensor<1x8x24xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)`
    - Invalid: the same with projected of `tensor<10x2x32xf32>` (C2: 3 * 8 = 24 numbers for each step)
  }];
  let arguments = (ins NN_FloatTensor:$projected, NN_FloatTensor:$recurrent, NN_FloatTensor:$initial_h,
                       Optional<NN_FloatTensor>:$bias, Optional<RankedTensorOf<[I32]>>:$lengths,
                       NN_DirectionAttr:$direction, DenseI32ArrayAttr:$activations, DenseF32ArrayAttr:$alpha,
                       DenseF32ArrayAttr:$beta, DefaultValuedAttr<F32Attr, "0.0f">:$clip, UnitAttr:$linear_before_reset);
  let results = (outs NN_FloatTensor:$sequence, NN_FloatTensor:$last_h);
  let assemblyFormat = [{
    $direction `,` $projected `,` $recurrent `,` $initial_h (`bias` $bias^)? (`lengths` $lengths^)? attr-dict `:`
    functional-type(operands, results)
  }];
}

def NN_RnnOp : NN_RecurrentOp<"rnn", 1, 1> {
  let summary = "the recurrent part of a simple recurrent network over a whole sequence";
  let description = [{
    `projected`[T, B, D * H] = x_t . W^T + Wb + Rb is computed outside (a matrix product over all steps at once). For each direction d and
    step t, with X = projected[t, b, d * H ...]:

        h' = f(X + h . R^T)

    `recurrent`[D, H, H] holds R^T, or packed [D, ceil(H / n), H, 1, n] units in panels of n; `initial_h`[D, B, H]; `lengths`[B]: beyond its length a batch item gives zeros and keeps its last state. D is 2
    for `bidirectional`, else 1; the reverse direction starts at the last valid step. Results: `sequence`[T, D, B, H], `last_h`[D, B, H].
    `activations` has one entry per direction, the number of f in the enumeration Activation; `alpha` and `beta` likewise. `clip` (0 by default:
    none) bounds the argument of the activation.

    - C1: projected has rank 3, recurrent 3 or, with known extents, 5.
    - C2: all operands have the shapes above and one element type (lengths i32).
    - C3: activations, alpha and beta have D entries, activations are known.

    From ONNX RNN (1, 7, 14, 22).
    - Valid: `nn.rnn forward, %x, %r, %h {activations = array<i32: 1>, alpha = array<f32: 0.0>, beta = array<f32: 0.0>} :
      (tensor<10x2x8xf32>, tensor<1x8x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>)`
    - Invalid: the same with recurrent of `tensor<1x8x16xf32>` (C2: H rows and H columns)
  }];
  let arguments = (ins NN_FloatTensor:$projected, NN_FloatTensor:$recurrent, NN_FloatTensor:$initial_h,
                       Optional<RankedTensorOf<[I32]>>:$lengths, NN_DirectionAttr:$direction,
                       DenseI32ArrayAttr:$activations, DenseF32ArrayAttr:$alpha, DenseF32ArrayAttr:$beta,
                       DefaultValuedAttr<F32Attr, "0.0f">:$clip);
  let results = (outs NN_FloatTensor:$sequence, NN_FloatTensor:$last_h);
  let assemblyFormat = [{
    $direction `,` $projected `,` $recurrent `,` $initial_h (`lengths` $lengths^)? attr-dict `:`
    functional-type(operands, results)
  }];
}

#endif // TENON_DIALECTS_NN_RECURRENT
