//===- Driver.cpp - from an ONNX file to an artefact ---------------------------------------===//

#include "compiler/Driver/Driver.h"
#include "compiler/Driver/Diagnostics.h"
#include "compiler/Emit/Emit.h"
#include "compiler/Emit/ScratchFile.h"
#include "compiler/Import/Import.h"
#include "compiler/Pipeline/Pipeline.h"
#include "compiler/Support/Version.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "targets/Registry.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ThreadPool.h"
#include <chrono>

using namespace llvm;

namespace tenon::driver {

namespace {

struct EmitRow {
  Emit emit;
  const char *name, *extension;
  pipeline::Stage stage;                  ///< the last one that runs
  std::optional<emit::Artefact> artefact; ///< none: MLIR text
};

constexpr EmitRow emitRows[] = {
    {Emit::SharedLibrary, "so", ".so", pipeline::Stage::Llvm, emit::Artefact::SharedLibrary},
    {Emit::StaticLibrary, "lib", ".a", pipeline::Stage::Llvm, emit::Artefact::StaticLibrary},
    {Emit::Object, "obj", ".o", pipeline::Stage::Llvm, emit::Artefact::Object},
    {Emit::Assembly, "asm", ".s", pipeline::Stage::Llvm, emit::Artefact::Assembly},
    {Emit::Llvm, "llvm", ".ll", pipeline::Stage::Llvm, emit::Artefact::LlvmIr},
    {Emit::Nn, "nn", ".nn.mlir", pipeline::Stage::Nn, std::nullopt},
    {Emit::Fused, "fused", ".fused.mlir", pipeline::Stage::Fused, std::nullopt},
    {Emit::Scheduled, "scheduled", ".scheduled.mlir", pipeline::Stage::Scheduled, std::nullopt},
    {Emit::Loops, "loops", ".loops.mlir", pipeline::Stage::Loops, std::nullopt},
};

const EmitRow &rowOf(Emit emit) {
  return *find_if(emitRows, [&](const EmitRow &row) { return row.emit == emit; });
}

double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

bool isIdentifier(StringRef text) {
  return !text.empty() && !isDigit(text[0]) && all_of(text, [](char c) { return isAlnum(c) || c == '_'; });
}

/// Remembers the pass that fails.
class FailureWatch : public mlir::PassInstrumentation {
public:
  explicit FailureWatch(std::string &failedPass) : failedPass(failedPass) {}
  void runAfterPassFailed(mlir::Pass *pass, mlir::Operation *) override {
    // Adaptors have no flag; the pass inside fails first.
    if (failedPass.empty() && !pass->getArgument().empty())
      failedPass = pass->getArgument().str();
  }

private:
  std::string &failedPass;
};

/// One compilation.
class Compilation {
public:
  explicit Compilation(const Options &options)
      : options(options), row(rowOf(options.emit)), pool(hardware_concurrency(options.threads)),
        context(registry(), mlir::MLIRContext::Threading::DISABLED) {
    // IR printing and reproducers want passes to run one after another.
    bool serial = options.threads == 1 || !options.reproducer.empty() || !options.printBefore.empty() ||
                  !options.printAfter.empty();
    if (!serial)
      context.setThreadPool(pool);
    timing.setEnabled(options.timePasses);
    root = timing.getRootScope();
  }

  /// `import` gives the module or null with diagnostics.
  Result run(function_ref<mlir::OwningOpRef<mlir::ModuleOp>(Compilation &)> import) {
    if (!checkOptions() || !findTarget())
      return std::move(result);
    DiagnosticCollector collector(&context, result.diagnostics);
    auto start = std::chrono::steady_clock::now();
    mlir::OwningOpRef<mlir::ModuleOp> module;
    {
      mlir::TimingScope scope = root.nest("import");
      module = import(*this);
    }
    result.statistics.importSeconds = secondsSince(start);
    if (!module)
      fail(Outcome::BadModel, "the model cannot be read");
    if (!module || !runPasses(*module))
      return std::move(result);
    start = std::chrono::steady_clock::now();
    mlir::TimingScope scope = root.nest("emit");
    if (row.artefact)
      emitCode(std::move(module));
    else
      emitText(*module);
    result.statistics.emitSeconds = secondsSince(start);
    return std::move(result);
  }

