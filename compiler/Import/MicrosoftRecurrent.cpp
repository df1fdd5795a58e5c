//===- MicrosoftRecurrent.cpp - DynamicQuantizeLSTM ----------------------------------------===//
//
// As ONNX Runtime computes it: the whole input is quantized once, the hidden states of a batch anew in every step, so
// each step is an iteration of a loop with an integer product. W and R are [D, I, 4H] and [D, H, 4H], gates in ONNX's
// order i, o, f, c.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Body.h"
#include "compiler/Import/Loop.h"
#include "compiler/Import/Quantization.h"
#include "compiler/Import/Recurrent.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

mlir::Value less(Builder &b, mlir::Value lhs, mlir::Value rhs) {
  return b.make<nn::CompareOp>(nn::ComparePredicate::lt, lhs, rhs);
}

mlir::Value activated(Builder &b, int32_t kind, double alpha, double beta, mlir::Value x) {
  Arithmetic a(b, elementOf(x));
  switch (static_cast<nn::Activation>(kind)) {
  case nn::Activation::sigmoid:
    return b.make<nn::SigmoidOp>(x);
  case nn::Activation::tanh:
    return b.make<nn::TanhOp>(x);
  case nn::Activation::relu:
    return a.max(x, 0);
  case nn::Activation::affine:
    return a.add(a.mul(x, alpha), beta);
  case nn::Activation::leaky_relu:
    return a.select(nn::ComparePredicate::lt, x, 0, a.mul(x, alpha), x);
  case nn::Activation::thresholded_relu:
    return a.select(nn::ComparePredicate::lt, x, alpha, a.number(0), x);
  case nn::Activation::scaled_tanh:
    return a.mul(b.make<nn::TanhOp>(a.mul(x, beta)), alpha);
  case nn::Activation::hard_sigmoid:
    return a.min(a.max(a.add(a.mul(x, alpha), beta), 0), 1);
  case nn::Activation::elu:
    return a.select(nn::ComparePredicate::lt, x, 0, a.mul(b.make<nn::Expm1Op>(x), alpha), x);
  case nn::Activation::softsign:
    return b.make<nn::DivOp>(x, a.add(b.make<nn::AbsOp>(x), 1));
  case nn::Activation::softplus:
    return a.softplus(x);
  }
  fail("the activation is unknown");
}

class QuantizedLstm {
public:
  explicit QuantizedLstm(NodeContext &c) : c(c), b(c.b) {
    x = c.inputOfRank(0, 3, 3);
    real = b.raw().getF32Type();
    if (elementOf(x) != real)
      fail("input 0 must have 32-bit floating-point elements");
    nn::Direction direction = readDirection(c);
    directions = direction == nn::Direction::bidirectional ? 2 : 1;
    reversed[0] = direction == nn::Direction::reverse;
    reversed[1] = true;
    hidden = typeOf(c.inputOfRank(2, 3, 3)).getDimSize(1);
    if (mlir::ShapedType::isDynamic(hidden))
      fail("the hidden size must be known when the model is compiled");
    if (hidden < 1 || hidden > (1 << 24) || c.integer("hidden_size", hidden) != hidden)
      fail("attribute 'hidden_size' is " + std::to_string(c.integer("hidden_size", 0)) + ", but the weights have " +
           std::to_string(hidden));
    for (int64_t i : {1, 2}) {
      expectExtent(c.inputOfRank(i, 3, 3), 0, directions, i == 1 ? "input 1" : "input 2");
      expectExtent(c.input(i), 2, 4 * hidden, i == 1 ? "input 1" : "input 2");
    }
    if (c.hasInput(3)) {
      expectExtent(c.inputOfRank(3, 2, 2), 0, directions, "input 3");
      expectExtent(c.input(3), 1, 8 * hidden, "input 3");
    }
    if (c.hasInput(7)) {
      expectExtent(c.inputOfRank(7, 2, 2), 0, directions, "input 7");
      expectExtent(c.input(7), 1, 3 * hidden, "input 7");
    }
    steps = b.extent(x, 0);
    batch = b.extent(x, 1);
    activations = readActivations(c, {"sigmoid", "tanh", "tanh"}, directions);
    clip = c.number("clip", 0);
  }

