//===- NnText.td - what depends on the characters of strings -------------------------------===//

#ifndef TENON_DIALECTS_NN_TEXT
#define TENON_DIALECTS_NN_TEXT

include "dialects/nn/NnBase.td"

// Its kernel is one call of a function of runtime/text.
def NN_TextTrait : NativeOpTrait<"Text"> {
  let cppNamespace = "::tenon::nn";
}

class NN_TextOp<string mnemonic> : NN_InferredOp<mnemonic, [NN_TextTrait]>;

def NN_StringConcatOp : NN_TextOp<"string_concat"> {
  let summary = "the characters of `lhs`, then those of `rhs`";
  let description = [{
        result[i...] = lhs[i...] ++ rhs[i...]

    - C1: both operands have one shape.

    From ONNX StringConcat (20).
    - Valid: `nn.string_concat %a, %b : (tensor<?xsi64>, tensor<?xsi64>) -> tensor<?xsi64>`
    - Invalid: `nn.string_concat %a, %b : (tensor<2xsi64>, tensor<3xsi64>) -> tensor<2xsi64>` (C1)
  }];
  let arguments = (ins NN_StringTensor:$lhs, NN_StringTensor:$rhs);
  let results = (outs NN_StringTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_StringCaseOp : NN_TextOp<"string_case"> {
  let summary = "text in lower case, or in upper case";
  let description = [{
        result[i...] = lower case of input[i...]     upper case with `upper`

    Unicode's full mappings: a character may become several. With `turkic`, dotted and dotless i are two letters.

    From ONNX StringNormalizer (10).
    - Valid: `nn.string_case %x {upper} : (tensor<?xsi64>) -> tensor<?xsi64>`
    - Invalid: `nn.string_case %x : (tensor<?xi64>) -> tensor<?xsi64>` (the element type)
  }];
  let arguments = (ins NN_StringTensor:$input, UnitAttr:$upper, UnitAttr:$turkic);
  let results = (outs NN_StringTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def NN_StringMatchOp : NN_TextOp<"string_match"> {
  let summary = "whether all of a text matches a regular expression";
  let description = [{
        result[i...] = whether `program` accepts input[i...]

    The program is an automaton over bytes, as runtime/text/Match.cpp describes it: program[n], n >= 2.

    - C1: the program has rank 1.

    From ONNX RegexFullMatch (20).
    - Valid: `nn.string_match %x, %p : (tensor<?xsi64>, tensor<9xi64>) -> tensor<?xi1>`
    - Invalid: `nn.string_match %x, %p : (tensor<?xsi64>, tensor<i64>) -> tensor<?xi1>` (C1)
  }];
  let arguments = (ins NN_StringTensor:$input, RankedTensorOf<[I64]>:$program);
  let results = (outs NN_BoolTensor:$result);
  let assemblyFormat = "$input `,` $program attr-dict `:` functional-type(operands, results)";
}

def NN_StringSplitCountOp : NN_TextOp<"string_split_count"> {
  let summary = "how many parts a text has";
  let description = [{
        result[i...] = how many parts `delimiter` divides input[i...] into

    An empty delimiter stands for runs of white space; then there are no empty parts, and the empty text has none. At most `most`
    delimiters count, from the left; all if it is negative.

    - C1: the delimiter has rank 0.

    From ONNX StringSplit (20).
    - Valid: `nn.string_split_count %x, %d {most = -1 : i64} : (tensor<?xsi64>, tensor<si64>) -> tensor<?xi64>`
    - Invalid: `nn.string_split_count %x, %d {most = -1 : i64} : (tensor<?xsi64>, tensor<1xsi64>) -> tensor<?xi64>` (C1)
  }];
  let arguments = (ins NN_StringTensor:$input, NN_StringTensor:$delimiter, I64Attr:$most);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input `,` $delimiter attr-dict `:` functional-type(operands, results)";
}

def NN_StringSplitOp : NN_TextOp<"string_split"> {
  let summary = "the parts of texts, as `nn.string_split_count` counts them";
  let description = [{
        input[D...], width -> result[D..., width]
        result[i..., k] = part k of input[i...], the empty text where there are fewer

    `width` is the largest count (a maximum computed before). Further parts are left out.

    - C1: the delimiter has rank 0.

    From ONNX StringSplit (20).
    - Valid: `nn.string_split %x, %d, %n {most = 1 : i64} : (tensor<?xsi64>, tensor<si64>, index) -> tensor<?x?xsi64>`
    - Invalid: `nn.string_split %x, %d, %n {most = 1 : i64} : (tensor<?xsi64>, tensor<2xsi64>, index) -> tensor<?x?xsi64>` (C1)
  }];
  let arguments = (ins NN_StringTensor:$input, NN_StringTensor:$delimiter, Index:$width, I64Attr:$most);
  let results = (outs NN_StringTensor:$result);
  let assemblyFormat = "$input `,` $delimiter `,` $width attr-dict `:` functional-type(operands, results)";
}

def NN_StringRankOp : NN_TextOp<"string_rank"> {
  let summary = "where texts stand in their order";
  let description = [{
        result[i...] = how many different texts of the tensor come before input[i...]     by code points

    From ONNX Unique (11) on strings, which is sorted.
    - Valid: `nn.string_rank %x : (tensor<?xsi64>) -> tensor<?xi64>`
    - Invalid: `nn.string_rank %x : (tensor<?xf32>) -> tensor<?xi64>` (the element type)
  }];
  let arguments = (ins NN_StringTensor:$input);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

def NN_StringParseOp : NN_TextOp<"string_parse"> {
  let summary = "the number that a text says";
  let description = [{
        result[i...] = input[i...] read as a number of type `element_type`

    Decimal numbers with or without an exponent, INF and NAN in any case, TRUE and FALSE in any case for booleans; rounded once, to the
    nearest; integers towards zero. A text that says no number, or an integer out of range, is a run-time error that names the op.

    - C1: `element_type` is no string.

    From ONNX Cast (9, 13, 19, 21, 23).
    - Valid: `nn.string_parse %x to f32 : (tensor<?xsi64>) -> tensor<?xf32>`
    - Invalid: `nn.string_parse %x to si64 : (tensor<?xsi64>) -> tensor<?xf32>` (C1)
  }];
  let arguments = (ins NN_StringTensor:$input, TypeAttr:$element_type);
  let results = (outs NN_ValueTensor:$result);
  let assemblyFormat = "$input `to` $element_type attr-dict `:` functional-type(operands, results)";
}

def NN_StringFormatOp : NN_TextOp<"string_format"> {
  let summary = "numbers as text";
  let description = [{
        result[i...] = input[i...] in decimal

    Floating point: the fewest digits that no other number of the type shares, with an exponent below 1e-4 and from 1e16 on; nan, inf, -inf.
    Booleans: True and False.

    From ONNX Cast (9, 13, 19, 21, 23).
    - Valid: `nn.string_format %x : (tensor<?xf32>) -> tensor<?xsi64>`
    - Invalid: `nn.string_format %x : (tensor<?xsi64>) -> tensor<?xsi64>` (the element type)
  }];
  let arguments = (ins NN_ValueTensor:$input);
  let results = (outs NN_StringTensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
}

#endif // TENON_DIALECTS_NN_TEXT
