//===- PackedConstant.cpp - constants rearranged when the model is compiled ----------------===//
//
// Packing moves bytes and does not interpret them: it is the same for every element type.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Layout/PackedConstant.h"

#include "compiler/Support/ReleasePages.h"
#include "compiler/Support/Weights.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cstring>

using namespace mlir;

namespace tenon::layout {

/// Constants of at most this many bytes are dense elements, larger ones resources (see docs/architecture.md).
static constexpr int64_t maxDenseBytes = 1024;

/// The bytes of the elements, one element for a splat; empty if they cannot be reached.
static ArrayRef<char> bytesOf(ElementsAttr attribute) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    return blob ? blob->getData() : ArrayRef<char>();
  }
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  return dense && !dense.getElementType().isInteger(1) ? dense.getRawData() : ArrayRef<char>();
}

static ElementsAttr packedAttribute(RankedTensorType type, AsmResourceBlob blob, size_t elementBytes) {
  size_t bytes = type.getNumElements() * elementBytes;
  if (static_cast<int64_t>(bytes) <= maxDenseBytes)
    return DenseElementsAttr::getFromRawBuffer(type, blob.getData().take_front(bytes));
  return DenseResourceElementsAttr::get(type, "packed", std::move(blob));
}

bool isReadable(ElementsAttr attribute) { return !bytesOf(attribute).empty(); }

ElementsAttr packConstant(ElementsAttr attribute, const MatrixView &view, RankedTensorType type, int64_t group) {
  size_t size = elementBytes(type.getElementType());
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  ArrayRef<char> source = bytesOf(attribute);
  int64_t nr = type.getShape().back(), panels = llvm::divideCeil(view.columns, nr);
  AsmResourceBlob blob =
      HeapAsmResourceBlob::allocate(std::max<size_t>(type.getNumElements() * size, 1), weightAlignment);
  char *target = blob.getMutableData().data();
  size_t step = dense && dense.isSplat() ? 0 : size;
  for (int64_t g = 0; g < view.matrices; ++g)
    for (int64_t panel = 0; panel < panels; ++panel) {
      int64_t first = panel * nr, wanted = std::min(nr, view.columns - first);
      for (int64_t k = 0; k < view.rows; ++k) {
        char *to = target + (k / group * group * nr + k % group) * size;
        int64_t row = view.rowOffsets.empty() ? k * view.rowStep : view.rowOffsets[k];
        const char *from = source.data() + (g * view.matrixStep + row + first * view.columnStep) * step;
        if (view.columnStep == 1 && step && group == 1) {
          std::memcpy(to, from, wanted * size);
        } else {
          for (int64_t n = 0; n < wanted; ++n)
            std::memcpy(to + n * group * size, from + n * view.columnStep * step, size);
        }
        for (int64_t n = wanted; n < nr; ++n)
          std::memset(to + n * group * size, 0, size);
      }
      target += view.rows * nr * size;
    }
  releasePages(source);
  return packedAttribute(type, std::move(blob), size);
}

ElementsAttr gatherConstant(ElementsAttr attribute, function_ref<int64_t(int64_t)> placeOf, RankedTensorType type) {
  size_t size = elementBytes(type.getElementType());
  auto dense = dyn_cast<DenseElementsAttr>(attribute);
  size_t step = dense && dense.isSplat() ? 0 : size;
  ArrayRef<char> source = bytesOf(attribute);
  int64_t count = type.getNumElements();
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(std::max<size_t>(count * size, 1), weightAlignment);
  char *target = blob.getMutableData().data();
  for (int64_t i = 0; i < count; ++i, target += size) {
    int64_t place = placeOf(i);
    if (place >= 0)
      std::memcpy(target, source.data() + place * step, size);
    else
      std::memset(target, 0, size);
  }
  releasePages(source);
  return packedAttribute(type, std::move(blob), size);
}

ElementsAttr packProducts(ElementsAttr filter, int64_t nr, ArrayRef<SmallVector<double>> weights) {
  auto filterType = cast<RankedTensorType>(filter.getType());
  int64_t F = filterType.getDimSize(0), C = filterType.getDimSize(1), window = weights.front().size();
  int64_t planes = filterType.getNumElements() / (F * C * window), K = planes * C;
  int64_t panels = llvm::divideCeil(F, nr), positions = weights.size();
  auto type = RankedTensorType::get({panels, positions, K, nr}, filterType.getElementType());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocate(type.getNumElements() * sizeof(float), weightAlignment);
  auto *target = reinterpret_cast<float *>(blob.getMutableData().data());
  std::memset(target, 0, type.getNumElements() * sizeof(float));
  ArrayRef<char> source = bytesOf(filter);
  auto dense = dyn_cast<DenseElementsAttr>(filter);
  size_t step = dense && dense.isSplat() ? 0 : sizeof(float);
  SmallVector<double> taps(window);
  for (int64_t f = 0; f < F; ++f)
    for (int64_t k = 0; k < K; ++k) {
      int64_t plane = k / C, c = k % C;
      for (int64_t w = 0; w < window; ++w) {
        float tap;
        std::memcpy(&tap, source.data() + (((f * C + c) * planes + plane) * window + w) * step, sizeof tap);
        taps[w] = tap;
      }
      for (int64_t p = 0; p < positions; ++p) {
        double sum = 0;
        for (int64_t w = 0; w < window; ++w)
          sum += weights[p][w] * taps[w];
        target[((f / nr * positions + p) * K + k) * nr + f % nr] = static_cast<float>(sum);
      }
    }
  releasePages(source);
  return packedAttribute(type, std::move(blob), sizeof(float));
}

} // namespace tenon::layout
