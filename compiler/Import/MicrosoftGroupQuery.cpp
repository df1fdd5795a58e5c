//===- MicrosoftGroupQuery.cpp - GroupQueryAttention and RotaryEmbedding -------------------===//
//
// Queries share the heads of keys and values in groups, so one product of [G * S, H] and [T, H] serves a group. Items
// of a batch may have pasts of different lengths in buffers of one length; where they all fill their buffers, the
// present is a concatenation.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Arithmetic.h"
#include "compiler/Import/Body.h"
#include "compiler/Import/MicrosoftAttention.h"
#include "compiler/Import/Registry.h"

namespace tenon::importer {

namespace {

namespace arith = mlir::arith;

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

/// Rotates pairs of x[B, N, S, H] by angles whose cosines and sines are [B, S, R / 2]; pairs are neighbours if
/// `interleaved`, else R / 2 apart. What is behind R stays.
mlir::Value rotated(Builder &b, mlir::Value x, mlir::Value cosine, mlir::Value sine, bool interleaved) {
  ScalarVector sizes = b.extents(x), table = b.extents(cosine);
  Scalar half = table[2], whole = b.mul(half, b.index(2));
  requireAtMost(b, whole, sizes[3], "twice the width of the table of cosines");
  requireEqual(b, b.extent(sine, 2), half, "the width of the table of sines");
  for (int64_t i : {0, 1})
    requireEqual(b, table[i], sizes[2 * i], "extent " + llvm::Twine(i) + " of the positions");
  table.insert(table.begin() + 1, b.index(1));
  if (interleaved)
    table.push_back(b.index(1));
  cosine = b.reshape(cosine, table);
  sine = b.reshape(sine, table);
  mlir::Value turning = b.sliceDimension(x, 3, b.index(0), whole), first, second;
  int64_t axis = interleaved ? 4 : 3;
  if (interleaved) {
    mlir::Value pairs = b.reshape(turning, {sizes[0], sizes[1], sizes[2], half, b.index(2)});
    first = b.sliceDimension(pairs, 4, b.index(0), b.index(1));
    second = b.sliceDimension(pairs, 4, b.index(1), b.index(1));
  } else {
    first = b.sliceDimension(turning, 3, b.index(0), half);
    second = b.sliceDimension(turning, 3, half, half);
  }
  mlir::Value result = b.concat(
      {sub(b, mul(b, first, cosine), mul(b, second, sine)), add(b, mul(b, second, cosine), mul(b, first, sine))}, axis);
  if (interleaved)
    result = b.reshape(result, {sizes[0], sizes[1], sizes[2], whole});
  if (sizes[3] == whole)
    return result;
  return b.concat({result, b.sliceDimension(x, 3, whole, b.sub(sizes[3], whole))}, 3);
}

/// Rows of the table at input `i` for positions [B, S].
mlir::Value angles(NodeContext &c, int64_t i, mlir::Value positions) {
  return c.b.make<nn::GatherOp>(c.inputOfRank(i, 2, 2), positions, 0);
}

void importRotaryEmbedding(NodeContext &c) {
  c.expectSignature(4, 4, {"interleaved", "is_packed_batching", "num_heads", "rotary_embedding_dim", "scale"});
  Builder &b = c.b;
  mlir::Value x = c.inputOfRank(0, 3, 4), positions = c.inputOfRank(1, 0, 2), cosine = c.inputOfRank(2, 2, 2);
  bool isFlat = rankOf(x) == 3;
  if (isFlat) {
    int64_t heads = c.integer("num_heads", 0);
    if (heads == 0) {
      // The tables then say how wide a head is.
      std::optional<int64_t> width = Builder::constant(b.extent(x, 2)), half = Builder::constant(b.extent(cosine, 1));
      if (c.integer("rotary_embedding_dim", 0) != 0 || !width || !half || *half < 1 || *width % (2 * *half) != 0)
        fail("attribute 'num_heads' is missing");
      heads = *width / (2 * *half);
    }
    x = splitHeads(b, x, heads);
  }
  Scalar batch = b.extent(x, 0), length = b.extent(x, 2);
  if (rankOf(positions) < 2) {
    // One position: that of the first element of each sequence.
    mlir::Value steps = b.cast(countAlong(b, length, 1, 2), elementOf(positions));
    positions = b.broadcast(add(b, b.reshape(positions, {}), steps), {batch, length});
  }
  mlir::Value result =
      rotated(b, x, angles(c, 2, positions), angles(c, 3, positions), c.integer("interleaved", 0) != 0);
  if (float scale = c.number("scale", 1); scale != 1)
    result = Arithmetic(b, elementOf(result)).mul(result, scale);
  c.result(isFlat ? mergeHeads(b, result) : result);
}

//===----------------------------------------------------------------------===//
// GroupQueryAttention
//===----------------------------------------------------------------------===//

class GroupQuery {
public:
  explicit GroupQuery(NodeContext &c) : c(c), b(c.b) {
    heads = headCount(c, "num_heads");
    keyHeads = headCount(c, "kv_num_heads");
    if (heads % keyHeads != 0)
      fail("attribute 'num_heads' is " + std::to_string(heads) + ", expected a multiple of kv_num_heads, which is " +
           std::to_string(keyHeads));
    if (c.hasInput(1) != c.hasInput(2) || c.hasInput(3) != c.hasInput(4) || c.hasInput(7) != c.hasInput(8))
      fail("keys and values, their pasts, and the tables of cosines and sines must be given in pairs");
    readQueries();
    for (mlir::Value rows : {k, v}) {
      requireEqual(b, b.extent(rows, 0), batch, "extent 0 of keys or values");
      requireEqual(b, b.extent(rows, 2), length, "extent 1 of keys or values");
      requireEqual(b, b.extent(rows, 3), b.extent(q, 3), "the width of a head of keys or values");
    }
    readLengths();
    if (c.integer("do_rotary", 0) != 0)
      rotate();
  }

