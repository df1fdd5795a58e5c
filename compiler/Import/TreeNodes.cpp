//===- TreeNodes.cpp - the attributes of tree ensembles ------------------------------------===//
//
// The older operators name nodes by numbers of a tree and in it, in any order, and leaves are nodes too. The newer one
// counts nodes and leaves by their positions.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/TreeNodes.h"

#include "compiler/Support/Weights.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringSwitch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace tenon::importer {

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

template <typename T> static std::vector<double> widened(llvm::ArrayRef<char> bytes) {
  std::vector<double> numbers(bytes.size() / sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    T number;
    std::memcpy(&number, bytes.data() + i * sizeof(T), sizeof(T));
    numbers[i] = static_cast<double>(number);
  }
  return numbers;
}

static std::vector<double> widenedHalves(llvm::ArrayRef<char> bytes) {
  std::vector<double> numbers = widened<uint16_t>(bytes);
  for (double &number : numbers)
    number = llvm::APFloat(llvm::APFloat::IEEEhalf(), llvm::APInt(16, static_cast<uint64_t>(number))).convertToDouble();
  return numbers;
}

NumberList numberAttribute(NodeContext &c, llvm::StringRef asFloats, llvm::StringRef asTensor) {
  if (llvm::ArrayRef<float> floats = asFloats == asTensor ? llvm::ArrayRef<float>() : c.numberList(asFloats);
      !floats.empty())
    return {std::vector<double>(floats.begin(), floats.end()), false};
  const onnx::TensorProto *tensor = c.tensor(asTensor);
  if (!tensor)
    return {};
  auto constant = c.graph.bindingOf(*tensor, c.frame).tensor.getDefiningOp<nn::ConstantOp>();
  auto elements = llvm::cast<mlir::ElementsAttr>(constant.getValue());
  std::vector<char> bytes;
  if (mlir::failed(readWeight(elements, [&](llvm::ArrayRef<char> part) { llvm::append_range(bytes, part); })))
    fail("attribute '" + asTensor + "' has no elements");
  mlir::Type type = elements.getElementType();
  if (type.isF64())
    return {widened<double>(bytes), true};
  if (type.isF32())
    return {widened<float>(bytes), false};
  if (type.isF16())
    return {widenedHalves(bytes), false};
  if (type.isUnsignedInteger(8))
    return {widened<uint8_t>(bytes), false};
  fail("attribute '" + asTensor + "' has elements of type " + dataTypeName(tensor->data_type()));
}

static void expectEntries(llvm::StringRef name, size_t got, size_t expected) {
  if (got != expected)
    fail("attribute '" + name + "' has " + llvm::Twine(got) + " entries, expected " + llvm::Twine(expected));
}

/// What is named, in an error.
using Name = llvm::function_ref<std::string()>;

static void expectFeature(int64_t feature, int64_t features, Name node) {
  if (feature < 0 || feature >= (features < 0 ? INT32_MAX - 1 : features))
    fail(node() + " tests feature " + llvm::Twine(feature) + ", " +
         (features < 0 ? std::string("expected a smaller one, not negative")
                       : "but the input has " + std::to_string(features)));
}

static void expectTarget(int64_t target, int64_t targets, Name leaf) {
  if (target < 0 || target >= targets)
    fail(leaf() + " gives a weight to " + llvm::Twine(target) + ", expected a number in [0, " + llvm::Twine(targets) +
         ")");
}

//===----------------------------------------------------------------------===//
// Nodes with numbers
//===----------------------------------------------------------------------===//

namespace {

/// Finds nodes by the numbers of their tree and their own.
class NodeNumbers {
public:
  NodeNumbers(llvm::ArrayRef<int64_t> trees, llvm::ArrayRef<int64_t> nodes) : trees(trees), nodes(nodes) {
    auto comesBefore = [&](int32_t x, int32_t y) {
      return trees[x] != trees[y] ? trees[x] < trees[y] : nodes[x] < nodes[y];
    };
    sorted.resize(nodes.size());
    std::iota(sorted.begin(), sorted.end(), 0);
    if (!std::is_sorted(sorted.begin(), sorted.end(), comesBefore))
      llvm::sort(sorted, comesBefore);
    for (size_t i = 0; i < sorted.size(); ++i) {
      if (i == 0 || trees[sorted[i]] != ranges.back().tree)
        ranges.push_back({trees[sorted[i]], i, i});
      else if (nodes[sorted[i]] == nodes[sorted[i - 1]])
        fail("node " + llvm::Twine(nodes[sorted[i]]) + " of tree " + llvm::Twine(ranges.back().tree) +
             " is given more than once");
      ranges.back().end = i + 1;
    }
  }

