//===- MainEmitter.h - emits the run function of a model -----------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_MAINEMITTER_H
#define TENON_COMPILER_CODEGEN_MAINEMITTER_H

#include "compiler/Codegen/PlanValues.h"
#include "compiler/Codegen/RegionEmitter.h"
#include "compiler/Codegen/ShapePlan.h"
#include "compiler/Codegen/WeightTable.h"
#include "dialects/nn/Nn.h"
#include "dialects/nn/NnPlaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace tenon::codegen {

/// What the launches of one kernel say about it.
struct KernelUse {
  int64_t launches = 0;
  llvm::SetVector<llvm::StringRef> nodes;
};

/// Appends main's ops to tenon_run, asking `plan` for what the inputs' extents decide. Tensors become pointers.
class MainEmitter : public RegionEmitter {
public:
  MainEmitter(mlir::func::FuncOp main, mlir::LLVM::LLVMFuncOp run, const Abi &abi, ShapePlan &plan);

  mlir::LogicalResult emit();

  const WeightTable &weights() const { return weightTable; }
  llvm::MapVector<mlir::Operation *, KernelUse> &kernels() { return kernelUses; }
  MainExtents &extents() { return mainExtents; }

protected:
  mlir::LogicalResult emitOp(mlir::Operation *op) override;
  mlir::LogicalResult beforeRegions(mlir::Operation *op) override;
  mlir::Value lookup(mlir::Value source) override;
  mlir::Type convertType(mlir::Type type) override;
  mlir::LogicalResult emitLoopCarried(mlir::scf::WhileOp op, mlir::ValueRange sources,
                                      llvm::SmallVectorImpl<mlir::Value> &values, bool isInit) override;

private:
  mlir::LogicalResult emitLaunch(nn::LaunchOp op);
  mlir::Value elementAddress(mlir::tensor::ExtractOp op);
  mlir::LogicalResult emitExtract(mlir::tensor::ExtractOp op);
  mlir::LogicalResult emitFromElements(mlir::tensor::FromElementsOp op);
  mlir::LogicalResult emitView(mlir::Operation *op);
  mlir::LogicalResult emitPlaced(mlir::Operation *op);
  void planLaunch(nn::LaunchOp op);
  void checkProducts(mlir::Operation *op, llvm::ArrayRef<mlir::OpFoldResult> a, llvm::ArrayRef<mlir::OpFoldResult> b,
                     llvm::StringRef message);
  bool planScratch(nn::LaunchOp op, mlir::Operation *kernel);
  mlir::LogicalResult emitOutputs();

  /// The memory of a tensor, as the op's tenon.storage says in entry `number`; of a join, when its first part is made.
  mlir::Value materialize(mlir::Operation *op, unsigned number, mlir::Value tensor,
                          llvm::ArrayRef<mlir::OpFoldResult> dims, mlir::ValueRange operands);
  mlir::Value materializeWhole(mlir::Operation *op, unsigned number, mlir::Value tensor,
                               llvm::ArrayRef<mlir::OpFoldResult> dims, mlir::ValueRange operands);
  mlir::Value allocateHeap(mlir::Location loc, mlir::Type element, llvm::ArrayRef<mlir::OpFoldResult> dims);
  mlir::Value askForOutput(mlir::Location loc, unsigned index);
  void copy(mlir::Location loc, mlir::Value to, mlir::Value from, mlir::Type element,
            llvm::ArrayRef<mlir::OpFoldResult> dims);

  mlir::Value extent(mlir::Location loc, mlir::OpFoldResult value); ///< as i64
  mlir::Value product(mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> dims);
  llvm::LogicalResult emitFail(nn::FailOp op);
  llvm::LogicalResult emitRequire(nn::RequireOp op);
  /// The rank of an output in this run, an index; null where its tensor has it.
  mlir::Value rankOf(unsigned output);
  mlir::Value fail(mlir::Location loc, int32_t status, llvm::StringRef message, mlir::Value a, mlir::Value b);
  bool isConditional(mlir::Operation *op) { return op->getBlock() != &main.front(); }

  mlir::func::FuncOp main;
  ShapePlan &plan;
  PlanValues planValues;
  MainExtents mainExtents;
  nn::Places places;
  llvm::DenseMap<mlir::Value, mlir::Value> joins; ///< their memory
  mlir::SymbolTable symbols;
  WeightTable weightTable;
  llvm::DenseMap<mlir::Value, int64_t> constants; ///< offsets of nn.constant results
  llvm::MapVector<mlir::Operation *, KernelUse> kernelUses;
  llvm::SmallVector<mlir::Value> outputs; ///< what host->output returned; null before
  mlir::Value argsFrame, dimsFrame;
};

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_MAINEMITTER_H
