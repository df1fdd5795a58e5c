//===- ImportTool.cpp - the importer alone -------------------------------------------------------------------===//
//
// tenon_import_tool model.onnx [--shape NAME=1x3x?] [--dim SYMBOL=8] [--quiet]: prints the nn module; or the diagnostics as JSON, and
// exits 1.
//
//===------------------------------------------------------------------------------------------------===//

#include "compiler/Import/Import.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace tenon;

static llvm::json::Value toJson(const Diagnostic &diagnostic) {
  return llvm::json::Object{{"severity", severityName(diagnostic.severity)},
                            {"message", llvm::json::fixUTF8(diagnostic.message)},
                            {"node", llvm::json::fixUTF8(diagnostic.node)},
                            {"op_type", llvm::json::fixUTF8(diagnostic.opType)},
                            {"domain", llvm::json::fixUTF8(diagnostic.domain)},
                            {"opset", diagnostic.opset},
                            {"hint", llvm::json::fixUTF8(diagnostic.hint)}};
}

int main(int argc, char **argv) {
  importer::ImportOptions options;
  std::string path;
  bool quiet = false;
  for (int i = 1; i < argc; ++i) {
    llvm::StringRef argument = argv[i];
    if (argument == "--quiet") {
      quiet = true;
    } else if ((argument == "--shape" || argument == "--dim") && i + 1 < argc) {
      auto [name, value] = llvm::StringRef(argv[++i]).rsplit('=');
      std::vector<int64_t> extents;
      llvm::SmallVector<llvm::StringRef> parts;
      value.split(parts, 'x');
      for (llvm::StringRef part : parts) {
        int64_t extent = -1;
        (void)part.getAsInteger(10, extent);
        extents.push_back(extent);
      }
      if (argument == "--shape")
        options.shapes.emplace_back(name.str(), extents);
      else
        options.dimensions.emplace_back(name.str(), extents.front());
    } else {
      path = argument.str();
    }
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::vector<Diagnostic> diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module = importer::importModel(context, path, options, diagnostics);
  llvm::json::Array list;
  for (const Diagnostic &diagnostic : diagnostics)
    list.push_back(toJson(diagnostic));
  if (!list.empty())
    llvm::errs() << llvm::json::Value(std::move(list)) << "\n";
  if (!module)
    return 1;
  if (!quiet) {
    mlir::OpPrintingFlags flags;
    flags.elideLargeElementsAttrs(16).elideLargeResourceString(16);
    module->print(llvm::outs(), flags);
  }
  return 0;
}
