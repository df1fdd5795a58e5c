"""Networks for text, sound and tables, in the shapes of their papers (some with fewer layers), with random weights."""

import numpy
from onnx import TensorProto

from .graph import Graph


def bert(length: int = 128):
    g = Graph()
    x = g.op("Add", g.input("x", 1, length, 384), g.weight(1, length, 384, fan_in=100))
    for _ in range(4):
        x = g.layer_norm(g.op("Add", x, g.attention(x, length, 384, 12)), 384)
        x = g.layer_norm(g.op("Add", x, g.feed_forward(x, 384, 1536)), 384)
    return g.model(x)


def bert_512():
    return bert(512)


def decoder_step():
    """One token of a language model: rotary positions, grouped heads, keys and values of 255 tokens before, SwiGLU."""
    g = Graph()
    size, heads, groups, past = 512, 8, 2, 255
    width = size // heads
    token = g.input("token", 1, 1, dtype=TensorProto.INT64)
    x = g.op("Gather", g.weight(8000, size, fan_in=50), token)
    cos, sin = g.weight(1, 1, 1, width, fan_in=1), g.weight(1, 1, 1, width, fan_in=1)
    outputs = []

    def rotate(y: str) -> str:
        low, high = g.ops("Split", 2, y, axis=-1, num_outputs=2)
        return g.op("Add", g.op("Mul", y, cos), g.op("Mul", g.op("Concat", g.op("Neg", high), low, axis=-1), sin))

    for layer in range(4):
        y = g.rms_norm(x, size)
        query = rotate(g.op("Transpose", g.reshape(g.linear(y, size, size), 1, 1, heads, width), perm=[0, 2, 1, 3]))
        key = rotate(g.op("Transpose", g.reshape(g.linear(y, size, groups * width), 1, 1, groups, width), perm=[0, 2, 1, 3]))
        value = g.op("Transpose", g.reshape(g.linear(y, size, groups * width), 1, 1, groups, width), perm=[0, 2, 1, 3])
        keys = g.op("Concat", g.input(f"keys{layer}", 1, groups, past, width), key, axis=2)
        values = g.op("Concat", g.input(f"values{layer}", 1, groups, past, width), value, axis=2)
        outputs += [keys, values]
        shape = [1, groups, heads // groups, past + 1, width]

        def repeated(y: str) -> str:
            y = g.op("Expand", g.op("Unsqueeze", y, g.constant([2], numpy.int64)), g.constant(shape, numpy.int64))
            return g.reshape(y, 1, heads, past + 1, width)

        scores = g.op("Mul", g.op("MatMul", query, g.op("Transpose", repeated(keys), perm=[0, 1, 3, 2])), g.constant(width**-0.5))
        y = g.op("MatMul", g.op("Softmax", scores, axis=-1), repeated(values))
        y = g.reshape(g.op("Transpose", y, perm=[0, 2, 1, 3]), 1, 1, size)
        x = g.op("Add", x, g.linear(y, size, size))
        y = g.rms_norm(x, size)
        x = g.op("Add", x, g.linear(g.op("Mul", g.linear(y, size, 1408, "silu"), g.linear(y, size, 1408)), 1408, size))
    return g.model(g.linear(g.rms_norm(x, size), size, 8000), *outputs)


def gpt_prompt():
    """64 tokens at once, with a causal mask."""
    g = Graph()
    token = g.input("tokens", 1, 64, dtype=TensorProto.INT64)
    x = g.op("Add", g.op("Gather", g.weight(4000, 384, fan_in=50), token), g.weight(1, 64, 384, fan_in=100))
    mask = g.constant(numpy.triu(numpy.full((64, 64), -1e9), 1))
    for _ in range(4):
        x = g.op("Add", x, g.attention(g.layer_norm(x, 384), 64, 384, 6, mask))
        x = g.op("Add", x, g.feed_forward(g.layer_norm(x, 384), 384, 1536))
    return g.model(g.linear(g.layer_norm(x, 384), 384, 4000))


def conformer():
    """Two blocks of speech recognition: half feed-forwards, attention, a gated convolution of 31 steps."""
    g = Graph()
    size, length = 256, 200
    x = g.linear(g.input("x", 1, length, 80), 80, size)
    for _ in range(2):
        x = g.op("Add", x, g.op("Mul", g.feed_forward(g.layer_norm(x, size), size, 1024, "silu"), g.constant(0.5)))
        x = g.op("Add", x, g.attention(g.layer_norm(x, size), length, size, 4))
        y = g.op("Transpose", g.layer_norm(x, size), perm=[0, 2, 1])
        left, right = g.ops("Split", 2, g.conv(y, size, 2 * size, 1, dims=1), axis=1, num_outputs=2)
        y = g.conv(g.op("Mul", left, g.op("Sigmoid", right)), size, size, 31, group=size, act="silu", dims=1)
        x = g.op("Add", x, g.op("Transpose", g.conv(y, size, size, 1, dims=1), perm=[0, 2, 1]))
        x = g.op("Add", x, g.op("Mul", g.feed_forward(g.layer_norm(x, size), size, 1024, "silu"), g.constant(0.5)))
        x = g.layer_norm(x, size)
    return g.model(g.op("LogSoftmax", g.linear(x, size, 500), axis=-1))


def whisper_encoder():
    g = Graph()
    x = g.conv(g.conv(g.input("x", 1, 80, 600), 80, 384, 3, act="gelu", dims=1), 384, 384, 3, 2, act="gelu", dims=1)
    x = g.op("Add", g.op("Transpose", x, perm=[0, 2, 1]), g.weight(1, 300, 384, fan_in=100))
    for _ in range(2):
        x = g.op("Add", x, g.attention(g.layer_norm(x, 384), 300, 384, 6))
        x = g.op("Add", x, g.feed_forward(g.layer_norm(x, 384), 384, 1536))
    return g.model(g.layer_norm(x, 384))


def quartznet():
    """Separable convolutions along time."""
    g = Graph()
    x, channels = g.conv(g.input("x", 1, 64, 500), 64, 256, 33, 2, act="relu", dims=1), 256
    for kernel in (33, 39, 51):
        y = x
        for _ in range(3):
            y = g.conv(g.conv(y, channels, channels, kernel, group=channels, dims=1), channels, channels, 1, act="relu", dims=1)
        x = g.op("Relu", g.op("Add", y, g.conv(x, channels, channels, 1, dims=1)))
    return g.model(g.op("LogSoftmax", g.op("Transpose", g.conv(x, channels, 29, 1, dims=1), perm=[0, 2, 1]), axis=-1))


def tcn():
    g = Graph()
    x, channels = g.input("x", 1, 40, 500), 40
    for layer in range(8):
        y = g.op("PRelu", g.conv(x, channels, 128, 3, dilation=2**(layer % 4), dims=1), g.constant(numpy.full((128, 1), 0.2)))
        x, channels = g.op("Add", x, y) if channels == 128 else y, 128
    return g.model(x)


def wavenet():
    """Causal dilated convolutions with gates, residuals and skips."""
    g = Graph()
    x, skips = g.conv(g.input("x", 1, 1, 2000), 1, 32, 1, dims=1), None
    for layer in range(10):
        dilation = 2**layer if layer < 8 else 2 ** (layer - 8)
        padded = g.op("Pad", x, g.constant([0, 0, dilation, 0, 0, 0], numpy.int64))
        y = g.op("Conv", padded, g.weight(64, 32, 2), g.weight(64, fan_in=100), dilations=[dilation])
        left, right = g.ops("Split", 2, y, axis=1, num_outputs=2)
        y = g.op("Mul", g.op("Tanh", left), g.op("Sigmoid", right))
        skip = g.conv(y, 32, 64, 1, dims=1)
        skips = g.op("Add", skips, skip) if skips else skip
        x = g.op("Add", x, g.conv(y, 32, 32, 1, dims=1))
    return g.model(g.conv(g.conv(g.op("Relu", skips), 64, 64, 1, act="relu", dims=1), 64, 256, 1, dims=1))


def source_separation():
    """Strided and transposed convolutions along time around a bidirectional LSTM (Demucs)."""
    g = Graph()
    x, channels, skips = g.input("x", 1, 2, 16384), 2, []
    for width in (32, 64, 128):
        y = g.conv(x, channels, width, 8, 4, act="relu", dims=1)
        left, right = g.ops("Split", 2, g.conv(y, width, 2 * width, 1, dims=1), axis=1, num_outputs=2)
        x, channels = g.op("Mul", left, g.op("Sigmoid", right)), width
        skips.append(x)
    x = g.op("Transpose", x, perm=[2, 0, 1])
    y = g.op("LSTM", x, g.weight(2, 256, 128), g.weight(2, 256, 64), g.weight(2, 512), hidden_size=64, direction="bidirectional")
    x = g.op("Transpose", g.reshape(g.op("Transpose", y, perm=[0, 2, 1, 3]), 0, 1, 128), perm=[1, 2, 0])
    for width in (64, 32, 2):
        x = g.op("Add", x, skips.pop())
        x, channels = g.conv_transpose(x, channels, width, 8, 4, dims=1), width
        x = g.op("Relu", x) if width != 2 else x
    return g.model(x)


def bilstm():
    g = Graph()
    y = g.op("LSTM", g.input("x", 100, 1, 80), g.weight(2, 1024, 80), g.weight(2, 1024, 256), g.weight(2, 2048), hidden_size=256, direction="bidirectional")
    return g.model(g.linear(g.reshape(g.op("Transpose", y, perm=[0, 2, 1, 3]), 100, 1, 512), 512, 64))


def gru_batch():
    """Sixteen sequences at once."""
    g = Graph()
    y = g.op("GRU", g.input("x", 40, 16, 128), g.weight(1, 768, 128), g.weight(1, 768, 256), g.weight(1, 1536), hidden_size=256, linear_before_reset=1)
    return g.model(g.linear(g.op("Squeeze", y, g.constant([1], numpy.int64)), 256, 100))


def crnn():
    """Text in images: convolutions, then two bidirectional LSTMs over columns."""
    g = Graph()
    x, channels = g.input("x", 1, 1, 32, 160), 1
    for width, kernel in ((64, [2, 2]), (128, [2, 2]), (256, [2, 1]), (256, [2, 1]), (512, [2, 1])):
        x = g.conv(x, channels, width, act="relu")
        x, channels = g.op("MaxPool", x, kernel_shape=kernel, strides=kernel), width
    x, size = g.op("Transpose", g.op("Squeeze", x, g.constant([2], numpy.int64)), perm=[2, 0, 1]), 512
    for _ in range(2):
        y = g.op("LSTM", x, g.weight(2, 512, size), g.weight(2, 512, 128), g.weight(2, 1024), hidden_size=128, direction="bidirectional")
        x, size = g.reshape(g.op("Transpose", y, perm=[0, 2, 1, 3]), 40, 1, 256), 256
    return g.model(g.op("LogSoftmax", g.linear(x, 256, 37), axis=-1))


def text_cnn():
    """Embeddings, convolutions of three widths, a maximum over time."""
    g = Graph()
    token = g.input("tokens", 1, 200, dtype=TensorProto.INT64)
    x = g.op("Transpose", g.op("Gather", g.weight(10000, 128, fan_in=1), token), perm=[0, 2, 1])
    parts = [g.op("ReduceMax", g.conv(x, 128, 100, kernel, act="relu", dims=1), g.constant([2], numpy.int64), keepdims=0) for kernel in (3, 5, 7)]
    return g.model(g.op("Softmax", g.linear(g.op("Concat", *parts, axis=1), 300, 5), axis=-1))


def perceptron(batch: int = 1):
    g = Graph()
    x, size = g.input("x", batch, 128), 128
    for width in (512, 512, 256):
        x, size = g.linear(x, size, width, "relu"), width
    return g.model(g.linear(x, size, 10))


def perceptron_64():
    return perceptron(64)


def recommender():
    """Embeddings of 26 categories, their products with each other, perceptrons before and after (DLRM)."""
    g = Graph()
    dense = g.linear(g.linear(g.input("dense", 32, 13), 13, 256, "relu"), 256, 32, "relu")
    rows = [g.op("Unsqueeze", dense, g.constant([1], numpy.int64))]
    for number in range(26):
        index = g.input(f"category{number}", 32, 1, dtype=TensorProto.INT64)
        rows.append(g.op("Gather", g.weight(1000, 32, fan_in=1), index))
    x = g.op("Concat", *rows, axis=1)
    pairs = g.reshape(g.op("MatMul", x, g.op("Transpose", x, perm=[0, 2, 1])), 32, 27 * 27)
    upper = [row * 27 + column for row in range(27) for column in range(row)]
    x = g.op("Concat", dense, g.op("Gather", pairs, g.constant(upper, numpy.int64), axis=1), axis=1)
    return g.model(g.op("Sigmoid", g.linear(g.linear(x, 32 + len(upper), 256, "relu"), 256, 1)))


def point_net():
    """Per-point perceptrons of 1024 points and a maximum over them."""
    g = Graph()
    x, channels = g.input("x", 1, 3, 1024), 3
    for width in (64, 128, 1024):
        x, channels = g.conv(x, channels, width, 1, act="relu", dims=1), width
    x = g.op("ReduceMax", x, g.constant([2], numpy.int64), keepdims=0)
    return g.model(g.linear(g.linear(x, 1024, 256, "relu"), 256, 40))


NETWORKS = (bert, bert_512, decoder_step, gpt_prompt, conformer, whisper_encoder, quartznet, tcn, wavenet, source_separation, bilstm, gru_batch, crnn,
            text_cnn, perceptron, perceptron_64, recommender, point_net)