  mlir::MLIRContext &getContext() { return context; }
  std::vector<Diagnostic> &diagnostics() { return result.diagnostics; }

  importer::ImportOptions importOptions() const {
    importer::ImportOptions importOptions;
    importOptions.shapes = options.shapes;
    importOptions.dimensions = options.dimensions;
    return importOptions;
  }

private:
  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    pipeline::registerDialects(registry);
    emit::registerDialectTranslations(registry);
    return registry;
  }

  /// Adds an error unless one is there, and sets the outcome.
  void fail(Outcome outcome, const Twine &message) {
    result.outcome = outcome;
    bool hasError =
        any_of(result.diagnostics, [](const Diagnostic &d) { return d.severity == Diagnostic::Severity::error; });
    if (!hasError || outcome != Outcome::BadModel)
      addError(message);
  }

  void addError(const Twine &message) {
    Diagnostic diagnostic;
    diagnostic.message = message.str();
    result.diagnostics.push_back(std::move(diagnostic));
  }

  bool checkOptions() {
    if (!isIdentifier(options.symbol))
      return fail(Outcome::BadUsage, "the symbol '" + options.symbol + "' is not a C identifier"), false;
    bool isText = !row.artefact || *row.artefact == emit::Artefact::Assembly || *row.artefact == emit::Artefact::LlvmIr;
    if (options.outputPath == "-" && !isText)
      return fail(Outcome::BadUsage,
                  Twine("what --emit ") + row.name + " writes needs a file name, not standard output"),
             false;
    StringRef folder = sys::path::parent_path(options.outputPath);
    if (!folder.empty() && !sys::fs::is_directory(folder))
      return fail(Outcome::BadModel, "cannot write '" + options.outputPath + "': '" + folder + "' is not a folder"),
             false;
    if (sys::fs::is_directory(options.outputPath))
      return fail(Outcome::BadModel, "cannot write '" + options.outputPath + "': it is a folder"), false;
    return true;
  }

  bool findTarget() {
    Expected<std::unique_ptr<Target>> created = createTarget(options.target, options.cpu);
    if (!created)
      return fail(Outcome::BadUsage, toString(created.takeError())), false;
    target = std::move(*created);
    result.statistics.target = target->triple().str();
    result.statistics.cpu = target->cpu();
    return true;
  }

  bool runPasses(mlir::ModuleOp module) {
    // A module in the LLVM dialect has been through all stages.
    if (!module.getOps<mlir::LLVM::LLVMFuncOp>().empty())
      return true;
    auto start = std::chrono::steady_clock::now();
    mlir::PassManager passes(&context);
    pipeline::PipelineOptions pipelineOptions;
    pipelineOptions.reference = options.reference;
    pipelineOptions.exact = options.exact;
    pipelineOptions.optimizeSize = options.optimizeSize;
    pipelineOptions.symbol = options.symbol;
    pipelineOptions.modelName = options.name;
    pipelineOptions.producer = (Twine("tenon ") + versionText + " (" + revisionText + ")").str();
    pipelineOptions.lastStage = row.stage;
    pipeline::buildPipeline(passes, *target, pipelineOptions);

    passes.enableVerifier(true);
    passes.addInstrumentation(std::make_unique<FailureWatch>(result.failedPass));
    enablePrinting(passes);
    if (!options.reproducer.empty())
      passes.enableCrashReproducerGeneration(options.reproducer, /*genLocalReproducer=*/true);
    mlir::TimingScope scope = root.nest("passes");
    passes.enableTiming(scope);
    bool passed = succeeded(passes.run(module));
    result.statistics.passSeconds = secondsSince(start);
    if (!passed)
      fail(Outcome::Internal,
           result.failedPass.empty() ? "a pass crashed" : "the pass '" + result.failedPass + "' failed");
    return passed;
  }

