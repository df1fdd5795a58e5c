//===- NnPlaces.cpp - which tensors of main lie in each other's memory ---------------------===//

#include "dialects/nn/NnPlaces.h"

#include "dialects/nn/Nn.h"

using namespace mlir;

namespace tenon::nn {

int64_t pitchOf(Operation *kernel, size_t number) {
  auto pitches = kernel->getAttrOfType<DenseI64ArrayAttr>(pitchesAttr);
  return pitches ? pitches[number] : 0;
}

int64_t rowLength(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape().back(); }

SmallVector<Value> widestFirst(ArrayRef<Value> tensors) {
  SmallVector<std::pair<int64_t, size_t>> order;
  for (auto [number, tensor] : llvm::enumerate(tensors))
    order.push_back({-rowLength(tensor), number});
  llvm::sort(order);
  return llvm::map_to_vector(order, [&](auto entry) { return tensors[entry.second]; });
}

Places::Places(Operation *main) {
  SmallVector<Value> joins;
  main->walk([&](Operation *op) {
    if (auto part = dyn_cast<PartOp>(op))
      set(part.getResult(), {part.getInput(), static_cast<int64_t>(part.getOffset())});
    else if (auto join = dyn_cast<JoinOp>(op))
      joins.push_back(join.getResult());
  });
  // The widest first: it is the memory of those whose parts are among its own.
  for (Value result : widestFirst(joins)) {
    auto join = result.getDefiningOp<JoinOp>();
    if (!isPlaced(join.getResult()) && isPlaced(join.getParts().front()))
      set(join.getResult(), of(join.getParts().front()));
    Place place = of(join.getResult());
    for (Value part : join.getParts()) {
      if (!isPlaced(part))
        set(part, place);
      else if (!(of(part) == place))
        wrong = join;
      place.offset += rowLength(part);
    }
  }
}

Places::Place Places::of(Value tensor) const {
  Place place{tensor};
  for (auto it = parents.find(tensor); it != parents.end(); it = parents.find(place.root)) {
    place.root = it->second.root;
    place.offset += it->second.offset;
  }
  return place;
}

int64_t Places::pitch(Value tensor) const {
  if (!isPlaced(tensor))
    return 0;
  int64_t pitch = rowLength(of(tensor).root);
  return pitch == rowLength(tensor) ? 0 : pitch;
}

} // namespace tenon::nn