  void run() {
    auto [keys, values] = present();
    c.result(1, keys);
    c.result(2, values);
    mlir::Type real = b.raw().getF32Type();
    Scalar groups = b.index(heads / keyHeads), width = b.extent(q, 3);
    mlir::Value grouped = b.reshape(b.cast(q, real), {batch, b.index(keyHeads), b.mul(groups, length), width});
    mlir::Value scores =
        b.make<nn::MatmulOp>(grouped, b.cast(keys, real), false, /*transpose_rhs=*/true, nn::PackingAttr());
    scores = mul(b, scores, attentionScale(c, q));
    if (float cap = c.number("softcap", 0); cap > 0) {
      Arithmetic a(b, real);
      scores = a.mul(b.make<nn::TanhOp>(a.div(scores, cap)), cap);
    }
    scores = b.reshape(scores, {batch, b.index(heads), length, total});
    if (c.hasInput(10)) {
      mlir::Value bias = c.inputOfRank(10, 4, 4);
      requireEqual(b, b.extent(bias, 2), length, "extent 2 of the attention bias");
      requireEqual(b, b.extent(bias, 3), total, "extent 3 of the attention bias");
      scores = add(b, scores, b.cast(bias, real));
    }
    scores = b.make<nn::SelectOp>(visible(), scores, b.constant(std::numeric_limits<float>::lowest(), real));
    mlir::Value weights = b.reshape(probabilities(scores), {batch, b.index(keyHeads), b.mul(groups, length), total});
    mlir::Value result = b.make<nn::MatmulOp>(weights, b.cast(values, real), false, false, nn::PackingAttr());
    result = b.reshape(result, {batch, b.index(heads), length, b.extent(values, 3)});
    c.result(0, b.cast(mergeHeads(b, result), elementOf(c.input(0))));
  }

private:
  NodeContext &c;
  Builder &b;
  int64_t heads, keyHeads;
  /// q[B, N, S, H], k and v[B, Nk, S, H]
  mlir::Value q, k, v;
  Scalar batch, length;
  /// Extents of the past and of the present.
  Scalar past, total;
  /// Keys of each item that are there already, and with the new ones; [B, 1] in i64.
  mlir::Value before, after;

  mlir::Value number(Scalar scalar) { return b.scalarTensor(scalar, b.raw().getI64Type()); }

