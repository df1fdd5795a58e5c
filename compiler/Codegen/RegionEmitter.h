//===- RegionEmitter.h - copies structured code into an LLVM function with early returns ---===//
//
// Kernels and main are structured (scf.if, scf.while), but their LLVM functions return early when something fails. A
// RegionEmitter walks a structured function and appends to an llvm.func block by block. Subclasses say how ops are
// emitted; what they say nothing about is copied.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_REGIONEMITTER_H
#define TENON_COMPILER_CODEGEN_REGIONEMITTER_H

#include "compiler/Codegen/Abi.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace tenon::codegen {

class RegionEmitter {
public:
  virtual ~RegionEmitter() = default;

protected:
  /// Adds the entry block to `function` and starts there.
  RegionEmitter(mlir::LLVM::LLVMFuncOp function, const Abi &abi);

  /// Emits one op that is no scf.if, scf.while or terminator; the default copies it.
  virtual mlir::LogicalResult emitOp(mlir::Operation *op);
  /// Called before an op with regions is entered.
  virtual mlir::LogicalResult beforeRegions(mlir::Operation *op) { return mlir::success(); }
  /// The emitted value of a source value.
  virtual mlir::Value lookup(mlir::Value source) { return mapping.lookup(source); }
  /// The type in which a value of `type` crosses blocks.
  virtual mlir::Type convertType(mlir::Type type) { return type; }
  /// Called with a loop's carried values before control goes back to its head; may replace them.
  virtual mlir::LogicalResult emitLoopCarried(mlir::scf::WhileOp op, mlir::ValueRange sources,
                                              llvm::SmallVectorImpl<mlir::Value> &values, bool isInit);

  /// Emits the ops of `block` but its terminator.
  mlir::LogicalResult emitOps(mlir::Block &block);

  /// Returns `status` (i32) from the function here if `failed` (i1); what follows goes to a new block. `status` may be
  /// computed by `emitStatus` on the failing path.
  void returnIf(mlir::Location loc, mlir::Value failed, llvm::function_ref<mlir::Value()> emitStatus);
  /// The same for a status that is not zero.
  void returnIfStatus(mlir::Location loc, mlir::Value status);
  void emitReturn(mlir::Location loc, mlir::Value value);
  /// What `emit` emits runs only if `condition` (i1).
  void emitWhere(mlir::Location loc, mlir::Value condition, llvm::function_ref<void()> emit);

  /// Memory in the function's frame.
  mlir::Value allocateFrame(mlir::Location loc, int64_t slots);

  mlir::Location functionLoc() { return function.getLoc(); }
  mlir::Value argument(unsigned index) { return function.getArgument(index); }

  const Abi &abi;
  mlir::LLVM::LLVMFuncOp function;
  mlir::OpBuilder builder;
  AbiBuilder ir;
  mlir::IRMapping mapping;

private:
  mlir::LogicalResult emitIf(mlir::scf::IfOp op);
  mlir::LogicalResult emitWhile(mlir::scf::WhileOp op);
  mlir::Block *createBlock(mlir::TypeRange sourceTypes, mlir::Location loc);
  llvm::SmallVector<mlir::Value> lookupAll(mlir::ValueRange sources);
};

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_REGIONEMITTER_H
