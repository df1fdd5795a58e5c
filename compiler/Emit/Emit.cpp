//===- Emit.cpp - from the LLVM dialect to files -------------------------------------------===//

#include "compiler/Emit/Emit.h"
#include "compiler/Emit/CompilePart.h"
#include "compiler/Emit/Link.h"
#include "compiler/Emit/ScratchFile.h"
#include "compiler/Emit/SplitModule.h"
#include "compiler/Emit/TextLibrary.h"
#include "compiler/Emit/WriteWeights.h"
#include "compiler/Support/Weights.h"
#include "mlir/IR/Threading.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "tenon/model_abi.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Path.h"

using namespace llvm;

namespace tenon::emit {

namespace {

/// Above this the weights are a file of their own.
constexpr int64_t maxEmbeddedBytes = int64_t(1) << 30;

/// What is known once the objects exist.
struct Objects {
  std::vector<PartResult> parts;
  uint16_t elfMachine = 0;
  uint32_t elfFlags = 0;
  int64_t codeBytes = 0;

  std::vector<MemoryBufferRef> buffers() const {
    std::vector<MemoryBufferRef> result;
    for (const PartResult &part : parts)
      result.emplace_back(StringRef(part.bytes.data(), part.bytes.size()), "object");
    return result;
  }
};

Expected<std::vector<PartResult>> compileParts(ArrayRef<mlir::OwningOpRef<mlir::ModuleOp>> modules,
                                               const PartOptions &options) {
  std::vector<PartResult> results(modules.size());
  std::vector<std::string> errors(modules.size());
  mlir::ModuleOp first = modules.front().get();
  mlir::parallelFor(first.getContext(), 0, modules.size(), [&](size_t index) {
    Expected<PartResult> result = compilePart(modules[index].get(), options);
    if (result)
      results[index] = std::move(*result);
    else
      errors[index] = toString(result.takeError());
  });
  for (const std::string &error : errors)
    if (!error.empty())
      return createStringError("%s", error.c_str());
  return results;
}

/// A model that calls text operators contains them.
Error addTextLibrary(Objects &objects) {
  bool isUsed = false;
  uint16_t machine = 0;
  for (MemoryBufferRef buffer : objects.buffers()) {
    Expected<std::unique_ptr<object::ObjectFile>> object = object::ObjectFile::createObjectFile(buffer);
    if (!object)
      return object.takeError();
    if (auto *elf = dyn_cast<object::ELF64LEObjectFile>(object->get()))
      machine = elf->getELFFile().getHeader().e_machine;
    for (const object::SymbolRef &symbol : (*object)->symbols()) {
      Expected<StringRef> name = symbol.getName();
      if (!name)
        return name.takeError();
      isUsed |= name->starts_with(textPrefix);
    }
  }
  if (!isUsed)
    return Error::success();
  StringRef library = textLibrary(machine);
  if (library.empty())
    return createStringError("the model has strings, and this compiler was built without their operators for the "
                             "target: the C library's headers for it were missing");
  objects.parts.push_back({SmallVector<char, 0>(library.begin(), library.end()), {}});
  return Error::success();
}

Error readObjects(Objects &objects) {
  for (MemoryBufferRef buffer : objects.buffers()) {
    Expected<std::unique_ptr<object::ObjectFile>> object = object::ObjectFile::createObjectFile(buffer);
    if (!object)
      return object.takeError();
    for (const object::SectionRef &section : (*object)->sections())
      if (section.isText())
        objects.codeBytes += section.getSize();
    auto *elf = dyn_cast<object::ELF64LEObjectFile>(object->get());
    if (!elf)
      return createStringError("the code generator wrote something other than a little-endian ELF64 object");
    objects.elfMachine = elf->getELFFile().getHeader().e_machine;
    objects.elfFlags = elf->getELFFile().getHeader().e_flags;
  }
  return Error::success();
}

/// Writes everything for one request.
class Emitter {
public:
  Emitter(const Target &target, const EmitOptions &options, ArrayRef<Weight> weights)
      : options(options), weights(weights),
        part{target, options.artefact, options.symbol, {}, {}, {}, options.optimizeSize} {
    // A program may link several models: names that are not its own to see must differ too.
    if (options.artefact == Artefact::StaticLibrary || options.artefact == Artefact::Object)
      part.prefix = options.symbol + ".";
    weightsSymbol = part.prefix + weightsSymbolName.str();
  }

  Expected<EmitResult> emit(mlir::OwningOpRef<mlir::ModuleOp> module) {
    result.files.push_back(options.outputPath);
    result.weightBytes = part.weights.sizeBytes = weightSectionBytes(weights);
    if (Error error = writeWeightsFile())
      return error;
    part.defined.insert(weightsSymbolName);
    for (mlir::Operation &op : *module->getBody())
      if (auto name = op.getAttrOfType<mlir::StringAttr>(mlir::SymbolTable::getSymbolAttrName()))
        if (isDefinition(op))
          part.defined.insert(name);

    bool split = options.artefact != Artefact::Assembly && options.artefact != Artefact::LlvmIr;
    SmallVector<mlir::OwningOpRef<mlir::ModuleOp>> modules =
        splitModule(std::move(module), split ? options.opsPerPart : std::numeric_limits<int64_t>::max());
    Expected<std::vector<PartResult>> parts = compileParts(modules, part);
    if (!parts)
      return parts.takeError();
    modules.clear();
    objects.parts = std::move(*parts);
    if (Error error = write())
      return error;
    if (weightsFile)
      if (Error error = weightsFile->keep()) {
        sys::fs::remove(options.outputPath);
        return error;
      }
    return std::move(result);
  }

private:
  static bool isDefinition(mlir::Operation &op) {
    if (auto function = dyn_cast<mlir::LLVM::LLVMFuncOp>(op))
      return !function.isExternal();
    if (auto global = dyn_cast<mlir::LLVM::GlobalOp>(op))
      return global.getValueOrNull() || global.getInitializerBlock();
    return true;
  }