  /// The position of a node, or -1.
  int32_t find(int64_t tree, int64_t node) {
    if (ranges.empty())
      return -1;
    if (ranges[last].tree != tree) {
      auto found =
          llvm::lower_bound(ranges, tree, [](const Range &range, int64_t wanted) { return range.tree < wanted; });
      if (found == ranges.end() || found->tree != tree)
        return -1;
      last = static_cast<size_t>(found - ranges.begin());
    }
    const Range &range = ranges[last];
    // Most often the numbers of a tree's nodes follow one another.
    uint64_t guess = static_cast<uint64_t>(node) - static_cast<uint64_t>(nodes[sorted[range.begin]]);
    if (guess < range.end - range.begin && nodes[sorted[range.begin + guess]] == node)
      return sorted[range.begin + guess];
    auto begin = sorted.begin() + static_cast<ptrdiff_t>(range.begin);
    auto end = sorted.begin() + static_cast<ptrdiff_t>(range.end);
    auto found =
        std::lower_bound(begin, end, node, [&](int32_t place, int64_t wanted) { return nodes[place] < wanted; });
    return found == end || nodes[*found] != node ? -1 : *found;
  }

private:
  struct Range {
    int64_t tree;
    size_t begin, end;
  };
  llvm::ArrayRef<int64_t> trees, nodes;
  std::vector<int32_t> sorted;
  std::vector<Range> ranges;
  size_t last = 0; ///< the range of the last search
};

/// The lists of TreeEnsembleClassifier and TreeEnsembleRegressor.
struct NodeLists {
  llvm::ArrayRef<int64_t> trees, nodes, features, onTrue, onFalse, nanIsTrue;
  const google::protobuf::RepeatedPtrField<std::string> *modes = nullptr;
  std::vector<double> thresholds;

  explicit NodeLists(NodeContext &c)
      : trees(c.integerList("nodes_treeids")), nodes(c.integerList("nodes_nodeids")),
        features(c.integerList("nodes_featureids")), onTrue(c.integerList("nodes_truenodeids")),
        onFalse(c.integerList("nodes_falsenodeids")), nanIsTrue(c.integerList("nodes_missing_value_tracks_true")),
        thresholds(numberAttribute(c, "nodes_values", "nodes_values_as_tensor").numbers) {
    const onnx::AttributeProto *attribute = c.attribute("nodes_modes");
    if (!attribute || attribute->type() != onnx::AttributeProto::STRINGS)
      fail("attribute 'nodes_modes' is missing");
    modes = &attribute->strings();
    size_t count = nodes.size();
    if (count == 0)
      fail("attribute 'nodes_nodeids' is missing");
    if (count > INT32_MAX / 4)
      fail("there are " + std::to_string(count) + " nodes, expected at most " + std::to_string(INT32_MAX / 4));
    expectEntries("nodes_treeids", trees.size(), count);
    expectEntries("nodes_featureids", features.size(), count);
    expectEntries("nodes_truenodeids", onTrue.size(), count);
    expectEntries("nodes_falsenodeids", onFalse.size(), count);
    expectEntries("nodes_modes", static_cast<size_t>(modes->size()), count);
    expectEntries("nodes_values", thresholds.size(), count);
    if (!nanIsTrue.empty())
      expectEntries("nodes_missing_value_tracks_true", nanIsTrue.size(), count);
  }

  std::string name(size_t i) const {
    return "node " + std::to_string(nodes[i]) + " of tree " + std::to_string(trees[i]);
  }
};

/// Nothing for a leaf.
std::optional<Forest::Test> testOf(llvm::StringRef mode, const NodeLists &lists, size_t i) {
  using Test = Forest::Test;
  if (mode == "LEAF")
    return std::nullopt;
  auto test = llvm::StringSwitch<std::optional<Test>>(mode)
                  .Case("BRANCH_LEQ", Test::le)
                  .Case("BRANCH_LT", Test::lt)
                  .Case("BRANCH_GTE", Test::ge)
                  .Case("BRANCH_GT", Test::gt)
                  .Case("BRANCH_EQ", Test::eq)
                  .Case("BRANCH_NEQ", Test::ne)
                  .Default(std::nullopt);
  if (!test)
    fail(lists.name(i) + " has the mode '" + mode.str() + "'",
         "modes are BRANCH_LEQ, BRANCH_LT, BRANCH_GTE, BRANCH_GT, BRANCH_EQ, BRANCH_NEQ and LEAF");
  return test;
}

} // namespace

