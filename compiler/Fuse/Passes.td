//===- Passes.td - ops become kernels ---------------------------------------------------------------------------------===//

#ifndef TENON_COMPILER_FUSE_PASSES
#define TENON_COMPILER_FUSE_PASSES

include "mlir/Pass/PassBase.td"

def FormKernels : Pass<"tenon-form-kernels", "::mlir::ModuleOp"> {
  let summary = "Group ops of @main into kernels and outline them.";
  let description = [{
    After the graph and layout passes, because grouping is decided from final ops and layouts; before scheduling, which sees one kernel
    at a time. Groups grow from producers to consumers: elementwise ops of one shape; a contraction with the elementwise ops that
    follow it; reductions with the elementwise ops of the same rows. Views, constants and scalar arithmetic stay in @main.

    ```
    %0 = nn.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    %1 = nn.neg %0 : (tensor<4xf32>) -> tensor<4xf32>
    ==>
    %1 = nn.launch @exp_neg_0(%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let options = [Option<"singleOp", "single-op", "bool", "false", "one op per kernel (reference lowering)">];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MergeEqualKernels : Pass<"tenon-merge-equal-kernels", "::mlir::ModuleOp"> {
  let summary = "Keep one function of kernels that compute the same.";
  let description = [{
    After FormKernels, because weights are arguments by then and repeated layers differ in nothing else; before scheduling, so that each
    is scheduled and compiled once.

    ```
    nn.launch @add_0(%a, %b) ... nn.launch @add_1(%c, %d)    // @add_0 and @add_1 have equal bodies
    ==>
    nn.launch @add_0(%a, %b) ... nn.launch @add_0(%c, %d)
    ```
  }];
}

#endif // TENON_COMPILER_FUSE_PASSES
