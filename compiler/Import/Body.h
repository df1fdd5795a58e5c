//===- Body.h - regions under construction -------------------------------------------------===//
//
// A region is made before the operation that holds it, because the operation's types follow from what is in the region.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_IMPORT_BODY_H
#define TENON_COMPILER_IMPORT_BODY_H

#include "compiler/Import/Container.h"
#include "compiler/Import/Graph.h"

#include <memory>

namespace tenon::importer {

/// A region with one block. While it is open the block is the insertion point and has its own scope of numbers.
class Body {
public:
  explicit Body(Builder &b) : b(b), region(std::make_unique<mlir::Region>()) {
    region->emplaceBlock();
    open();
  }
  ~Body() {
    close();
    b.forget(*region);
  }
  Body(const Body &) = delete;
  Body &operator=(const Body &) = delete;

  void open() {
    guard.emplace(b.raw());
    b.numbers().push(std::move(numbers));
    b.raw().setInsertionPointToEnd(&block());
  }
  void close() {
    if (!guard)
      return;
    numbers = b.numbers().pop();
    guard.reset();
  }
  mlir::Block &block() { return region->front(); }
  /// Adds arguments whose extents are their own.
  llvm::SmallVector<mlir::Value> addArguments(llvm::ArrayRef<mlir::Type> types) {
    llvm::SmallVector<mlir::Value> arguments;
    for (mlir::Type type : types) {
      arguments.push_back(block().addArgument(type, b.location()));
      if (llvm::isa<mlir::RankedTensorType>(type))
        b.ownExtents(arguments.back());
    }
    return arguments;
  }
  /// Gives the contents away to an operation's region.
  void moveTo(mlir::Region *target) {
    close();
    target->takeBody(*region);
  }
  /// Moves the contents to the insertion point.
  void inlineHere() {
    close();
    mlir::OpBuilder &ir = b.raw();
    ir.getInsertionBlock()->getOperations().splice(ir.getInsertionPoint(), block().getOperations());
    b.numbers().merge(numbers);
  }

private:
  Builder &b;
  std::unique_ptr<mlir::Region> region;
  std::optional<mlir::OpBuilder::InsertionGuard> guard;
  NumberTable::Scope numbers;
};

/// A type for tensors of either type; `what` names them where there is none.
mlir::RankedTensorType commonType(mlir::Value lhs, mlir::Value rhs, const char *what);

/// A structure for either value; `what` names them where there is none.
Structure commonStructure(const Binding &lhs, const Binding &rhs, const char *what);

/// An scf.if of two finished bodies, whose results have `types`.
mlir::Operation *createIf(Builder &b, mlir::Value flag, llvm::ArrayRef<mlir::Type> types, Body &thenBody,
                          llvm::ArrayRef<mlir::Value> onTrue, Body &elseBody, llvm::ArrayRef<mlir::Value> onFalse);

/// Whether each pair of outputs of two branches can be one result of an scf.if.
bool canJoin(llvm::ArrayRef<Binding> lhs, llvm::ArrayRef<Binding> rhs);

/// An scf.if of two finished bodies that give the bindings of as many results. Fails where they have no common type.
std::vector<Binding> joinBranches(Builder &b, mlir::Value flag, Body &thenBody, llvm::ArrayRef<Binding> onTrue,
                                  Body &elseBody, llvm::ArrayRef<Binding> onFalse);

/// Fails, now or when the model runs, unless two extents are equal. `what` names the first.
void requireEqual(Builder &b, Scalar extent, Scalar expected, const llvm::Twine &what);

/// The same unless one extent is at most the other.
void requireAtMost(Builder &b, Scalar extent, Scalar bound, const llvm::Twine &what);

} // namespace tenon::importer

#endif // TENON_COMPILER_IMPORT_BODY_H
