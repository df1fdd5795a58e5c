//===- CompilePart.cpp - one part of a module to machine code ------------------------------===//

#include "compiler/Emit/CompilePart.h"

#include "compiler/Emit/Descriptor.h"
#include "compiler/Support/FunctionAttributes.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetOptions.h"
#include <mutex>

using namespace llvm;

namespace tenon::emit {

namespace {

/// Registers the code generator of an architecture: only the one that is needed, since each takes its time.
void initializeBackend(Triple::ArchType architecture) {
  static std::mutex mutex;
  std::lock_guard lock(mutex);
  switch (architecture) {
  case Triple::x86_64:
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    break;
  case Triple::aarch64:
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeAArch64AsmParser();
    break;
  default:
    break;
  }
}

/// Keeps LLVM's errors as text instead of ending the process.
class Messages : public DiagnosticHandler {
public:
  explicit Messages(std::string &text) : text(text) {}
  bool handleDiagnostics(const DiagnosticInfo &info) override {
    if (info.getSeverity() == DS_Error) {
      raw_string_ostream os(text);
      DiagnosticPrinterRawOStream printer(os);
      os << (text.empty() ? "" : "; ");
      info.print(printer);
    }
    return true;
  }

private:
  std::string &text;
};

/// Final names, and visibility: the descriptor is all that anyone sees.
void nameSymbols(Module &module, const PartOptions &options) {
  for (GlobalValue &value : module.global_values()) {
    if (value.hasLocalLinkage() || !options.defined.contains(value.getName()))
      continue;
    bool isDescriptor = value.getName() == options.symbol;
    value.setVisibility(isDescriptor ? GlobalValue::DefaultVisibility : GlobalValue::HiddenVisibility);
    value.setDSOLocal(!isDescriptor);
    if (!isDescriptor && !options.prefix.empty())
      value.setName(options.prefix + value.getName());
  }
}

void setAttributes(Module &module, const PartOptions &options) {
  for (Function &function : module) {
    // Nothing in a model throws; without this every function would need unwind tables.
    function.setDoesNotThrow();
    if (function.isDeclaration())
      continue;
    if (options.optimizeSize && !function.hasOptNone())
      function.addFnAttr(Attribute::OptimizeForSize);
  }
}

/// Hoists invariants ahead of register allocation only where hoistAttr says that registers are free. What is
/// left to hoist there are constants (LICM has run), and those of an epilogue, hoisted over a microkernel's loop, make
/// the allocator spill the accumulators; the pass after register allocation hoists what there are registers for. Loops
/// without accumulators would load the constants of their polynomials in each pass.
class HoistingGate : public OptPassGate {
public:
  explicit HoistingGate(const Module &module) {
    for (const Function &function : module)
      if (function.hasFnAttribute(hoistAttr))
        included.insert(("function (" + function.getName() + ")").str());
  }
  bool isEnabled() const override { return true; }
  bool shouldRunPass(StringRef pass, StringRef unit) const override {
    return pass != "early-machinelicm" || included.contains(unit);
  }

private:
  StringSet<> included;
};

} // namespace

Expected<std::unique_ptr<TargetMachine>> createTargetMachine(const Target &target) {
  initializeBackend(target.triple().getArch());
  std::string error;
  const llvm::Target *backend = TargetRegistry::lookupTarget(target.triple(), error);
  if (!backend)
    return createStringError("no code generator for '%s': %s", target.triple().str().c_str(), error.c_str());
  TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  options.AllowFPOpFusion = FPOpFusion::Standard;
  std::unique_ptr<TargetMachine> machine(backend->createTargetMachine(target.triple(), target.cpu(),
                                                                      target.featureString(), options, Reloc::PIC_,
                                                                      CodeModel::Small, CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("no target machine for '%s'", target.triple().str().c_str());
  return machine;
}

/// TargetMachine::addPassesToEmitFile without verification.
static bool addCodegenPasses(legacy::PassManager &codegen, TargetMachine &machine, raw_pwrite_stream &os,
                             CodeGenFileType type) {
  TargetPassConfig *config = machine.createPassConfig(codegen);
  config->setDisableVerify(true);
  auto *machineModule = new MachineModuleInfoWrapperPass(&machine);
  codegen.add(config);
  codegen.add(machineModule);
  if (config->addISelPasses())
    return false;
  config->addMachinePasses();
  config->setInitialized();
  if (machine.addAsmPrinter(codegen, os, nullptr, type, machineModule->getMMI().getContext()))
    return false;
  codegen.add(createFreeMachineFunctionPass());
  return true;
}

Expected<PartResult> compilePart(mlir::ModuleOp part, const PartOptions &options) {
  Expected<std::unique_ptr<TargetMachine>> machine = createTargetMachine(options.target);
  if (!machine)
    return machine.takeError();
  std::string messages;
  LLVMContext context;
  context.setDiscardValueNames(options.artefact != Artefact::LlvmIr);
  context.setDiagnosticHandler(std::make_unique<Messages>(messages));

  std::string layout = (*machine)->createDataLayout().getStringRepresentation();
  part->setAttr(mlir::LLVM::LLVMDialect::getDataLayoutAttrName(), mlir::StringAttr::get(part.getContext(), layout));
  part->setAttr(mlir::LLVM::LLVMDialect::getTargetTripleAttrName(),
                mlir::StringAttr::get(part.getContext(), options.target.triple().str()));
  std::unique_ptr<Module> module = mlir::translateModuleToLLVMIR(part, context, "tenon");
  if (!module)
    return createStringError("the LLVM dialect did not translate to LLVM IR");

  PartResult result;
  if (GlobalVariable *descriptor = findDescriptor(*module, options.symbol)) {
    if (Error error = placeWeights(*descriptor, options.weights))
      return error;
    Expected<std::string> header = writeHeader(*descriptor, options.symbol);
    if (!header)
      return header.takeError();
    result.header = std::move(*header);
  }
  nameSymbols(*module, options);
  setAttributes(*module, options);

  raw_svector_ostream os(result.bytes);
  if (options.artefact == Artefact::LlvmIr) {
    module->print(os, nullptr);
    return result;
  }
  optimizeModule(*module, **machine);
  HoistingGate gate(*module);
  context.setOptPassGate(gate);
  legacy::PassManager codegen;
  CodeGenFileType type =
      options.artefact == Artefact::Assembly ? CodeGenFileType::AssemblyFile : CodeGenFileType::ObjectFile;
  if (!addCodegenPasses(codegen, **machine, os, type))
    return createStringError("the code generator for '%s' writes no such file", options.target.triple().str().c_str());
  codegen.run(*module);
  if (!messages.empty())
    return createStringError("LLVM: %s", messages.c_str());
  return result;
}

} // namespace tenon::emit