  void readQueries() {
    mlir::Value query = c.inputOfRank(0, 3, 3);
    batch = b.extent(query, 0);
    length = b.extent(query, 1);
    if (c.hasInput(1)) {
      q = splitHeads(b, query, heads);
      k = splitHeads(b, c.inputOfRank(1, 3, 3), keyHeads);
      v = splitHeads(b, c.inputOfRank(2, 3, 3), keyHeads);
      return;
    }
    // Queries, keys and values beside each other.
    mlir::Value all = splitHeads(b, query, heads + 2 * keyHeads);
    q = b.sliceDimension(all, 1, b.index(0), b.index(heads));
    k = b.sliceDimension(all, 1, b.index(heads), b.index(keyHeads));
    v = b.sliceDimension(all, 1, b.index(heads + keyHeads), b.index(keyHeads));
  }

  void readLengths() {
    past = c.hasInput(3) ? b.extent(c.inputOfRank(3, 4, 4), 2) : b.index(0);
    for (int64_t i : {3, 4}) {
      if (!c.hasInput(3))
        break;
      mlir::Value state = c.inputOfRank(i, 4, 4);
      requireEqual(b, b.extent(state, 0), batch, "extent 0 of a past");
      requireEqual(b, b.extent(state, 1), b.index(keyHeads), "extent 1 of a past");
      requireEqual(b, b.extent(state, 2), past, "extent 2 of a past");
      requireEqual(b, b.extent(state, 3), b.extent(q, 3), "extent 3 of a past");
    }
    Scalar longest = c.scalar(6, "the total sequence length");
    total = b.max(longest, past);
    mlir::Value last = b.cast(c.inputOfRank(5, 1, 2), b.raw().getI64Type());
    after = add(b, b.reshape(last, {batch, b.index(1)}), number(b.index(1)));
    // The first call has nothing before it, however long its items are.
    Scalar isFirst = b.compare(arith::CmpIPredicate::eq, length, longest);
    mlir::Value flag = b.scalarTensor(isFirst, b.raw().getI1Type());
    before = b.make<nn::SelectOp>(flag, number(b.index(0)), sub(b, after, number(length)));
  }

  void rotate() {
    mlir::Value positions;
    if (c.hasInput(9)) {
      positions = c.inputOfRank(9, 2, 2);
    } else {
      // Queries behind the end of an item get any position.
      positions = add(b, before, countAlong(b, length, 1, 2));
      mlir::Value isInside = compare(b, nn::ComparePredicate::lt, positions, after);
      positions = b.make<nn::SelectOp>(isInside, positions, number(b.index(1)));
    }
    mlir::Value cosine = angles(c, 7, positions), sine = angles(c, 8, positions);
    bool interleaved = c.integer("rotary_interleaved", 0) != 0;
    q = rotated(b, q, cosine, sine, interleaved);
    k = rotated(b, k, cosine, sine, interleaved);
  }

  /// An i1 that says whether the past of every item fills its buffer and the new keys fill the present.
  mlir::Value isContiguous() {
    mlir::Value full = compare(b, nn::ComparePredicate::eq, before, number(past));
    mlir::Value all = b.reduce(nn::ReduceKind::min, b.cast(full, b.raw().getI64Type()), {0, 1}, /*keepDims=*/false);
    Scalar flag = b.compare(arith::CmpIPredicate::eq, b.extract(all)->items.front(), b.index(1));
    Scalar fits = b.compare(arith::CmpIPredicate::eq, b.add(past, length), total);
    return b.value(b.scalar<arith::AndIOp>(b.value(flag), b.value(fits)));
  }