/// Gives the leaves their weights, in the order of the lists. `places` are those of nodes in the forest.
static void listWeights(NodeContext &c, const std::string &prefix, llvm::ArrayRef<double> weights, int64_t targets,
                        NodeNumbers &numbers, llvm::ArrayRef<int32_t> places, int64_t leaves, Forest &forest) {
  llvm::ArrayRef<int64_t> trees = c.integerList(prefix + "_treeids"), nodes = c.integerList(prefix + "_nodeids");
  llvm::ArrayRef<int64_t> ids = c.integerList(prefix + "_ids");
  size_t count = ids.size();
  expectEntries(prefix + "_treeids", trees.size(), count);
  expectEntries(prefix + "_nodeids", nodes.size(), count);
  expectEntries(prefix + "_weights", weights.size(), count);
  if (count > INT32_MAX)
    fail("there are " + std::to_string(count) + " weights, expected at most " + std::to_string(INT32_MAX));
  std::vector<int32_t> leafOf(count, -1);
  forest.starts.assign(leaves + 1, 0);
  for (size_t i = 0; i < count; ++i) {
    int32_t node = numbers.find(trees[i], nodes[i]);
    auto name = [&] { return "node " + std::to_string(nodes[i]) + " of tree " + std::to_string(trees[i]); };
    if (node < 0)
      fail("attribute '" + prefix + "_nodeids' names " + name() + ", which is not there");
    expectTarget(ids[i], targets, name);
    // Nobody ends at an inner node.
    if (places[node] >= 0)
      continue;
    leafOf[i] = ~places[node];
    ++forest.starts[leafOf[i] + 1];
  }
  std::partial_sum(forest.starts.begin(), forest.starts.end(), forest.starts.begin());
  forest.targets.resize(forest.starts.back());
  forest.weights.resize(forest.starts.back());
  std::vector<int64_t> next(forest.starts.begin(), forest.starts.end());
  for (size_t i = 0; i < count; ++i) {
    if (leafOf[i] < 0)
      continue;
    int64_t place = next[leafOf[i]]++;
    forest.targets[place] = static_cast<int32_t>(ids[i]);
    forest.weights[place] = weights[i];
  }
}

Forest listedForest(NodeContext &c, const std::string &prefix, llvm::ArrayRef<double> weights, int64_t features,
                    int64_t targets) {
  NodeLists lists(c);
  NodeNumbers numbers(lists.trees, lists.nodes);
  size_t count = lists.nodes.size();
  Forest forest;
  // Where each node is in the forest, as Forest counts children.
  std::vector<int32_t> places(count);
  std::vector<size_t> inner;
  int32_t leaves = 0;
  for (size_t i = 0; i < count; ++i) {
    std::optional<Forest::Test> test = testOf(lists.modes->Get(static_cast<int>(i)), lists, i);
    if (!test) {
      places[i] = ~leaves++;
      continue;
    }
    expectFeature(lists.features[i], features, [&] { return lists.name(i); });
    places[i] = static_cast<int32_t>(forest.nodes.size());
    inner.push_back(i);
    Forest::Node node;
    node.feature = lists.features[i];
    node.test = *test;
    node.isNanTrue = !lists.nanIsTrue.empty() && lists.nanIsTrue[i] != 0;
    node.threshold = lists.thresholds[i];
    forest.nodes.push_back(node);
  }
  auto placeOf = [&](size_t parent, int64_t child) {
    int32_t found = numbers.find(lists.trees[parent], child);
    if (found < 0)
      fail(lists.name(parent) + " leads to node " + std::to_string(child) + ", which is not there");
    return places[found];
  };
  for (auto [node, i] : llvm::zip_equal(forest.nodes, inner)) {
    node.onTrue = placeOf(i, lists.onTrue[i]);
    node.onFalse = placeOf(i, lists.onFalse[i]);
  }
  // A tree starts at the first of its nodes in the list.
  llvm::DenseSet<int64_t> seen;
  for (size_t i = 0; i < count; ++i)
    if ((i == 0 || lists.trees[i] != lists.trees[i - 1]) && seen.insert(lists.trees[i]).second)
      forest.roots.push_back(places[i]);
  listWeights(c, prefix, weights, targets, numbers, places, leaves, forest);
  return forest;
}

//===----------------------------------------------------------------------===//
// Nodes with positions
//===----------------------------------------------------------------------===//

/// Lists of members, each ended by a NaN.
static std::vector<std::vector<double>> memberSets(NodeContext &c) {
  std::vector<std::vector<double>> sets(1);
  for (double member : numberAttribute(c, "membership_values", "membership_values").numbers) {
    if (std::isnan(member))
      sets.emplace_back();
    else
      sets.back().push_back(member);
  }
  // The last end is often left out.
  if (sets.back().empty())
    sets.pop_back();
  return sets;
}

