//===- Recurrent.cpp - LSTM, GRU and RNN ---------------------------------------------------===//
//
// The product of all inputs with the input weights is one nn.matmul over the whole sequence; nn.lstm, nn.gru
// or nn.rnn does the rest.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Recurrent.h"

#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

struct ActivationDefault {
  const char *name;
  nn::Activation kind;
  bool takesAlpha, takesBeta;
  float alpha, beta;
};

// Defaults as ONNX's operators of the same name have them.
constexpr ActivationDefault activationTable[] = {
    {"sigmoid", nn::Activation::sigmoid, false, false, 0, 0},
    {"tanh", nn::Activation::tanh, false, false, 0, 0},
    {"relu", nn::Activation::relu, false, false, 0, 0},
    {"affine", nn::Activation::affine, true, true, 1, 0},
    {"leakyrelu", nn::Activation::leaky_relu, true, false, 0.01f, 0},
    {"thresholdedrelu", nn::Activation::thresholded_relu, true, false, 1, 0},
    {"scaledtanh", nn::Activation::scaled_tanh, true, true, 1, 1},
    {"hardsigmoid", nn::Activation::hard_sigmoid, true, true, 0.2f, 0.5f},
    {"elu", nn::Activation::elu, true, false, 1, 0},
    {"softsign", nn::Activation::softsign, false, false, 0, 0},
    {"softplus", nn::Activation::softplus, false, false, 0, 0},
};

/// What the recurrent operators have in common: X, W, R, B, sequence_lens, initial_h and the attributes about
/// directions and layout. `gates` is the number of H wide vectors for each step.
class Layer {
public:
  Layer(NodeContext &c, int64_t gates) : c(c), b(c.b), gates(gates), batchFirst(c.integer("layout", 0) != 0) {
    x = c.inputOfRank(0, 3, 3);
    w = c.inputOfRank(1, 3, 3);
    r = c.inputOfRank(2, 3, 3);
    direction = readDirection(c);
    directions = direction == nn::Direction::bidirectional ? 2 : 1;
    hidden = typeOf(r).getDimSize(2);
    if (mlir::ShapedType::isDynamic(hidden))
      fail("the hidden size must be known when the model is compiled");
    if (hidden < 1 || hidden > (1 << 24) || (c.hasAttribute("hidden_size") && c.integer("hidden_size", 0) != hidden))
      fail("attribute 'hidden_size' is " + std::to_string(c.integer("hidden_size", 0)) + ", but the weights have " +
           std::to_string(hidden));
    expectExtent(w, 0, directions, "input 1");
    expectExtent(w, 1, gates * hidden, "input 1");
    expectExtent(r, 0, directions, "input 2");
    expectExtent(r, 1, gates * hidden, "input 2");
    if (batchFirst)
      x = b.transpose(x, {1, 0, 2});
  }

  bool hasBias() { return c.hasInput(3); }

  /// The biases beside W (`half` 0) or R (1), [D, count * H] from gate `first` on.
  mlir::Value bias(int64_t half, int64_t first, int64_t count) {
    mlir::Value bias = c.inputOfRank(3, 2, 2);
    expectExtent(bias, 0, directions, "input 3");
    expectExtent(bias, 1, 2 * gates * hidden, "input 3");
    return b.sliceDimension(bias, 1, b.index((half * gates + first) * hidden), b.index(count * hidden));
  }

  /// Both biases of all gates.
  mlir::Value wholeBias() {
    return hasBias() ? mlir::Value(b.make<nn::AddOp>(bias(0, 0, gates), bias(1, 0, gates))) : mlir::Value();
  }

  /// [T, B, I] x [D * gates * H, I]^T, and the bias[D, gates * H] unless it is null.
  mlir::Value project(mlir::Value bias) {
    int64_t columns = directions * gates * hidden;
    mlir::Value weights = b.reshape(w, {b.index(columns), b.extent(w, 2)});
    mlir::Value projected = b.make<nn::MatmulOp>(x, weights, false, /*transpose_rhs=*/true, nn::PackingAttr());
    return bias ? mlir::Value(b.make<nn::AddOp>(projected, b.reshape(bias, {b.index(columns)}))) : projected;
  }

  /// R^T of each direction.
  mlir::Value recurrent() { return b.transpose(r, {0, 2, 1}); }

  mlir::Value lengths() { return c.hasInput(4) ? c.inputOfRank(4, 1, 1) : mlir::Value(); }

  /// The initial state [D, B, H] of input `i` ([B, D, H] with layout 1), zero if absent.
  mlir::Value initialState(int64_t i) {
    if (!c.hasInput(i))
      return b.broadcast(b.constant(0, elementOf(c.input(0))), {b.index(directions), b.extent(x, 1), b.index(hidden)});
    mlir::Value state = c.inputOfRank(i, 3, 3);
    return batchFirst ? b.transpose(state, {1, 0, 2}) : state;
  }

  /// sequence[T, D, B, H], or [B, T, D, H] with layout 1; states[D, B, H] or [B, D, H].
  void results(mlir::Value sequence, llvm::ArrayRef<mlir::Value> states) {
    c.result(0, batchFirst ? b.transpose(sequence, {2, 0, 1, 3}) : sequence);
    for (auto [i, state] : llvm::enumerate(states))
      c.result(i + 1, batchFirst ? b.transpose(state, {1, 0, 2}) : state);
  }

