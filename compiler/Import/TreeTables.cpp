//===- TreeTables.cpp - decision trees as the tables of nn.tree_ensemble -------------------===//
//
// Every test becomes decisions of one kind, x <= cut: x < t is x <= the number before t, and a set is a search among
// the intervals that its members cut out, where a branch that several intervals lead to is shared. Cuts of a feature
// are sorted, so that a decision compares ranks. Then nodes get their places: the pair of a decision's children behind
// every place from which it is entered, three levels together, since a cache line holds about as many.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/TreeTables.h"

#include "compiler/Import/Error.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <limits>
#include <numeric>

namespace tenon::importer {

namespace {

/// Levels whose nodes are laid out side by side.
constexpr int64_t clusterLevels = 3;

/// Where a branch leads.
struct Branch {
  enum class Kind : uint8_t { leaf, node, decision };
  Kind kind = Kind::leaf;
  int32_t index = 0;
};

/// x <= cut ? low : high. A cut of NaN is below all numbers.
struct Decision {
  double cut = 0;
  int32_t feature = 0, rank = 0, column = 0;
  bool isNanHigh = false;
  Branch low, high;
};

bool isBefore(double x, double y) { return std::isnan(x) ? !std::isnan(y) : x < y; }
bool isSame(double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); }

constexpr double infinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

class Decisions {
public:
  Decisions(const Forest &forest, bool isDouble) : forest(forest), isDouble(isDouble), heads(forest.nodes.size(), -1) {}

  /// The decisions of all trees; those of a tree are neighbours.
  void build();

  std::vector<Decision> list;
  std::vector<Branch> roots;
  std::vector<int32_t> ends; ///< behind the decisions of each tree

private:
  /// The greatest number of the input's type that is at most `number`; NaN if there is none.
  double rounded(double number) const {
    if (number == 0)
      return 0; // Not -0, which is the same threshold.
    if (isDouble || std::isnan(number))
      return number;
    auto narrow = static_cast<float>(number);
    if (static_cast<double>(narrow) > number)
      narrow = std::nextafter(narrow, -std::numeric_limits<float>::infinity());
    return narrow == 0 ? 0 : static_cast<double>(narrow);
  }
  /// x < number is x <= this.
  static double before(double number) {
    return number == -infinity ? std::numeric_limits<double>::quiet_NaN() : std::nextafter(number, -infinity);
  }
  static Branch branch(int32_t child) {
    return child < 0 ? Branch{Branch::Kind::leaf, ~child} : Branch{Branch::Kind::node, child};
  }

  void add(const Forest::Node &node);
  void addSet(const Forest::Node &node, std::vector<double> members);
  /// Decides between the bounds [from, to): interval i lies between bounds i - 1 and i.
  Branch addIntervals(const Forest::Node &node, llvm::ArrayRef<double> bounds, size_t from, size_t to, size_t ofNan);
  void resolve(Branch &branch) {
    if (branch.kind == Branch::Kind::node)
      branch = {Branch::Kind::decision, heads[branch.index]};
  }

