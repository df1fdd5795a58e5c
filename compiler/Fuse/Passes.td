//===- Passes.td - ops become kernels ------------------------------------------------------===//

#ifndef TENON_COMPILER_FUSE_PASSES
#define TENON_COMPILER_FUSE_PASSES

include "mlir/Pass/PassBase.td"

def MarkRoundedOnce : Pass<"tenon-mark-rounded-once", "::mlir::ModuleOp"> {
  let summary = "Mark arithmetic in front of roundings to integers.";
  let description = [{
    After the layout passes, which still rewrite ops; before FormKernels, because a value and the rounding that reads it are often in
    different kernels. A rounding turns a difference in the last bit into one of a whole step, which a quantized network amplifies. Values that
    are determined to the last bit are therefore computed to the last bit: the marked ops are not contracted, functions are correctly rounded. Behind a sum of
    floats nothing is marked, because the order of its terms is free (docs/decisions/0014-exact-in-front-of-roundings.md).

    ```
    %1 = nn.sigmoid %0 : (tensor<4xf32>) -> tensor<4xf32>
    %2 = nn.round %1 : (tensor<4xf32>) -> tensor<4xf32>
    ==>
    %1 = nn.sigmoid %0 {nn.rounded_once} : (tensor<4xf32>) -> tensor<4xf32>
    %2 = nn.round %1 : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

def FormKernels : Pass<"tenon-form-kernels", "::mlir::ModuleOp"> {
  let summary = "Group ops of @main into kernels and outline them.";
  let description = [{
    After the graph and layout passes, because grouping is decided from final ops and layouts; before scheduling, which sees one kernel
    at a time. Groups grow from producers to consumers: elementwise ops of one shape; a contraction with the elementwise ops that
    follow it; reductions with the elementwise ops of the same rows; attention of many rows. Views, constants and scalar arithmetic stay in @main.

    ```
    %0 = nn.exp %x : (tensor<4xf32>) -> tensor<4xf32>
    %1 = nn.neg %0 : (tensor<4xf32>) -> tensor<4xf32>
    ==>
    %1 = nn.launch @exp_neg_0(%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
  let options = [
    Option<"singleOp", "single-op", "bool", "false", "one op per kernel (reference lowering)">,
    Option<"attention", "attention", "bool", "true", "one kernel for softmax(q k) v, which computes the softmax in parts">,
  ];
  let dependentDialects = ["::mlir::func::FuncDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def PlaceParts : Pass<"tenon-place-parts", "::mlir::ModuleOp"> {
  let summary = "Let kernels write and read parts of tensors where they lie.";
  let description = [{
    After FormKernels, which decides what is a kernel of its own; before MergeEqualKernels, because kernels that find rows at different
    distances are different kernels. A concatenation along the last dimension becomes `nn.join`: the kernels that make its operands
    write them into its rows. A slice of the last dimension becomes `nn.part`: the kernels that use it read it where it is. The
    distances between rows are the kernels' `nn.pitches`. Operands that cannot be placed are copied by one kernel
    (docs/decisions/0018-parts-are-written-in-place.md). Not for the reference lowering.

    ```
    %1 = nn.launch @relu_0(%x) : (tensor<4x3xf32>) -> tensor<4x3xf32>
    %2 = nn.launch @neg_1(%y) : (tensor<4x5xf32>) -> tensor<4x5xf32>
    %3 = nn.launch @concat_2(%1, %2) : (tensor<4x3xf32>, tensor<4x5xf32>) -> tensor<4x8xf32>
    ==>
    %1 = nn.launch @relu_0(%x) : (tensor<4x3xf32>) -> tensor<4x3xf32>    // nn.pitches = array<i64: 0, 8>
    %2 = nn.launch @neg_1(%y) : (tensor<4x5xf32>) -> tensor<4x5xf32>     // nn.pitches = array<i64: 0, 8>
    %3 = nn.join %1, %2 : (tensor<4x3xf32>, tensor<4x5xf32>) -> tensor<4x8xf32>
    ```
  }];
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

def CountOperations : Pass<"tenon-count-operations", "::mlir::ModuleOp"> {
  let summary = "Note on every kernel how many floating-point operations its contractions have.";
  let description = [{
    After MergeEqualKernels, because equal kernels count once; before scheduling, which leaves loops. `tenon bench` compares the
    sum with what the processor could do. A kernel with a contraction of unknown extents gets no number.

    ```
    func.func private @matmul_0(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) attributes {nn.kernel}
    ==>
    func.func private @matmul_0(%a: tensor<2x3xf32>, %b: tensor<3x4xf32>) attributes {nn.kernel, nn.flops = 48}
    ```
  }];
}

#endif // TENON_COMPILER_FUSE_PASSES
