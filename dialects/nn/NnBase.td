//===- NnBase.td - the nn dialect, its attributes and op base classes ----*- tablegen -* ---===//
//
// nn says what a model computes: tensors with value semantics, dynamic dimensions, numpy broadcasting. It says nothing of
// memory, layout in memory, tiles or threads.
//
//===---------------------------------------------------------------------------------------===//

#ifndef TENON_DIALECTS_NN_BASE
#define TENON_DIALECTS_NN_BASE

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "dialects/nn/NnInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Nn_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::tenon::nn";
  let summary = "What a neural network computes";
  let description = [{
    Operations on tensors with value semantics. Conventions that hold for every op:

    - Element types: f16, bf16, f32, f64, signless iN for signed integers, uiN for unsigned ones, i1 for booleans, and si64 for
      strings: the number of a text in the table of the run, 0 the empty one. Equal texts have equal numbers, so what only moves or compares
      elements needs to know nothing of texts. The module's `nn.strings` lists the texts 1, 2, ... of its constants. The floats
      of 4 to 8 bits and the integers of 2 and 4 bits are moved and cast, never computed with. complex<f32> and complex<f64> are moved, and
      taken apart (`nn.real`, `nn.imag`) and put together (`nn.complex`); arithmetic is that of the parts.
    - Extents are `index` values. An op whose result extents do not follow from its operands' extents takes them as
      operands, one per dimension (`sizes`); constants among them make the result type static.
    - Elementwise ops broadcast their operands as numpy does: shapes are aligned at the last dimension and an
      extent of 1 repeats. A dimension that is dynamic on both sides may turn out to be 1 on either.
    - Equal extents are the same SSA value once shapes have been inferred and common subexpressions are gone.
    - Data movement never changes bits.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def NN_Float : AnyTypeOf<[F16, BF16, F32, F64], "floating point">;
def NN_Int : AnyTypeOf<[I8, I16, I32, I64, UI8, UI16, UI32, UI64], "integer">;
def NN_SmallFloat : AnyTypeOf<[F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0FNU, F6E2M3FN, F6E3M2FN, F4E2M1FN],
                              "floating point of at most 8 bits">;
def NN_SmallInt : AnyTypeOf<[I<2>, I<4>, UI<2>, UI<4>], "integer below a byte">;
def NN_Element : AnyTypeOf<[NN_Float, NN_Int, I1, NN_SmallFloat, NN_SmallInt], "number or boolean">;
def NN_String : TypeAlias<SI64, "string">;
def NN_Complex : AnyTypeOf<[Complex<F32>, Complex<F64>], "complex number">;
def NN_Tensor : RankedTensorOf<[NN_Element, NN_String, NN_Complex]>;
def NN_ValueTensor : RankedTensorOf<[NN_Element]>;
def NN_StringTensor : RankedTensorOf<[NN_String]>;
def NN_ComplexTensor : RankedTensorOf<[NN_Complex]>;
def NN_PartTensor : RankedTensorOf<[F32, F64]>;
def NN_ScatteredTensor : RankedTensorOf<[NN_Float, NN_Int, I1, NN_String, NN_Complex]>;
def NN_ComparableTensor : RankedTensorOf<[NN_Float, NN_Int, I1, NN_String]>;
def NN_NumberOrBoolTensor : RankedTensorOf<[NN_Float, NN_Int, I1]>;
def NN_FloatTensor : RankedTensorOf<[NN_Float]>;
def NN_NumberTensor : RankedTensorOf<[NN_Float, NN_Int]>;
def NN_IntTensor : RankedTensorOf<[NN_Int]>;
def NN_IntOrBoolTensor : RankedTensorOf<[NN_Int, I1]>;
def NN_BoolTensor : RankedTensorOf<[I1]>;
def NN_IndexTensor : RankedTensorOf<[I32, I64]>;

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class NN_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::tenon::nn";
  let genSpecializedAttr = 0;
}

def NN_ComparePredicate : NN_Enum<"ComparePredicate", "comparison", [
  I32EnumAttrCase<"eq", 0>, I32EnumAttrCase<"ne", 1>, I32EnumAttrCase<"lt", 2>,
  I32EnumAttrCase<"le", 3>, I32EnumAttrCase<"gt", 4>, I32EnumAttrCase<"ge", 5>]>;
def NN_ComparePredicateAttr : EnumAttr<Nn_Dialect, NN_ComparePredicate, "predicate">;

def NN_ReduceKind : NN_Enum<"ReduceKind", "reduction", [
  I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"prod", 1>, I32EnumAttrCase<"max", 2>,
  I32EnumAttrCase<"min", 3>]>;
def NN_ReduceKindAttr : EnumAttr<Nn_Dialect, NN_ReduceKind, "reduce_kind">;

def NN_PoolKind : NN_Enum<"PoolKind", "pooling", [
  I32EnumAttrCase<"max", 0>, I32EnumAttrCase<"average", 1>, I32EnumAttrCase<"average_include_pad", 2>,
  I32EnumAttrCase<"sum", 3>]>;
def NN_PoolKindAttr : EnumAttr<Nn_Dialect, NN_PoolKind, "pool_kind">;

def NN_PadMode : NN_Enum<"PadMode", "padding", [
  I32EnumAttrCase<"constant", 0>, I32EnumAttrCase<"edge", 1>, I32EnumAttrCase<"reflect", 2>,
  I32EnumAttrCase<"wrap", 3>]>;
def NN_PadModeAttr : EnumAttr<Nn_Dialect, NN_PadMode, "pad_mode">;

def NN_ScaleRounding : NN_Enum<"ScaleRounding", "rounding to f8E8M0FNU", [
  I32EnumAttrCase<"up", 0>, I32EnumAttrCase<"down", 1>, I32EnumAttrCase<"nearest", 2>]>;
def NN_ScaleRoundingAttr : EnumAttr<Nn_Dialect, NN_ScaleRounding, "scale_rounding">;

def NN_ScatterKind : NN_Enum<"ScatterKind", "what a scatter does with the old value", [
  I32EnumAttrCase<"assign", 0>, I32EnumAttrCase<"add", 1>, I32EnumAttrCase<"mul", 2>,
  I32EnumAttrCase<"max", 3>, I32EnumAttrCase<"min", 4>]>;
def NN_ScatterKindAttr : EnumAttr<Nn_Dialect, NN_ScatterKind, "scatter_kind">;

def NN_ResizeMode : NN_Enum<"ResizeMode", "interpolation", [
  I32EnumAttrCase<"nearest", 0>, I32EnumAttrCase<"linear", 1>, I32EnumAttrCase<"cubic", 2>]>;
def NN_ResizeModeAttr : EnumAttr<Nn_Dialect, NN_ResizeMode, "resize_mode">;

def NN_ResizeCoordinate : NN_Enum<"ResizeCoordinate", "output to input coordinates", [
  I32EnumAttrCase<"half_pixel", 0>, I32EnumAttrCase<"half_pixel_symmetric", 1>,
  I32EnumAttrCase<"pytorch_half_pixel", 2>, I32EnumAttrCase<"align_corners", 3>,
  I32EnumAttrCase<"asymmetric", 4>, I32EnumAttrCase<"tf_half_pixel_for_nn", 5>,
  I32EnumAttrCase<"tf_crop_and_resize", 6>]>;
def NN_ResizeCoordinateAttr : EnumAttr<Nn_Dialect, NN_ResizeCoordinate, "resize_coordinate">;

def NN_ResizeNearest : NN_Enum<"ResizeNearest", "rounding of nearest coordinates", [
  I32EnumAttrCase<"round_prefer_floor", 0>, I32EnumAttrCase<"round_prefer_ceil", 1>,
  I32EnumAttrCase<"floor", 2>, I32EnumAttrCase<"ceil", 3>]>;
def NN_ResizeNearestAttr : EnumAttr<Nn_Dialect, NN_ResizeNearest, "resize_nearest">;

def NN_Direction : NN_Enum<"Direction", "direction of a recurrence", [
  I32EnumAttrCase<"forward", 0>, I32EnumAttrCase<"reverse", 1>, I32EnumAttrCase<"bidirectional", 2>]>;
def NN_DirectionAttr : EnumAttr<Nn_Dialect, NN_Direction, "direction">;

def NN_Activation : NN_Enum<"Activation", "activation of a recurrent cell", [
  I32EnumAttrCase<"sigmoid", 0>, I32EnumAttrCase<"tanh", 1>, I32EnumAttrCase<"relu", 2>,
  I32EnumAttrCase<"affine", 3>, I32EnumAttrCase<"leaky_relu", 4>, I32EnumAttrCase<"thresholded_relu", 5>,
  I32EnumAttrCase<"scaled_tanh", 6>, I32EnumAttrCase<"hard_sigmoid", 7>, I32EnumAttrCase<"elu", 8>,
  I32EnumAttrCase<"softsign", 9>, I32EnumAttrCase<"softplus", 10>]>;

//===----------------------------------------------------------------------===//
// Packed formats
//===----------------------------------------------------------------------===//

def NN_PackingAttr : AttrDef<Nn_Dialect, "Packing"> {
  let mnemonic = "packing";
  let summary = "format of a packed right-hand side";
  let description = [{
    A matrix rhs[K,N] packed for microkernels: panels of `nr` columns, K-major inside a panel, the last panel filled with
    zeros:

        packed[n / nr, k, n % nr] = rhs[k, n]

    `columns` is N. A 16-column multiple serves every vector width up to 16 lanes.

    With `group` = g, a power of two that divides K, a panel narrower than a vector holds the nr columns of each g steps of k with
    the g elements of a column side by side, so that a vector of nr * g lanes serves g steps. Row k and column n of a panel is its
    element number k / g * nr * g + n * g + k % g:

        packed[n / nr, k - k % g + i / nr, i % nr] = rhs[k, n] with i = n % nr * g + k % g

    With `winograd` = m, a convolution's filter is transformed for tiles of m results in every dimension whose window is larger than 1
    (Lavin and Gray, 2016): one such matrix for each of the (m + R - 1)... positions of a tile, K its channels; a panel holds all positions,
    in the order in which they are read. Of a window that is larger than 1 in three dimensions the first has no tiles: its planes are
    summed as channels are, K = planes x C with the channel innermost; so are the phases of the input where windows move by a stride. It
    excludes groups of convolutions and groups of k.
  }];
  let parameters = (ins "int64_t":$nr, "int64_t":$columns, DefaultValuedParameter<"int64_t", "0">:$winograd,
                        DefaultValuedParameter<"int64_t", "1">:$group);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Op base classes
//===----------------------------------------------------------------------===//

// Operands broadcast against each other; result element i depends on operand elements i only.
def NN_ElementwiseTrait : NativeOpTrait<"Elementwise"> {
  let cppNamespace = "::tenon::nn";
}

// A kernel computes all results of the op, since they hold its state.
def NN_NeedsAllResults : NativeOpTrait<"NeedsAllResults"> {
  let cppNamespace = "::tenon::nn";
}

// An op on tensors without side effects.
class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<Nn_Dialect, mnemonic, !listconcat(traits, [Pure])>;

// An op whose result types follow from its operands and attributes, and whose result extents can be computed in IR. The op
// says both at once, in `resultShapes` (see NnShapes.h): types are inferred by running it without a builder, extents are reified by running it
// with one. Inference gives what is certain; a written type may be more or less static than that.
class NN_InferredOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat(traits, [
          DeclareOpInterfaceMethods<InferTypeOpInterface, ["inferReturnTypes"]>,
          DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
          DeclareOpInterfaceMethods<NN_ExtentRequirements>])> {
  code inferredDeclarations = [{
    static bool isCompatibleReturnTypes(::mlir::TypeRange lhs, ::mlir::TypeRange rhs) {
      return ::tenon::nn::areCompatibleTypes(lhs, rhs);
    }
    /// Checks the operands against the op's constraints and appends element type and extents of each result.
    static ::llvm::LogicalResult resultShapes(Adaptor adaptor, ::tenon::nn::Extents &extents,
                                              ::llvm::SmallVectorImpl<::tenon::nn::TensorShape> &results);
  }];
  code inferredDefinitions = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(
        ::mlir::MLIRContext *context, ::std::optional<::mlir::Location> location, ::mlir::ValueRange operands,
        ::mlir::DictionaryAttr attributes, ::mlir::OpaqueProperties properties, ::mlir::RegionRange regions,
        ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      ::tenon::nn::Extents extents(context, location, getOperationName());
      ::llvm::SmallVector<::tenon::nn::TensorShape, 3> results;
      if (::mlir::failed(resultShapes(Adaptor(operands, attributes, properties, regions), extents, results)))
        return ::mlir::failure();
      return extents.appendTypes(results, types);
    }
    ::llvm::LogicalResult $cppClass::reifyResultShapes(::mlir::OpBuilder &builder,
                                                       ::mlir::ReifiedRankedShapedTypeDims &shapes) {
      ::tenon::nn::Extents extents(builder, getLoc());
      ::llvm::SmallVector<::tenon::nn::TensorShape, 3> results;
      if (::mlir::failed(resultShapes(Adaptor(*this), extents, results)))
        return ::mlir::failure();
      return extents.appendExtents(results, getOperation()->getResultTypes(), shapes);
    }
    void $cppClass::appendExtentRequirements(
        ::mlir::OpBuilder &builder, ::llvm::SmallVectorImpl<::tenon::nn::ExtentRequirement> &requirements) {
      ::tenon::nn::Extents extents(builder, getLoc(), &requirements);
      ::llvm::SmallVector<::tenon::nn::TensorShape, 3> results;
      (void)resultShapes(Adaptor(*this), extents, results);
    }
  }];
  let extraClassDeclaration = inferredDeclarations;
  let extraClassDefinition = inferredDefinitions;
}

#endif // TENON_DIALECTS_NN_BASE
