"""Single operators: those whose figures the records give, and their neighbours."""

import functools

import numpy

from .graph import Graph

MIB_4 = (1024, 1024)  # float32


def _convolution(inputs: int, outputs: int, extent: int, kernel: int = 3, stride: int = 1, group: int = 1):
    g = Graph()
    return g.model(g.conv(g.input("x", 1, inputs, extent, extent), inputs, outputs, kernel, stride, group))


def _product(m: int, k: int, n: int, constant: bool = True):
    g = Graph()
    a = g.input("a", m, k)
    return g.model(g.op("MatMul", a, g.weight(k, n) if constant else g.input("b", k, n)))


def _unary(kind: str, *shape: int, **attributes):
    g = Graph()
    return g.model(g.op(kind, g.input("x", *shape), **attributes))


def _add():
    g = Graph()
    return g.model(g.op("Add", g.input("x", *MIB_4), g.input("y", *MIB_4)))


def _layer_norm():
    g = Graph()
    return g.model(g.layer_norm(g.input("x", *MIB_4), MIB_4[1]))


def _reduce(kind: str, axis: int):
    g = Graph()
    return g.model(g.op(kind, g.input("x", *MIB_4), g.constant([axis], numpy.int64)))


OPERATORS = {
    "conv-3x3-64-56": functools.partial(_convolution, 64, 64, 56),
    "conv-3x3-128-28": functools.partial(_convolution, 128, 128, 28),
    "conv-3x3-256-14": functools.partial(_convolution, 256, 256, 14),
    "conv-3x3-512-7": functools.partial(_convolution, 512, 512, 7),
    "conv-3x3-stride2-64-56": functools.partial(_convolution, 64, 128, 56, stride=2),
    "conv-1x1-256-28": functools.partial(_convolution, 256, 256, 28, kernel=1),
    "conv-7x7-stride2-3-224": functools.partial(_convolution, 3, 64, 224, kernel=7, stride=2),
    "conv-depthwise-3x3-192-28": functools.partial(_convolution, 192, 192, 28, group=192),
    "conv-depthwise-5x5-480-14": functools.partial(_convolution, 480, 480, 14, kernel=5, group=480),
    "conv-depthwise-7x7-384-14": functools.partial(_convolution, 384, 384, 14, kernel=7, group=384),
    "conv-groups32-256-28": functools.partial(_convolution, 256, 256, 28, group=32),
    "matmul-1-2048-2048": functools.partial(_product, 1, 2048, 2048),
    "matmul-16-1024-1024": functools.partial(_product, 16, 1024, 1024),
    "matmul-256": functools.partial(_product, 256, 256, 256),
    "matmul-1024": functools.partial(_product, 1024, 1024, 1024),
    "matmul-1024-input": functools.partial(_product, 1024, 1024, 1024, constant=False),
    "matmul-12544-144-24": functools.partial(_product, 12544, 144, 24),
    "add-4MiB": _add,
    "exp-4MiB": functools.partial(_unary, "Exp", *MIB_4),
    "gelu-4MiB": functools.partial(_unary, "Gelu", *MIB_4),
    "sigmoid-4MiB": functools.partial(_unary, "Sigmoid", *MIB_4),
    "softmax-4MiB": functools.partial(_unary, "Softmax", *MIB_4, axis=-1),
    "softmax-columns-4MiB": functools.partial(_unary, "Softmax", *MIB_4, axis=0),
    "layer-norm-4MiB": _layer_norm,
    "transpose-4MiB": functools.partial(_unary, "Transpose", *MIB_4, perm=[1, 0]),
    "reduce-sum-rows-4MiB": functools.partial(_reduce, "ReduceSum", 1),
    "reduce-sum-columns-4MiB": functools.partial(_reduce, "ReduceSum", 0),
    "max-pool-3x3-64-112": functools.partial(_unary, "MaxPool", 1, 64, 112, 112, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
}
