//===- NnRecurrent.td - recurrences over time ----------------------------------------------===//

#ifndef TENON_DIALECTS_NN_RECURRENT
#define TENON_DIALECTS_NN_RECURRENT

include "dialects/nn/NnBase.td"

def NN_LstmOp : NN_InferredOp<"lstm", [AttrSizedOperandSegments]> {
  let summary = "the recurrent part of an LSTM over a whole sequence";
  let description = [{
    `projected`[T, B, D * 4 * H] = x_t . W^T + Wb + Rb is computed outside (a matrix product over all steps at once); gates are in ONNX's
    order i, o, f, c. For each direction d and step t, with X = projected[t, b, d * 4H + gate * H ...]:

        i = f(X_i + h . R_i^T + P_i * c)      f = f(X_f + h . R_f^T + P_f * c)     (or 1 - i with input_forget)
        c' = f * c + i * g(X_c + h . R_c^T)   o = f(X_o + h . R_o^T + P_o * c')    h' = o * h(c')

    `recurrent`[D, 4 * H, H]; `initial_h`, `initial_c`[D, B, H]; `peephole`[D, 3 * H] (i, o, f); `lengths`[B]: beyond its length a batch
    item gives zeros and keeps its last state. D is 2 for `bidirectional`, else 1; the reverse direction starts at the last valid
    step. Results: `sequence`[T, D, B, H], `last_h`, `last_c`[D, B, H]. `activations` has three entries per direction (f, g, h),
    numbers of the enumeration Activation; `alpha` and `beta` likewise. `clip` (0 by default: none) bounds the arguments of the activations,
    `input_forget` is off by default.

    - C1: projected and recurrent have rank 3.
    - C2: all operands have the shapes above and one element type (lengths i32).
    - C3: activations, alpha and beta have 3 * D entries, activations are known.

    From ONNX LSTM (1, 7, 14, 22).
    - Valid: `nn.lstm forward, %x, %r, %h, %c {activations = array<i32: 0, 1, 1>, alpha = array<f32: 0.0, 0.0, 0.0>, beta = array<f32: 0.0, 0.0,
      0.0>} : (tensor<10x2x32xf32>, tensor<1x32x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>) -> (tensor<10x1x2x8xf32>, tensor<1x2x8xf32>,
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

#endif // TENON_DIALECTS_NN_RECURRENT