  /// Past and new keys or values in one buffer, item by item; zero behind them.
  mlir::Value assembled(mlir::Value old, mlir::Value fresh) {
    mlir::Value all = old ? b.concat({old, fresh}, 2) : fresh;
    Scalar rows = b.extent(all, 2), width = b.extent(all, 3);
    mlir::Value place = countAlong(b, total, 1, 2);
    mlir::Value shifted = add(b, sub(b, place, before), number(past));
    mlir::Value from = b.make<nn::SelectOp>(compare(b, nn::ComparePredicate::lt, place, before), place, shifted);
    // Places without a source are cleared below.
    from = b.make<nn::MaxOp>(b.make<nn::MinOp>(from, number(b.sub(rows, b.index(1)))), number(b.index(0)));
    Scalar items = b.mul(batch, b.index(keyHeads));
    mlir::Value places = b.broadcast(b.reshape(b.broadcast(from, {batch, total}), {batch, b.index(1), total}),
                                     {batch, b.index(keyHeads), total});
    mlir::Value result =
        b.make<nn::GatherNdOp>(b.reshape(all, {items, rows, width}), b.reshape(places, {items, total, b.index(1)}), 1);
    result = b.reshape(result, {batch, b.index(keyHeads), total, width});
    mlir::Value end = b.reshape(add(b, before, number(length)), {batch, b.index(1), b.index(1), b.index(1)});
    mlir::Value isFilled = compare(b, nn::ComparePredicate::lt, countAlong(b, total, 2, 4), end);
    return b.make<nn::SelectOp>(isFilled, result, b.constant(0, elementOf(result)));
  }

  std::pair<mlir::Value, mlir::Value> present() {
    mlir::Value oldKeys = c.optionalInput(3), oldValues = c.hasInput(4) ? c.inputOfRank(4, 4, 4) : mlir::Value();
    auto joined = [&](mlir::Value old, mlir::Value fresh) {
      mlir::Value all = old ? b.concat({old, fresh}, 2) : fresh;
      return b.reshape(all, {batch, b.index(keyHeads), total, b.extent(fresh, 3)});
    };
    mlir::Value flag = isContiguous();
    Body together(b);
    std::vector<Binding> simple = {{joined(oldKeys, k)}, {joined(oldValues, v)}};
    together.close();
    Body apart(b);
    std::vector<Binding> ragged = {{assembled(oldKeys, k)}, {assembled(oldValues, v)}};
    apart.close();
    std::vector<Binding> results = joinBranches(b, flag, together, simple, apart, ragged);
    return {results[0].tensor, results[1].tensor};
  }

  /// Which keys a query sees: [B, 1, S, T].
  mlir::Value visible() {
    mlir::Value start = b.reshape(before, {batch, b.index(1), b.index(1), b.index(1)});
    mlir::Value key = countAlong(b, total, 3, 4), own = add(b, start, countAlong(b, length, 2, 4));
    mlir::Value flags = compare(b, nn::ComparePredicate::le, key, own);
    int64_t window = c.integer("local_window_size", -1);
    if (window <= 0)
      return flags;
    mlir::Value lowest = sub(b, own, number(b.index(window)));
    return b.make<nn::AndOp>(flags, compare(b, nn::ComparePredicate::gt, key, lowest));
  }

  /// softmax of the scores [B, N, S, T], with one more score per head that has no value, if the node asks for it.
  mlir::Value probabilities(mlir::Value scores) {
    mlir::Type real = elementOf(scores);
    mlir::Value sink;
    if (c.hasInput(11))
      sink = b.alignAt(b.cast(c.inputOfRank(11, 1, 1), real), 0, 3);
    else if (c.integer("smooth_softmax", 0) != 0)
      sink = b.constant(0, real);
    if (!sink)
      return softmax(b, scores, {3});
    mlir::Value highest = b.make<nn::MaxOp>(b.reduce(nn::ReduceKind::max, scores, {3}, /*keepDims=*/true), sink);
    mlir::Value power = b.make<nn::ExpOp>(sub(b, scores, highest));
    mlir::Value sum =
        add(b, b.reduce(nn::ReduceKind::sum, power, {3}, /*keepDims=*/true), b.make<nn::ExpOp>(sub(b, sink, highest)));
    return b.make<nn::DivOp>(power, sum);
  }
};

void importGroupQueryAttention(NodeContext &c) {
  c.expectSignature(7, 12,
                    {"do_rotary", "kv_num_heads", "local_window_size", "num_heads", "qk_output", "rotary_interleaved",
                     "scale", "smooth_softmax", "softcap"});
  GroupQuery(c).run();
}

} // namespace

void addMicrosoftGroupQuery(ImporterTable &table) {
  table.add(runtimeDomain, "GroupQueryAttention", importGroupQueryAttention);
  table.add(runtimeDomain, "RotaryEmbedding", importRotaryEmbedding);
}

} // namespace tenon::importer
