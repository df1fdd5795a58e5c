"""Operators of ONNX Runtime (domain com.microsoft, and two in ONNX's own), compared with ONNX Runtime itself.

Integer results are exact. Float results may differ by a few roundings of sums and of exponentials, which both compute in their own way:
`close` allows that many units of the largest value.
"""

import numpy
import onnx
import onnxruntime
import pytest
from onnx import helper

import tenon
from arrays import integers, label, rng, uniform
from harness import OPSET, Batch

MICROSOFT = "com.microsoft"
UNITS = 32


def reference(op: str, inputs: list, outputs: int | tuple, domain: str = MICROSOFT, constants=(), default_opset: int = OPSET, **attributes) -> list:
    """What ONNX Runtime computes on one thread, without optimizations. `outputs` are a number of outputs, or the places of those wanted: the
    others are None."""
    wanted = range(outputs) if isinstance(outputs, int) else outputs
    names = ["" if value is None else f"i{place}" for place, value in enumerate(inputs)]
    arrays = {name: numpy.asarray(value) for name, value in zip(names, inputs) if name}
    fixed = {f"i{place}" for place in constants}
    node = helper.make_node(op, names, [f"o{number}" if number in wanted else "" for number in range(max(wanted) + 1)], domain=domain, **attributes)
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in arrays.items() if name not in fixed]
    graph = helper.make_graph([node], "reference", infos, [helper.make_empty_tensor_value_info(name) for name in node.output if name],
                              [onnx.numpy_helper.from_array(value, name) for name, value in arrays.items() if name in fixed])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", default_opset), helper.make_opsetid(MICROSOFT, 1)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    values = iter(session.run(None, {name: value for name, value in arrays.items() if name not in fixed}))
    return [next(values) if name else None for name in node.output]


def close(expected: numpy.ndarray | None, units: float = UNITS):
    """Units in the last place of the largest magnitude; none for integers."""
    if expected is None or expected.dtype.kind in "iub":
        return 0
    return units * float(numpy.finfo(expected.dtype).eps) * max(float(numpy.abs(expected.astype(numpy.float64)).max(initial=0)), 1e-6)


def add(batch: Batch, name: str, op: str, inputs: list, outputs: int | tuple = 1, units: float = UNITS, constants=(), known=(), domain: str = MICROSOFT, **attributes) -> None:
    expected = reference(op, inputs, outputs, domain, constants, batch.opset, **attributes)
    batch.add(f"{op} {name}", op, inputs, expected, [close(value, units) for value in expected], constants=constants, known=known, domain=domain, **attributes)


