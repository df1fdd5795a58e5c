"""Nodes of ONNX Runtime's operators that are wrong. ONNX's library has no schema of them, so their importers check everything.

CASES of `malformed` are extended. Each fault is an operator, the shapes and types of its inputs (None: left out) and its attributes.
"""

import malformed
import numpy as np
from onnx import TensorProto, helper

FLOAT, BYTE, CODE, INT, LONG = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32, TensorProto.INT64
SCALAR, POINT = ((), FLOAT), ((), BYTE)
ROWS = ((2, 4, 24), FLOAT)
MATRIX = ((5, 16), BYTE)

LSTM = [((3, 2, 10), FLOAT), ((1, 10, 16), CODE), ((1, 4, 16), CODE), ((1, 32), FLOAT), None, None, None, None, ((1,), FLOAT), ((1,), CODE), ((1,), FLOAT), ((1,), CODE)]
BITS = [((3, 64), FLOAT), ((5, 2, 16), BYTE), ((5, 2), FLOAT)]
GROUPS = [ROWS, ((2, 4, 8), FLOAT), ((2, 4, 8), FLOAT), ((2, 1, 3, 8), FLOAT), ((2, 1, 3, 8), FLOAT), ((2,), INT), ((1,), INT)]


def replaced(inputs, place, entry):
    return [*inputs[:place], entry, *inputs[place + 1:]]


