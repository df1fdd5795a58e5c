//===- Elements.h - ONNX tensors as MLIR attributes ----------------------------------------===//
//
// TensorProto -> ElementsAttr for every element type of the nn dialect and every encoding. Tensors up to 1 KiB are
// dense elements; larger ones are dense_resource over the message's or the mapped file's own bytes.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_ELEMENTS_H
#define TENON_COMPILER_IMPORT_ELEMENTS_H

#include "compiler/Import/DataFolder.h"
#include "compiler/Import/Import.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "onnx/onnx_pb.h"

#include <memory>

namespace tenon::importer {

class StringPool;

/// The element type of an ONNX data type, or null if there is none.
mlir::Type elementTypeOf(mlir::MLIRContext *context, int32_t dataType);

/// The ONNX data type of an element type of nn.
int32_t dataTypeOf(mlir::Type elementType);

/// ONNX's name of a data type: "FLOAT"; the number for an unknown one.
std::string dataTypeName(int32_t dataType);

/// Bytes of one element in memory (booleans and what is below a byte take one).
int64_t bytesOf(mlir::Type elementType);

/// Checks that dimensions are not negative and that the tensor's bytes are within the limits.
mlir::RankedTensorType checkedTensorType(llvm::ArrayRef<int64_t> shape, mlir::Type elementType,
                                         const ImportLimits &limits);

/// Throws ImportError. `owner` keeps the message alive for as long as the attribute's bytes may be read.
mlir::ElementsAttr elementsOf(const onnx::TensorProto &tensor, std::shared_ptr<const void> owner, DataFolder &folder,
                              mlir::MLIRContext *context, const ImportLimits &limits);

/// The texts of a tensor of strings, in row-major order, as constants of `pool`. Throws ImportError.
mlir::ElementsAttr stringElements(const onnx::TensorProto &tensor, StringPool &pool, mlir::MLIRContext *context,
                                  const ImportLimits &limits);

/// Numbers of texts as a constant of strings.
mlir::ElementsAttr stringElements(llvm::ArrayRef<int64_t> numbers, llvm::ArrayRef<int64_t> shape,
                                  mlir::MLIRContext *context, const ImportLimits &limits);

/// Constant of `type` from its bytes, which `owner` keeps alive; copied if at most 1 KiB.
mlir::ElementsAttr elementsFromBytes(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes, llvm::StringRef name,
                                     std::shared_ptr<const void> owner);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_ELEMENTS_H