Forest indexedForest(NodeContext &c, llvm::ArrayRef<double> weights, int64_t features, int64_t targets) {
  using Test = Forest::Test;
  constexpr Test tests[] = {Test::le, Test::lt, Test::ge, Test::gt, Test::eq, Test::ne, Test::member};
  std::vector<double> modes = numberAttribute(c, "nodes_modes", "nodes_modes").numbers;
  std::vector<double> splits = numberAttribute(c, "nodes_splits", "nodes_splits").numbers;
  llvm::ArrayRef<int64_t> featureIds = c.integerList("nodes_featureids"), ids = c.integerList("leaf_targetids");
  llvm::ArrayRef<int64_t> nanIsTrue = c.integerList("nodes_missing_value_tracks_true");
  llvm::ArrayRef<int64_t> roots = c.integerList("tree_roots");
  size_t count = featureIds.size(), leaves = ids.size();
  if (count > INT32_MAX / 4 || leaves > INT32_MAX / 4)
    fail("there are " + std::to_string(count) + " nodes, expected at most " + std::to_string(INT32_MAX / 4));
  expectEntries("nodes_modes", modes.size(), count);
  expectEntries("nodes_splits", splits.size(), count);
  expectEntries("leaf_weights", weights.size(), leaves);
  if (!nanIsTrue.empty())
    expectEntries("nodes_missing_value_tracks_true", nanIsTrue.size(), count);
  Forest forest;
  forest.sets = memberSets(c);
  forest.nodes.resize(count);
  auto childrenOf = [&](const std::string &side, int32_t Forest::Node::*child) {
    llvm::ArrayRef<int64_t> places = c.integerList("nodes_" + side + "nodeids");
    llvm::ArrayRef<int64_t> areLeaves = c.integerList("nodes_" + side + "leafs");
    expectEntries("nodes_" + side + "nodeids", places.size(), count);
    expectEntries("nodes_" + side + "leafs", areLeaves.size(), count);
    for (size_t i = 0; i < count; ++i) {
      size_t limit = areLeaves[i] ? leaves : count;
      if (places[i] < 0 || static_cast<size_t>(places[i]) >= limit)
        fail("node " + std::to_string(i) + " leads to " + (areLeaves[i] ? "leaf " : "node ") +
             std::to_string(places[i]) + ", but there are " + std::to_string(limit));
      auto place = static_cast<int32_t>(places[i]);
      forest.nodes[i].*child = areLeaves[i] ? ~place : place;
    }
  };
  childrenOf("true", &Forest::Node::onTrue);
  childrenOf("false", &Forest::Node::onFalse);
  size_t sets = 0;
  for (size_t i = 0; i < count; ++i) {
    Forest::Node &node = forest.nodes[i];
    if (!(modes[i] < static_cast<double>(std::size(tests))))
      fail("node " + std::to_string(i) + " has the mode " + std::to_string(static_cast<int64_t>(modes[i])),
           "modes are 0 to 6");
    node.test = tests[static_cast<size_t>(modes[i])];
    node.threshold = splits[i];
    if (node.test == Test::member)
      node.threshold = static_cast<double>(sets++);
    node.isNanTrue = !nanIsTrue.empty() && nanIsTrue[i] != 0;
    node.feature = featureIds[i];
    expectFeature(node.feature, features, [&] { return "node " + std::to_string(i); });
  }
  if (forest.sets.size() != sets)
    fail("attribute 'membership_values' has " + std::to_string(forest.sets.size()) + " sets, expected " +
         std::to_string(sets) + ", each ended by a NaN");
  for (int64_t root : roots) {
    if (root < 0 || static_cast<size_t>(root) >= count)
      fail("attribute 'tree_roots' names node " + std::to_string(root) + ", but there are " + std::to_string(count));
    // A tree that is a leaf is a node with this leaf on both sides.
    const Forest::Node &node = forest.nodes[root];
    bool isLeaf = node.onTrue < 0 && node.onTrue == node.onFalse;
    forest.roots.push_back(isLeaf ? node.onTrue : static_cast<int32_t>(root));
  }
  if (forest.roots.empty())
    fail("attribute 'tree_roots' is missing");
  for (size_t leaf = 0; leaf < leaves; ++leaf) {
    expectTarget(ids[leaf], targets, [&] { return "leaf " + std::to_string(leaf); });
    forest.targets.push_back(static_cast<int32_t>(ids[leaf]));
  }
  forest.weights.assign(weights.begin(), weights.end());
  forest.starts.resize(leaves + 1);
  std::iota(forest.starts.begin(), forest.starts.end(), 0);
  return forest;
}

} // namespace tenon::importer