  void run() {
    if (c.hasInput(4)) {
      requireEqual(b, b.extent(c.inputOfRank(4, 1, 1), 0), batch, "the number of lengths");
      lengths = b.cast(c.input(4), b.raw().getI64Type());
      // Items without content do not count for the range of the input.
      mlir::Value longest = b.reduce(nn::ReduceKind::max, lengths, {0}, /*keepDims=*/false);
      mlir::Value isInside = less(b, b.alignAt(times(), 0, 3), longest);
      x = b.make<nn::SelectOp>(isInside, x, b.constant(0, real));
    }
    input = quantizeDynamically(b, x);
    llvm::SmallVector<mlir::Value> sequences, hiddens, cells;
    for (int64_t d = 0; d < directions; ++d) {
      llvm::SmallVector<mlir::Value> results = runDirection(d);
      sequences.push_back(b.reshape(results[0], {steps, b.index(1), batch, b.index(hidden)}));
      hiddens.push_back(b.reshape(results[1], {b.index(1), batch, b.index(hidden)}));
      cells.push_back(b.reshape(results[2], {b.index(1), batch, b.index(hidden)}));
    }
    c.result(0, b.concat(sequences, 1));
    c.result(1, b.concat(hiddens, 0));
    c.result(2, b.concat(cells, 0));
  }

private:
  NodeContext &c;
  Builder &b;
  mlir::Value x, lengths;
  mlir::Type real;
  DynamicallyQuantized input;
  int64_t directions, hidden;
  bool reversed[2];
  Scalar steps, batch;
  Activations activations;
  double clip;

  mlir::Value times() { return b.make<nn::IotaOp>(b.values({steps}), 0); }

  /// Row `d` of an input of one or two dimensions per direction.
  mlir::Value row(int64_t i, int64_t d) {
    mlir::Value all = c.inputOfRank(i, 1, 3);
    requireEqual(b, b.extent(all, 0), b.index(directions), "extent 0 of input " + llvm::Twine(i));
    ScalarVector sizes = b.extents(all);
    sizes.erase(sizes.begin());
    return b.reshape(b.sliceDimension(all, 0, b.index(d), b.index(1)), sizes);
  }

  /// Columns of gate `gate` in `x`.
  mlir::Value gate(mlir::Value x, int64_t gate) {
    return b.sliceDimension(x, rankOf(x) - 1, b.index(gate * hidden), b.index(hidden));
  }

  /// Quantized values times the weights of input `i` (1 or 2), as floats.
  mlir::Value product(const DynamicallyQuantized &lhs, int64_t i, int64_t d) {
    int64_t scale = i == 1 ? 8 : 10;
    mlir::Value weights = centered(b, row(i, d), c.hasInput(scale + 1) ? row(scale + 1, d) : mlir::Value());
    mlir::Value sum = importMatrixProduct(b, centered(b, lhs.values, lhs.zeroPoint), weights);
    return mul(b, b.cast(sum, real), mul(b, lhs.scale, row(scale, d)));
  }

  /// Every item of x[T, B, ...] backwards, without lengths the whole of it.
  mlir::Value reversedInTime(mlir::Value x) {
    Scalar last = b.sub(steps, b.index(1));
    if (!lengths) {
      ScalarVector offsets(rankOf(x), b.index(0)), strides(rankOf(x), b.index(1));
      offsets[0] = last;
      strides[0] = b.index(-1);
      return b.slice(x, offsets, b.extents(x), strides);
    }
    mlir::Value time = b.alignAt(times(), 0, 2);
    mlir::Value mirrored = b.make<nn::SubOp>(b.make<nn::SubOp>(lengths, b.constant(1, elementOf(lengths))), time);
    ScalarVector sizes = {steps, batch}, pairs = {steps, batch, b.index(1)};
    mlir::Value from = b.broadcast(b.make<nn::SelectOp>(less(b, time, lengths), mirrored, time), sizes);
    mlir::Value item = b.make<nn::IotaOp>(b.values(sizes), 1);
    mlir::Value places = b.concat({b.reshape(from, pairs), b.reshape(item, pairs)}, 2);
    return b.make<nn::GatherNdOp>(x, places, 0);
  }

  mlir::Value initialState(int64_t i, int64_t d) {
    ScalarVector sizes = {batch, b.index(hidden)};
    if (!c.hasInput(i))
      return b.broadcast(b.constant(0, real), sizes);
    mlir::Value state = c.inputOfRank(i, 3, 3);
    requireEqual(b, b.extent(state, 1), batch, "extent 1 of input " + llvm::Twine(i));
    requireEqual(b, b.extent(state, 2), b.index(hidden), "extent 2 of input " + llvm::Twine(i));
    return b.reshape(row(i, d), sizes);
  }

