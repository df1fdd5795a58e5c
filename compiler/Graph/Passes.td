//===- Passes.td - passes of the Graph stage -------------------------------------------------*- tablegen -*-===//

#ifndef TENON_COMPILER_GRAPH_PASSES
#define TENON_COMPILER_GRAPH_PASSES

include "mlir/Pass/PassBase.td"

def InferShapesPass : Pass<"tenon-infer-shapes", "::mlir::ModuleOp"> {
  let summary = "Make result types as static as they can be and extents values of their inputs";
  let description = [{
    Re-infers the types of nn ops to a fixpoint, through tensor.cast, scf.if and the results of functions; `tensor.dim` of a result becomes
    arithmetic on the operands' extents, and arguments with equal names in `nn.dims` share one extent. First in the stage, because
    every later pattern asks for static extents or for extents that are the same value; again at its end, because
    rewriting leaves `tensor.dim` of results behind. A tensor.cast stays only where a region needs it.

        func.func @main(%x: tensor<?x4xf32> {nn.dims = ["n", ""]}, %y: tensor<?x4xf32> {nn.dims = ["n", ""]}) -> ... {
          %0 = nn.add %x, %y : ... -> tensor<?x?xf32>
          %1 = tensor.dim %0, %c0
      ==>
          %0 = nn.add %x, %y : ... -> tensor<?x4xf32>
          %1 = tensor.dim %x, %c0
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def FoldConstantsPass : Pass<"tenon-fold-constants"> {
  let summary = "Compute ops whose operands are constants";
  let description = [{
    After shapes are static (the sizes of movement ops must be constants), before the simplifications, which recognise constants.
    Results larger than `limit-bytes` are made only if they are at most four times as large as all operands: a broadcast or an iota is cheaper
    to compute than to load. A reshape of a constant shares its bytes. See Evaluator.h for what is covered.

        %0 = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
        %1 = nn.add %0, %0 : ...
      ==>
        %1 = nn.constant dense<[2.0, 4.0]> : tensor<2xf32>
  }];
  let options = [
    Option<"limitBytes", "limit-bytes", "int64_t", "65536", "Size in bytes up to which any result is made">,
    Option<"limitElements", "limit-elements", "int64_t", "int64_t(1) << 32",
           "Number of result elements of all folds together; later ones stay for run time">];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

#endif // TENON_COMPILER_GRAPH_PASSES
