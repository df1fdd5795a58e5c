//===- Text.cpp - text ops are calls of functions that are compiled ahead ------------------===//
//
// Expects: one text op in the body. Guarantees: one ukernel.call of its function, whose parameters runtime/text/Text.h
// describes: operands and the result as buffers, then the number of elements and what the op says.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Schedule/Sequential.h"

#include "compiler/Support/ElementTypes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace tenon::schedule {
namespace {

/// The function of an op and its arguments after the number of elements.
struct TextCall {
  StringRef callee;
  SmallVector<Value> scalars = {};
};

TextCall callOf(ElementEmitter &e, Operation *op) {
  auto elementOf = [](Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); };
  return llvm::TypeSwitch<Operation *, TextCall>(op)
      .Case([](nn::StringConcatOp) { return TextCall{"tenon_text_concat"}; })
      .Case([&](nn::StringCaseOp string) {
        return TextCall{"tenon_text_case", {e.constant(string.getUpper()), e.constant(string.getTurkic())}};
      })
      .Case([](nn::StringMatchOp) { return TextCall{"tenon_text_match"}; })
      .Case([&](nn::StringSplitCountOp split) {
        return TextCall{"tenon_text_split_count", {e.constant(split.getMost())}};
      })
      .Case([&](nn::StringSplitOp split) {
        return TextCall{"tenon_text_split", {split.getWidth(), e.constant(split.getMost())}};
      })
      .Case([](nn::StringRankOp) { return TextCall{"tenon_text_rank"}; })
      .Case([&](nn::StringParseOp parse) {
        return TextCall{"tenon_text_parse", {e.constant(dtypeOf(parse.getElementType()))}};
      })
      .Case([&](nn::StringFormatOp format) {
        return TextCall{"tenon_text_format", {e.constant(dtypeOf(elementOf(format.getInput())))}};
      });
}

} // namespace

bool scheduleText(Kernel &kernel, Operation *op) {
  // A call reads buffers, so operands have to be arguments; constants that the kernel holds itself are none.
  SmallVector<Value> buffers;
  for (Value operand : op->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType()))
      continue;
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument)
      return false;
    buffers.push_back(kernel.denseArgument(argument));
  }
  buffers.push_back(kernel.denseResult(0));
  ElementEmitter e = kernel.emitter(1);
  TextCall call = callOf(e, op);
  SmallVector<Value> scalars = {product(e, kernel.extents(op->getOperand(0)))};
  llvm::append_range(scalars, call.scalars);
  ukernel::CallOp::create(kernel.builder, call.callee, buffers, scalars);
  kernel.setPath("call");
  return true;
}

} // namespace tenon::schedule