  mlir::Value activate(int64_t d, int64_t function, mlir::Value x) {
    int64_t entry = 3 * d + function;
    return activated(b, activations.kinds[entry], activations.alpha[entry], activations.beta[entry], x);
  }

  /// The argument of an activation, bounded.
  mlir::Value bounded(mlir::Value x) {
    Arithmetic a(b, real);
    return clip > 0 ? a.min(a.max(x, -clip), clip) : x;
  }

  /// The next hidden and cell state from the sums of products.
  std::pair<mlir::Value, mlir::Value> cell(int64_t d, mlir::Value gates, mlir::Value memory) {
    mlir::Value bias, peephole;
    if (c.hasInput(3)) {
      mlir::Value both = row(3, d);
      bias = add(b, b.sliceDimension(both, 0, b.index(0), b.index(4 * hidden)),
                 b.sliceDimension(both, 0, b.index(4 * hidden), b.index(4 * hidden)));
    }
    if (c.hasInput(7))
      peephole = row(7, d);
    auto argument = [&](int64_t index, int64_t hole, mlir::Value memory) {
      mlir::Value sum = gate(gates, index);
      if (peephole && hole >= 0)
        sum = add(b, sum, mul(b, memory, gate(peephole, hole)));
      return bounded(bias ? add(b, sum, gate(bias, index)) : sum);
    };
    mlir::Value in = activate(d, 0, argument(0, 0, memory));
    mlir::Value forget = c.integer("input_forget", 0) != 0 ? mlir::Value(b.make<nn::SubOp>(b.constant(1, real), in))
                                                           : activate(d, 0, argument(2, 2, memory));
    mlir::Value next = add(b, mul(b, forget, memory), mul(b, in, activate(d, 1, argument(3, -1, memory))));
    mlir::Value out = activate(d, 0, argument(1, 1, next));
    return {mul(b, out, activate(d, 2, next)), next};
  }

  /// Sequence [T, B, H] and last states [B, H].
  llvm::SmallVector<mlir::Value> runDirection(int64_t d) {
    mlir::Value projected = product(input, 1, d);
    if (reversed[d])
      projected = reversedInTime(projected);
    ScalarVector sizes = {batch, b.index(hidden)};
    mlir::Value zeros = b.broadcast(b.constant(0, real), sizes);
    LoopShape loop;
    loop.trips = steps;
    loop.condition = b.value(b.raw().getBoolAttr(true));
    loop.initial = {initialState(5, d), initialState(6, d),
                    b.broadcast(b.constant(0, real), {b.index(0), batch, b.index(hidden)})};
    // Without content, an item's last states are zero.
    if (lengths)
      loop.initial.append({zeros, zeros});
    auto step = [&](mlir::Value iteration, mlir::ValueRange tensors) {
      mlir::Value gates =
          b.reshape(b.sliceDimension(projected, 0, iteration, b.index(1)), {batch, b.index(4 * hidden)});
      gates = add(b, gates, product(quantizeDynamically(b, tensors[0]), 2, d));
      auto [state, memory] = cell(d, gates, tensors[1]);
      llvm::SmallVector<mlir::Value> next = {state, memory};
      if (lengths) {
        mlir::Value isInside = b.alignAt(less(b, b.scalarTensor(iteration, b.raw().getI64Type()), lengths), 0, 2);
        next[0] = b.make<nn::SelectOp>(isInside, state, b.constant(0, real));
        next.append({mlir::Value(), b.make<nn::SelectOp>(isInside, state, tensors[3]),
                     b.make<nn::SelectOp>(isInside, memory, tensors[4])});
      } else {
        next.push_back(mlir::Value());
      }
      next[2] = b.concat({tensors[2], b.reshape(next[0], {b.index(1), batch, b.index(hidden)})}, 0);
      return std::pair(mlir::Value(), next);
    };
    llvm::SmallVector<mlir::Value> results = buildLoop(b, loop, step);
    mlir::Value sequence = b.reshape(results[2], {steps, batch, b.index(hidden)});
    return {reversed[d] ? reversedInTime(sequence) : sequence, results[lengths ? 3 : 0], results[lengths ? 4 : 1]};
  }
};

void importDynamicQuantizeLSTM(NodeContext &c) {
  c.expectSignature(
      12, 12,
      {"activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget"});
  QuantizedLstm(c).run();
}

} // namespace

void addMicrosoftRecurrent(ImporterTable &table) {
  table.add(runtimeDomain, "DynamicQuantizeLSTM", importDynamicQuantizeLSTM);
}

} // namespace tenon::importer
