//===- Import.cpp - reading an ONNX file ---------------------------------------------------===//
//
// Parses the message within its limits, imports the main graph, and turns every exception into a diagnostic. See
// Import.h.
//
//===---------------------------------------------------------------------------------------===//

#include "compiler/Import/Import.h"

#include "compiler/Import/DataFolder.h"
#include "compiler/Import/Error.h"
#include "compiler/Import/Graph.h"
#include "google/protobuf/io/coded_stream.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <new>

namespace tenon::importer {

namespace {

// Nested messages; a graph inside a graph takes three levels (graph, node, attribute).
constexpr int messageNesting = 128;

std::shared_ptr<const onnx::ModelProto> parse(llvm::ArrayRef<char> bytes, const ImportLimits &limits) {
  auto size = static_cast<int64_t>(bytes.size());
  int64_t limit = std::min<int64_t>(limits.fileBytes, INT32_MAX);
  if (size == 0)
    fail("the model is empty");
  if (size > limit)
    fail("the model has " + std::to_string(size) + " bytes, expected at most " + std::to_string(limit),
         "store large weights as external data");
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(bytes.data()),
                                                static_cast<int>(size));
  stream.SetRecursionLimit(messageNesting);
  auto model = std::make_shared<onnx::ModelProto>();
  if (!model->ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    fail("the model is no valid protobuf message: it is damaged, cut off, nested too deeply, or no ONNX file");
  return model;
}

mlir::OwningOpRef<mlir::ModuleOp> importParsed(mlir::MLIRContext &context,
                                               std::shared_ptr<const onnx::ModelProto> model,
                                               const std::string &folderPath, const ImportOptions &options,
                                               std::vector<Diagnostic> &diagnostics) {
  context.loadDialect<nn::NnDialect, mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::scf::SCFDialect,
                      mlir::tensor::TensorDialect>();
  DataFolder folder(folderPath);
  Builder builder(&context, options.limits);
  return GraphImporter(builder, std::move(model), folder, options).importMain(diagnostics);
}

/// Runs `work`; what it throws becomes a diagnostic and a null module.
template <typename Work> mlir::OwningOpRef<mlir::ModuleOp> guarded(std::vector<Diagnostic> &diagnostics, Work work) {
  Diagnostic diagnostic;
  try {
    return work();
  } catch (const LocatedError &error) {
    diagnostic = error.diagnostic;
  } catch (const ImportError &error) {
    diagnostic.message = error.message;
    diagnostic.hint = error.hint;
  } catch (const std::bad_alloc &) {
    diagnostic.message = "out of memory";
  } catch (const std::exception &error) {
    diagnostic.message = foreignMessage(error.what());
  }
  diagnostics.push_back(std::move(diagnostic));
  return {};
}

} // namespace

mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context, const std::string &path,
                                              const ImportOptions &options, std::vector<Diagnostic> &diagnostics) {
  return guarded(diagnostics, [&] {
    std::shared_ptr<const onnx::ModelProto> model;
    {
      // The message holds copies of what it needs, so the file's mapping may go.
      std::shared_ptr<MappedFile> file = mapFile(path);
      model = parse(file->bytes(), options.limits);
    }
    size_t slash = path.rfind('/');
    std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    return importParsed(context, std::move(model), folder, options, diagnostics);
  });
}

mlir::OwningOpRef<mlir::ModuleOp> importModelBytes(mlir::MLIRContext &context, const void *data, size_t sizeBytes,
                                                   const std::string &folder, const ImportOptions &options,
                                                   std::vector<Diagnostic> &diagnostics) {
  return guarded(diagnostics, [&] {
    auto model = parse({static_cast<const char *>(data), sizeBytes}, options.limits);
    return importParsed(context, std::move(model), folder, options, diagnostics);
  });
}

} // namespace tenon::importer