FAULTS = {
    "unknown attribute": ("Gelu", [ROWS], {"approximate": "tanh"}),
    "too few inputs": ("BiasGelu", [ROWS], {}),
    "too many inputs": ("QuickGelu", [ROWS, ROWS], {}),
    "missing input": ("SkipLayerNormalization", [ROWS, None, ((24,), FLOAT)], {}),
    "gelu of integers": ("Gelu", [((2, 3), INT)], {}),
    "bias of another width": ("BiasGelu", [ROWS, ((23,), FLOAT)], {}),
    "bias that broadcasts the input": ("BiasGelu", [((2, 1), FLOAT), ((24,), FLOAT)], {}),
    "skip that does not fit": ("SkipLayerNormalization", [ROWS, ((2, 5, 24), FLOAT), ((24,), FLOAT)], {}),
    "normalization of integers": ("SkipLayerNormalization", [((2, 4, 24), INT), ((2, 4, 24), INT), ((24,), INT)], {}),
    "scale of rank 2": ("SkipSimplifiedLayerNormalization", [ROWS, ROWS, ((24, 1), FLOAT)], {}),
    "segments without a table": ("EmbedLayerNormalization", [((2, 3), INT), ((2, 3), INT), ((9, 8), FLOAT), ((9, 8), FLOAT), None, ((8,), FLOAT), ((8,), FLOAT)], {}),
    "attribute of another type": ("FusedMatMul", [((3, 4), FLOAT), ((4, 5), FLOAT)], {"alpha": 2}),
    "products that do not fit": ("FusedMatMul", [((3, 4), FLOAT), ((4, 5), FLOAT)], {"transA": 1}),
    "unknown activation": ("FusedConv", [((1, 2, 5, 5), FLOAT), ((3, 2, 3, 3), FLOAT)], {"activation": "Frobnicate"}),
    "too few parameters": ("FusedConv", [((1, 2, 5, 5), FLOAT), ((3, 2, 3, 3), FLOAT)], {"activation": "Clip", "activation_params": [1.0]}),
    "sum of another shape": ("FusedConv", [((1, 2, 5, 5), FLOAT), ((3, 2, 3, 3), FLOAT), None, ((2, 3, 3, 3), FLOAT)], {}),
    "three bits": ("MatMulNBits", BITS, {"K": 64, "N": 5, "bits": 3, "block_size": 32}),
    "odd block": ("MatMulNBits", BITS, {"K": 64, "N": 5, "bits": 4, "block_size": 24}),
    "negative extent": ("MatMulNBits", BITS, {"K": 64, "N": -5, "bits": 4, "block_size": 32}),
    "huge extents": ("MatMulNBits", BITS, {"K": 2**31 - 1, "N": 2**31 - 1, "bits": 4, "block_size": 32}),
    "fewer weights than said": ("MatMulNBits", BITS, {"K": 128, "N": 5, "bits": 4, "block_size": 32}),
    "signed weights": ("MatMulNBits", replaced(BITS, 1, ((5, 2, 16), CODE)), {"K": 64, "N": 5, "bits": 4, "block_size": 32}),
    "fewer groups than rows": ("MatMulNBits", [*BITS, None, ((63,), INT)], {"K": 64, "N": 5, "bits": 4, "block_size": 32}),
    "rows of signed codes": ("GatherBlockQuantized", [((9, 32), CODE), ((2,), LONG), ((9, 2), FLOAT)], {"block_size": 32}),
    "rows along another axis": ("GatherBlockQuantized", [((9, 32), BYTE), ((2,), LONG), ((9, 2), FLOAT)], {"block_size": 32, "gather_axis": 1}),
    "rows of an odd block": ("GatherBlockQuantized", [((9, 32), BYTE), ((2,), LONG), ((9, 2), FLOAT)], {"block_size": 33}),
    "rows with too few scales": ("GatherBlockQuantized", [((9, 32), BYTE), ((2,), LONG), ((9, 2), FLOAT)], {"block_size": 16}),
    "rows with too few zero points": ("GatherBlockQuantized", [((9, 32), BYTE), ((2,), LONG), ((9, 4), FLOAT), ((9, 1), BYTE)], {"block_size": 16}),
    "matrices of three dimensions": ("FusedGemm", [((2, 3, 4), FLOAT), ((4, 5), FLOAT)], {"activation": "Relu"}),
    "condition that is no condition": ("QLinearWhere", [MATRIX, MATRIX, SCALAR, POINT, MATRIX, SCALAR, POINT, SCALAR, POINT], {}),
    "quantized in blocks": ("QuantizeLinear", [ROWS, SCALAR, POINT], {"block_size": 2}),
    "scale of many elements": ("QLinearAdd", [MATRIX, ((5,), FLOAT), POINT, MATRIX, SCALAR, POINT, SCALAR, POINT], {}),
    "sum that does not broadcast": ("QLinearAdd", [MATRIX, SCALAR, POINT, ((5, 15), BYTE), SCALAR, POINT, SCALAR, POINT], {}),
    "quantized to floats": ("QLinearMul", [MATRIX, SCALAR, POINT, MATRIX, SCALAR, POINT, SCALAR, SCALAR], {}),
    "incomplete triple": ("QLinearConcat", [SCALAR, POINT, MATRIX, SCALAR, POINT, MATRIX], {"axis": 0}),
    "axis outside": ("QLinearConcat", [SCALAR, POINT, MATRIX, SCALAR, POINT], {"axis": 2}),
    "softmax of no version": ("QLinearSoftmax", [MATRIX, SCALAR, POINT, SCALAR, POINT], {}),
    "pool without a kernel": ("QLinearAveragePool", [((1, 2, 5, 5), BYTE), SCALAR, POINT, SCALAR, POINT], {}),
    "integer products that do not fit": ("MatMulIntegerToFloat", [MATRIX, ((15, 4), BYTE), SCALAR, SCALAR], {}),
    "gemm of three dimensions": ("QGemm", [((2, 3, 4), BYTE), SCALAR, POINT, ((4, 5), BYTE), SCALAR, POINT], {}),
    "lstm of integers": ("DynamicQuantizeLSTM", replaced(LSTM, 0, ((3, 2, 10), INT)), {"hidden_size": 4}),
    "lstm of another width": ("DynamicQuantizeLSTM", replaced(LSTM, 1, ((1, 10, 12), CODE)), {"hidden_size": 4}),
    "lstm of another size": ("DynamicQuantizeLSTM", LSTM, {"hidden_size": 5}),
    "lstm of two directions": ("DynamicQuantizeLSTM", LSTM, {"hidden_size": 4, "direction": "bidirectional"}),
    "lstm with too few lengths": ("DynamicQuantizeLSTM", replaced(LSTM, 4, ((1,), INT)), {"hidden_size": 4}),
    "lstm with a state of another batch": ("DynamicQuantizeLSTM", replaced(LSTM, 5, ((1, 3, 4), FLOAT)), {"hidden_size": 4}),
    "lstm with an unknown activation": ("DynamicQuantizeLSTM", LSTM, {"hidden_size": 4, "activations": ["Sigmoid", "Tanh", "Frobnicate"]}),
    "no heads": ("MultiHeadAttention", [ROWS, ROWS, ROWS], {}),
    "heads that do not divide": ("MultiHeadAttention", [ROWS, ROWS, ROWS], {"num_heads": 5}),
    "more keys than values": ("MultiHeadAttention", [ROWS, ROWS, ((2, 3, 24), FLOAT)], {"num_heads": 3}),
    "keys of another width": ("MultiHeadAttention", [ROWS, ((2, 4, 21), FLOAT), ROWS], {"num_heads": 3}),
    "too few biases": ("MultiHeadAttention", [ROWS, ROWS, ROWS, ((71,), FLOAT)], {"num_heads": 3}),
    "past without values": ("MultiHeadAttention", [ROWS, ROWS, ROWS, None, None, None, ((2, 3, 5, 8), FLOAT)], {"num_heads": 3}),
    "mask of another width": ("MultiHeadAttention", [ROWS, ROWS, ROWS, None, ((2, 5), INT)], {"num_heads": 3}),
    "columns that are not three parts": ("Attention", [ROWS, ((24, 70), FLOAT)], {"num_heads": 2}),
    "parts that are too wide": ("Attention", [ROWS, ((24, 72), FLOAT)], {"num_heads": 2, "qkv_hidden_sizes": [24, 24, 26]}),
    "negative part": ("Attention", [ROWS, ((24, 72), FLOAT)], {"num_heads": 2, "qkv_hidden_sizes": [96, -48, 24]}),
    "mask of four dimensions": ("Attention", [ROWS, ((24, 72), FLOAT), None, ((2, 1, 4, 4), INT)], {"num_heads": 2}),
    "past of one state": ("Attention", [ROWS, ((24, 72), FLOAT), None, None, ((1, 2, 2, 5, 12), FLOAT)], {"num_heads": 2}),
    "rotation in attention": ("Attention", [ROWS, ((24, 72), FLOAT)], {"num_heads": 2, "do_rotary": 1}),
    "tables that are too wide": ("RotaryEmbedding", [((2, 3, 4, 8), FLOAT), ((2, 4), LONG), ((9, 5), FLOAT), ((9, 5), FLOAT)], {}),
    "positions of another batch": ("RotaryEmbedding", [((2, 3, 4, 8), FLOAT), ((3, 4), LONG), ((9, 4), FLOAT), ((9, 4), FLOAT)], {}),
    "heads in no groups": ("GroupQueryAttention", GROUPS, {"num_heads": 3, "kv_num_heads": 2}),
    "past of other heads": ("GroupQueryAttention", replaced(GROUPS, 3, ((2, 2, 3, 8), FLOAT)), {"num_heads": 3, "kv_num_heads": 1}),
    "rotation without tables": ("GroupQueryAttention", GROUPS, {"num_heads": 3, "kv_num_heads": 1, "do_rotary": 1}),
    "scores that are asked for": ("GroupQueryAttention", GROUPS, {"num_heads": 3, "kv_num_heads": 1, "qk_output": 1, "outputs": 4}),
}


