//===- WeightTable.cpp - which constant lies where in the weight section -------------------===//
//
// Equal bytes are found without reading all of them: resources that share a hash of their size, first and last bytes
// are compared in full, and few others are touched.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Codegen/WeightTable.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace tenon::codegen {

/// The bytes of a resource, or nothing.
static ArrayRef<char> resourceBytes(ElementsAttr value) {
  auto resource = dyn_cast<DenseResourceElementsAttr>(value);
  if (!resource)
    return {};
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  return blob ? blob->getData() : ArrayRef<char>();
}

static uint64_t hashEnds(ArrayRef<char> bytes) {
  constexpr size_t sampled = 4096;
  auto hash = [](ArrayRef<char> part) {
    return llvm::xxh3_64bits(ArrayRef(reinterpret_cast<const uint8_t *>(part.data()), part.size()));
  };
  uint64_t first = hash(bytes.take_front(sampled)), last = hash(bytes.take_back(sampled));
  return bytes.size() ^ first ^ llvm::rotl(last, 32);
}

int64_t WeightTable::append(ElementsAttr value) {
  int64_t offset = next;
  table.push_back({offset, value});
  next = llvm::alignTo(table.back().endOffset(), weightAlignment);
  return offset;
}

int64_t WeightTable::add(ElementsAttr value) {
  auto [it, isNew] = offsets.try_emplace(value, 0);
  if (!isNew)
    return it->second;
  ArrayRef<char> bytes = resourceBytes(value);
  if (bytes.empty())
    return it->second = append(value);
  SmallVector<unsigned, 1> &entries = candidates[hashEnds(bytes)];
  for (unsigned entry : entries)
    if (resourceBytes(table[entry].value) == bytes)
      return it->second = table[entry].offset;
  entries.push_back(table.size());
  return it->second = append(value);
}

} // namespace tenon::codegen
