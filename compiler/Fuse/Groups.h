//===- Groups.h - which ops of a block become one kernel -----------------------------------===//

#ifndef TENON_COMPILER_FUSE_GROUPS_H
#define TENON_COMPILER_FUSE_GROUPS_H

#include "dialects/nn/Nn.h"
#include "dialects/nn/NnExtentMap.h"
#include <vector>

namespace tenon::fuse {

/// How a group will be scheduled; decides what may join it.
enum class GroupKind {
  map,         ///< elementwise and movement ops over one iteration space
  rows,        ///< the same with reductions over some of its dimensions
  contraction, ///< a convolution, product or pool of planes and the elementwise ops after it
  single       ///< what shares its kernel with no other: an op, or the ops of attention
};

/// Ops that become one kernel, in program order.
struct Group {
  GroupKind kind = GroupKind::single;
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::SmallVector<mlir::Value> space; ///< extents of the iteration space
  llvm::SmallVector<int64_t> axes;      ///< reduced dimensions of the space (rows)
  bool keepsDims = false;               ///< whether reduced values keep extents of 1
};

struct Unit;

/// Groups the kernel ops of one block.
class Grouping {
public:
  Grouping(mlir::Block &block, nn::ExtentMap &extents, bool singleOp, bool attention);

  /// The groups that are left after merging, in an order in which they can be executed along with the block's other
  /// ops; the block has been reordered accordingly.
  std::vector<Group *> groups();

private:
  void number();
  void absorbEpilogue(mlir::Operation *contraction);
  void formAttention(nn::MatmulOp outcome);
  void merge();
  bool tryJoin(Group *producer, Group *consumer, mlir::Operation *op, mlir::Value edge);
  bool canJoin(const Group &producer, const Group &consumer, mlir::Operation *op, mlir::Value edge);
  bool isUsually(mlir::Value from, mlir::Value to);
  bool canStretch(const Group &producer, mlir::Operation *op);
  bool canJoinElementwise(const Group &producer, mlir::Operation *op, mlir::Value edge);
  bool canJoinReduce(const Group &producer, nn::ReduceOp op, mlir::Value edge);
  bool isRowValue(const Group &group, mlir::Value tensor);
  bool reaches(Group *from, Group *to);
  void absorb(Group *producer, Group *consumer);
  void keepGuardsAhead(std::vector<Unit> &units);
  void reorder();

  mlir::Block &block;
  nn::ExtentMap &extents;
  bool singleOp, attention;
  std::vector<std::unique_ptr<Group>> owned;
  llvm::DenseMap<mlir::Operation *, Group *> groupOf;
  llvm::DenseMap<mlir::Operation *, unsigned> order;
};

/// Whether `op` runs inside a kernel (as opposed to views, constants, scalars and control flow, which stay in @main).
bool isKernelOp(mlir::Operation *op);

/// Whether a scalar of @main is computed from elements of tensors, so that the shape plan cannot know it.
bool dependsOnData(mlir::Value scalar);

/// Whether `value` is a constant with one value in all elements, which every kernel holds itself.
bool isSplatConstant(mlir::Value value);

} // namespace tenon::fuse

#endif // TENON_COMPILER_FUSE_GROUPS_H
