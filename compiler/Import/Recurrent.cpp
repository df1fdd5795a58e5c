//===- Recurrent.cpp - LSTM ----------------------------------------------------------------===//
//
// The product of all inputs with the input weights is one nn.matmul over the whole sequence; nn.lstm does the rest.
//
//===---------------------------------------------------------------------------------------===//

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

struct Activations {
  llvm::SmallVector<int32_t> kinds;
  llvm::SmallVector<float> alpha, beta;
};

/// Reads `count` activations; alphas and betas are given for those that take them, in order.
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
  if (direction == "forward")
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

/// Initial state [D, B, H] (or [B, D, H] with layout 1), zero if absent.
mlir::Value initialState(NodeContext &c, int64_t i, llvm::ArrayRef<Scalar> sizes, bool batchFirst) {
  if (!c.hasInput(i))
    return c.b.broadcast(c.b.constant(0, elementOf(c.input(0))), sizes);
  mlir::Value state = c.inputOfRank(i, 3, 3);
  return batchFirst ? c.b.transpose(state, {1, 0, 2}) : state;
}

void importLSTM(NodeContext &c) {
  Builder &b = c.b;
  bool batchFirst = c.integer("layout", 0) != 0;
  mlir::Value x = c.inputOfRank(0, 3, 3), w = c.inputOfRank(1, 3, 3), r = c.inputOfRank(2, 3, 3);
  nn::Direction direction = readDirection(c);
  int64_t directions = direction == nn::Direction::bidirectional ? 2 : 1;
  int64_t hidden = typeOf(r).getDimSize(2);
  if (mlir::ShapedType::isDynamic(hidden))
    fail("the hidden size must be known when the model is compiled");
  if (hidden < 1 || hidden > (1 << 24) || (c.hasAttribute("hidden_size") && c.integer("hidden_size", 0) != hidden))
    fail("attribute 'hidden_size' is " + std::to_string(c.integer("hidden_size", 0)) + ", but the weights have " +
         std::to_string(hidden));
  int64_t gates = 4 * hidden;
  expectExtent(w, 0, directions, "input 1");
  expectExtent(w, 1, gates, "input 1");
  expectExtent(r, 0, directions, "input 2");
  expectExtent(r, 1, gates, "input 2");
  if (batchFirst)
    x = b.transpose(x, {1, 0, 2});

  // [T, B, I] x [D * 4H, I]^T
  mlir::Value weights = b.reshape(w, {b.index(directions * gates), b.extent(w, 2)});
  mlir::Value projected = b.make<nn::MatmulOp>(x, weights, false, /*transpose_rhs=*/true, nn::PackingAttr());
  if (c.hasInput(3)) {
    mlir::Value bias = c.inputOfRank(3, 2, 2);
    expectExtent(bias, 0, directions, "input 3");
    expectExtent(bias, 1, 2 * gates, "input 3");
    mlir::Value sum = b.make<nn::AddOp>(b.sliceDimension(bias, 1, b.index(0), b.index(gates)),
                                        b.sliceDimension(bias, 1, b.index(gates), b.index(gates)));
    projected = b.make<nn::AddOp>(projected, b.reshape(sum, {b.index(directions * gates)}));
  }
  ScalarVector stateSizes = {b.index(directions), b.extent(x, 1), b.index(hidden)};
  mlir::Value initialH = initialState(c, 5, stateSizes, batchFirst),
              initialC = initialState(c, 6, stateSizes, batchFirst);
  mlir::Value peephole = c.hasInput(7) ? c.inputOfRank(7, 2, 2) : mlir::Value();
  if (peephole) {
    expectExtent(peephole, 0, directions, "input 7");
    expectExtent(peephole, 1, 3 * hidden, "input 7");
  }
  mlir::Value lengths = c.hasInput(4) ? c.inputOfRank(4, 1, 1) : mlir::Value();
  Activations activations = readActivations(c, {"sigmoid", "tanh", "tanh"}, directions);
  auto op = b.create<nn::LstmOp>(projected, b.transpose(r, {0, 2, 1}), initialH, initialC, peephole, lengths, direction,
                                 activations.kinds, activations.alpha, activations.beta,
                                 llvm::APFloat(c.number("clip", 0)), c.integer("input_forget", 0) != 0);
  auto outer = [&](mlir::Value state) { return batchFirst ? b.transpose(state, {1, 0, 2}) : state; };
  // sequence[T, D, B, H]; with layout 1 [B, T, D, H].
  mlir::Value sequence = op.getSequence();
  c.result(0, batchFirst ? b.transpose(sequence, {2, 0, 1, 3}) : sequence);
  c.result(1, outer(op.getLastH()));
  c.result(2, outer(op.getLastC()));
}

} // namespace

void addRecurrent(ImporterTable &table) { table.add("LSTM", importLSTM); }

} // namespace tenon::importer
