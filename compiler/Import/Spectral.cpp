//===- Spectral.cpp - Fourier transforms and what goes with them ---------------------------===//
//
// DFT, STFT and MelWeightMatrix. A short transform is one product with a matrix. A long one of known length is split
// (Cooley and Tukey, 1965), one of a long prime length becomes a convolution (Bluestein, 1970), so its cost stays O(n
// log n) products of short ones. Matrices of known length are constants, computed in f64.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Body.h"
#include "compiler/Import/Interpolation.h"
#include "compiler/Import/Registry.h"
#include "compiler/Import/RuntimeAxes.h"

#include <numbers>

namespace tenon::importer {

namespace {

constexpr double pi = std::numbers::pi;
// Up to here one product is as fast as two shorter ones with the twiddle factors and the transposition between them; a
// matrix of the second length still fits a second-level cache.
constexpr int64_t longestDirect = 128, longestDirectPrime = 512;
// A transform's constants have about as many elements as it is long, some times over.
constexpr int64_t longest = int64_t(1) << 24;

/// Rows of complex numbers [rows, n]; without `im` they are real.
struct Signal {
  Expression re;
  std::optional<Expression> im;
};

/// A constant whose element at each position `at` gives.
Expression table(Builder &b, IntVector shape, mlir::Type type, llvm::function_ref<double(int64_t)> at) {
  auto tensor = checkedTensorType(shape, type, b.limits());
  int64_t count = tensor.getNumElements();
  auto made = [&]<typename T>(T) {
    auto numbers = std::make_shared<std::vector<T>>(count);
    for (int64_t i = 0; i < count; ++i)
      (*numbers)[i] = static_cast<T>(at(i));
    llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(numbers->data()), numbers->size() * sizeof(T));
    return Expression(b, b.constantOf(elementsFromBytes(tensor, bytes, "twiddle", numbers)));
  };
  return type.isF64() ? made(double()) : made(float());
}

/// exp(i * 2 pi * numerator / n), as part 0 (real) or 1 (imaginary); what is 0 or 1 comes out as such.
double root(int64_t numerator, int64_t n, int64_t part) {
  int64_t rest = numerator % n, folded = std::min(rest, n - rest);
  double unit = pi / static_cast<double>(2 * n);
  if (part == 0)
    return std::sin(unit * static_cast<double>(n - 4 * folded));
  double half = std::sin(unit * static_cast<double>(2 * std::min(2 * folded, n - 2 * folded)));
  return rest == folded ? half : -half;
}

/// The same for rotations (i64) in [0, n).
Expression root(Expression rotation, Expression n, int64_t part, mlir::Type type) {
  Expression folded = min(rotation, n - rotation);
  Expression unit = Expression(n.b(), pi / 2, type) / n.cast(type);
  if (part == 0)
    return sin((n - folded * 4).cast(type) * unit);
  Expression half = sin((min(folded * 2, n - folded * 2) * 2).cast(type) * unit);
  return select(rotation == folded, half, negate(half));
}

/// Rows [rows, n] times a matrix [n, m].
Expression product(Expression x, Expression matrix) {
  return x.with(x.b().make<nn::MatmulOp>(x, matrix, false, false, nn::PackingAttr()));
}

Expression part(Expression x, int64_t dimension, Scalar from, Scalar size) {
  return x.with(x.b().sliceDimension(x, dimension, from, size));
}

/// (re, im) of planes [rows, 2m].
Signal planes(Expression both, Scalar m) { return {part(both, 1, both.b().index(0), m), part(both, 1, m, m)}; }

Signal times(const Signal &x, Expression re, Expression im) {
  if (!x.im)
    return {x.re * re, x.re * im};
  return {x.re * re - *x.im * im, x.re * im + *x.im * re};
}

/// The first `m` of n results by products with [n, 2m] matrices of cosines and sines.
Signal directTransform(const Signal &x, Scalar n, Scalar m, double sign) {
  Builder &b = x.re.b();
  mlir::Type type = x.re.type();
  // What a real (q = 0) or imaginary (q = 1) input contributes to the real part, then to the imaginary part.
  auto matrix = [&](int64_t q) {
    std::optional<int64_t> length = Builder::constant(n), results = Builder::constant(m);
    if (length && results) {
      int64_t columns = *results;
      return table(b, {*length, 2 * columns}, type, [&](int64_t at) {
        int64_t j = at / (2 * columns), k = at % columns, toImaginary = at / columns % 2;
        double factor = toImaginary == q ? 1 : toImaginary ? sign : -sign;
        return factor * root(j * k, *length, toImaginary == q ? 0 : 1);
      });
    }
    Expression size(b, n, b.raw().getI64Type());
    Expression rotation = mod(positions(b, n, 0, 2) * positions(b, m, 1, 2), size);
    Expression c = root(rotation, size, 0, type), s = root(rotation, size, 1, type) * sign;
    mlir::Value both = q == 0 ? b.concat({c, s}, 1) : b.concat({negate(s), c}, 1);
    return Expression(b, both);
  };
  Expression sum = product(x.re, matrix(0));
  if (x.im)
    sum = sum + product(*x.im, matrix(1));
  return planes(sum, m);
}

Signal transform(const Signal &x, int64_t n, double sign);

/// n = n1 * n2. With j = j1 * n2 + j2 and k = k1 + n1 * k2: transforms over j1, twiddle factors, transforms over j2.
Signal splitTransform(const Signal &x, int64_t n, int64_t n1, double sign) {
  Builder &b = x.re.b();
  mlir::Type type = x.re.type();
  int64_t n2 = n / n1, columns = x.im ? 2 * n1 : n1;
  Scalar rows = b.extent(x.re, 0);
  ScalarVector split = {rows, b.index(n1), b.index(n2)};
  Expression parts = x.re.reshape(split);
  if (x.im)
    parts = parts.with(b.concat({parts, x.im->reshape(split)}, 1));
  Expression matrix = table(b, {2 * n1, columns}, type, [&](int64_t at) {
    int64_t k = at / columns, j = at % columns, q = j / n1, toImaginary = k / n1;
    double factor = toImaginary == q ? 1 : toImaginary ? sign : -sign;
    return factor * root((k % n1) * (j % n1), n1, toImaginary == q ? 0 : 1);
  });
  Signal outer = planes(product(matrix, parts), b.index(n1));
  auto twiddle = [&](int64_t q) {
    return table(b, {n1, n2}, type, [&](int64_t at) { return (q ? sign : 1) * root((at / n2) * (at % n2), n, q); });
  };
  Signal turned = times(outer, twiddle(0), twiddle(1));
  ScalarVector inner = {b.mul(rows, b.index(n1)), b.index(n2)};
  Signal result = transform({turned.re.reshape(inner), turned.im->reshape(inner)}, n2, sign);
  auto inOrder = [&](Expression y) {
    return y.with(b.transpose(y.reshape(split), {0, 2, 1})).reshape({rows, b.index(n)});
  };
  return {inOrder(result.re), inOrder(*result.im)};
}

Signal padded(const Signal &x, Scalar length) {
  auto resized = [&](Expression y) {
    Builder &b = y.b();
    Scalar have = b.extent(y, 1), zero = b.index(0), kept = b.min(have, length);
    mlir::Value part = b.sliceDimension(y, 1, zero, kept);
    return y.with(
        b.pad(nn::PadMode::constant, part, {zero, zero}, {zero, b.sub(length, kept)}, b.constant(0, y.type())));
  };
  return {resized(x.re), x.im ? std::optional(resized(*x.im)) : std::nullopt};
}

/// jk = (j^2 + k^2 - (k - j)^2) / 2 makes the transform a convolution with a chirp, which has a length of our choice.
Signal chirpTransform(const Signal &x, int64_t n, double sign) {
  Builder &b = x.re.b();
  mlir::Type type = x.re.type();
  int64_t length = 1;
  while (length < 2 * n - 1)
    length *= 2;
  // exp(sign * i pi j^2 / n); j^2 counts modulo 2n.
  auto chirp = [&](int64_t j, int64_t q) { return (q ? sign : 1) * root(j * j % (2 * n), 2 * n, q); };
  auto vector = [&](int64_t q) { return table(b, {1, n}, type, [&](int64_t j) { return chirp(j, q); }); };
  auto filter = [&](int64_t q) {
    return table(b, {1, length}, type, [&](int64_t at) {
      int64_t j = std::min(at, length - at);
      return j < n ? (q ? -1 : 1) * chirp(j, q) : 0;
    });
  };
  Expression re = vector(0), im = vector(1);
  Signal left = transform(padded(times(x, re, im), b.index(length)), length, -1);
  Signal right = transform({filter(0), filter(1)}, length, -1);
  Signal convolved = transform(times(left, right.re, *right.im), length, 1);
  Signal result =
      times({part(convolved.re, 1, b.index(0), b.index(n)), part(*convolved.im, 1, b.index(0), b.index(n))}, re, im);
  double scale = 1 / static_cast<double>(length);
  return {result.re * scale, *result.im * scale};
}

/// All n results; `sign` is that of the exponent.
Signal transform(const Signal &x, int64_t n, double sign) {
  Builder &b = x.re.b();
  int64_t factor = 1;
  for (int64_t candidate = 2; candidate <= longestDirect && candidate * candidate <= n; ++candidate)
    if (n % candidate == 0)
      factor = candidate;
  if (n <= longestDirect || (factor == 1 && n <= longestDirectPrime))
    return directTransform(x, b.index(n), b.index(n), sign);
  // Without a factor that short its length may still be a product of two long primes.
  return factor == 1 ? chirpTransform(x, n, sign) : splitTransform(x, n, factor, sign);
}

/// The first `m` of n results of x [rows, n].
Signal transformed(const Signal &x, Scalar n, Scalar m, double sign) {
  Builder &b = x.re.b();
  std::optional<int64_t> length = Builder::constant(n);
  if (!length || *length <= longestDirect)
    return directTransform(x, n, m, sign);
  if (*length > longest)
    fail("the length of the transform is " + llvm::Twine(*length) + ", expected at most " + llvm::Twine(longest));
  Signal all = transform(x, *length, sign);
  return {part(all.re, 1, b.index(0), m), part(*all.im, 1, b.index(0), m)};
}

/// The spectrum of a real signal of length n from its first half [rows, n / 2 + 1].
Signal wholeSpectrum(const Signal &half, Scalar n) {
  Builder &b = half.re.b();
  Scalar mirrored = b.sub(b.sub(n, b.floorDiv(n, b.index(2))), b.index(1)), rows = b.extent(half.re, 0);
  auto joined = [&](Expression x, bool negates) {
    // From n - n / 2 - 1 down to 1.
    mlir::Value rest = b.slice(x, {b.index(0), mirrored}, {rows, mirrored}, {b.index(1), b.index(-1)});
    return x.with(b.concat({x, negates ? negate(x.with(rest)) : rest}, 1));
  };
  Signal whole{joined(half.re, false), std::nullopt};
  if (half.im)
    whole.im = joined(*half.im, true);
  return whole;
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

/// [rows, n, 1 or 2] as a signal. One whose last extent the run knows is complex: a real one has imaginary parts of 0.
Signal signalOf(Builder &b, mlir::Value tensor) {
  Scalar parts = b.extent(tensor, 2);
  std::optional<int64_t> known = Builder::constant(parts);
  const char *expected = ", expected 1 (real) or 2 (complex)";
  if (known && *known != 1 && *known != 2)
    fail("the last extent of the signal is " + llvm::Twine(*known) + expected);
  ScalarVector extents = b.extents(tensor);
  auto plane = [&](int64_t i) {
    mlir::Value one = b.sliceDimension(tensor, 2, b.index(i), b.index(1));
    return Expression(b, one).cast(computingType(elementOf(tensor))).reshape({extents[0], extents[1]});
  };
  if (known)
    return {plane(0), *known == 2 ? std::optional(plane(1)) : std::nullopt};
  auto is = [&](int64_t count) { return b.value(b.compare(mlir::arith::CmpIPredicate::eq, parts, b.index(count))); };
  b.require(b.scalar<mlir::arith::OrIOp>(is(1), is(2)), llvm::Twine("the last extent of the signal is %lld") + expected,
            {parts});
  mlir::Value last = b.sliceDimension(tensor, 2, b.sub(parts, b.index(1)), b.index(1));
  Expression im = Expression(b, last).cast(computingType(elementOf(tensor))).reshape({extents[0], extents[1]});
  return {plane(0), select(Expression(b, parts, b.raw().getI64Type()) == 2, im, 0)};
}

/// [rows, n] as [rows, n, 2].
Expression interleaved(const Signal &x) {
  Builder &b = x.re.b();
  ScalarVector extents = b.extents(x.re), one = {extents[0], b.index(1), extents[1]};
  mlir::Value both = b.concat({x.re.reshape(one), x.im->reshape(one)}, 1);
  return x.re.with(b.transpose(both, {0, 2, 1}));
}

/// A length that is no less than `least`: checked now if known now.
Scalar lengthOf(Builder &b, Scalar length, int64_t least, const char *what) {
  std::optional<int64_t> known = Builder::constant(length);
  if (known && *known < least)
    fail(llvm::Twine(what) + " is " + llvm::Twine(*known) + ", expected " + llvm::Twine(least) + " or more");
  return b.max(length, b.index(least));
}

/// `signal` [rows, given, parts] -> [rows, m, 2], or [rows, n, 1] for the inverse of one side.
Expression dft(Builder &b, mlir::Value signal, Scalar n, bool inverse, bool oneSided) {
  Signal x = signalOf(b, signal);
  Scalar half = b.add(b.floorDiv(n, b.index(2)), b.index(1));
  if (inverse && oneSided)
    x = wholeSpectrum(padded(x, half), n);
  else
    x = padded(x, n);
  Signal result = transformed(x, n, oneSided && !inverse ? half : n, inverse ? 1 : -1);
  if (inverse) {
    Expression count(b, n, result.re.type());
    result = {result.re / count, *result.im / count};
  }
  mlir::Type type = elementOf(signal);
  if (inverse && oneSided)
    return result.re.cast(type).reshape({b.extent(signal, 0), n, b.index(1)});
  return interleaved(result).cast(type);
}

void failAtRunTime(NodeContext &c, const char *message) {
  c.b.createTyped<nn::FailOp>(mlir::TypeRange(), c.b.raw().getStringAttr("node '" + c.name + "' (DFT): " + message));
}

/// In a branch that only the run time chooses, what is wrong is an error only there.
mlir::Value dftAlong(NodeContext &c, int64_t axis, bool isBranch) {
  Builder &b = c.b;
  mlir::Value signal = c.input(0);
  int64_t rank = rankOf(signal);
  bool inverse = c.integer("inverse", 0) != 0, oneSided = c.integer("onesided", 0) != 0;
  Scalar n = b.extent(signal, axis);
  if (inverse && oneSided)
    n = b.mul(b.sub(n, b.index(1)), b.index(2));
  if (c.hasInput(1))
    n = b.toIndex(c.scalar(1, "dft_length"), Builder::Rounding::towardsZero);
  if (std::optional<int64_t> known = Builder::constant(n); isBranch && known && *known < 1) {
    failAtRunTime(c, "the length of the transform is less than 1");
    n = b.index(1);
  }
  n = lengthOf(b, n, 1, "the length of the transform");

  // The axis last, before the parts.
  IntVector order, back(rank);
  for (int64_t d = 0; d < rank - 1; ++d)
    if (d != axis)
      order.push_back(d);
  order.append({axis, rank - 1});
  for (auto [to, from] : llvm::enumerate(order))
    back[from] = static_cast<int64_t>(to);
  mlir::Value last = b.transpose(signal, order);
  ScalarVector sizes = b.extents(last);
  Scalar rows = b.product(llvm::ArrayRef<Scalar>(sizes).drop_back(2));
  Expression result = dft(b, b.reshape(last, {rows, sizes[rank - 2], sizes[rank - 1]}), n, inverse, oneSided);
  sizes[rank - 2] = b.extent(result, 1);
  sizes[rank - 1] = b.extent(result, 2);
  return b.transpose(result.reshape(sizes), back);
}

/// The transform along an axis known at run time, one of `candidate` ... rank - 2: a branch for each.
mlir::Value dftAlong(NodeContext &c, llvm::ArrayRef<Scalar> flags, int64_t candidate) {
  Builder &b = c.b;
  auto last = static_cast<int64_t>(flags.size()) - 2;
  Body thenBody(b);
  mlir::Value onTrue = dftAlong(c, candidate, /*isBranch=*/true);
  thenBody.close();
  Body elseBody(b);
  if (candidate == last)
    failAtRunTime(c, "the axis is not one of the signal's");
  mlir::Value onFalse = candidate == last ? dftAlong(c, last, /*isBranch=*/true) : dftAlong(c, flags, candidate + 1);
  elseBody.close();
  mlir::Value flag = b.value(flags[candidate]);
  return joinBranches(b, flag, thenBody, {Binding{onTrue}}, elseBody, {Binding{onFalse}}).front().tensor;
}

void importDFT(NodeContext &c) {
  int64_t rank = rankOf(c.inputOfRank(0, 2)), axis = -2;
  if (c.opset < 20) {
    axis = c.integer("axis", 1);
  } else if (c.hasInput(2)) {
    Scalar given = c.scalar(2, "axis");
    if (!Builder::constant(given))
      return c.result(dftAlong(c, axisFlags(c.b, {given}, rank), 0));
    axis = *Builder::constant(given);
  }
  axis = c.axis(axis, rank);
  if (axis == rank - 1)
    fail("the axis is the last one, which has the parts of complex numbers");
  c.result(dftAlong(c, axis, /*isBranch=*/false));
}

void importSTFT(NodeContext &c) {
  Builder &b = c.b;
  mlir::Value signal = c.inputOfRank(0, 2, 3);
  ScalarVector extents = b.extents(signal);
  if (extents.size() == 2)
    extents.push_back(b.index(1));
  Expression samples(b, b.reshape(signal, extents));
  Scalar step = lengthOf(b, b.toIndex(c.scalar(1, "frame_step"), Builder::Rounding::towardsZero), 1, "frame_step");
  Scalar length = extents[1];
  if (c.hasInput(3))
    length = b.toIndex(c.scalar(3, "frame_length"), Builder::Rounding::towardsZero);
  else if (c.hasInput(2))
    length = b.extent(c.inputOfRank(2, 1, 1), 0);
  length = lengthOf(b, length, 1, "the length of a frame");
  Scalar frames = b.max(b.add(b.floorDiv(b.sub(extents[1], length), step), b.index(1)), b.index(0));
  // A shorter window leaves the rest of a frame 0.
  Scalar used = c.hasInput(2) ? b.min(b.extent(c.inputOfRank(2, 1, 1), 0), length) : length;
  Expression indices =
      positions(b, frames, 0, 2) * Expression(b, step, b.raw().getI64Type()) + positions(b, used, 1, 2);
  Expression framed = gather(samples, indices, 1); // [B, frames, used, parts]
  if (c.hasInput(2)) {
    mlir::Value window = b.sliceDimension(c.input(2), 0, b.index(0), used);
    framed = framed * framed.with(window).reshape({used, b.index(1)});
  }
  Expression rows = framed.reshape({b.mul(extents[0], frames), used, extents[2]});
  bool oneSided = c.integer("onesided", 1) != 0;
  Expression result = dft(b, rows, length, /*inverse=*/false, oneSided);
  c.result(result.reshape({extents[0], frames, b.extent(result, 1), b.index(2)}));
}

/// Triangles from one of bins + 2 places, equally far apart in mel, to the next but one.
void importMelWeightMatrix(NodeContext &c) {
  Builder &b = c.b;
  mlir::Type real = b.raw().getF64Type(), wide = b.raw().getI64Type();
  Scalar bins = lengthOf(b, c.scalar(0, "num_mel_bins"), 0, "num_mel_bins");
  Scalar length = lengthOf(b, c.scalar(1, "dft_length"), 0, "dft_length");
  auto number = [&](int64_t i) { return Expression(b, c.inputOfRank(i, 0, 1)).reshape({}).cast(real); };
  auto mel = [&](Expression hertz) { return log1p(hertz / 700) * (2595 / std::log(10.0)); };
  Expression low = mel(number(3)), high = mel(number(4));
  Scalar places = b.add(bins, b.index(2)), spectrum = b.add(b.floorDiv(length, b.index(2)), b.index(1));
  Expression step = (high - low) / Expression(b, places, real);
  Expression hertz = expm1((positions(b, places).cast(real) * step + low) / 2595 * std::log(10.0)) * 700;
  Expression place = floor((Expression(b, length, real) + 1) * hertz / number(2)).cast(wide);
  auto from = [&](int64_t offset) { return part(place, 0, b.index(offset), bins); };
  Expression left = from(0), center = from(1), right = from(2), at = positions(b, spectrum, 0, 2);
  auto ratio = [&](Expression x, Expression y) { return x.cast(real) / y.cast(real); };
  Expression one(b, 1, real);
  Expression rising = select((at >= left) & (at < center), ratio(at - left, center - left), 0);
  Expression falling = select((at > center) & (at < right), ratio(right - at, right - center), rising);
  Expression weights = select(at == center, one, falling);
  c.result(weights.cast(c.elementType(c.integer("output_datatype", onnx::TensorProto::FLOAT))));
}

} // namespace

void addSpectral(ImporterTable &table) {
  table.add("DFT", importDFT);
  table.add("MelWeightMatrix", importMelWeightMatrix);
  table.add("STFT", importSTFT);
}

} // namespace tenon::importer
