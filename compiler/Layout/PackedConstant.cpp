//===- PackedConstant.cpp - constants rearranged when the model is compiled ----------------===//
//
// Bytes are moved, never interpreted: packing is the same for every element type.
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

bool isReadable(ElementsAttr attribute) { return !bytesOf(attribute).empty(); }

ElementsAttr packConstant(ElementsAttr attribute, const MatrixView &view, RankedTensorType type) {
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
      for (int64_t k = 0; k < view.rows; ++k, target += nr * size) {
        int64_t row = view.rowOffsets.empty() ? k * view.rowStep : view.rowOffsets[k];
        const char *from = source.data() + (g * view.matrixStep + row + first * view.columnStep) * step;
        if (view.columnStep == 1 && step) {
          std::memcpy(target, from, wanted * size);
        } else {
          for (int64_t n = 0; n < wanted; ++n)
            std::memcpy(target + n * size, from + n * view.columnStep * step, size);
        }
        std::memset(target + wanted * size, 0, (nr - wanted) * size);
      }
    }
  releasePages(source);
  if (static_cast<int64_t>(type.getNumElements() * size) <= maxDenseBytes)
    return DenseElementsAttr::getFromRawBuffer(type, blob.getData().take_front(type.getNumElements() * size));
  return DenseResourceElementsAttr::get(type, "packed", std::move(blob));
}

} // namespace tenon::layout