# Activations and normalizations


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_activations(mode, dtype):
    batch, generator = Batch(), rng()
    for shape in ((17,), (2, 3, 40)):
        x, bias = uniform(generator, shape, -6, 6, dtype), uniform(generator, shape[-1:], -2, 2, dtype)
        add(batch, label(x), "FastGelu", [x])
        add(batch, label(x, "biased"), "FastGelu", [x, bias])
        add(batch, label(x), "QuickGelu", [x])
        if dtype == "float32":
            add(batch, label(x), "Gelu", [x])
            add(batch, label(x), "BiasGelu", [x, bias])
            add(batch, label(x, "alpha"), "QuickGelu", [x], alpha=0.5)
    batch.check(mode)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_layer_normalizations(mode, dtype):
    # ONNX Runtime adds in the half type where this adds in f32, so that sums differ by a rounding.
    batch, generator, units = Batch(), rng(), UNITS if dtype == "float32" else 4
    for shape in ((1, 1, 8), (2, 5, 33)):
        x, skip = (uniform(generator, shape, dtype=dtype) for _ in range(2))
        gamma, beta, bias = (uniform(generator, shape[-1:], dtype=dtype) for _ in range(3))
        add(batch, label(x), "SkipLayerNormalization", [x, skip, gamma, beta], units=units)
        add(batch, label(x, "no beta"), "SkipLayerNormalization", [x, skip, gamma], units=units, epsilon=0.1)
        add(batch, label(x, "bias, sum"), "SkipLayerNormalization", [x, skip, gamma, beta, bias], 4, units)
        add(batch, label(x, "shared skip"), "SkipLayerNormalization", [x, skip[0], gamma, beta], units=units)
        add(batch, label(x), "SkipSimplifiedLayerNormalization", [x, skip, gamma], units=units)
        add(batch, label(x, "bias, sum"), "SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], (0, 3), units, epsilon=1e-3)
        add(batch, label(x), "SimplifiedLayerNormalization", [x, gamma], domain="", units=units)
        if dtype == "float32":
            add(batch, label(x, "statistics"), "SimplifiedLayerNormalization", [x, gamma], 2, domain="", epsilon=1e-2)
            whole = uniform(generator, shape[1:])
            add(batch, label(x, "axis 1"), "SimplifiedLayerNormalization", [x, whole], domain="", axis=1)
    batch.check(mode)


def test_layer_normalization_before_opset_17(mode):
    batch, generator = Batch(opset=11), rng()
    x, gamma, beta = uniform(generator, (2, 3, 20)), uniform(generator, (20,)), uniform(generator, (20,))
    add(batch, "statistics", "LayerNormalization", [x, gamma, beta], 3, domain="")
    add(batch, "no bias", "LayerNormalization", [x, gamma], domain="", epsilon=0.1)
    batch.check(mode)


def test_embedding_normalization(mode):
    batch, generator = Batch(), rng()
    words, places, segments = (uniform(generator, (rows, 24)) for rows in (11, 9, 3))
    gamma, beta = uniform(generator, (24,)), uniform(generator, (24,))
    ids, segment_ids, mask, positions = (integers(generator, (2, 7), "int32", 0, high) for high in (10, 2, 1, 8))
    tables = [words, places, segments, gamma, beta]
    add(batch, "all", "EmbedLayerNormalization", [ids, segment_ids, *tables, mask], 2)
    add(batch, "sum", "EmbedLayerNormalization", [ids, segment_ids, *tables], 3, epsilon=0.1)
    add(batch, "no segments", "EmbedLayerNormalization", [ids, None, words, places, None, gamma, beta], 2)
    add(batch, "positions", "EmbedLayerNormalization", [ids, segment_ids, *tables, mask, positions], 2)
    batch.check(mode)


# Products


def test_fused_products(mode):
    batch, generator = Batch(), rng()
    a, b = uniform(generator, (5, 7)), uniform(generator, (7, 9))
    add(batch, "plain", "FusedMatMul", [a, b])
    add(batch, "scaled", "FusedMatMul", [a.T.copy(), b.T.copy()], transA=1, transB=1, alpha=0.25)
    add(batch, "vector", "FusedMatMul", [a[0].copy(), b], alpha=2.0)
    add(batch, "batches", "FusedMatMul", [uniform(generator, (2, 3, 5, 7)), uniform(generator, (3, 9, 7))], transB=1)
    add(batch, "of the older name", "TransposeMatMul", [a, b.T.copy()], transB=1)
    add(batch, "batches behind rows", "FusedMatMul", [uniform(generator, (5, 2, 3, 7)), uniform(generator, (7, 2, 3, 9))], transBatchA=1, transBatchB=1)
    add(batch, "batches behind rows, transposed", "FusedMatMul", [uniform(generator, (7, 3, 5)), uniform(generator, (9, 3, 7))], transBatchA=1, transA=1,
        transBatchB=1, transB=1)
    batch.check(mode)


def test_fused_matrix_sums(mode):
    batch, generator = Batch(), rng()
    a, b, summand = uniform(generator, (5, 7)), uniform(generator, (9, 7)), uniform(generator, (9,))
    add(batch, "Relu", "FusedGemm", [a, b, summand], transB=1, activation="Relu", alpha=0.5, beta=2.0)
    add(batch, "LeakyRelu", "FusedGemm", [a, b, summand], transB=1, activation="LeakyRelu", activation_alpha=0.3)
    add(batch, "Sigmoid", "FusedGemm", [a, b], transB=1, activation="Sigmoid")
    add(batch, "HardSigmoid", "FusedGemm", [a, b], transB=1, activation="HardSigmoid", activation_alpha=0.1, activation_beta=0.3)
    batch.check(mode)


def test_fused_convolutions(mode):
    batch, generator = Batch(), rng()
    x, w, bias = uniform(generator, (2, 4, 9, 8)), uniform(generator, (6, 2, 3, 3)), uniform(generator, (6,))
    common = {"group": 2, "pads": [1, 1, 1, 1], "strides": [2, 1]}
    summand = uniform(generator, (2, 6, 5, 8))
    add(batch, "Relu", "FusedConv", [x, w, bias], constants=(1, 2), activation="Relu", **common)
    add(batch, "with a sum", "FusedConv", [x, w, bias, summand], constants=(1, 2), activation="Relu", **common)
    for name, parameters in (("LeakyRelu", [0.3]), ("Clip", [-0.5, 1.0]), ("HardSigmoid", [0.2, 0.4]), ("Tanh", []), ("Sigmoid", [])):
        attributes = {"activation_params": parameters} if parameters else {}
        add(batch, name, "FusedConv", [x, w], constants=(1,), activation=name, **attributes, **common)
    batch.check(mode)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_products_with_few_bits(mode, bits):
    batch, generator = Batch(), rng(bits)
    for rows, K, N, size in ((1, 64, 5, 32), (3, 40, 7, 16), (6, 100, 8, 64)):
        blocks, perByte = -(-K // size), 8 // bits
        x = uniform(generator, (2, rows, K))
        codes = integers(generator, (N, blocks, size // perByte), "uint8")
        scales = uniform(generator, (N, blocks), 0.01, 0.1)
        zeros = integers(generator, (N, -(-blocks // perByte)), "uint8")
        attributes = {"K": K, "N": N, "bits": bits, "block_size": size}
        name = label((rows, K, N), size)
        add(batch, name, "MatMulNBits", [x, codes, scales], constants=(1, 2), **attributes)
        add(batch, name + " zero points", "MatMulNBits", [x[0], codes, scales, zeros], constants=(1, 2, 3), **attributes)
        add(batch, name + " flat", "MatMulNBits", [x, codes, scales.ravel(), zeros.ravel()], constants=(1, 2, 3), **attributes)
        if bits == 4:
            bias = uniform(generator, (N,))
            add(batch, name + " bias", "MatMulNBits", [x, codes, scales, zeros, None, bias], constants=(1, 2, 3, 5), **attributes)
            floats = uniform(generator, (N, blocks), 0, 15)
            add(batch, name + " float zero points", "MatMulNBits", [x, codes, scales, floats], constants=(1, 2, 3), **attributes)
            # ONNX Runtime's processor kernel reads the wrong groups behind the first eight rows of a block, so numpy says what is right.
            groups = generator.permutation(numpy.arange(K, dtype=numpy.int32) // size)
            values = numpy.stack([codes & 15, codes >> 4], -1).reshape(N, -1)[:, :K].astype(float)
            points = numpy.stack([zeros & 15, zeros >> 4], -1).reshape(N, -1)[:, groups]
            expected = x @ ((values - points) * scales[:, groups]).T
            batch.add(f"MatMulNBits {name} groups", "MatMulNBits", [x, codes, scales, zeros, groups], expected.astype(numpy.float32),
                      close(expected.astype(numpy.float32)), constants=(1, 2, 3, 4), domain=MICROSOFT, **attributes)
            add(batch, name + " not constant", "MatMulNBits", [x, codes, scales, zeros], known=range(1, 4), **attributes)
    batch.check(mode)


@pytest.mark.parametrize("bits", [4, 8])
def test_rows_with_few_bits(mode, bits):
    batch, generator, perByte = Batch(), rng(bits), 8 // bits
    for width, size in ((64, 16), (48, 32)):
        blocks = -(-width // size)
        table, scales = integers(generator, (9, width // perByte), "uint8"), uniform(generator, (9, blocks), 0.01, 0.1)
        zeros, indices = integers(generator, (9, -(-blocks // perByte)), "uint8"), integers(generator, (2, 3), "int64", 0, 8)
        attributes = {"bits": bits, "block_size": size}
        add(batch, label(width, size), "GatherBlockQuantized", [table, indices, scales], constants=(0, 2), **attributes)
        add(batch, label(width, size, "zero points"), "GatherBlockQuantized", [table, indices, scales, zeros], constants=(0, 2, 3), **attributes)
        add(batch, label(width, size, "not constant"), "GatherBlockQuantized", [table, indices[0], scales, zeros], **attributes)
    batch.check(mode)


# Quantized arithmetic


def parameters(generator, dtype) -> list:
    """A scale and a zero point."""
    return [numpy.float32(generator.uniform(0.01, 0.1)), integers(generator, (), dtype)]


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantized_elementwise(mode, dtype):
    batch, generator = Batch(), rng()
    for shape, other in (((100,), (100,)), ((2, 3, 37), (2, 3, 37)), ((4, 1, 8), (3, 1)), ((2, 50), ())):
        a, b = integers(generator, shape, dtype), integers(generator, other, dtype)
        for op in ("QLinearAdd", "QLinearMul"):
            operands = [a, *parameters(generator, dtype), b, *parameters(generator, dtype)]
            add(batch, label(a, b), op, [*operands, *parameters(generator, dtype)], constants=(1, 2, 4, 5, 6, 7))
            add(batch, label(a, b, "at run time"), op, [*operands, *parameters(generator, dtype)], known=(1, 2, 4, 5, 6, 7))
    codes = numpy.arange(256).astype(dtype)
    for _ in range(3):
        x = [codes, *parameters(generator, dtype), *parameters(generator, dtype)]
        add(batch, "all codes", "QLinearSigmoid", x, constants=(1, 2, 3, 4))
        add(batch, "all codes", "QLinearLeakyRelu", x, constants=(1, 2, 3, 4), alpha=0.3)
    x = [codes.reshape(2, 128), numpy.float32(0.02), None, numpy.float32(1 / 200), None]
    add(batch, "no zero points", "QLinearSigmoid", x)
    parts = [part for width in (3, 1, 20) for part in (integers(generator, (2, width, 4), dtype), *parameters(generator, dtype))]
    add(batch, "three parts", "QLinearConcat", [*parameters(generator, dtype), *parts], constants=(0, 1), axis=1)
    operands = [part for shape in ((2, 1, 4), (3, 4)) for part in (integers(generator, shape, dtype), *parameters(generator, dtype))]
    condition = generator.integers(0, 2, (2, 3, 4)).astype(bool)
    add(batch, "chosen", "QLinearWhere", [condition, *operands, *parameters(generator, dtype)], constants=(2, 3, 5, 6, 7, 8))
    add(batch, "one part", "QLinearConcat", [numpy.float32(0.1), numpy.zeros((), dtype), codes, numpy.float32(0.1), numpy.zeros((), dtype)], axis=-1)
    batch.check(mode)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_quantization_in_the_domain_of_onnx_runtime(mode, dtype):
    batch, generator = Batch(), rng()
    x, codes = uniform(generator, (3, 4, 5), -9, 9), integers(generator, (3, 4, 5), dtype)
    scales, zeros = uniform(generator, (4,), 0.01, 0.1), integers(generator, (4,), dtype)
    add(batch, label(codes), "QuantizeLinear", [x, scales[0], zeros[0]])
    add(batch, label(codes), "DequantizeLinear", [codes, scales[0], zeros[0]])
    add(batch, label(codes, "channels"), "QuantizeLinear", [x, scales, zeros], known=(1, 2), axis=1)
    add(batch, label(codes, "channels"), "DequantizeLinear", [codes, scales, zeros], known=(1, 2), axis=-2)
    batch.check(mode)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantized_softmax(mode, dtype):
    batch, generator = Batch(), rng()
    # Codes of a probability start at the lowest one: ONNX Runtime does not saturate below.
    output = [numpy.float32(1 / 256), numpy.array(numpy.iinfo(dtype).min, dtype)]
    for shape in ((3, 10), (2, 3, 50)):
        x = integers(generator, shape, dtype)
        for scale in (0.01, 0.1):
            inputs = [x, numpy.float32(scale), integers(generator, (), dtype), *output]
            for axis in (-1, 0):
                add(batch, label(x, scale, axis), "QLinearSoftmax", inputs, axis=axis, opset=13)
            add(batch, label(x, scale, "flattened"), "QLinearSoftmax", inputs, axis=1, opset=12)
    batch.check(mode)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantized_pools(mode, dtype):
    batch, generator = Batch(), rng()
    x = integers(generator, (2, 3, 9, 8), dtype)
    pooled = [x, *parameters(generator, dtype), *parameters(generator, dtype)]
    add(batch, "plain", "QLinearAveragePool", pooled, kernel_shape=[3, 3], strides=[2, 1])
    add(batch, "padded", "QLinearAveragePool", pooled, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    add(batch, "counted pads", "QLinearAveragePool", pooled, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    add(batch, "all positions", "QLinearGlobalAveragePool", pooled)
    last = [x.transpose(0, 2, 3, 1).copy(), *pooled[1:]]
    add(batch, "channels last", "QLinearAveragePool", last, kernel_shape=[2, 3], channels_last=1)
    add(batch, "channels last", "QLinearGlobalAveragePool", last, channels_last=1)
    line = [integers(generator, (1, 2, 11), dtype), *pooled[1:]]
    add(batch, "one dimension", "QLinearAveragePool", line, kernel_shape=[4])
    add(batch, "windows", "NhwcMaxPool", [last[0]], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0])
    batch.check(mode)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_integer_products(mode, dtype):
    batch, generator = Batch(), rng()
    for shape, N in (((3, 16), 8), ((2, 5, 33), 17)):
        K = shape[-1]
        x, codes = uniform(generator, shape), integers(generator, shape, "uint8")
        weights, bias = integers(generator, (K, N), dtype), uniform(generator, (N,))
        scale, zero = numpy.array([0.02], numpy.float32), integers(generator, (1,), dtype)
        scales, zeros = uniform(generator, (N,), 0.01, 0.1), integers(generator, (N,), dtype)
        name = label(shape, N)
        add(batch, name, "DynamicQuantizeMatMul", [x, weights, scale, zero], constants=(1, 2, 3))
        add(batch, name + " bias", "DynamicQuantizeMatMul", [x, weights, scale, zero, bias], constants=(1, 2, 3, 4))
        add(batch, name + " by column", "DynamicQuantizeMatMul", [x, weights, scales, zeros, bias], known=(1, 2, 3, 4))
        add(batch, name + " no zero point", "DynamicQuantizeMatMul", [x, weights, scale], known=(2,))
        add(batch, name + " zeros", "DynamicQuantizeMatMul", [numpy.zeros_like(x), weights, scale, zero, bias], known=(2, 3))
        first = [numpy.float32(0.03), numpy.uint8(131)]
        add(batch, name, "MatMulIntegerToFloat", [codes, weights, first[0], scale[0], first[1], zero[0]], constants=(1, 2, 3, 4, 5))
        add(batch, name + " by column", "MatMulIntegerToFloat", [codes, weights, first[0], scales, first[1], zeros, bias], known=(2, 3, 4, 5))
        add(batch, name + " no zero points", "MatMulIntegerToFloat", [codes, weights, first[0], scale[0]], known=(2, 3))
        if len(shape) == 2:
            summand = integers(generator, (N,), "int32", -1000, 1000)
            operands = [codes, *first, weights, scale[0], zero[0], summand]
            add(batch, name + " float", "QGemm", operands, known=range(1, 7))
            add(batch, name + " quantized", "QGemm", [*operands, numpy.float32(3.5), numpy.uint8(120)], constants=range(3, 9), alpha=0.5)
            operands = [codes.T.copy(), *first, weights.T.copy(), scales, zeros]
            add(batch, name + " transposed", "QGemm", [*operands, None, numpy.float32(7), numpy.uint8(3)], constants=range(3, 6), known=range(9), transA=1, transB=1)
    batch.check(mode)


def test_quantized_convolution_with_channels_last(mode):
    batch, generator = Batch(), rng()
    x, w = integers(generator, (1, 7, 6, 4), "uint8"), integers(generator, (8, 2, 3, 3), "int8")
    scales = uniform(generator, (8,), 0.01, 0.1)
    inputs = [x, numpy.float32(0.02), numpy.uint8(120), w, scales, numpy.zeros(8, numpy.int8), numpy.float32(1.5), numpy.uint8(128),
              integers(generator, (8,), "int32", -500, 500)]
    add(batch, "grouped", "QLinearConv", inputs, constants=range(1, 9), channels_last=1, group=2, pads=[1, 1, 1, 1], strides=[2, 1])
    batch.check(mode)


# Recurrence


def lstm_inputs(generator, steps, batch, width, hidden, directions, dtype="uint8", columns=False) -> list:
    low, high = (0, 255) if dtype == "uint8" else (-127, 127)
    shape = (directions, 4 * hidden) if columns else (directions,)
    zeros = [numpy.full(shape, 0 if dtype == "int8" else 120 + number, dtype) for number in range(2)]
    scales = [uniform(generator, shape, 0.002, 0.004) for _ in range(2)]
    return [uniform(generator, (steps, batch, width)), integers(generator, (directions, width, 4 * hidden), dtype, low, high),
            integers(generator, (directions, hidden, 4 * hidden), dtype, low, high), uniform(generator, (directions, 8 * hidden), -0.5, 0.5), None, None, None, None,
            scales[0], zeros[0], scales[1], zeros[1]]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_quantized_lstm(mode, direction):
    """A hidden state next to the middle of two codes may be rounded the other way, for ONNX Runtime's sigmoid and tanh are polynomials of their
    own; no case here has one, so the bound is that of sums."""
    batch, generator, weights = Batch(), rng(), (1, 2, 8, 9, 10, 11)
    directions = 1 + (direction == "bidirectional")
    hidden, items = 16, 3

    def attempt(name, inputs, **attributes):
        add(batch, name, "DynamicQuantizeLSTM", inputs, 3, 256, constants=weights, known=(3, 7), hidden_size=hidden, direction=direction, **attributes)

    plain = lstm_inputs(generator, 6, items, 10, hidden, directions)
    attempt("plain", plain)
    attempt("signed weights", lstm_inputs(generator, 4, 1, 10, hidden, directions, "int8"))
    attempt("by column", lstm_inputs(generator, 4, 2, 7, hidden, directions, "int8", columns=True))
    attempt("no bias", [*plain[:3], None, *plain[4:]])
    states = [uniform(generator, (directions, items, hidden), -0.5, 0.5) for _ in range(2)]
    attempt("states", [*plain[:5], *states, *plain[7:]])
    attempt("peepholes", [*plain[:7], uniform(generator, (directions, 3 * hidden), -0.5, 0.5), *plain[8:]])
    attempt("coupled gates", plain, input_forget=1)
    attempt("bounds", plain, clip=0.7)
    attempt("activations", plain, activations=["HardSigmoid", "Softsign", "Relu"] * directions)
    for lengths in ([6, 2, 4], [3, 1, 0]):
        attempt(f"lengths {lengths}", [*plain[:4], numpy.array(lengths, numpy.int32), *states, *plain[7:]])
    batch.check(mode)


# Attention


def test_rotary_embedding(mode):
    batch, generator = Batch(), rng()
    cosine, sine = uniform(generator, (20, 8)), uniform(generator, (20, 8))
    heads, flat = uniform(generator, (2, 3, 5, 16)), uniform(generator, (2, 5, 48))
    positions, start = integers(generator, (2, 5), "int64", 0, 19), numpy.array([7], numpy.int64)
    for interleaved in (0, 1):
        name = "interleaved" if interleaved else "halves"
        add(batch, name, "RotaryEmbedding", [heads, positions, cosine, sine], interleaved=interleaved)
        add(batch, name + " flat", "RotaryEmbedding", [flat, positions, cosine, sine], known=(0, 2), interleaved=interleaved)
        add(batch, name + " start", "RotaryEmbedding", [flat, start, cosine, sine], known=(0, 2), interleaved=interleaved)
        part = [flat, positions, cosine[:, :4].copy(), sine[:, :4].copy()]
        add(batch, name + " part", "RotaryEmbedding", part, interleaved=interleaved, num_heads=3, rotary_embedding_dim=8)
    batch.check(mode)


def test_attention(mode):
    batch, generator = Batch(), rng()
    items, length, heads, width = 2, 5, 3, 8
    columns = heads * width
    x, w, bias = uniform(generator, (items, length, 20)), uniform(generator, (20, 3 * columns), -0.4, 0.4), uniform(generator, (3 * columns,))
    common = {"num_heads": heads, "constants": (1, 2)}
    add(batch, "plain", "Attention", [x, w, bias], **common)
    add(batch, "causal", "Attention", [x, w, bias], unidirectional=1, scale=0.3, **common)
    ends, starts = numpy.array([3, 5], numpy.int32), numpy.array([1, 0], numpy.int32)
    add(batch, "ends", "Attention", [x, w, bias, ends], known=(0, 3), **common)
    add(batch, "ends and starts", "Attention", [x, w, bias, numpy.concatenate([ends, starts])], known=(0, 3), mask_filter_value=-50.0, **common)
    mask = numpy.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], numpy.int32)
    add(batch, "mask", "Attention", [x, w, bias, mask], **common)
    add(batch, "causal mask", "Attention", [x, w, bias, mask], unidirectional=1, **common)
    add(batch, "mask of queries", "Attention", [x, w, bias, integers(generator, (items, length, length), "int32", 0, 1)], **common)
    add(batch, "score bias", "Attention", [x, w, bias, None, None, uniform(generator, (1, heads, length, length))], **common)
    add(batch, "wide values", "Attention", [x, w[:, :-9].copy(), bias[:-9]], qkv_hidden_sizes=[columns, columns, columns - 9], **common)
    past = uniform(generator, (2, items, heads, 4, width))
    for causal in (0, 1):
        add(batch, f"past {causal}", "Attention", [x, w, bias, None, past], 2, unidirectional=causal, **common)
    batch.check(mode)


def test_multi_head_attention(mode):
    batch, generator = Batch(), rng()
    items, length, keys, heads, width = 2, 4, 6, 3, 8
    columns = heads * width
    q, k, v = (uniform(generator, (items, count, columns)) for count in (length, keys, keys))
    bias = uniform(generator, (3 * columns,))
    add(batch, "plain", "MultiHeadAttention", [q, k, v], num_heads=heads)
    add(batch, "bias", "MultiHeadAttention", [q, k, v, bias], num_heads=heads, scale=0.2)
    add(batch, "wide values", "MultiHeadAttention", [q, k, uniform(generator, (items, keys, 2 * columns))], num_heads=heads)
    add(batch, "lengths", "MultiHeadAttention", [q, k, v, bias, numpy.array([2, 6], numpy.int32)], known=(0, 4), num_heads=heads)
    add(batch, "mask", "MultiHeadAttention", [q, k, v, None, integers(generator, (items, keys), "int32", 0, 1)], num_heads=heads)
    add(batch, "score bias", "MultiHeadAttention", [q, k, v, None, None, uniform(generator, (items, 1, length, keys))], num_heads=heads)
    add(batch, "causal", "MultiHeadAttention", [q, q, q, bias], num_heads=heads, unidirectional=1)
    states = [uniform(generator, (items, heads, keys, width)) for _ in range(2)]
    add(batch, "cross", "MultiHeadAttention", [q, *states], num_heads=heads)
    add(batch, "past", "MultiHeadAttention", [q, q, q, None, None, None, *states], 3, num_heads=heads, unidirectional=1)
    # ONNX Runtime has packed forms on other devices only; they mean the same.
    apart = [value.reshape(items, -1, heads, width) for value in (q, k, v)]
    for name, inputs, whole in (("packed keys", [q, numpy.stack(apart[1:], 3)], [q, k, v]), ("packed", [numpy.stack([apart[0]] * 3, 3)], [q, q, q])):
        expected = reference("MultiHeadAttention", whole, 1, num_heads=heads)[0]
        batch.add(name, "MultiHeadAttention", inputs, expected, close(expected), domain=MICROSOFT, num_heads=heads)
    batch.check(mode)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_quantized_attention(mode, dtype):
    batch, generator = Batch(), rng()
    heads, width = 2, 8
    columns = heads * width
    x, w = integers(generator, (2, 4, 20), "uint8"), integers(generator, (20, 3 * columns), dtype)
    bias, scale, scales = uniform(generator, (3 * columns,)), numpy.float32(0.01), uniform(generator, (3 * columns,), 0.001, 0.003)
    zeros = [numpy.uint8(128), numpy.array(3, dtype)]
    mask = numpy.array([[1, 1, 1, 0], [1, 1, 1, 1]], numpy.int32)
    add(batch, "plain", "QAttention", [x, w, bias, scale, numpy.float32(0.002), mask, *zeros], constants=(1, 2), num_heads=heads)
    add(batch, "by column", "QAttention", [x, w, bias, scale, scales, None, zeros[0], numpy.zeros(3 * columns, dtype)], constants=(1, 2, 4, 7), num_heads=heads,
        unidirectional=1)
    past = uniform(generator, (2, 2, heads, 3, width))
    add(batch, "past", "QAttention", [x, w, bias, scale, numpy.float32(0.002), None, *zeros, past], 2, constants=(1, 2), num_heads=heads, unidirectional=1)
    batch.check(mode)


def group_query(generator, items, length, past, heads, key_heads, width, lasts, total, packed=False) -> list:
    rows = [uniform(generator, (items, length, count * width)) for count in (heads, key_heads, key_heads)]
    states = [uniform(generator, (items, key_heads, past, width)) for _ in range(2)]
    if packed:
        rows = [numpy.concatenate(rows, axis=2), None, None]
    return [*rows, *states, numpy.array(lasts, numpy.int32), numpy.array([total], numpy.int32)]


def test_group_query_attention(mode):
    batch, generator = Batch(), rng()
    heads, key_heads, width = 6, 2, 16
    tables = [uniform(generator, (32, width // 2)) for _ in range(2)]

    def attempt(name, inputs, **attributes):
        add(batch, name, "GroupQueryAttention", inputs, 3, num_heads=heads, kv_num_heads=key_heads, known=(6,), **attributes)

    def inputs(items, length, past, lasts, total, **options):
        return group_query(generator, items, length, past, heads, key_heads, width, lasts, total, **options)

    first, step = inputs(2, 5, 0, [4, 4], 5), inputs(2, 1, 7, [7, 7], 8)
    attempt("first call", first)
    attempt("step", step)
    attempt("rotary", [*first, *tables], do_rotary=1)
    attempt("rotary step", [*step, *tables], do_rotary=1)
    attempt("interleaved", [*step, *tables], do_rotary=1, rotary_interleaved=1)
    attempt("packed", [*inputs(1, 4, 0, [3], 4, packed=True), *tables], do_rotary=1)
    attempt("several tokens behind a past", [*inputs(1, 3, 4, [6], 7), *tables], do_rotary=1)
    attempt("pasts of other lengths", [*inputs(2, 1, 7, [4, 6], 8), *tables], do_rotary=1)
    attempt("a buffer for more", [*inputs(2, 1, 12, [4, 6], 7), *tables], do_rotary=1)
    attempt("scale and bound", step, scale=0.5, softcap=2.0)
    attempt("window", inputs(1, 6, 0, [5], 6), local_window_size=3)
    attempt("window of a step", inputs(1, 1, 9, [9], 10), local_window_size=4)
    attempt("one more score", first, smooth_softmax=1)
    attempt("sinks", [*first, None, None, None, None, uniform(generator, (heads,))])
    attempt("score bias", [*step, None, None, None, uniform(generator, (2, heads, 1, 8))])
    attempt("score bias and bound", [*step, None, None, None, uniform(generator, (1, 1, 1, 8))], softcap=1.5)
    attempt("positions", [*step, *tables, numpy.array([[3], [9]], numpy.int64)], do_rotary=1)
    batch.check(mode)


def test_more_attention_in_half_precision(mode):
    # Sums of a few products in f32, rounded once more in ONNX Runtime.
    batch, generator = Batch(), rng()
    q, k, v = (uniform(generator, (2, 4, 24), dtype="float16") for _ in range(3))
    states = [uniform(generator, (2, 1, 3, 8), dtype="float16") for _ in range(2)]
    add(batch, "step", "GroupQueryAttention", [q[:, :1].copy(), k[:, :1, :8].copy(), v[:, :1, :8].copy(), *states, numpy.array([3, 3], numpy.int32),
                                               numpy.array([4], numpy.int32)], 3, 4, num_heads=3, kv_num_heads=1, known=(6,))
    batch.check(mode)




@pytest.mark.parametrize("place, shape, text", [
    (6, (2, 3, 5, 7), "extent 3 of a past is 7, expected 8"), (3, (70,), "the number of biases is 70, expected 72"),
    (2, (2, 5, 24), "the number of values is 10, expected 9")])
def test_extents_that_do_not_fit_are_found_at_run_time(tmp_path, place, shape, text):
    ones = [numpy.ones(entry, numpy.float32) for entry in ((2, 4, 24), (2, 4, 24), (2, 4, 24), (72,), (2, 3, 5, 8), (2, 3, 5, 8))]
    inputs = dict(zip(("q", "k", "v", "bias", "past_key", "past_value"), ones))
    names = ["q", "k", "v", "bias", "", "", "past_key", "past_value"]
    graph = helper.make_graph(
        [helper.make_node("MultiHeadAttention", names, ["y"], domain=MICROSOFT, num_heads=3, name="heads")], "dynamic",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * value.ndim) for name, value in inputs.items()],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None] * 3)])
    tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)]), tmp_path / "model.so")
    model = tenon.load(tmp_path / "model.so")
    assert model.run(inputs)["y"].shape == (2, 4, 24)
    with pytest.raises(tenon.RunError, match=text):
        model.run({**inputs, names[place]: numpy.ones(shape, numpy.float32)})
