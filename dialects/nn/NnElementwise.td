//===- NnElementwise.td - one result element from one element of each operand --------------===//

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

// What is said of every unary op: the formula in terms of x, the ONNX op it comes from and the element types it takes.
class NN_UnaryOp<string mnemonic, string what, string formula, string onnx, Type operandType, string valid, string invalid,
                 Type resultType = operandType, string element = "extents.element(adaptor.getInput())">
    : NN_ElementwiseOp<mnemonic, [], element> {
  let summary = what;
  let description = !strconcat([{
        result[i...] = }], formula, [{     with x = input[i...]

    From ONNX }], onnx, [{.
    - Valid: `nn.}], mnemonic, " ", valid, [{`
    - Invalid: `nn.}], mnemonic, " ", invalid, [{` (the element type)
  }]);
  let arguments = (ins operandType:$input);
  let results = (outs resultType:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

// How exact a transcendental function is, is up to the lowering, which states a bound; what must hold at infinities, zeros and NaN is what
// IEEE 754-2019, 9.2.1, says.
class NN_FloatUnaryOp<string mnemonic, string what, string formula, string onnx>
    : NN_UnaryOp<mnemonic, what, formula, onnx, NN_FloatTensor, "%x : (tensor<?x4xf32>) -> tensor<?x4xf32>",
                 "%x : (tensor<4xi32>) -> tensor<4xi32>">;

class NN_NumberUnaryOp<string mnemonic, string what, string formula, string onnx>
    : NN_UnaryOp<mnemonic, what, formula, onnx, NN_NumberTensor, "%x : (tensor<?x4xi8>) -> tensor<?x4xi8>",
                 "%x : (tensor<4xi1>) -> tensor<4xi1>">;

class NN_FloatPredicateOp<string mnemonic, string what, string formula, string onnx>
    : NN_UnaryOp<mnemonic, what, formula, onnx, NN_FloatTensor, "%x : (tensor<?x4xf32>) -> tensor<?x4xi1>",
                 "%x : (tensor<4xi32>) -> tensor<4xi1>", NN_BoolTensor, "extents.boolean()">;

def NN_AbsOp : NN_NumberUnaryOp<"abs", "absolute value; the lowest integer stays itself", "|x|", "Abs (1, 6, 13)">;
def NN_NegOp : NN_NumberUnaryOp<"neg", "negation; integers wrap", "-x", "Neg (1, 6, 13)">;
def NN_SignOp : NN_NumberUnaryOp<"sign", "-1, 0 or 1; NaN stays NaN", "(x > 0) - (x < 0)", "Sign (9, 13)">;
def NN_NotOp : NN_UnaryOp<"not", "logical (i1) or bitwise (integers) complement", "~x", "Not (1), BitwiseNot (18)", NN_IntOrBoolTensor,
                          "%x : (tensor<?x4xi1>) -> tensor<?x4xi1>", "%x : (tensor<4xf32>) -> tensor<4xf32>">;
def NN_ExpOp : NN_FloatUnaryOp<"exp", "e to the power of x", "e ^ x", "Exp (1, 6, 13)">;
def NN_Expm1Op : NN_FloatUnaryOp<"expm1", "exp(x) - 1, exact near 0", "e ^ x - 1", "Elu, Selu and Celu, which are compositions">;
def NN_LogOp : NN_FloatUnaryOp<"log", "natural logarithm", "ln x", "Log (1, 6, 13)">;
def NN_Log1pOp : NN_FloatUnaryOp<"log1p", "log(1 + x), exact near 0", "ln(1 + x)", "Softplus (1), which is a composition">;
def NN_SqrtOp : NN_FloatUnaryOp<"sqrt", "square root, correctly rounded", "sqrt(x)", "Sqrt (1, 6, 13)">;
def NN_ErfOp : NN_FloatUnaryOp<"erf", "error function", "2 / sqrt(pi) * integral of e ^ -t^2 from 0 to x", "Erf (9, 13)">;
def NN_SinOp : NN_FloatUnaryOp<"sin", "sine", "sin(x)", "Sin (7, 22)">;
def NN_CosOp : NN_FloatUnaryOp<"cos", "cosine", "cos(x)", "Cos (7, 22)">;
def NN_TanOp : NN_FloatUnaryOp<"tan", "tangent", "tan(x)", "Tan (7, 22)">;
def NN_AsinOp : NN_FloatUnaryOp<"asin", "inverse sine", "arcsin(x)", "Asin (7, 22)">;
def NN_AcosOp : NN_FloatUnaryOp<"acos", "inverse cosine", "arccos(x)", "Acos (7, 22)">;
def NN_AtanOp : NN_FloatUnaryOp<"atan", "inverse tangent", "arctan(x)", "Atan (7, 22)">;
def NN_SinhOp : NN_FloatUnaryOp<"sinh", "hyperbolic sine", "(e ^ x - e ^ -x) / 2", "Sinh (9, 22)">;
def NN_CoshOp : NN_FloatUnaryOp<"cosh", "hyperbolic cosine", "(e ^ x + e ^ -x) / 2", "Cosh (9, 22)">;
def NN_TanhOp : NN_FloatUnaryOp<"tanh", "hyperbolic tangent", "sinh(x) / cosh(x)", "Tanh (1, 6, 13)">;
def NN_AsinhOp : NN_FloatUnaryOp<"asinh", "inverse hyperbolic sine", "arsinh(x)", "Asinh (9, 22)">;
def NN_AcoshOp : NN_FloatUnaryOp<"acosh", "inverse hyperbolic cosine", "arcosh(x)", "Acosh (9, 22)">;
def NN_AtanhOp : NN_FloatUnaryOp<"atanh", "inverse hyperbolic tangent", "artanh(x)", "Atanh (9, 22)">;
def NN_SigmoidOp : NN_FloatUnaryOp<"sigmoid", "logistic function", "1 / (1 + e ^ -x)", "Sigmoid (1, 6, 13)">;
def NN_FloorOp : NN_FloatUnaryOp<"floor", "largest whole number not above x", "floor(x)", "Floor (1, 6, 13)">;
def NN_CeilOp : NN_FloatUnaryOp<"ceil", "smallest whole number not below x", "ceil(x)", "Ceil (1, 6, 13)">;
def NN_RoundOp : NN_FloatUnaryOp<"round", "nearest whole number, halves to even", "round(x)", "Round (11, 22)">;

def NN_IsNanOp : NN_FloatPredicateOp<"is_nan", "whether x is NaN", "x != x", "IsNaN (9, 13, 20)">;
def NN_IsInfOp : NN_FloatPredicateOp<"is_inf", "whether x is an infinity of a wanted sign",
                                     "(positive and x == inf) or (negative and x == -inf)",
                                     "IsInf (10, 20); both signs are wanted by default"> {
  let arguments = (ins NN_FloatTensor:$input, DefaultValuedAttr<BoolAttr, "true">:$positive,
                       DefaultValuedAttr<BoolAttr, "true">:$negative);
}

def NN_CastOp : NN_ElementwiseOp<"cast", [], "adaptor.getElementType()"> {
  let summary = "value conversion between element types";
  let description = [{
        result[i...] = input[i...] as a number of type `element_type`

    Float to integer truncates towards zero; values out of range saturate and NaN gives 0, in the reference and in fast code alike
    (ONNX leaves them undefined). Integer to narrower integer wraps. Anything to i1 is `x != 0` (NaN is true). Integers and wider
    floats to a float round to nearest even; f64 to f16 and bf16 in one rounding. Float to an integer below a byte is the low bits of the i32 that it
    would be, as in ONNX's tests.

    To a float of at most 8 bits there is one rounding, to nearest even, from every type. With `saturate` (true by default) what is
    above the largest number becomes that number, infinity too; without it infinity, or NaN where there is no infinity. Floats
    without NaN saturate always; NaN becomes a zero. The power of two f8E8M0FNU is rounded as `scale_rounding` says (up by default): `up`,
    `down` or `nearest` (halves up); with `saturate` 0 becomes 2^-127, without it NaN, and so does, rounded down, anything below 2^-127. Its sign is
    dropped.

    From ONNX Cast (1, 6, 9, 13, 19, 21, 23, 24, 25, 28) and CastLike (15, 19, 21, 23, 24, 25).
    - Valid: `nn.cast %x to f8E4M3FN {saturate = false} : (tensor<?xf32>) -> tensor<?xf8E4M3FN>`
    - Invalid: `nn.cast %x to i8 : (tensor<?xf32>) -> tensor<?xi16>` (the result has another element type)
  }];
  let arguments = (ins NN_ValueTensor:$input, TypeAttr:$element_type, DefaultValuedAttr<BoolAttr, "true">:$saturate,
                       DefaultValuedAttr<NN_ScaleRoundingAttr, "::tenon::nn::ScaleRounding::up">:$scale_rounding);
  let results = (outs NN_ValueTensor:$result);
  let assemblyFormat = "$input `to` $element_type attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_BitcastOp : NN_ElementwiseOp<"bitcast", [], "adaptor.getElementType()"> {
  let summary = "the same bits as another element type of equal width";
  let description = [{
        bits of result[i...] = bits of input[i...]

    C3: `element_type` has as many bits as the operand's element type.

    From ONNX BitCast (26).
    - Valid: `nn.bitcast %x to i32 : (tensor<?xf32>) -> tensor<?xi32>`
    - Invalid: `nn.bitcast %x to i16 : (tensor<?xf32>) -> tensor<?xi16>` (C3)
  }];
  let arguments = (ins NN_Tensor:$input, TypeAttr:$element_type);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `to` $element_type attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

// The parts of a complex number.
class NN_ComplexPartOp<string mnemonic, string what, string formula>
    : NN_UnaryOp<mnemonic, what, formula, "operators on complex numbers, by composition", NN_ComplexTensor,
                 "%x : (tensor<?x4xcomplex<f32>>) -> tensor<?x4xf32>", "%x : (tensor<4xf32>) -> tensor<4xf32>", NN_PartTensor,
                 "::tenon::nn::Extents::part(adaptor.getInput())">;

def NN_RealOp : NN_ComplexPartOp<"real", "real part", "re x">;
def NN_ImagOp : NN_ComplexPartOp<"imag", "imaginary part", "im x">;

def NN_ComplexOp : NN_ElementwiseOp<"complex", [], "::tenon::nn::Extents::complexOf(adaptor.getReal())"> {
  let summary = "complex number of its parts";
  let description = [{
        result[i...] = real[i...] + i * imag[i...]     the operands broadcast

    C1: the operands have one element type. C2: their shapes broadcast.

    From ONNX operators on complex numbers, by composition.
    - Valid: `nn.complex %x, %y : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xcomplex<f32>>`
    - Invalid: `nn.complex %x, %y : (tensor<4xf32>, tensor<4xf64>) -> tensor<4xcomplex<f32>>` (C1)
  }];
  let arguments = (ins NN_PartTensor:$real, NN_PartTensor:$imag);
  let results = (outs NN_ComplexTensor:$result);
  let assemblyFormat = "$real `,` $imag attr-dict `:` functional-type(operands, results)";
}

// What is said of every binary op: the formula in terms of a and b and the ONNX op it comes from.
class NN_BinaryOp<string mnemonic, string what, string formula, string onnx, Type operandType, list<Trait> traits = []>
    : NN_ElementwiseOp<mnemonic, traits> {
  let summary = what;
  let description = !strconcat([{
        result[i...] = }], formula, [{     with a = lhs[i...] and b = rhs[i...], broadcast

    C1: the operands have one element type. C2: their shapes broadcast.

    From ONNX }], onnx, [{.
    - Valid: `nn.}], mnemonic, [{ %x, %y : (tensor<?x4xi32>, tensor<4xi32>) -> tensor<?x4xi32>`
    - Invalid: `nn.}], mnemonic, [{ %x, %y : (tensor<3xi32>, tensor<4xi32>) -> tensor<4xi32>` (C2)
  }]);
  let arguments = (ins operandType:$lhs, operandType:$rhs);
  let results = (outs operandType:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_AddOp : NN_BinaryOp<"add", "sum; integers wrap", "a + b", "Add (1, 6, 7, 13, 14), Sum", NN_NumberTensor, [Commutative]> {
  let hasFolder = 1;
}
def NN_SubOp : NN_BinaryOp<"sub", "difference; integers wrap", "a - b", "Sub (1, 6, 7, 13, 14)", NN_NumberTensor> {
  let hasFolder = 1;
}
def NN_MulOp : NN_BinaryOp<"mul", "product; integers wrap", "a * b", "Mul (1, 6, 7, 13, 14)", NN_NumberTensor, [Commutative]> {
  let hasFolder = 1;
}
def NN_DivOp : NN_BinaryOp<"div", "quotient; integers truncate towards zero, x / 0 is 0 and lowest / -1 is lowest", "a / b",
                           "Div (1, 6, 7, 13, 14)", NN_NumberTensor> {
  let hasFolder = 1;
}
def NN_ModOp : NN_BinaryOp<"mod", "remainder with the sign of the divisor (Python's %); x mod 0 is 0 for integers",
                           "a - floor(a / b) * b", "Mod (10, 13) with fmod = 0", NN_NumberTensor>;
def NN_RemOp : NN_BinaryOp<"rem", "remainder with the sign of the dividend (C's fmod); x rem 0 is 0 for integers",
                           "a - trunc(a / b) * b", "Mod (10, 13) with fmod = 1", NN_NumberTensor>;
def NN_PowOp : NN_BinaryOp<"pow", "power; integer powers by repeated multiplication, wrapping, negative exponents truncate", "a ^ b",
                           "Pow (1, 7, 12, 13, 15)", NN_NumberTensor>;
def NN_MaxOp : NN_BinaryOp<"max", "larger value; NaN if one is NaN", "a > b ? a : b", "Max (1, 6, 8, 12, 13), Relu, Clip", NN_NumberTensor,
                           [Commutative]>;
def NN_MinOp : NN_BinaryOp<"min", "smaller value; NaN if one is NaN", "a < b ? a : b", "Min (1, 6, 8, 12, 13), Clip", NN_NumberTensor,
                           [Commutative]>;
def NN_AndOp : NN_BinaryOp<"and", "logical or bitwise and", "a & b", "And (1, 7), BitwiseAnd (18)", NN_IntOrBoolTensor, [Commutative]>;
def NN_OrOp : NN_BinaryOp<"or", "logical or bitwise or", "a | b", "Or (1, 7), BitwiseOr (18)", NN_IntOrBoolTensor, [Commutative]>;
def NN_XorOp : NN_BinaryOp<"xor", "logical or bitwise exclusive or", "a ^ b", "Xor (1, 7), BitwiseXor (18)", NN_IntOrBoolTensor,
                           [Commutative]>;
def NN_ShlOp : NN_BinaryOp<"shl", "shift left; 0 if the shift is the width or more", "a << b", "BitShift (11) LEFT", NN_IntTensor>;
def NN_ShrOp : NN_BinaryOp<"shr",
                           "logical (uiN) or arithmetic (iN) shift right; 0 or the sign if the shift is the width or more",
                           "a >> b", "BitShift (11) RIGHT", NN_IntTensor>;

def NN_CompareOp : NN_ElementwiseOp<"compare", [], "extents.boolean()"> {
  let summary = "comparison; with NaN only `ne` is true";
  let description = [{
        result[i...] = a `predicate` b     with a = lhs[i...] and b = rhs[i...], broadcast

    `predicate` is eq, ne, lt, le, gt or ge. Integers compare with the sign of their type, false is below true.
    C1: the operands have one element type. C2: their shapes broadcast.

    From ONNX Equal (1, 7, 11, 13, 19), Less and Greater (1, 7, 9, 13), LessOrEqual and GreaterOrEqual (12, 16).
    - Valid: `nn.compare lt, %x, %y : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xi1>`
    - Invalid: `nn.compare lt, %x, %y : (tensor<4xf32>, tensor<4xi32>) -> tensor<4xi1>` (C1)
  }];
  let arguments = (ins NN_ComparePredicateAttr:$predicate, NN_ComparableTensor:$lhs, NN_ComparableTensor:$rhs);
  let results = (outs NN_BoolTensor:$result);
  let assemblyFormat = "$predicate `,` $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_SelectOp : NN_ElementwiseOp<"select", [], "extents.element(adaptor.getOnTrue())", "adaptor.getOperands().drop_front()"> {
  let summary = "`condition ? on_true : on_false`";
  let description = [{
        result[i...] = condition[i...] ? on_true[i...] : on_false[i...]     all three broadcast

    The bits of the value that is not chosen do not matter.
    C1: `on_true` and `on_false` have one element type. C2: the shapes of all three broadcast.

    From ONNX Where (9, 16) and, by composition, LeakyRelu, Elu and others.
    - Valid: `nn.select %c, %x, %y : (tensor<?x1xi1>, tensor<4xf32>, tensor<f32>) -> tensor<?x4xf32>`
    - Invalid: `nn.select %c, %x, %y : (tensor<4xi1>, tensor<4xf32>, tensor<4xf16>) -> tensor<4xf32>` (C1)
  }];
  let arguments = (ins NN_BoolTensor:$condition, NN_Tensor:$on_true, NN_Tensor:$on_false);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$condition `,` $on_true `,` $on_false attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_ELEMENTWISE