  const Forest &forest;
  bool isDouble;
  std::vector<int32_t> heads; ///< the first decision of each node
};

void Decisions::add(const Forest::Node &node) {
  using Test = Forest::Test;
  if (node.test == Test::member)
    return addSet(node, forest.sets[static_cast<size_t>(node.threshold)]);
  if (node.test == Test::eq || node.test == Test::ne)
    return addSet(node, {node.threshold});
  bool isLess = node.test == Test::le || node.test == Test::lt;
  Decision decision;
  decision.feature = static_cast<int32_t>(node.feature);
  double threshold = node.threshold;
  if (node.test == Test::lt || node.test == Test::ge)
    threshold = before(threshold);
  // No number compares with NaN.
  if (!isLess && std::isnan(node.threshold))
    threshold = infinity;
  decision.cut = rounded(threshold);
  decision.low = branch(isLess ? node.onTrue : node.onFalse);
  decision.high = branch(isLess ? node.onFalse : node.onTrue);
  decision.isNanHigh = isLess != node.isNanTrue;
  list.push_back(decision);
}

void Decisions::addSet(const Forest::Node &node, std::vector<double> members) {
  llvm::erase_if(members, [](double member) { return std::isnan(member); });
  llvm::sort(members);
  std::vector<double> bounds;
  for (double member : members) {
    double low = rounded(before(member)), high = rounded(member);
    if (isSame(low, high))
      continue;
    if (!bounds.empty() && isSame(bounds.back(), low))
      bounds.back() = high;
    else if (bounds.empty() || isBefore(bounds.back(), low))
      bounds.insert(bounds.end(), {low, high});
  }
  // Only NaN gets beyond.
  if (bounds.empty())
    bounds.push_back(infinity);
  // Not to equal a number is true of NaN.
  bool isInside = node.test != Forest::Test::ne && node.isNanTrue;
  addIntervals(node, bounds, 0, bounds.size(), isInside ? 1 : 0);
}

Branch Decisions::addIntervals(const Forest::Node &node, llvm::ArrayRef<double> bounds, size_t from, size_t to,
                               size_t ofNan) {
  if (from == to) {
    bool isTrue = (from % 2 == 1) != (node.test == Forest::Test::ne);
    return branch(isTrue ? node.onTrue : node.onFalse);
  }
  size_t middle = from + (to - from) / 2;
  auto place = static_cast<int32_t>(list.size());
  Decision decision;
  decision.feature = static_cast<int32_t>(node.feature);
  decision.cut = bounds[middle];
  decision.isNanHigh = ofNan > middle;
  list.push_back(decision);
  Branch low = addIntervals(node, bounds, from, middle, ofNan);
  Branch high = addIntervals(node, bounds, middle + 1, to, ofNan);
  list[place].low = low;
  list[place].high = high;
  return {Branch::Kind::decision, place};
}

void Decisions::build() {
  std::vector<int32_t> open;
  for (int32_t root : forest.roots) {
    if (root >= 0)
      open.push_back(root);
    while (!open.empty()) {
      int32_t number = open.back();
      open.pop_back();
      const Forest::Node &node = forest.nodes[number];
      if (heads[number] >= 0)
        fail("the node at position " + llvm::Twine(number) + " is reached twice, expected trees");
      heads[number] = static_cast<int32_t>(list.size());
      add(node);
      if (list.size() > INT32_MAX / 4)
        fail("the trees have more than " + llvm::Twine(INT32_MAX / 4) + " nodes");
      for (int32_t child : {node.onFalse, node.onTrue})
        if (child >= 0)
          open.push_back(child);
    }
    roots.push_back(branch(root));
    ends.push_back(static_cast<int32_t>(list.size()));
  }
  for (Branch &root : roots)
    resolve(root);
  for (Decision &decision : list) {
    resolve(decision.low);
    resolve(decision.high);
  }
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

/// Fills in the columns and cuts, and every decision's rank and column. Returns the most cuts of a feature.
int64_t rankCuts(std::vector<Decision> &decisions, TreeTables &tables) {
  using Cut = std::pair<int32_t, double>;
  auto comesBefore = [](const Cut &x, const Cut &y) {
    return x.first != y.first ? x.first < y.first : isBefore(x.second, y.second);
  };
  std::vector<Cut> cuts;
  cuts.reserve(decisions.size() + 1);
  for (const Decision &decision : decisions)
    cuts.push_back({decision.feature, decision.cut});
  // A table is never empty.
  if (cuts.empty())
    cuts.push_back({0, 0});
  llvm::sort(cuts, comesBefore);
  cuts.erase(std::unique(cuts.begin(), cuts.end(),
                         [](const Cut &x, const Cut &y) { return x.first == y.first && isSame(x.second, y.second); }),
             cuts.end());

  // Of each feature: where its cuts start and end, and its columns for NaN low and high.
  struct Feature {
    size_t begin, end;
    int32_t columns[2] = {-1, -1};
  };
  llvm::DenseMap<int32_t, Feature> features;
  int64_t most = 0;
  for (size_t begin = 0, end = 0; begin < cuts.size(); begin = end) {
    while (end < cuts.size() && cuts[end].first == cuts[begin].first)
      ++end;
    features[cuts[begin].first] = {begin, end};
    most = std::max(most, static_cast<int64_t>(end - begin));
  }
  for (const Cut &cut : cuts)
    tables.cuts.push_back(cut.second);
  auto columnOf = [&](int32_t number, Feature &feature, bool isNanHigh) {
    int32_t &column = feature.columns[isNanHigh];
    if (column < 0) {
      column = static_cast<int32_t>(tables.columns.size() / 4);
      tables.columns.insert(tables.columns.end(), {number, isNanHigh, static_cast<int32_t>(feature.begin),
                                                   static_cast<int32_t>(feature.end)});
    }
    return column;
  };
  for (Decision &decision : decisions) {
    Feature &feature = features[decision.feature];
    auto begin = cuts.begin() + static_cast<ptrdiff_t>(feature.begin);
    auto end = cuts.begin() + static_cast<ptrdiff_t>(feature.end);
    auto found = std::lower_bound(begin, end, Cut{decision.feature, decision.cut}, comesBefore);
    decision.rank = static_cast<int32_t>(found - begin);
    decision.column = columnOf(decision.feature, feature, decision.isNanHigh);
  }
  if (tables.columns.empty())
    columnOf(0, features[0], false);
  return most;
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// Lays out the trees and notes for each place its decision, or ~l for the leaf l.
class Layout {
public:
  Layout(const Decisions &decisions, TreeTables &tables)
      : decisions(decisions), tables(tables), open(decisions.list.size(), 0), pairs(decisions.list.size(), 0),
        depths(decisions.list.size(), 0) {
    for (const Decision &decision : decisions.list)
      for (const Branch &branch : {decision.low, decision.high})
        if (branch.kind == Branch::Kind::decision)
          ++open[branch.index];
    for (const Branch &root : decisions.roots)
      if (root.kind == Branch::Kind::decision)
        ++open[root.index];
  }

  void build() {
    std::vector<int32_t> treeDepths;
    for (const Branch &root : decisions.roots)
      treeDepths.push_back(placeTree(root));
    tables.order.resize(treeDepths.size());
    std::iota(tables.order.begin(), tables.order.end(), 0);
    llvm::sort(tables.order, [&](int32_t x, int32_t y) {
      return treeDepths[x] != treeDepths[y] ? treeDepths[x] > treeDepths[y] : x < y;
    });
    tables.steps = std::max<int64_t>(1, static_cast<int64_t>(steps));
  }

  /// What places hold, and how far behind each the pair of its children is.
  std::vector<int32_t> contents;
  uint64_t delta(size_t place) const { return pairs[contents[place]] - place; }

private:
  struct Ready {
    int32_t decision;
    int64_t level;
  };

  void place(const Branch &branch, int32_t depth, int64_t level, std::vector<Ready> &ready) {
    if (branch.kind == Branch::Kind::leaf) {
      contents.push_back(~branch.index);
      deepest = std::max(deepest, depth);
      // As if each branch were as likely as its sibling.
      steps += std::ldexp(depth + 1.0, -depth);
      return;
    }
    contents.push_back(branch.index);
    depths[branch.index] = std::max(depths[branch.index], depth);
    if (--open[branch.index] == 0)
      ready.push_back({branch.index, level});
  }

  /// Returns the depth of the tree.
  int32_t placeTree(const Branch &root) {
    tables.roots.push_back(static_cast<int32_t>(contents.size()));
    deepest = 0;
    std::vector<Ready> later, near;
    place(root, 0, 0, later);
    while (!later.empty()) {
      near.assign(1, {later.back().decision, 0});
      later.pop_back();
      for (size_t i = 0; i < near.size(); ++i) {
        Ready next = near[i];
        if (next.level == clusterLevels) {
          later.push_back(next);
          continue;
        }
        const Decision &decision = decisions.list[next.decision];
        pairs[next.decision] = contents.size();
        for (const Branch &branch : {decision.low, decision.high})
          place(branch, depths[next.decision] + 1, next.level + 1, near);
      }
    }
    return deepest;
  }

  const Decisions &decisions;
  TreeTables &tables;
  std::vector<int32_t> open; ///< places from which a decision is entered that are not known yet
  std::vector<uint64_t> pairs;
  std::vector<int32_t> depths;
  int32_t deepest = 0;
  double steps = 0;
};

int64_t bitsFor(uint64_t number) { return number == 0 ? 0 : 64 - llvm::countl_zero(number); }

/// Packs the nodes into words of 32 bits if they fit, with fields of whole bytes if these do.
void packNodes(const Decisions &decisions, const Layout &layout, int64_t mostCuts, TreeTables &tables) {
  uint64_t farthest = 0;
  for (size_t place = 0; place < layout.contents.size(); ++place)
    if (layout.contents[place] >= 0)
      farthest = std::max(farthest, layout.delta(place));
  int64_t rankBits = std::max<int64_t>(bitsFor(mostCuts), 1), columnBits = bitsFor(tables.columns.size() / 4 - 1);
  int64_t deltaBits = std::max<int64_t>(bitsFor(farthest), 1);
  auto choose = [&](int64_t word, int64_t rank, int64_t column) {
    if (tables.wordBits != 0 || rankBits > rank || columnBits > column || deltaBits > word - rank - column)
      return;
    tables.wordBits = word;
    tables.rankBits = rank;
    tables.columnBits = column;
  };
  choose(32, 8, 8);
  choose(32, rankBits, columnBits);
  choose(64, 16, 16);
  choose(64, rankBits, columnBits);
  if (tables.wordBits == 0)
    fail("the trees have too many nodes, features and thresholds together");
  uint64_t leaf = (uint64_t(1) << tables.rankBits) - 1;
  for (size_t place = 0; place < layout.contents.size(); ++place) {
    if (layout.contents[place] < 0) {
      tables.nodes.push_back(leaf);
      continue;
    }
    const Decision &decision = decisions.list[layout.contents[place]];
    tables.nodes.push_back(static_cast<uint64_t>(decision.rank) |
                           static_cast<uint64_t>(decision.column) << tables.rankBits |
                           layout.delta(place) << (tables.rankBits + tables.columnBits));
  }
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// One weight per place, and one target per tree. False if there is a leaf or tree with more.
bool placeSingleWeights(const Forest &forest, const Layout &layout, bool needsRanges, TreeTables &tables) {
  std::vector<double> weights(layout.contents.size(), 0);
  std::vector<int32_t> targets;
  for (size_t tree = 0; tree < tables.roots.size(); ++tree) {
    size_t end = tree + 1 < tables.roots.size() ? tables.roots[tree + 1] : layout.contents.size();
    int32_t target = -1;
    for (size_t place = tables.roots[tree]; place < end; ++place) {
      if (layout.contents[place] >= 0)
        continue;
      int64_t leaf = ~layout.contents[place], first = forest.starts[leaf], count = forest.starts[leaf + 1] - first;
      if (count > 1 || (count == 0 && needsRanges))
        return false;
      if (count == 0)
        continue;
      if (target >= 0 && target != forest.targets[first])
        return false;
      target = forest.targets[first];
      weights[place] = forest.weights[first];
    }
    targets.push_back(std::max(target, 0));
  }
  tables.weights = std::move(weights);
  tables.targets = std::move(targets);
  return true;
}

} // namespace

TreeTables buildTreeTables(const Forest &forest, bool isDouble, bool needsRanges) {
  TreeTables tables;
  Decisions decisions(forest, isDouble);
  decisions.build();
  int64_t mostCuts = rankCuts(decisions.list, tables);
  Layout layout(decisions, tables);
  layout.build();
  packNodes(decisions, layout, mostCuts, tables);
  if (placeSingleWeights(forest, layout, needsRanges, tables))
    return tables;
  for (int32_t content : layout.contents)
    for (int64_t side : {0, 1})
      tables.ranges.push_back(content < 0 ? static_cast<int32_t>(forest.starts[~content + side]) : 0);
  tables.targets = forest.targets;
  tables.weights = forest.weights;
  return tables;
}

} // namespace tenon::importer
