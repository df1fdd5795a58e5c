//===- Target.h - the only thing the stages see of a target --------------------------------===//
//
// Facts about a processor that decisions are made from, and the lowering of what only the target knows how to do. No
// stage asks for a target's name.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_TARGETS_TARGET_H
#define TENON_TARGETS_TARGET_H

#include "mlir/Pass/PassManager.h"
#include "llvm/TargetParser/Triple.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tenon {

/// What the code generators may assume of the processor, in the units of the names.
struct Machine {
  int64_t vectorBytes = 16;      ///< bytes of a vector register
  int64_t vectorRegisters = 16;  ///< how many of them the register allocator has
  int64_t generalRegisters = 15; ///< how many general registers
  int64_t fmaPipes = 1;          ///< vector fused multiply-adds started per cycle
  int64_t fmaLatency = 4;        ///< cycles
  bool fma = false;              ///< fused multiply-add on vectors of f32 and f64
  bool maskedMemory = false;     ///< masked vector loads and stores of every element type without branches
  bool halfConversion = false;   ///< f16 <-> f32 vector conversions
  bool laneOperand = false;      ///< multiply-add takes one lane of a register as a factor (no broadcast load needed)
  bool memoryBroadcast = false;  ///< a broadcast load can be folded into the multiply-add
  bool scaling = false;          ///< an instruction for x 2^n (ukernel.scale)
  bool lookup = false;           ///< an instruction for a table in a register (ukernel.lookup)
  int64_t l1Bytes = 32 * 1024;   ///< data cache of a core
  int64_t l1Ways = 8;            ///< lines of a set of it
  int64_t l2Bytes = 512 * 1024;  ///< second-level cache of a core
  int64_t lastLevelBytes = 12 << 20; ///< what a model may expect of a cache that several cores share
  double gigahertz = 3.0;            ///< for time estimates only, like what follows
  double lastLevelGbps = 100;        ///< bytes a core reads from there: 79 to 115 GB/s on Zen 5 (docs/performance)
  double usualGbps = 50; ///< bytes in or out, between its own cache and memory (118 and 22 GB/s, docs/performance)

  /// Lanes of a vector of elements of that many bytes.
  int64_t lanes(int64_t elementBytes) const { return vectorBytes / elementBytes; }
};

/// A processor to compile for. Immutable; used by several threads at once.
class Target {
public:
  virtual ~Target() = default;

  const llvm::Triple &triple() const { return triple_; }
  const std::string &cpu() const { return cpu_; }
  /// Feature string for LLVM's target machine ("+avx2,+fma,...").
  const std::string &featureString() const { return featureString_; }
  /// Features the artefact needs at load, LLVM's names.
  const std::vector<std::string> &requiredFeatures() const { return requiredFeatures_; }
  const Machine &machine() const { return machine_; }

  /// Adds the passes that lower `ukernel` ops to vector ops (on each kernel function).
  virtual void addLowering(mlir::OpPassManager &pm) const = 0;

protected:
  llvm::Triple triple_;
  std::string cpu_, featureString_;
  std::vector<std::string> requiredFeatures_;
  Machine machine_;
};

} // namespace tenon

#endif // TENON_TARGETS_TARGET_H
