//===- NnElementwise.td - one result element from one element of each operand ------------===//

#ifndef TENON_DIALECTS_NN_ELEMENTWISE
#define TENON_DIALECTS_NN_ELEMENTWISE

include "dialects/nn/NnBase.td"

// Inference and reification are shared by all elementwise ops: the broadcast of the operands' shapes. `element` is a C++ expression
// of the result's element type, `compared` one of the operands whose element types must agree.
class NN_ElementwiseOp<string mnemonic, list<Trait> traits = [],
                       string element = "extents.element(adaptor.getOperands().front())",
                       string compared = "adaptor.getOperands()">
    : NN_InferredOp<mnemonic, !listconcat([NN_ElementwiseTrait], traits)> {
  let extraClassDefinition = !strconcat(inferredDefinitions, [{
    ::llvm::LogicalResult $cppClass::resultShapes(Adaptor adaptor, ::tenon::nn::Extents &extents,
                                                  ::llvm::SmallVectorImpl<::tenon::nn::TensorShape> &results) {
      return extents.appendElementwise(adaptor.getOperands(), }], compared, ", ", element, [{, results);
    }
  }]);
}

class NN_UnaryOp<string mnemonic, string what, Type operandType, Type resultType = operandType, list<Trait> traits = [],
                 string element = "extents.element(adaptor.getInput())">
    : NN_ElementwiseOp<mnemonic, traits, element> {
  let summary = what;
  let arguments = (ins operandType:$input);
  let results = (outs resultType:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

class NN_FloatUnaryOp<string mnemonic, string what> : NN_UnaryOp<mnemonic, what, NN_FloatTensor>;

def NN_AbsOp : NN_UnaryOp<"abs", "absolute value; the lowest integer stays itself", NN_NumberTensor>;
def NN_NegOp : NN_UnaryOp<"neg", "negation; integers wrap", NN_NumberTensor>;
def NN_SignOp : NN_UnaryOp<"sign", "-1, 0 or 1; NaN stays NaN", NN_NumberTensor>;
def NN_NotOp : NN_UnaryOp<"not", "logical (i1) or bitwise (integers) complement", NN_IntOrBoolTensor>;
def NN_ExpOp : NN_FloatUnaryOp<"exp", "e to the power of x">;
def NN_Expm1Op : NN_FloatUnaryOp<"expm1", "exp(x) - 1, exact near 0">;
def NN_LogOp : NN_FloatUnaryOp<"log", "natural logarithm">;
def NN_Log1pOp : NN_FloatUnaryOp<"log1p", "log(1 + x), exact near 0">;
def NN_SqrtOp : NN_FloatUnaryOp<"sqrt", "square root, correctly rounded">;
def NN_ErfOp : NN_FloatUnaryOp<"erf", "error function">;
def NN_SinOp : NN_FloatUnaryOp<"sin", "sine">;
def NN_CosOp : NN_FloatUnaryOp<"cos", "cosine">;
def NN_TanOp : NN_FloatUnaryOp<"tan", "tangent">;
def NN_AsinOp : NN_FloatUnaryOp<"asin", "inverse sine">;
def NN_AcosOp : NN_FloatUnaryOp<"acos", "inverse cosine">;
def NN_AtanOp : NN_FloatUnaryOp<"atan", "inverse tangent">;
def NN_SinhOp : NN_FloatUnaryOp<"sinh", "hyperbolic sine">;
def NN_CoshOp : NN_FloatUnaryOp<"cosh", "hyperbolic cosine">;
def NN_TanhOp : NN_FloatUnaryOp<"tanh", "hyperbolic tangent">;
def NN_AsinhOp : NN_FloatUnaryOp<"asinh", "inverse hyperbolic sine">;
def NN_AcoshOp : NN_FloatUnaryOp<"acosh", "inverse hyperbolic cosine">;
def NN_AtanhOp : NN_FloatUnaryOp<"atanh", "inverse hyperbolic tangent">;
def NN_SigmoidOp : NN_FloatUnaryOp<"sigmoid", "1 / (1 + exp(-x))">;
def NN_FloorOp : NN_FloatUnaryOp<"floor", "largest whole number not above x">;
def NN_CeilOp : NN_FloatUnaryOp<"ceil", "smallest whole number not below x">;
def NN_RoundOp : NN_FloatUnaryOp<"round", "nearest whole number, halves to even">;

def NN_IsNanOp : NN_UnaryOp<"is_nan", "whether x is NaN", NN_FloatTensor, NN_BoolTensor, [], "extents.boolean()">;
def NN_IsInfOp : NN_UnaryOp<"is_inf", "whether x is an infinity of a wanted sign", NN_FloatTensor, NN_BoolTensor, [], "extents.boolean()"> {
  let arguments = (ins NN_FloatTensor:$input, DefaultValuedAttr<BoolAttr, "true">:$positive,
                       DefaultValuedAttr<BoolAttr, "true">:$negative);
}

def NN_CastOp : NN_ElementwiseOp<"cast", [], "adaptor.getElementType()"> {
  let summary = "value conversion between element types";
  let description = [{
    Float to integer truncates towards zero; out of range values saturate in the reference and in fast code alike (ONNX
    leaves them undefined). Integer to narrower integer wraps. Anything to i1 is `x != 0` (NaN is true). Float to
    narrower float rounds to nearest even; f64 to f16 and bf16 in one rounding.
    The result element type is the one of the written result type.
  }];
  let arguments = (ins NN_Tensor:$input, TypeAttr:$element_type);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `to` $element_type attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_BitcastOp : NN_ElementwiseOp<"bitcast", [], "adaptor.getElementType()"> {
  let summary = "the same bits as another element type of equal width";
  let arguments = (ins NN_Tensor:$input, TypeAttr:$element_type);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `to` $element_type attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

class NN_BinaryOp<string mnemonic, string what, Type operandType, list<Trait> traits = []>
    : NN_ElementwiseOp<mnemonic, traits> {
  let summary = what;
  let arguments = (ins operandType:$lhs, operandType:$rhs);
  let results = (outs operandType:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_AddOp : NN_BinaryOp<"add", "sum; integers wrap", NN_NumberTensor, [Commutative]> { let hasFolder = 1; }
def NN_SubOp : NN_BinaryOp<"sub", "difference; integers wrap", NN_NumberTensor> { let hasFolder = 1; }
def NN_MulOp : NN_BinaryOp<"mul", "product; integers wrap", NN_NumberTensor, [Commutative]> { let hasFolder = 1; }
def NN_DivOp : NN_BinaryOp<"div",
    "quotient; integers truncate towards zero, x / 0 is 0 and lowest / -1 is lowest", NN_NumberTensor> { let hasFolder = 1; }
def NN_ModOp : NN_BinaryOp<"mod", "remainder with the sign of the divisor (Python's %); x mod 0 is 0 for integers", NN_NumberTensor>;
def NN_RemOp : NN_BinaryOp<"rem", "remainder with the sign of the dividend (C's fmod); x rem 0 is 0 for integers", NN_NumberTensor>;
def NN_PowOp : NN_BinaryOp<"pow", "power; integer powers by repeated multiplication, wrapping, negative exponents truncate", NN_NumberTensor>;
def NN_MaxOp : NN_BinaryOp<"max", "larger value; NaN if one is NaN", NN_NumberTensor, [Commutative]>;
def NN_MinOp : NN_BinaryOp<"min", "smaller value; NaN if one is NaN", NN_NumberTensor, [Commutative]>;
def NN_AndOp : NN_BinaryOp<"and", "logical or bitwise and", NN_IntOrBoolTensor, [Commutative]>;
def NN_OrOp : NN_BinaryOp<"or", "logical or bitwise or", NN_IntOrBoolTensor, [Commutative]>;
def NN_XorOp : NN_BinaryOp<"xor", "logical or bitwise exclusive or", NN_IntOrBoolTensor, [Commutative]>;
def NN_ShlOp : NN_BinaryOp<"shl", "shift left; 0 if the shift is the width or more", NN_IntTensor>;
def NN_ShrOp : NN_BinaryOp<"shr", "logical (uiN) or arithmetic (iN) shift right; 0 or the sign if the shift is the width or more", NN_IntTensor>;

def NN_CompareOp : NN_ElementwiseOp<"compare", [], "extents.boolean()"> {
  let summary = "comparison; with NaN only `ne` is true";
  let arguments = (ins NN_ComparePredicateAttr:$predicate, NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_BoolTensor:$result);
  let assemblyFormat = "$predicate `,` $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_SelectOp : NN_ElementwiseOp<"select", [], "extents.element(adaptor.getOnTrue())", "adaptor.getOperands().drop_front()"> {
  let summary = "`condition ? on_true : on_false`";
  let arguments = (ins NN_BoolTensor:$condition, NN_Tensor:$on_true, NN_Tensor:$on_false);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$condition `,` $on_true `,` $on_false attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_ELEMENTWISE
