"""The family of all other ops: inputs and attributes drawn from ONNX's own schemas, kept where its checker and evaluator take them."""

import functools

import numpy
import onnx

from graph import RandomGraph
from oracle import Rejected

# Not drawn: random results, images and strings, sequences and optionals; and what has a family of its own because neither the
# checker nor the evaluator refuses all that is not valid.
LEFT_OUT = {
    "Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "ImageDecoder", "StringNormalizer",
    "StringConcat", "StringSplit", "RegexFullMatch", "TfIdfVectorizer", "If", "Loop", "Scan", "Constant", "Optional", "OptionalGetElement",
    "OptionalHasElement", "SplitToSequence", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength",
    "SequenceMap", "ConcatFromSequence", "Mod", "Clip", "CenterCropPad", "Cast", "CastLike", "BitCast", "NonMaxSuppression", "InstanceNormalization", "BatchNormalization",
    "GroupNormalization", "LRN", "LayerNormalization", "RMSNormalization", "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "QLinearMatMul",
    "MatMulInteger", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "Resize", "Upsample", "Col2Im",
    "GridSample", "RoiAlign", "MaxRoiPool", "RNN", "GRU", "LSTM", "Attention", "RotaryEmbedding", "Einsum", "Slice", "ScatterElements", "ScatterND",
    "Scatter", "GatherElements", "GatherND", "Gather", "Pad", "QuantizeLinear", "DequantizeLinear", "DepthToSpace", "SpaceToDepth", "TopK", "OneHot",
    "Compress", "ReverseSequence", "Unique", "PRelu", "Tile", "Expand", "ConstantOfShape", "Range", "Split", "DeformConv", "MaxUnpool",
}
# Values of attributes that schemas leave open.
INTEGERS = {"axis": (-2, 2), "blocksize": (2, 3), "group": (1, 2), "keepdims": (0, 1), "p": (1, 2), "to": (1, 1), "size": (1, 3), "k": (-1, 1), "dtype": (1, 1),
            "num_groups": (1, 2), "onesided": (0, 1), "inverse": (0, 1)}
FLOATS = (0.25, 1.5)
STRINGS = {"reduction": ("none", "sum", "mean"), "mode": ("linear", "nearest"), "direction": ("forward", "reverse"), "approximate": ("none", "tanh")}


@functools.cache
def names(opset: int) -> tuple[str, ...]:
    """Ops of the default domain whose inputs and outputs are tensors."""
    found = []
    for schema in onnx.defs.get_all_schemas():
        if schema.domain == "" and not schema.deprecated and schema.name not in LEFT_OUT and onnx.defs.has(schema.name, opset, ""):
            found.append(schema.name)
    return tuple(sorted(found))


def anything(g: RandomGraph) -> None:
    schema = onnx.defs.get_schema(g.pick(names(g.opset)), g.opset, "")
    bound: dict[str, numpy.dtype] = {}
    count = g.integer(schema.min_input, min(schema.max_input, schema.min_input + 2, max(len(schema.inputs), 3)))
    inputs = [_input(g, schema, place, bound) for place in range(count)]
    if schema.name in ("ArgMax", "ArgMin", "CumSum", "CumProd") and not inputs[0].rank:
        raise Rejected("the evaluator takes a scalar too")
    if schema.name in ("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss") and inputs[1].rank != inputs[0].rank - 1:
        raise Rejected("the evaluator takes labels of any rank")
    if schema.name == "ReduceMean" and inputs[0].dtype.kind in "iu" and any(0 in shape for shape in inputs[0].shapes):
        raise Rejected("the mean of nothing is no integer")
    if schema.name.startswith("Reduce") and len(inputs) > 1 and inputs[1].rank != 1:
        raise Rejected("the evaluator takes axes of any rank")
    if schema.name == "DynamicQuantizeLinear" and any(not sample.exact.any() for sample in inputs[0].samples):
        raise Rejected("the scale of zeros is 0 by the formula, and 1 or 1/255 in implementations")
    if schema.name == "Reshape" and any((sample.exact < -1).any() for sample in inputs[1].samples):
        raise Rejected("the evaluator takes any negative extent for -1")
    attributes = {name: _attribute(g, attribute) for name, attribute in schema.attributes.items() if attribute.required or g.chance(0.25)}
    outputs = g.integer(max(schema.min_output, 1), max(schema.min_output, 1))
    g.add(schema.name, inputs, "sum", outputs, **attributes)


def _input(g: RandomGraph, schema, place: int, bound: dict):
    formal = schema.inputs[min(place, len(schema.inputs) - 1)]
    allowed = formal.types
    kind = formal.type_str

    def fits(value):
        if kind in bound:
            return value.dtype == bound[kind]
        return _type_text(value.dtype) in allowed

    found = [value for value in g.values if fits(value)]
    if found and (g.chance(0.8) or place == 0):
        value = g.pick(found[-6:])
    else:
        names_ = [text for text in ("float32", "int64", "bool", "int32", "uint8") if (bound[kind] == text if kind in bound else _type_text(numpy.dtype(text)) in allowed)]
        value = g.constant(g.data(tuple(g.integer(1, 4) for _ in range(g.integer(0, 2))), g.pick(names_)))
    if not any(kind.startswith(prefix) for prefix in ("tensor(", "seq(")):
        bound[kind] = value.dtype
    return value


def _type_text(dtype) -> str:
    names_ = {"float32": "float", "float64": "double"}
    return f"tensor({names_.get(str(dtype), str(dtype))})"


def _attribute(g: RandomGraph, attribute):
    kinds = onnx.defs.OpSchema.AttrType
    if attribute.type == kinds.INT:
        return g.integer(*INTEGERS.get(attribute.name, (0, 1)))
    if attribute.type == kinds.FLOAT:
        return float(g.random.uniform(*FLOATS))
    if attribute.type == kinds.INTS:
        return [g.integer(0, 2) for _ in range(g.integer(1, 3))]
    if attribute.type == kinds.STRING and attribute.name in STRINGS:
        return g.pick(STRINGS[attribute.name])
    if attribute.required:
        raise Rejected("an attribute of another type")
    return None


FAMILIES = {"anything": (6, anything)}
