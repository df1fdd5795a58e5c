//===- ShapePlan.h - the function that computes everything that depends on extents only ----===//
//
// Values of main are asked for one by one; each that is asked for gets a slot of the plan table and the code that
// computes it.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_SHAPEPLAN_H
#define TENON_COMPILER_CODEGEN_SHAPEPLAN_H

#include "compiler/Codegen/Abi.h"
#include "compiler/Codegen/Checked.h"
#include "compiler/Codegen/PlanValues.h"
#include "dialects/nn/Nn.h"
#include "mlir/IR/IRMapping.h"
#include <map>
#include <set>

namespace tenon::codegen {

class ShapePlan {
public:
  /// `function` is tenon_plan without a body; `arenaBytes` the constant part of the arena. Behind it come the planned
  /// buffers; `conflicts` has for each the earlier ones that are alive with it.
  ShapePlan(mlir::func::FuncOp main, mlir::LLVM::LLVMFuncOp function, const Abi &abi, int64_t arenaBytes,
            mlir::ArrayAttr conflicts);

  /// The slot that holds `value`, a plan value of main.
  int64_t slotOf(mlir::Value value);
  /// The slot that holds the arena offset of a planned buffer.
  int64_t slotOfBuffer(int64_t number) const { return TENON_TABLE_FIRST_FREE + number; }

  /// Planned buffer `number` has these extents. One that is made under a condition counts as empty if they are
  /// negative.
  void addBuffer(mlir::Location loc, int64_t number, llvm::ArrayRef<mlir::OpFoldResult> extents, int64_t elementBytes,
                 bool isConditional);
  /// Task functions need that much scratch memory.
  void addScratch(int64_t bytes) { scratchBytes = std::max(scratchBytes, bytes); }
  /// The same, as function `callee` says for these scalars in slots from `firstSlot` on; null for those it does not
  /// read.
  void addScratch(mlir::Location loc, mlir::FlatSymbolRefAttr callee, int64_t firstSlot,
                  llvm::ArrayRef<mlir::Value> scalars);
  /// A shape with a negative extent is an error of the caller; `message` says it with the extent filled in.
  void checkExtent(mlir::Location loc, mlir::Value extent, llvm::StringRef message);
  /// What `op` requires of plan values has to hold; `message` gets its values.
  void checkCondition(nn::RequireOp op, llvm::StringRef message);
  /// Both products have to be equal; `message` gets both.
  void checkProducts(mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> a, llvm::ArrayRef<mlir::OpFoldResult> b,
                     llvm::StringRef message);

  /// Ends the function. Returns the length of the table.
  int64_t finish();

private:
  struct Check {
    mlir::Value bad;
    std::string message;
    mlir::Value a, b;
  };

  mlir::Value get(mlir::Value source);
  mlir::Value get(mlir::Location loc, mlir::OpFoldResult extent); ///< as i64
  mlir::Value product(mlir::Location loc, llvm::ArrayRef<mlir::OpFoldResult> extents);
  mlir::Value inputExtent(mlir::Location loc, mlir::BlockArgument tensor, int64_t dim);
  void storeArena();
  mlir::Value emitPacking();
  void storeScratch();
  void reportFirst();

  mlir::func::FuncOp main;
  mlir::LLVM::LLVMFuncOp function;
  const Abi &abi;
  mlir::OpBuilder builder;
  AbiBuilder ir;
  mlir::IRMapping mapping;
  int64_t arenaBytes, scratchBytes = 0;
  mlir::ArrayAttr conflicts;
  mlir::Value sizes; ///< memory in the frame: the size of each planned buffer
  /// Sizes by sorted extents, bytes of an element, and whether negative extents count as 0.
  std::map<std::tuple<std::vector<void *>, int64_t, bool>, mlir::Value> bufferSizes;
  mlir::Value badSize; ///< i1, null if there are no planned buffers
  std::set<std::vector<void *>> knownScratch, knownProducts;
  llvm::SmallVector<mlir::Value> scratchSizes;
  llvm::DenseMap<mlir::Value, int64_t> slots;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::Value> inputExtents;
  llvm::DenseSet<mlir::Value> checkedExtents, checkedConditions;
  llvm::SmallVector<Check> checks;
  int64_t nextSlot;
};

} // namespace tenon::codegen

#endif // TENON_COMPILER_CODEGEN_SHAPEPLAN_H
