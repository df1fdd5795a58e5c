//===- ImpliedExtents.cpp - extents of inputs that follow from their nodes -----------------===//
//
// See ImpliedExtents.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/ImpliedExtents.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"

#include <optional>

namespace tenon::importer {

namespace {

/// A node among the declared ranks of its graph.
class Reader {
public:
  explicit Reader(const onnx::GraphProto &graph) {
    for (const auto &input : graph.input())
      if (declare(input))
        inputs.insert_or_assign(input.name(), &input.type().tensor_type().shape());
    for (const auto &value : graph.value_info())
      declare(value);
    for (const auto &output : graph.output())
      declare(output);
    for (const auto &tensor : graph.initializer())
      ranks[tensor.name()] = tensor.dims_size();
    // Few models say all ranks; those before and after a chain of elementwise nodes are the same.
    for (const auto &next : graph.node()) {
      passOn(next, next.input(), next.output());
      passOnBroadcast(next);
    }
    for (const auto &next : llvm::reverse(graph.node()))
      passOn(next, next.output(), next.input());
  }

  void setNode(const onnx::NodeProto &next) { node = &next; }

  //===--- What the model says ------------------------------------------------------------------------------===//

  int64_t outputCount() const { return node->output_size(); }
  bool hasInput(int i) const { return i < node->input_size() && !node->input(i).empty(); }
  std::optional<int64_t> inputRank(int i) const { return hasInput(i) ? rankOf(node->input(i)) : std::nullopt; }
  std::optional<int64_t> outputRank() const { return node->output_size() ? rankOf(node->output(0)) : std::nullopt; }
  const onnx::AttributeProto *attribute(llvm::StringRef name) const {
    auto found = llvm::find_if(node->attribute(), [&](const auto &attribute) { return attribute.name() == name; });
    return found == node->attribute().end() ? nullptr : &*found;
  }
  int64_t integer(llvm::StringRef name, int64_t absent) const {
    const onnx::AttributeProto *found = attribute(name);
    return found && found->has_i() ? found->i() : absent;
  }

  //===--- What follows -------------------------------------------------------------------------------------===//

  /// Dimension `d` of input `i`, from the end where negative.
  void imply(int i, int64_t d, std::optional<int64_t> extent) {
    std::optional<int64_t> rank = inputRank(i);
    if (!rank || !extent || *extent < 0 || d < -*rank || d >= *rank)
      return;
    const std::string &name = node->input(i);
    auto input = inputs.find(name);
    d = d < 0 ? d + *rank : d;
    // A wrong model may declare the name a second time, with another rank.
    if (input != inputs.end() && d < input->second->dim_size() &&
        !input->second->dim(static_cast<int>(d)).has_dim_value())
      implied.try_emplace({name, d}, *extent);
  }
  /// Number of elements of a list.
  void implyLength(int i, std::optional<int64_t> length) {
    if (inputRank(i) == 1)
      imply(i, 0, length);
  }
  /// The last dimensions of input `i` are the integers of an attribute.
  void implyLast(int i, llvm::StringRef name) {
    if (const onnx::AttributeProto *list = attribute(name))
      for (int k = 0; k < list->ints_size(); ++k)
        imply(i, k - list->ints_size(), list->ints(k));
  }

