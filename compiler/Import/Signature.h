//===- Signature.h - main's arguments and results ------------------------------------------===//
//
// An input or output that is no tensor is several arguments or results of main, one for each tensor it is made of, and
// an entry of the module's attribute nn.values, which the descriptor shows (tenon/model_abi.h).
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_SIGNATURE_H
#define TENON_COMPILER_IMPORT_SIGNATURE_H

#include "compiler/Import/Container.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringSet.h"

namespace tenon::importer {

class Signature {
public:
  Signature(Builder &b, mlir::Block *block) : b(b), block(block) {}

  /// A new argument; `dims` names its dimensions.
  mlir::Value addTensor(llvm::StringRef name, mlir::RankedTensorType type, llvm::ArrayRef<mlir::Attribute> dims);
  /// New arguments for a value of a structure. `content` is the type of an optional tensor.
  Binding addContainer(llvm::StringRef name, const Structure &type, mlir::RankedTensorType content);
  /// A new result, of the type that the model declares for it if any. Made at the insertion point.
  void addOutput(llvm::StringRef name, Binding value, const onnx::TypeProto &declared);

  llvm::ArrayRef<mlir::Value> results() const { return resultValues; }
  llvm::ArrayRef<mlir::DictionaryAttr> argumentAttributes() const { return arguments; }
  llvm::ArrayRef<mlir::DictionaryAttr> resultAttributes() const { return resultNames; }
  /// Says in nn.values which tensors belong together.
  void describeValues(mlir::ModuleOp module) const;

private:
  void addResult(llvm::StringRef name, const Binding &tensor);
  void describe(llvm::StringRef name, const Structure &type, bool isOutput, size_t first, size_t count);

  Builder &b;
  mlir::Block *block;
  llvm::SmallVector<mlir::DictionaryAttr> arguments, resultNames;
  llvm::SmallVector<mlir::Value> resultValues;
  llvm::SmallVector<mlir::Attribute> values;
  llvm::StringSet<> argumentNames;
};

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_SIGNATURE_H
