//===- SplitModule.cpp - parts of a module that compile side by side -----------------------===//
//
// Functions are distributed by size, largest first, each to the part that is smallest so far. What is used across parts
// gets external linkage; symbols are unique in the module, so they are unique in the program that the parts make.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Emit/SplitModule.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace tenon::emit {

namespace {

/// More parts than any machine has cores only add start-up work.
constexpr int64_t maxParts = 64;

struct SizedFunction {
  LLVM::LLVMFuncOp function;
  int64_t ops;
};

int64_t countOps(LLVM::LLVMFuncOp function) {
  int64_t ops = 0;
  for (Block &block : function.getBody())
    ops += block.getOperations().size();
  return ops;
}

/// A declaration of `symbol` for a part that does not define it.
Operation *declare(Operation *symbol) {
  Operation *declaration = symbol->cloneWithoutRegions();
  if (auto function = dyn_cast<LLVM::LLVMFuncOp>(declaration)) {
    function.setLinkage(LLVM::Linkage::External);
    return declaration;
  }
  auto global = cast<LLVM::GlobalOp>(declaration);
  global.removeValueAttr();
  global.setLinkage(LLVM::Linkage::External);
  return declaration;
}

/// The part that each function goes to.
SmallVector<int64_t> assignParts(ArrayRef<SizedFunction> functions, int64_t opsPerPart) {
  int64_t total = 0;
  for (const SizedFunction &function : functions)
    total += function.ops;
  int64_t numParts = std::clamp<int64_t>(llvm::divideCeil(total, opsPerPart), 1, maxParts);

  auto order = llvm::to_vector(llvm::seq<int64_t>(0, functions.size()));
  llvm::sort(order,
             [&](int64_t a, int64_t b) { return std::pair(functions[b].ops, a) < std::pair(functions[a].ops, b); });
  SmallVector<int64_t> load(numParts, 0), part(functions.size());
  for (int64_t index : order) {
    part[index] = std::distance(load.begin(), llvm::min_element(load));
    load[part[index]] += functions[index].ops;
  }
  return part;
}

void makeExternal(Operation *symbol) {
  if (auto function = dyn_cast<LLVM::LLVMFuncOp>(symbol))
    function.setLinkage(LLVM::Linkage::External);
  else if (auto global = dyn_cast<LLVM::GlobalOp>(symbol))
    global.setLinkage(LLVM::Linkage::External);
}

} // namespace

SmallVector<OwningOpRef<ModuleOp>> splitModule(OwningOpRef<ModuleOp> module, int64_t opsPerPart) {
  SmallVector<SizedFunction> functions;
  for (auto function : module->getOps<LLVM::LLVMFuncOp>())
    if (!function.isExternal())
      functions.push_back({function, countOps(function)});
  SmallVector<int64_t> part = assignParts(functions, opsPerPart);
  int64_t numParts = 1;
  for (int64_t index : part)
    numParts = std::max(numParts, index + 1);

  SmallVector<OwningOpRef<ModuleOp>> parts;
  if (numParts == 1) {
    parts.push_back(std::move(module));
    return parts;
  }

  // Where every symbol is defined: globals and what is not ours in the first part.
  llvm::DenseMap<StringAttr, std::pair<Operation *, int64_t>> symbols;
  for (Operation &op : *module->getBody())
    if (auto name = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName()))
      symbols[name] = {&op, 0};
  for (auto [function, index] : llvm::zip_equal(functions, part))
    symbols[function.function.getSymNameAttr()].second = index;

  for (int64_t index = 1; index < numParts; ++index) {
    OwningOpRef<ModuleOp> created = ModuleOp::create(module->getLoc());
    (*created)->setAttrs((*module)->getAttrDictionary());
    parts.push_back(std::move(created));
  }
  for (auto [function, index] : llvm::zip_equal(functions, part))
    if (index != 0)
      function.function->moveBefore(parts[index - 1]->getBody(), parts[index - 1]->getBody()->end());
  parts.insert(parts.begin(), std::move(module));

  for (auto [index, current] : llvm::enumerate(parts)) {
    llvm::MapVector<StringAttr, Operation *> needed;
    std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(&current->getBodyRegion());
    for (const SymbolTable::SymbolUse &use : *uses) {
      StringAttr name = use.getSymbolRef().getRootReference();
      auto found = symbols.find(name);
      if (found != symbols.end() && found->second.second != static_cast<int64_t>(index))
        needed[name] = found->second.first;
    }
    OpBuilder builder = OpBuilder::atBlockBegin(current->getBody());
    for (auto [name, symbol] : needed) {
      makeExternal(symbol);
      builder.insert(declare(symbol));
    }
  }
  return parts;
}

} // namespace tenon::emit
