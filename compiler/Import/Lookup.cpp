//===- Lookup.cpp - texts as constants, and where a value stands in a list -----------------===//

#include "compiler/Import/Lookup.h"

#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/MathExtras.h"

#include <map>

namespace tenon::importer {

int64_t StringPool::number(llvm::StringRef text) {
  if (text.empty())
    return 0;
  const auto *start = reinterpret_cast<const llvm::UTF8 *>(text.begin());
  if (!llvm::isLegalUTF8String(&start, reinterpret_cast<const llvm::UTF8 *>(text.end())))
    fail("a string is not UTF-8");
  auto [entry, isNew] = numbers.try_emplace(text, static_cast<int64_t>(list.size()) + 1);
  if (isNew)
    list.push_back(entry->first());
  return entry->second;
}

void StringPool::truncate(size_t count) {
  for (llvm::StringRef text : llvm::ArrayRef(list).drop_front(count))
    numbers.erase(text);
  list.resize(count);
}

std::vector<int64_t> textNumbers(Builder &b, llvm::ArrayRef<std::string> texts) {
  std::vector<int64_t> numbers;
  for (const std::string &text : texts)
    numbers.push_back(b.strings().number(text));
  return numbers;
}

mlir::Value stringConstant(Builder &b, llvm::ArrayRef<std::string> texts, llvm::ArrayRef<int64_t> shape) {
  return b.constantOf(stringElements(textNumbers(b, texts), shape, b.context(), b.limits()));
}

mlir::Value stringVector(Builder &b, llvm::ArrayRef<std::string> texts) {
  return stringConstant(b, texts, {static_cast<int64_t>(texts.size())});
}

Expression integerVector(Builder &b, llvm::ArrayRef<int64_t> numbers) {
  auto type = checkedTensorType({static_cast<int64_t>(numbers.size())}, b.raw().getI64Type(), b.limits());
  auto copy = std::make_shared<std::vector<int64_t>>(numbers.begin(), numbers.end());
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(copy->data()), copy->size() * sizeof(int64_t));
  return {b, b.constantOf(elementsFromBytes(type, bytes, "numbers", copy))};
}

Expression asNumbers(Expression x) {
  mlir::Type wide = x.b().raw().getI64Type();
  return nn::isStringType(x.type()) ? x.with(x.b().make<nn::BitcastOp>(x, mlir::TypeAttr::get(wide))) : x.cast(wide);
}

Expression placesIn(llvm::ArrayRef<int64_t> keys, Expression x) {
  Builder &b = x.b();
  std::map<int64_t, int64_t> ordered;
  for (auto [place, key] : llvm::enumerate(keys))
    ordered[key] = static_cast<int64_t>(place);
  std::vector<int64_t> sorted, places;
  for (auto [key, place] : ordered) {
    sorted.push_back(key);
    places.push_back(place);
  }
  // One less than a power of two: then every step stays inside. Only the largest number itself reaches the filling.
  auto count = static_cast<int64_t>(sorted.size());
  unsigned steps = llvm::Log2_64_Ceil(static_cast<uint64_t>(count) + 1);
  sorted.resize((size_t(1) << steps) - 1, INT64_MAX);
  mlir::Type wide = b.raw().getI64Type();
  ScalarVector extents = b.extents(x);
  Expression below(b, b.broadcast(b.constant(0, wide), extents)); // how many keys are at most x
  if (count == 0)
    return below - 1;
  Expression table = integerVector(b, sorted);
  for (unsigned step = steps; step-- > 0;) {
    double size = static_cast<double>(int64_t(1) << step);
    below = select(gather(table, below + (size - 1)) <= x, below + size, below);
  }
  Expression last = max(min(below, static_cast<double>(count)) - 1, 0);
  return select(gather(table, last) == x, gather(integerVector(b, places), last), -1);
}

} // namespace tenon::importer
