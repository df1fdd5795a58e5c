//===- Passes.td - passes of the Graph stage -------------------------------------------------*- tablegen -* --===//

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

def SimplifyAlgebraPass : Pass<"tenon-simplify-algebra"> {
  let summary = "Replace elementwise ops by cheaper ones of the same value";
  let description = [{
    After FoldConstants, which leaves the constants that the patterns look for. Only rewrites that give the same bits, infinities, NaN and
    signed zeros included: powers with small exponents, division by powers of two, chains of bounds, conversions that lose nothing, signs and
    choices.

        %1 = nn.pow %x, %two : ...
      ==>
        %1 = nn.mul %x, %x : ...
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def SimplifyMovementPass : Pass<"tenon-simplify-movement"> {
  let summary = "Compose, cancel and cheapen reshape, transpose, broadcast, slice, concat, pad and gather";
  let description = [{
    After InferShapes: whether a slice is whole or a broadcast needed is a question about extents. Before FoldIntoWeights and SinkMovement,
    which then meet one movement instead of several.

        %1 = nn.transpose %x {permutation = array<i64: 1, 0, 2>} : (tensor<1x7x5xf32>) -> tensor<7x1x5xf32>
      ==>
        %1 = nn.reshape %x [%c7, %c1, %c5] : tensor<1x7x5xf32> -> tensor<7x1x5xf32>
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def SinkMovementPass : Pass<"tenon-sink-movement"> {
  let summary = "Move elementwise ops and reductions before reshapes and transposes of computed values";
  let description = [{
    After SimplifyMovement, so that only movements that are needed are left; before FoldIntoWeights, because a factor behind a reshape of a
    convolution comes next to the convolution. Fusion sees producer and consumer side by side.

        %1 = nn.reshape %conv [...] : tensor<?x8x5x1xf32> -> tensor<?x8x5xf32>
        %2 = nn.add %1, %bias : (tensor<?x8x5xf32>, tensor<1x8x1xf32>) -> tensor<?x8x5xf32>
      ==>
        %1 = nn.add %conv, %reshaped_bias : (tensor<?x8x5x1xf32>, tensor<1x8x1x1xf32>) -> tensor<?x8x5x1xf32>
        %2 = nn.reshape %1 [...] : tensor<?x8x5x1xf32> -> tensor<?x8x5xf32>
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def FoldPaddingPass : Pass<"tenon-fold-padding"> {
  let summary = "Make a pad before a convolution or pool its own";
  let description = [{
    After SimplifyMovement, which joins pads. The padded tensor is never written.

        %1 = nn.pad constant, %x [0, 0, 1] [0, 0, 1] fill %zero : ...
        %2 = nn.conv %1, %w {pads = array<i64: 0, 0>} : ...
      ==>
        %2 = nn.conv %x, %w {pads = array<i64: 1, 1>} : ...
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def MergeDimensionsPass : Pass<"tenon-merge-dimensions"> {
  let summary = "Make two dimensions one that windows of a convolution do not see";
  let description = [{
    After FoldPadding and FoldIntoWeights, which look for convolutions next to other ops. Windows of 3x1x1 are windows of 3x1 over lines as long as a
    plane, which Winograd's algorithm transforms. Planewise ops stay as they are.

        %1 = nn.conv %x, %w {kernel = array<i64: 3, 1, 1>, ...} : (tensor<1x4x5x6x7xf32>, tensor<8x4x3x1x1xf32>) -> tensor<1x8x3x6x7xf32>
      ==>
        %0 = nn.reshape %x [%c1, %c4, %c5, %c42] : tensor<1x4x5x6x7xf32> -> tensor<1x4x5x42xf32>
        %v = nn.reshape %w [%c8, %c4, %c3, %c1] : tensor<8x4x3x1x1xf32> -> tensor<8x4x3x1xf32>
        %1 = nn.conv %0, %v {kernel = array<i64: 3, 1>, ...} : (tensor<1x4x5x42xf32>, tensor<8x4x3x1xf32>) -> tensor<1x8x3x42xf32>
        %2 = nn.reshape %1 [%c1, %c8, %c3, %c6, %c7] : tensor<1x8x3x42xf32> -> tensor<1x8x3x6x7xf32>
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def CombineFactorsPass : Pass<"tenon-combine-factors"> {
  let summary = "Make quotients by constants products and chains of constant factors one";
  let description = [{
    Before FoldIntoWeights, which moves what is left into weights where there are some next to it. Not under --exact: results differ
    in the last places, where no step function reads them.

        %1 = nn.div %x, %six : ...
        %2 = nn.mul %1, %scale : ...
        %3 = nn.add %2, %shift : ...
        %4 = nn.conv %3, %w : ...
      ==>
        %2 = nn.add %x, %shift_over_factor : ...
        %3 = nn.mul %2, %factor : ...
        %4 = nn.conv %3, %w : ...
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def FoldIntoWeightsPass : Pass<"tenon-fold-into-weights"> {
  let summary = "Move constant factors into the weights of contractions and merge their biases";
  let description = [{
    After SinkMovement, which brings factors next to contractions; before DecomposeConvTranspose, whose result hides the
    weights behind movements. Folds the products of weights itself, so that a chain of factors disappears.

        %1 = nn.conv %x, %w : ...
        %2 = nn.mul %1, %scale : ...
        %3 = nn.add %2, %shift : ...
      ==>
        %1 = nn.conv %x, %scaled_w : ...
        %3 = nn.add %1, %shift : ...
  }];
  let options = [
    Option<"limitBytes", "limit-bytes", "int64_t", "65536", "As in tenon-fold-constants">,
    Option<"limitElements", "limit-elements", "int64_t", "int64_t(1) << 32", "As in tenon-fold-constants">];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def RecognizeLookupPass : Pass<"tenon-recognize-lookup"> {
  let summary = "Turn matrix products with one-hot rows into gathers";
  let description = [{
    After FoldConstants: the row numbers must be a constant 0, 1, ..., N-1.

        %1 = nn.compare eq, %x, %counting : (tensor<?x1xi32>, tensor<1x257xi32>) -> tensor<?x257xi1>
        %2 = nn.cast %1 to f32 : ...
        %3 = nn.matmul %2, %table : (tensor<?x257xf32>, tensor<257x64xf32>) -> tensor<?x64xf32>
      ==>
        %3 = nn.gather %table_and_zeros, %bounded_x {axis = 0 : i64} : ...
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def MergeProductsPass : Pass<"tenon-merge-products"> {
  let summary = "Make one matrix product of several with the same constant right-hand side";
  let description = [{
    After FoldIntoWeights: biases and factors are where they stay, and are taken along. Before the last SimplifyMovement, which brings the stacked
    rows nearer to what they are slices of. Products of few rows (or of unknown many, if there are several) that do not need each other's
    results, as the input parts of an unrolled recurrence: weights of 64 KiB and more are read once instead of once for each.

        %1 = nn.matmul %x0, %w : (tensor<1x512xf32>, tensor<512x400xf32>) -> tensor<1x400xf32>
        %2 = nn.matmul %x1, %w : (tensor<1x512xf32>, tensor<512x400xf32>) -> tensor<1x400xf32>
      ==>
        %0 = nn.concat %x0 as 1x1x512, %x1 as 1x1x512 {axis = 0 : i64} : ... -> tensor<2x1x512xf32>
        %3 = nn.matmul %0, %w : (tensor<2x1x512xf32>, tensor<512x400xf32>) -> tensor<2x1x400xf32>
        // slices of %3, reshaped, for %1 and %2
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def DecomposeConvTransposePass : Pass<"tenon-decompose-conv-transpose"> {
  let summary = "Write transposed convolutions as convolutions whose channels are interleaved";
  let description = [{
    After FoldIntoWeights (factors are in the filter by now); before the last FoldConstants, which rearranges constant filters.

        %1 = nn.conv_transpose %x, %w {strides = array<i64: 2>, ...} : (tensor<1x4x10xf32>, tensor<4x3x4xf32>) -> tensor<1x3x20xf32>
      ==>
        %1 = nn.conv %x, %rearranged : ... -> tensor<1x6x11xf32>
        // reshape, transpose, reshape, slice -> tensor<1x3x20xf32>
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

#endif // TENON_COMPILER_GRAPH_PASSES
