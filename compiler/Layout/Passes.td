//===- Passes.td - passes of the Layout stage ------------------------------------------------*- tablegen -* --===//

#ifndef TENON_COMPILER_LAYOUT_PASSES
#define TENON_COMPILER_LAYOUT_PASSES

include "mlir/Pass/PassBase.td"

def ConvertToChannelsLastPass : Pass<"tenon-convert-to-channels-last"> {
  let summary = "Give convolutions and pools channels-last data and move the transpositions out of their way";
  let description = [{
    First in the stage: packing asks for the layout, and fusion for producer and consumer without a movement between them. A transposition that a
    convolution's result brings along is pushed through the ops that follow until it meets its inverse or leaves the model (why
    channels last: docs/decisions/0003-channels-last.md).

        %1 = nn.conv %x, %w {...} : (tensor<1x8x32x32xf32>, tensor<16x8x3x3xf32>) -> tensor<1x16x32x32xf32>
        %2 = nn.max %1, %zero : ...
      ==>
        %0 = nn.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x8x32x32xf32>) -> tensor<1x32x32x8xf32>
        %1 = nn.conv %0, %w {channels_last, ...} : (tensor<1x32x32x8xf32>, tensor<16x8x3x3xf32>) -> tensor<1x32x32x16xf32>
        %2 = nn.max %1, %zero : ...
        %3 = nn.transpose %2 {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x32x32x16xf32>) -> tensor<1x16x32x32xf32>
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def RestoreChannelsFirstPass : Pass<"tenon-restore-channels-first"> {
  let summary = "Take channels last back where nothing but planewise ops lies between two transpositions";
  let description = [{
    After ConvertToChannelsLast, whose transpositions it removes. Pooling and convolutions with one channel in a group run on channels-first data as well, if
    lines are long enough for vectors along them. Where such ops, with elementwise ones between, only read what a transposition gives and are only
    read by transpositions back, all of them go: a pass over memory each, where the ops themselves are hardly more than one.

        %0 = nn.transpose %x {permutation = array<i64: 0, 2, 3, 1>} : (tensor<1x8x32x32xf32>) -> tensor<1x32x32x8xf32>
        %1 = nn.pool max, %0 {channels_last, ...} : (tensor<1x32x32x8xf32>) -> tensor<1x16x16x8xf32>
        %2 = nn.transpose %1 {permutation = array<i64: 0, 3, 1, 2>} : (tensor<1x16x16x8xf32>) -> tensor<1x8x16x16xf32>
      ==>
        %2 = nn.pool max, %x {...} : (tensor<1x8x32x32xf32>) -> tensor<1x8x16x16xf32>
  }];
  let options = [Option<"vectorBytes", "vector-bytes", "int64_t", "16", "Size of a vector, which a line of the result should fill">];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def SinkReshapesPass : Pass<"tenon-sink-reshapes"> {
  let summary = "Compute elementwise ops on contractions before the results are reshaped";
  let description = [{
    After SinkMovement, which does the same where only dimensions of one element come or go, and which leaves other reshapes where the passes before have
    made them: around products of pixels and merged dimensions. Before PackWeights and fusion, for which a contraction and its epilogue must have one shape.

        %1 = nn.matmul %w, %x : ... -> tensor<1x8x784xf32>
        %2 = nn.reshape %1 [%c1, %c8, %c28, %c28] : tensor<1x8x784xf32> -> tensor<1x8x28x28xf32>
        %3 = nn.max %2, %zero : ...
      ==>
        %2 = nn.max %1, %zero : ... -> tensor<1x8x784xf32>
        %3 = nn.reshape %2 [%c1, %c8, %c28, %c28] : tensor<1x8x784xf32> -> tensor<1x8x28x28xf32>
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def TabulateResizePass : Pass<"tenon-tabulate-resize"> {
  let summary = "Split interpolation into tables of positions and weights, and sums over them";
  let description = [{
    After ConvertToChannelsLast, which permutes the dimensions of nn.resize; before FoldConstants, which computes the tables of known extents. A table has
    an entry per result index of a dimension: kernels look up what they would compute again for every element. What the scale says of distances goes along, for
    kernels know no extents of a run. Antialiasing of known extents becomes one such sum for each dimension, of constant tables. tf_crop_and_resize, and
    antialiasing of other extents, stay as they are.

        %1 = nn.resize linear, half_pixel, floor, %x [%c1, %c160] scales [%one, %two] : tensor<1x80xf32> -> tensor<1x160xf32>
      ==>
        %p = nn.resize_positions linear, half_pixel, floor, %c80 to %c160 scale %two : tensor<2x160xi32>
        %w = nn.resize_weights linear, half_pixel, %c80 to %c160 scale %two {element = f32} : tensor<2x160xf32>
        %1 = nn.resample %x at [%p] weights [%w] {dims = array<i64: 1>, advances = array<f64: 0.5>} : ...
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

def PackWeightsPass : Pass<"tenon-pack-weights"> {
  let summary = "Bring right-hand sides of matrix products and filters into the panels that microkernels read";
  let description = [{
    After ConvertToChannelsLast, because only channels-last convolutions run on packed filters. A constant is packed here, transpositions
    included; its bytes become a new resource. A convolution with a window of one position is a matrix product of the pixels it reads. The filter of another
    is transformed for Winograd's algorithm where that pays. Where extents are known at run time only, it may have several forms, of which the run takes one. Other right-hand sides are packed
    when the model runs, if they are large enough to pay for a pass over memory; small ones are packed by the product's own kernel.

        %1 = nn.matmul %x, %w : (tensor<?x64xf32>, tensor<64x40xf32>) -> tensor<?x40xf32>
      ==>
        %w1 = nn.constant dense_resource<packed> : tensor<3x64x16xf32>
        %1 = nn.matmul %x, %w1 {packing = #nn.packing<nr = 16, columns = 40>} : (tensor<?x64xf32>, tensor<3x64x16xf32>) -> tensor<?x40xf32>
  }];
  let options = [
    Option<"runtimeBytes", "runtime-bytes", "int64_t", "524288",
           "Size from which a right-hand side that is not constant gets a kernel of its own for packing: what a core's cache does not hold">,
    Option<"lastLevelBytes", "last-level-bytes", "int64_t", "12582912",
           "What weights may take of a cache that several cores share: the estimate of Winograd's algorithm reads them from there, or from memory">,
    Option<"vectorBytes", "vector-bytes", "int64_t", "16",
           "Size of a vector: a panel of fewer columns holds several steps of k side by side (`group` of nn.packing)">,
    Option<"winograd", "winograd", "bool", "true",
           "Transform filters for Winograd's algorithm where it is faster; they take up to four times the memory">];
  let dependentDialects = ["::tenon::nn::NnDialect", "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
}

#endif // TENON_COMPILER_LAYOUT_PASSES