def make(op, inputs, attributes):
    def build(folder):
        values = dict(attributes)
        names = ["" if entry is None else f"i{place}" for place, entry in enumerate(inputs)]
        outputs = [f"o{number}" for number in range(values.pop("outputs", 1))]
        node = helper.make_node(op, names, outputs, domain="com.microsoft", name="faulty", **values)
        infos = [malformed.value(name, *entry) for name, entry in zip(names, inputs) if name]
        return malformed.write(folder, malformed.model_of([node], infos, [malformed.value(name, None) for name in outputs]))

    return build


for text, fault in FAULTS.items():
    malformed.CASES.append((f"microsoft_{text.replace(' ', '_')}", make(*fault)))


@malformed.case
def microsoft_unknown_operator(folder):
    return malformed.write(folder, malformed.model_of([helper.make_node("Frobnicate", ["x"], ["y"], domain="com.microsoft")]))


@malformed.case
def runtime_extension_of_integers(folder):
    """Whose epsilon is no integer either."""
    weights = malformed.numpy_helper.from_array(np.ones(3, np.int64), "w")
    node = helper.make_node("LayerNormalization", ["w", "w"], ["y"], epsilon=float("inf"))
    return malformed.write(folder, malformed.model_of([node], initializers=[weights], opset=16))


@malformed.case
def runtime_extension_in_another_domain(folder):
    weights = malformed.numpy_helper.from_array(np.ones(3, np.float32), "w")
    node = helper.make_node("SimplifiedLayerNormalization", ["x", "w"], ["y"], domain="com.microsoft")
    return malformed.write(folder, malformed.model_of([node], initializers=[weights]))


def decoder_model():
    """Attention, products and a recurrence of a small decoder, not sorted, as a base for random damage."""
    rng = np.random.default_rng(5)

    def weights(name, shape, dtype=np.float32):
        array = rng.standard_normal(shape) if dtype == np.float32 else rng.integers(0, 100, shape)
        return malformed.numpy_helper.from_array(array.astype(dtype), name)

    def node(op, inputs, outputs, **attributes):
        return helper.make_node(op, inputs, outputs, domain="com.microsoft", name=op, **attributes)

    nodes = [
        node("GroupQueryAttention", ["turned", "k", "k", "past", "past", "last", "total", "cos", "sin"], ["attended", "keys", "values"], num_heads=2, kv_num_heads=1, do_rotary=1),
        node("MatMulNBits", ["x", "codes", "scales"], ["q"], K=32, N=16, bits=4, block_size=16),
        node("FusedMatMul", ["x", "w"], ["k"], alpha=0.5),
        node("RotaryEmbedding", ["q", "start", "cos", "sin"], ["turned"], num_heads=2),
        node("SkipSimplifiedLayerNormalization", ["attended", "q", "gamma"], ["normal"]),
        node("DynamicQuantizeLSTM", ["normal", "W", "R", "", "", "", "", "", "s", "z", "s", "z"], ["y"], hidden_size=4),
    ]
    tensors = [weights("codes", (16, 2, 8), np.uint8), weights("scales", (16, 2)), weights("w", (32, 8)), weights("cos", (9, 4)), weights("sin", (9, 4)), weights("gamma", 16),
               weights("W", (1, 16, 16), np.int8), weights("R", (1, 4, 16), np.int8), weights("s", 1), weights("z", 1, np.int8), weights("start", 1, np.int64)]
    infos = [malformed.value("x", ("b", "s", 32)), malformed.value("past", ("b", 1, "p", 8)), malformed.value("last", ("b",), INT), malformed.value("total", (1,), INT)]
    return malformed.model_of(nodes, infos, [malformed.value("y", None), malformed.value("keys", None)], tensors)


malformed.CASES.extend(malformed.fuzz_cases(150, decoder_model, "fuzz_microsoft"))