  std::map<std::pair<std::string, int64_t>, int64_t> implied;
  llvm::StringMap<int64_t> ranks;

private:
  bool declare(const onnx::ValueInfoProto &value) {
    if (!value.type().has_tensor_type() || !value.type().tensor_type().has_shape())
      return false;
    ranks[value.name()] = value.type().tensor_type().shape().dim_size();
    return true;
  }
  using Names = google::protobuf::RepeatedPtrField<std::string>;
  void passOn(const onnx::NodeProto &next, const Names &from, const Names &to) {
    static const llvm::StringSet<> keepRank = {"Abs", "Cast", "CastLike", "Exp",  "Identity", "Log",
                                               "Neg", "Not",  "Relu",     "Sqrt", "Sigmoid",  "Tanh"};
    if (!keepRank.contains(next.op_type()) || from.empty() || to.empty())
      return;
    if (std::optional<int64_t> rank = rankOf(from[0]))
      ranks.try_emplace(to[0], *rank);
  }
  void passOnBroadcast(const onnx::NodeProto &next) {
    static const llvm::StringSet<> broadcasts = {"Add", "Div", "Mul", "Pow", "Sub"};
    if (!broadcasts.contains(next.op_type()) || next.input_size() != 2 || next.output().empty())
      return;
    std::optional<int64_t> lhs = rankOf(next.input(0)), rhs = rankOf(next.input(1));
    if (lhs && rhs)
      ranks.try_emplace(next.output(0), std::max(*lhs, *rhs));
  }
  std::optional<int64_t> rankOf(const std::string &name) const {
    auto found = ranks.find(name);
    return found == ranks.end() ? std::nullopt : std::optional(found->second);
  }

