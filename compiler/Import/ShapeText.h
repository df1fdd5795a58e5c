//===- ShapeText.h - shapes in messages ----------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_SHAPETEXT_H
#define TENON_COMPILER_IMPORT_SHAPETEXT_H

#include "compiler/Import/Builder.h"

namespace tenon::importer {

/// "[2, ?]": extents that the run decides are "?".
inline std::string shapeText(mlir::Value tensor) {
  std::string text;
  for (int64_t extent : typeOf(tensor).getShape())
    text += (text.empty() ? "" : ", ") + (mlir::ShapedType::isDynamic(extent) ? "?" : std::to_string(extent));
  return "[" + text + "]";
}

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_SHAPETEXT_H
