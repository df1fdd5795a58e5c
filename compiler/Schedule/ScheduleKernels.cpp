//===- ScheduleKernels.cpp - choose and run a schedule for every kernel --------------------===//

#include "compiler/Schedule/Kernel.h"
#include "compiler/Schedule/Passes.h"

using namespace mlir;

namespace tenon::schedule {

#define GEN_PASS_DEF_SCHEDULEKERNELS
#include "compiler/Schedule/Passes.h.inc"

namespace {

/// A transformed filter has no elements that another schedule could read; of several forms some are transformed.
bool hasTransformedFilter(Kernel &kernel) {
  return llvm::any_of(kernel.ops(), [](Operation *op) {
    auto convolution = dyn_cast<nn::ConvOp>(op);
    return convolution && convolution.getPacking() &&
           (convolution.getPacking()->getWinograd() || !convolution.getAlternatives().empty());
  });
}

LogicalResult failBehindTransformedFilter(Kernel &kernel) {
  return kernel.function.emitError("expected only elementwise ops behind a convolution with a transformed filter");
}

/// The schedules that know rows which lie apart in memory; Fuse gives such rows to no other kernels
/// (compiler/Fuse/PlaceParts.cpp).
LogicalResult schedulePitched(Kernel &kernel) {
  if (!scheduleContraction(kernel) && !schedulePooling(kernel)) {
    if (hasTransformedFilter(kernel))
      return failBehindTransformedFilter(kernel);
    scheduleMap(kernel);
  }
  if (kernel.isPitchMissed())
    return kernel.function.emitError("no schedule knows the distance between rows in memory");
  kernel.finish();
  return success();
}

/// The first schedule that takes the kernel, from the most to the least special.
LogicalResult schedule(Kernel &kernel) {
  kernel.noteCost();
  if (kernel.hasPitches())
    return schedulePitched(kernel);
  bool isTaken =
      scheduleSequential(kernel) ||
      (!kernel.reference && (schedulePlanes(kernel) || scheduleContraction(kernel) || schedulePooling(kernel)));
  if (!isTaken && hasTransformedFilter(kernel))
    return failBehindTransformedFilter(kernel);
  if (!isTaken &&
      (kernel.reference || (!scheduleRows(kernel) && !scheduleInterleave(kernel) && !scheduleTranspose(kernel) &&
                            !scheduleRuns(kernel) && !scheduleBroadcast(kernel) && !schedulePad(kernel))))
    scheduleMap(kernel);
  kernel.finish();
  return success();
}

struct ScheduleKernels : impl::ScheduleKernelsBase<ScheduleKernels> {
  using ScheduleKernelsBase::ScheduleKernelsBase;
  ScheduleKernels(const Machine &machine, bool reference) : machine(machine) { this->reference = reference; }

  void runOnOperation() override {
    Machine facts;
    if (machine) {
      facts = *machine;
    } else {
      facts.vectorBytes = vectorBytes;
      facts.maskedMemory = maskedMemory;
      facts.fma = true;
    }
    SmallVector<func::FuncOp> kernels;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("nn.kernel"))
        kernels.push_back(function);
    for (func::FuncOp function : kernels) {
      Kernel kernel(function, facts, reference);
      if (failed(schedule(kernel)))
        return signalPassFailure();
    }
  }

private:
  std::optional<Machine> machine;
};

} // namespace

std::unique_ptr<Pass> createScheduleKernels(const Machine &machine, bool reference) {
  return std::make_unique<ScheduleKernels>(machine, reference);
}

} // namespace tenon::schedule