  /// model.so has its weights in model.weights.
  Error writeWeightsFile() {
    bool hasCode = options.artefact != Artefact::Assembly && options.artefact != Artefact::LlvmIr;
    if (!hasCode || weights.empty() || (!options.weightsFile && result.weightBytes <= maxEmbeddedBytes))
      return Error::success();
    SmallString<128> path(options.outputPath);
    sys::path::replace_extension(path, "weights");
    Expected<OutputFile> file = OutputFile::create(path);
    if (!file)
      return file.takeError();
    weightsFile.emplace(std::move(*file));
    Expected<uint64_t> digest = writeWeights(weights, weightsFile->stream(), /*hashed=*/true);
    if (!digest)
      return digest.takeError();
    part.weights.file = sys::path::filename(path).str();
    part.weights.digest = *digest;
    result.files.push_back(path.str().str());
    return Error::success();
  }

  Error write() {
    if (options.artefact == Artefact::Assembly || options.artefact == Artefact::LlvmIr)
      return writeText();
    if (Error error = addTextLibrary(objects))
      return error;
    if (Error error = readObjects(objects))
      return error;
    result.codeBytes = objects.codeBytes;
    if (Error error = writeInputs())
      return error;
    switch (options.artefact) {
    case Artefact::SharedLibrary: {
      Expected<ExternalFunctions> functions = findExternalFunctions(objects.buffers(), weightsSymbol);
      if (!functions)
        return functions.takeError();
      return linkShared(inputPaths(), *functions, objects.elfMachine, options.outputPath);
    }
    case Artefact::Object:
      return linkRelocatable(inputPaths(), options.outputPath);
    default:
      return writeArchive();
    }
  }

  Error writeText() {
    Expected<OutputFile> file = OutputFile::create(options.outputPath);
    if (!file)
      return file.takeError();
    for (const PartResult &text : objects.parts)
      file->stream() << StringRef(text.bytes.data(), text.bytes.size());
    return file->keep();
  }

  /// Objects as files that the linker can open.
  Error writeInputs() {
    if (!weights.empty() && !weightsFile) {
      Expected<ScratchFile> file = ScratchFile::inFolder(sys::path::parent_path(options.outputPath));
      if (!file)
        return file.takeError();
      inputs.push_back(std::move(*file));
      if (Error error =
              writeWeightObject(weights, weightsSymbol, objects.elfMachine, objects.elfFlags, inputs.back().stream()))
        return error;
      if (Error error = inputs.back().finish())
        return error;
    }
    for (const PartResult &object : objects.parts) {
      Expected<ScratchFile> file = ScratchFile::inMemory();
      if (!file)
        return file.takeError();
      file->stream() << StringRef(object.bytes.data(), object.bytes.size());
      if (Error error = file->finish())
        return error;
      inputs.push_back(std::move(*file));
    }
    return Error::success();
  }

  std::vector<std::string> inputPaths() const {
    std::vector<std::string> paths;
    for (const ScratchFile &file : inputs)
      paths.push_back(file.path());
    return paths;
  }

  Error writeArchive() {
    std::vector<std::string> names;
    std::vector<NewArchiveMember> members;
    for (auto [index, input] : enumerate(inputs))
      names.push_back(formatv("{0}_{1}.o", options.symbol, index));
    for (auto [input, name] : zip_equal(inputs, names)) {
      ErrorOr<std::unique_ptr<MemoryBuffer>> buffer =
          MemoryBuffer::getFile(input.path(), /*IsText=*/false, /*RequiresNullTerminator=*/false);
      if (!buffer)
        return createStringError(buffer.getError(), "cannot read a temporary file");
      NewArchiveMember member((*buffer)->getMemBufferRef());
      member.Buf = std::move(*buffer);
      member.MemberName = name;
      members.push_back(std::move(member));
    }
    SmallString<128> headerPath(options.outputPath);
    sys::path::replace_extension(headerPath, "h");
    Expected<OutputFile> archive = OutputFile::create(options.outputPath), header = OutputFile::create(headerPath);
    if (!archive || !header)
      return joinErrors(archive.takeError(), header.takeError());
    if (Error error = writeArchiveToStream(archive->stream(), members, SymtabWritingMode::NormalSymtab,
                                           object::Archive::K_GNU, /*Deterministic=*/true, /*Thin=*/false))
      return error;
    for (const PartResult &object : objects.parts)
      header->stream() << object.header;
    if (Error error = header->keep())
      return error;
    if (Error error = archive->keep()) {
      sys::fs::remove(headerPath);
      return error;
    }
    result.files.push_back(headerPath.str().str());
    return Error::success();
  }

  const EmitOptions &options;
  ArrayRef<Weight> weights;
  PartOptions part;
  std::string weightsSymbol;
  Objects objects;
  std::vector<ScratchFile> inputs;
  std::optional<OutputFile> weightsFile;
  EmitResult result;
};

} // namespace

void registerDialectTranslations(mlir::DialectRegistry &registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
}

Expected<EmitResult> emitArtefact(mlir::OwningOpRef<mlir::ModuleOp> module, const Target &target,
                                  const EmitOptions &options) {
  mlir::FailureOr<SmallVector<Weight>> weights = getWeights(*module);
  if (mlir::failed(weights))
    return createStringError("the module's list of weights is wrong");
  (*module)->removeAttr(weightsAttrName);
  return Emitter(target, options, *weights).emit(std::move(module));
}

} // namespace tenon::emit
