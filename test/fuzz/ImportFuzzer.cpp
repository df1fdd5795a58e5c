//===- ImportFuzzer.cpp - libFuzzer's target for the importer ------------------------------===//
//
// Any bytes give a verified module, or no module and an error that says why. test/fuzz/importer.py builds and runs it.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Import.h"
#include "mlir/IR/Verifier.h"
#include "test/fuzz/ModelMutator.h"
#include "llvm/Support/raw_ostream.h"

using namespace tenon;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

/// The packaged libraries of LLVM are not instrumented: containers that cross the border cannot be judged.
extern "C" const char *__asan_default_options() {
  return "detect_container_overflow=0:allow_user_poisoning=0:allocator_may_return_null=1:detect_leaks=0";
}

[[noreturn]] static void fail(llvm::StringRef what) {
  llvm::errs() << "importer contract: " << what << "\n";
  abort();
}

static void check(mlir::ModuleOp module, llvm::ArrayRef<Diagnostic> diagnostics) {
  bool errors =
      llvm::any_of(diagnostics, [](const Diagnostic &entry) { return entry.severity == Diagnostic::Severity::error; });
  if (module ? errors : !errors)
    fail(module ? "a module in spite of an error" : "neither a module nor an error");
  if (llvm::any_of(diagnostics, [](const Diagnostic &entry) { return entry.message.empty(); }))
    fail("a diagnostic without a message");
  if (module && failed(mlir::verify(module)))
    fail("the module does not verify");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  importer::ImportOptions options;
  // Copies of functions and unrolled loops are not what is looked for.
  options.limits.nodes = 3000;
  std::vector<Diagnostic> diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module = importer::importModelBytes(context, data, size, "", options, diagnostics);
  check(module.get(), diagnostics);
  return 0;
}

static size_t serialize(const onnx::ModelProto &model, uint8_t *data, size_t old, size_t most) {
  size_t size = model.ByteSizeLong();
  if (size == 0 || size > most)
    return old;
  return model.SerializeToArray(data, static_cast<int>(size)) ? size : old;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed) {
  onnx::ModelProto model;
  // Bytes are changed too, seldom: the parser is protobuf's.
  if (seed % 50 == 0 || !model.ParseFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, most);
  fuzz::ModelMutator(seed).mutate(model);
  return serialize(model, data, size, most);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t firstSize, const uint8_t *second,
                                            size_t secondSize, uint8_t *data, size_t most, unsigned seed) {
  onnx::ModelProto model, other;
  if (!model.ParseFromArray(first, static_cast<int>(firstSize)) ||
      !other.ParseFromArray(second, static_cast<int>(secondSize)))
    return 0;
  fuzz::ModelMutator(seed).cross(model, other);
  return serialize(model, data, 0, most);
}
