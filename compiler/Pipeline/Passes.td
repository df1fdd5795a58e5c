//===- Passes.td - passes of the pipeline itself -------------------------------------------===//

#ifndef TENON_COMPILER_PIPELINE_PASSES
#define TENON_COMPILER_PIPELINE_PASSES

include "mlir/Pass/PassBase.td"

def CheckLegalDialects : Pass<"tenon-check-legal-dialects", "::mlir::ModuleOp"> {
  let summary = "Fail if an op of another dialect than those named is left";
  let description = [{
    Why here: at both ends of a stage. What a stage leaves behind by mistake is found there, with the stage's name, not three stages
    later.

    ```
    tenon-check-legal-dialects{stage=Fuse dialects=func,nn}: error: 'tensor.pad' is not legal after Fuse
    ```
  }];
  let options = [
    Option<"stage", "stage", "std::string", [{""}], "the stage that has ended">,
    ListOption<"dialects", "dialects", "std::string", "what may be in the module, beside builtin">
  ];
}

#endif // TENON_COMPILER_PIPELINE_PASSES