  llvm::StringMap<const onnx::TensorShapeProto *> inputs;
  const onnx::NodeProto *node = nullptr;
};

std::optional<int64_t> difference(std::optional<int64_t> lhs, std::optional<int64_t> rhs) {
  return lhs && rhs ? std::optional(*lhs - *rhs) : std::nullopt;
}

void shapeIsInput0(Reader &r) { r.implyLength(0, r.outputRank()); }
void shapeIsInput1(Reader &r) { r.implyLength(1, r.outputRank()); }
void oneElement(Reader &r) { r.implyLength(1, 1); }
void countForEachDimension(Reader &r) { r.implyLength(1, r.inputRank(0)); }

/// A shape of less dimensions than the input's is as good where the result has the input's rank.
void expand(Reader &r) {
  std::optional<int64_t> added = difference(r.outputRank(), r.inputRank(0));
  if (added && *added > 0)
    r.implyLength(1, r.outputRank());
}

void pad(Reader &r) {
  if (std::optional<int64_t> rank = r.inputRank(0); rank && !r.hasInput(3))
    r.implyLength(1, 2 * *rank);
}

void split(Reader &r) { r.implyLength(1, r.outputCount()); }
void squeeze(Reader &r) { r.implyLength(1, difference(r.inputRank(0), r.outputRank())); }
void unsqueeze(Reader &r) { r.implyLength(1, difference(r.outputRank(), r.inputRank(0))); }

/// Axes that stay are as many as one likes, and none of them may be all.
void reduce(Reader &r) {
  std::optional<int64_t> gone = difference(r.inputRank(0), r.outputRank());
  if (r.integer("keepdims", 1) == 0 && gone && *gone > 0 && gone < r.inputRank(0))
    r.implyLength(1, gone);
}

/// Entries for the axes of an attribute, or for all.
std::optional<int64_t> axisCount(Reader &r) {
  const onnx::AttributeProto *axes = r.attribute("axes");
  return axes ? std::optional<int64_t>(axes->ints_size()) : r.inputRank(0);
}

void centerCropPad(Reader &r) { r.implyLength(1, axisCount(r)); }

/// Scales, or sizes: one of them may be there and empty where both are. The region has a begin and an end for each
/// axis.
void resize(Reader &r) {
  std::optional<int64_t> count = axisCount(r);
  if (r.hasInput(2) != r.hasInput(3))
    r.implyLength(r.hasInput(2) ? 2 : 3, count);
  const onnx::AttributeProto *mode = r.attribute("coordinate_transformation_mode");
  if (count && mode && mode->s() == "tf_crop_and_resize")
    r.implyLength(1, 2 * *count);
}

/// Two of image[N, C, spatial...] are no part of the shapes.
void col2Im(Reader &r) {
  for (int i : {1, 2})
    r.implyLength(i, difference(r.outputRank(), 2));
}

void maxUnpool(Reader &r) { r.implyLength(2, r.inputRank(0)); }

/// Scalars, as lists of one element.
void nonMaxSuppression(Reader &r) {
  for (int i : {2, 3, 4})
    r.implyLength(i, 1);
}

/// Regions are rows.
template <int64_t columns> void regions(Reader &r) { r.imply(1, 1, columns); }

void upsample(Reader &r) { countForEachDimension(r); }

/// out[q - 1 + r - k - b] of data[r], indices[q] and b batch dimensions, k being the last extent of the indices.
void gatherNd(Reader &r) {
  std::optional<int64_t> kept = difference(r.outputRank(), r.inputRank(1));
  std::optional<int64_t> rank = r.inputRank(0), extent = difference(rank, kept);
  if (int64_t batch = r.integer("batch_dims", 0); extent && batch >= 0 && batch <= *rank)
    r.imply(1, -1, *extent - 1 - batch);
}

/// updates[q - 1 + r - k].
void scatterNd(Reader &r) {
  std::optional<int64_t> kept = difference(r.inputRank(2), r.inputRank(1));
  if (std::optional<int64_t> extent = difference(r.inputRank(0), kept))
    r.imply(1, -1, *extent - 1);
}

/// W[D, gates * H, I], R[D, gates * H, H] and biases[D, 2 * gates * H].
template <int64_t gates> void recurrent(Reader &r) {
  const onnx::AttributeProto *direction = r.attribute("direction"), *size = r.attribute("hidden_size");
  int64_t directions = direction && direction->s() == "bidirectional" ? 2 : 1;
  if (!size || size->i() < 1 || size->i() > (1 << 24))
    return;
  int64_t hidden = size->i();
  for (int i : {1, 2}) {
    r.imply(i, 0, directions);
    r.imply(i, 1, gates * hidden);
  }
  r.imply(2, 2, hidden);
  r.imply(3, 0, directions);
  r.imply(3, 1, 2 * gates * hidden);
  r.imply(7, 0, directions);
  r.imply(7, 1, 3 * hidden);
}

template <int filter> void convolution(Reader &r) { r.implyLast(filter, "kernel_shape"); }

using Rule = void (*)(Reader &);

const llvm::StringMap<Rule> &rules() {
  static const llvm::StringMap<Rule> table = {
      {"AffineGrid", shapeIsInput1},
      {"CenterCropPad", centerCropPad},
      {"Col2Im", col2Im},
      {"ConstantOfShape", shapeIsInput0},
      {"Conv", convolution<1>},
      {"ConvInteger", convolution<1>},
      {"ConvTranspose", convolution<1>},
      {"DeformConv", convolution<1>},
      {"Expand", expand},
      {"GatherND", gatherNd},
      {"GRU", recurrent<3>},
      {"LSTM", recurrent<4>},
      {"MaxRoiPool", regions<5>},
      {"MaxUnpool", maxUnpool},
      {"NonMaxSuppression", nonMaxSuppression},
      {"Pad", pad},
      {"QLinearConv", convolution<3>},
      {"Reshape", shapeIsInput1},
      {"Resize", resize},
      {"RNN", recurrent<1>},
      {"RoiAlign", regions<4>},
      {"ScatterND", scatterNd},
      {"Split", split},
      {"Squeeze", squeeze},
      {"Tile", countForEachDimension},
      {"TopK", oneElement},
      {"Unsqueeze", unsqueeze},
      {"Upsample", upsample},
  };
  return table;
}

} // namespace

llvm::StringMap<int64_t> declaredRanks(const onnx::GraphProto &graph) { return Reader(graph).ranks; }

std::map<std::pair<std::string, int64_t>, int64_t> impliedExtents(const onnx::GraphProto &graph) {
  Reader reader(graph);
  for (const onnx::NodeProto &node : graph.node()) {
    if (!node.domain().empty() && node.domain() != "ai.onnx")
      continue;
    reader.setNode(node);
    auto rule = rules().find(node.op_type());
    if (rule != rules().end())
      rule->second(reader);
    else if (llvm::StringRef(node.op_type()).starts_with("Reduce"))
      reduce(reader);
  }
  return std::move(reader.implied);
}

} // namespace tenon::importer
