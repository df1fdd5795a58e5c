//===- CheckLegalDialects.cpp - finds ops that a stage left behind -------------------------===//
//
// Expects: any module. Guarantees: it is unchanged and holds ops of the named dialects only.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Pipeline/Passes.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/StringSet.h"

namespace tenon::pipeline {
#define GEN_PASS_DEF_CHECKLEGALDIALECTS
#include "compiler/Pipeline/Passes.h.inc"
} // namespace tenon::pipeline

using namespace mlir;

namespace tenon::pipeline {
namespace {

struct CheckLegalDialectsPass : impl::CheckLegalDialectsBase<CheckLegalDialectsPass> {
  using Base::Base;

  void runOnOperation() override {
    llvm::StringSet<> legal;
    legal.insert("builtin");
    for (const std::string &name : dialects)
      legal.insert(name);
    llvm::SmallPtrSet<Dialect *, 16> known;
    WalkResult result = getOperation().walk([&](Operation *op) {
      Dialect *dialect = op->getDialect();
      if (known.contains(dialect))
        return WalkResult::advance();
      if (!dialect || !legal.contains(dialect->getNamespace())) {
        op->emitError() << "'" << op->getName() << "' is not legal after " << stage;
        return WalkResult::interrupt();
      }
      known.insert(dialect);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
} // namespace tenon::pipeline