  llvm::APFloat clip() { return llvm::APFloat(c.number("clip", 0)); }

  nn::Direction direction;
  int64_t directions, hidden;

private:
  NodeContext &c;
  Builder &b;
  int64_t gates;
  bool batchFirst;
  mlir::Value x, w, r;
};

void importLSTM(NodeContext &c) {
  Layer layer(c, 4);
  mlir::Value peephole = c.hasInput(7) ? c.inputOfRank(7, 2, 2) : mlir::Value();
  if (peephole) {
    expectExtent(peephole, 0, layer.directions, "input 7");
    expectExtent(peephole, 1, 3 * layer.hidden, "input 7");
  }
  Activations activations = readActivations(c, {"sigmoid", "tanh", "tanh"}, layer.directions);
  auto op =
      c.b.create<nn::LstmOp>(layer.project(layer.wholeBias()), layer.recurrent(), layer.initialState(5),
                             layer.initialState(6), peephole, layer.lengths(), layer.direction, activations.kinds,
                             activations.alpha, activations.beta, layer.clip(), c.integer("input_forget", 0) != 0);
  layer.results(op.getSequence(), {op.getLastH(), op.getLastC()});
}

void importGRU(NodeContext &c) {
  Layer layer(c, 3);
  // With linear_before_reset, the reset gate multiplies the bias beside R_h too; it stays apart.
  bool linearBeforeReset = c.integer("linear_before_reset", 0) != 0;
  mlir::Value outside, inside;
  if (layer.hasBias() && linearBeforeReset) {
    mlir::Value common = c.b.make<nn::AddOp>(layer.bias(0, 0, 2), layer.bias(1, 0, 2));
    outside = c.b.make<nn::ConcatOp>(mlir::ValueRange{common, layer.bias(0, 2, 1)}, 1);
    inside = layer.bias(1, 2, 1);
  } else {
    outside = layer.wholeBias();
  }
  Activations activations = readActivations(c, {"sigmoid", "tanh"}, layer.directions);
  auto op = c.b.create<nn::GruOp>(layer.project(outside), layer.recurrent(), layer.initialState(5), inside,
                                  layer.lengths(), layer.direction, activations.kinds, activations.alpha,
                                  activations.beta, layer.clip(), linearBeforeReset);
  layer.results(op.getSequence(), {op.getLastH()});
}

void importRNN(NodeContext &c) {
  Layer layer(c, 1);
  Activations activations = readActivations(c, {"tanh"}, layer.directions);
  auto op =
      c.b.create<nn::RnnOp>(layer.project(layer.wholeBias()), layer.recurrent(), layer.initialState(5), layer.lengths(),
                            layer.direction, activations.kinds, activations.alpha, activations.beta, layer.clip());
  layer.results(op.getSequence(), {op.getLastH()});
}

} // namespace

Activations readActivations(NodeContext &c, llvm::ArrayRef<const char *> absent, int64_t directions) {
  std::vector<std::string> names = c.strings("activations");
  if (names.empty())
    for (int64_t d = 0; d < directions; ++d)
      names.insert(names.end(), absent.begin(), absent.end());
  if (names.size() != absent.size() * directions)
    fail("attribute 'activations' has " + std::to_string(names.size()) + " entries, expected " +
         std::to_string(absent.size() * directions));
  auto alphas = c.numbers("activation_alpha"), betas = c.numbers("activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  Activations result;
  for (const std::string &name : names) {
    const auto *entry = llvm::find_if(activationTable, [&](const ActivationDefault &row) {
      return llvm::StringRef(name).equals_insensitive(row.name);
    });
    if (entry == std::end(activationTable))
      fail("activation '" + name + "' is unknown");
    result.kinds.push_back(static_cast<int32_t>(entry->kind));
    result.alpha.push_back(entry->takesAlpha && nextAlpha < alphas.size() ? alphas[nextAlpha++] : entry->alpha);
    result.beta.push_back(entry->takesBeta && nextBeta < betas.size() ? betas[nextBeta++] : entry->beta);
  }
  return result;
}

nn::Direction readDirection(NodeContext &c) {
  std::string direction = c.string("direction", "forward");
  // GRU of opset 1 spells its default so.
  if (direction == "forward" || direction == "foward")
    return nn::Direction::forward;
  if (direction == "reverse")
    return nn::Direction::reverse;
  if (direction == "bidirectional")
    return nn::Direction::bidirectional;
  fail("attribute 'direction' is '" + direction + "', expected forward, reverse or bidirectional");
}

void expectExtent(mlir::Value tensor, int64_t dimension, int64_t expected, const char *what) {
  int64_t extent = typeOf(tensor).getDimSize(dimension);
  if (extent != expected)
    fail(llvm::Twine(what) + " has extent " + (mlir::ShapedType::isDynamic(extent) ? "?" : llvm::Twine(extent)) +
         " in dimension " + llvm::Twine(dimension) + ", expected " + llvm::Twine(expected));
}

void addRecurrent(ImporterTable &table) {
  table.add("LSTM", importLSTM);
  table.add("GRU", importGRU);
  table.add("RNN", importRNN);
}

} // namespace tenon::importer