  void enablePrinting(mlir::PassManager &passes) {
    if (options.printBefore.empty() && options.printAfter.empty())
      return;
    auto names = [](const std::vector<std::string> &list) {
      return [&list](mlir::Pass *pass, mlir::Operation *) {
        return is_contained(list, "all") || is_contained(list, pass->getArgument().str());
      };
    };
    passes.enableIRPrinting(names(options.printBefore), names(options.printAfter), /*printModuleScope=*/false,
                            /*printAfterOnlyOnChange=*/false, /*printAfterOnlyOnFailure=*/false, errs(),
                            printingFlags());
  }

  /// Without the bytes of weights.
  static mlir::OpPrintingFlags printingFlags() {
    return mlir::OpPrintingFlags().elideLargeElementsAttrs(64).elideLargeResourceString(64);
  }

  void emitText(mlir::ModuleOp module) {
    Expected<emit::OutputFile> file = emit::OutputFile::create(options.outputPath);
    if (!file)
      return report(file.takeError());
    module->print(file->stream(), mlir::OpPrintingFlags().elideLargeResourceString(64));
    if (Error error = file->keep())
      return report(std::move(error));
    result.files.push_back(options.outputPath);
  }

  void emitCode(mlir::OwningOpRef<mlir::ModuleOp> module) {
    emit::EmitOptions emitOptions;
    emitOptions.artefact = *row.artefact;
    emitOptions.outputPath = options.outputPath;
    emitOptions.symbol = options.symbol;
    emitOptions.weightsFile = options.weightsFile;
    emitOptions.optimizeSize = options.optimizeSize;
    Expected<emit::EmitResult> emitted = emit::emitArtefact(std::move(module), *target, emitOptions);
    if (!emitted)
      return report(emitted.takeError());
    result.files = emitted->files;
    result.statistics.codeBytes = emitted->codeBytes;
    result.statistics.weightBytes = emitted->weightBytes;
  }

  /// A file that cannot be written is not a fault of the compiler.
  void report(Error error) {
    handleAllErrors(std::move(error), [&](const ErrorInfoBase &info) {
      bool isFile = info.convertToErrorCode().category() == std::generic_category() ||
                    info.convertToErrorCode().category() == std::system_category();
      result.outcome = isFile ? Outcome::BadModel : Outcome::Internal;
      addError(info.message());
    });
  }

  const Options &options;
  const EmitRow &row;
  DefaultThreadPool pool;
  mlir::MLIRContext context;
  mlir::DefaultTimingManager timing;
  mlir::TimingScope root;
  std::unique_ptr<Target> target;
  Result result;
};

/// Fills in what an empty option stands for.
Options complete(const std::string &path, Options options) {
  StringRef stem = sys::path::stem(path);
  if (options.outputPath.empty())
    options.outputPath = (stem + emitExtension(options.emit)).str();
  if (options.name.empty())
    options.name = stem.empty() ? "model" : stem.str();
  return options;
}

} // namespace

std::optional<Emit> emitByName(const std::string &name) {
  for (const EmitRow &row : emitRows)
    if (name == row.name)
      return row.emit;
  return std::nullopt;
}

std::string emitNames() {
  std::string names;
  for (const EmitRow &row : emitRows)
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

std::string emitExtension(Emit emit) { return rowOf(emit).extension; }

Result compile(const std::string &path, const Options &given) {
  Options options = complete(path, given);
  Compilation compilation(options);
  return compilation.run([&](Compilation &compilation) {
    if (StringRef(path).ends_with(".mlir"))
      return mlir::parseSourceFile<mlir::ModuleOp>(path, mlir::ParserConfig(&compilation.getContext()));
    return importer::importModel(compilation.getContext(), path, compilation.importOptions(),
                                 compilation.diagnostics());
  });
}

Result compileBytes(const void *data, size_t sizeBytes, const std::string &folder, const Options &given) {
  Options options = complete("", given);
  Compilation compilation(options);
  return compilation.run([&](Compilation &compilation) {
    return importer::importModelBytes(compilation.getContext(), data, sizeBytes, folder, compilation.importOptions(),
                                      compilation.diagnostics());
  });
}

} // namespace tenon::driver
