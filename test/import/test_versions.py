"""Operators of old operator sets: attributes that later became inputs, other broadcasting, other defaults.

Each case is a node at some opset, its inputs (constants, if named after the first `free` ones), and what it must give.
"""

import json
import subprocess

import evaluate
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(3)
X = RNG.standard_normal((2, 3, 4)).astype(np.float32)
IMAGE = RNG.standard_normal((1, 3, 4, 5)).astype(np.float32)
CHANNELS = np.abs(RNG.standard_normal((4, 3))).astype(np.float32)
LOGITS = np.exp(X - X.max((1, 2), keepdims=True))


def softmax(x, axes):
    power = np.exp(x - x.max(axes, keepdims=True))
    return power / power.sum(axes, keepdims=True)


def batch_normalization(x):
    scale, bias, mean, variance = (parameter.reshape(1, 3, 1, 1) for parameter in CHANNELS)
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + bias


def i64(*values):
    return np.array(values, np.int64)


GRU_WEIGHTS = RNG.standard_normal((1, 12, 4)).astype(np.float32)


def gru(x, linear_before_reset=False):
    """W and R are GRU_WEIGHTS; no biases."""
    update, reset, candidate = np.split(GRU_WEIGHTS[0], 3)
    h, sequence = np.zeros((x.shape[1], 4)), []
    for step in x:
        z, r = (1 / (1 + np.exp(-(step + h) @ gate.T)) for gate in (update, reset))
        n = np.tanh(step @ candidate.T + (r * (h @ candidate.T) if linear_before_reset else (r * h) @ candidate.T))
        h = (1 - z) * n + z * h
        sequence.append(h)
    return [np.stack(sequence)[:, None], h[None]]


def rnn(x):
    h, sequence = np.zeros((x.shape[1], 4)), []
    for step in x:
        h = np.tanh(step @ GRU_WEIGHTS[0, :4].T + h @ GRU_WEIGHTS[0, 8:].T)
        sequence.append(h)
    return [np.stack(sequence)[:, None], h[None]]


# opset, operator, inputs, number of inputs that are not constants, attributes, expected
CASES = [
    (1, "Add", [X, X[0, :, 0]], 2, {"broadcast": 1, "axis": 1}, X + X[0, :, 0].reshape(3, 1)),
    (6, "Mul", [X, X[0, 0]], 2, {"broadcast": 1}, X * X[0, 0]),
    (6, "Sub", [X, X[:, :, 0]], 2, {"broadcast": 1, "axis": 0}, X - X[:, :, :1]),
    (1, "Greater", [X, X[0, 0]], 2, {"broadcast": 1, "axis": 2}, X > X[0, 0]),
    (1, "Pow", [np.abs(X), X[0, 0]], 2, {"broadcast": 1}, np.abs(X) ** X[0, 0]),
    (1, "Relu", [X], 1, {"consumed_inputs": [0]}, np.maximum(X, 0)),
    (1, "Clip", [X], 1, {"min": -0.5, "max": 0.25, "consumed_inputs": [0]}, np.clip(X, -0.5, 0.25)),
    (6, "Clip", [X], 1, {"min": 0.1}, np.maximum(X, np.float32(0.1))),
    (6, "Clip", [X], 1, {}, X),
    (11, "Clip", [X, np.float32(-1), np.float32(1)], 1, {}, np.clip(X, -1, 1)),
    (1, "Cast", [X * 10], 1, {"to": "INT32"}, (X * 10).astype(np.int32)),
    (6, "Cast", [X * 10], 1, {"to": TensorProto.INT64}, (X * 10).astype(np.int64)),
    (1, "Reshape", [X], 1, {"shape": [0, -1], "consumed_inputs": [0]}, X.reshape(2, 12)),
    (5, "Reshape", [X, i64(4, -1)], 1, {}, X.reshape(4, 6)),
    (14, "Reshape", [X[:0], i64(0, 7)], 1, {"allowzero": 1}, X[:0].reshape(0, 7)),
    (1, "Squeeze", [X[:, :1]], 1, {"axes": [1]}, X[:, 0]),
    (1, "Squeeze", [X[:1, :1]], 1, {}, X[0, 0]),
    (11, "Squeeze", [X[:, :1]], 1, {"axes": [-2]}, X[:, 0]),
    (13, "Squeeze", [X[:, :1], i64(1)], 1, {}, X[:, 0]),
    (1, "Unsqueeze", [X], 1, {"axes": [0, 2]}, X[None, :, None]),
    (11, "Unsqueeze", [X], 1, {"axes": [-1]}, X[..., None]),
    (1, "Softmax", [X], 1, {}, softmax(X, (1, 2))),
    (11, "Softmax", [X], 1, {"axis": 2}, softmax(X, (2,))),
    (11, "Softmax", [X], 1, {"axis": -3}, softmax(X, (0, 1, 2))),
    (13, "Softmax", [X], 1, {}, softmax(X, (2,))),
    (1, "LogSoftmax", [X], 1, {"axis": 1}, np.log(softmax(X, (1, 2)))),
    (1, "Hardmax", [X], 1, {"axis": 1}, np.eye(12, dtype=np.float32)[X.reshape(2, 12).argmax(1)].reshape(X.shape)),
    (1, "Pad", [X[0]], 1, {"paddings": [1, 0, 0, 2], "value": 2.5},
     np.pad(X[0], ((1, 0), (0, 2)), constant_values=2.5)),
    (2, "Pad", [X[0]], 1, {"pads": [0, 1, 1, 0], "mode": "edge"}, np.pad(X[0], ((0, 1), (1, 0)), "edge")),
    (2, "Pad", [X[0]], 1, {"pads": [-1, 1, 0, -2]}, np.pad(X[0][1:, :2], ((0, 0), (1, 0)))),
    (11, "Pad", [X[0], i64(1, 1, 0, 0), np.float32(7)], 1, {}, np.pad(X[0], ((1, 0), (1, 0)), constant_values=7)),
    (18, "Pad", [X, i64(1, 2), np.float32(7), i64(-1)], 1, {},
     np.pad(X, ((0, 0), (0, 0), (1, 2)), constant_values=7)),
    (1, "Slice", [X], 1, {"starts": [1, -3], "ends": [3, 1000], "axes": [1, 2]}, X[:, 1:3, -3:]),
    (10, "Slice", [X, i64(3, -1), i64(-9, 0), i64(2, 1), i64(-2, -1)], 1, {}, X[:, :0:-1, ::-2]),
    (2, "Split", [X], 1, {"axis": 1, "split": [1, 2]}, [X[:, :1], X[:, 1:]]),
    (2, "Split", [X], 1, {"axis": 2}, [X[..., :2], X[..., 2:]]),
    (13, "Split", [X, i64(3, 1)], 1, {"axis": 2}, [X[..., :3], X[..., 3:]]),
    (18, "Split", [X], 1, {"axis": 1, "num_outputs": 2}, [X[:, :2], X[:, 2:]]),
    (1, "Concat", [X, X], 2, {}, np.concatenate([X, X], 1)),
    (4, "Concat", [X, X], 2, {"axis": -1}, np.concatenate([X, X], 2)),
    (1, "Tile", [X, np.float32(3), np.float32(1)], 1, {}, np.tile(X, (1, 3, 1))),
    (6, "Tile", [X, i64(2, 1, 3)], 1, {}, np.tile(X, (2, 1, 3))),
    (1, "ReduceSum", [X], 1, {"axes": [1], "keepdims": 0}, X.sum(1)),
    (11, "ReduceMean", [X], 1, {"axes": [-1]}, X.mean(2, keepdims=True)),
    (13, "ReduceSum", [X, i64(0, 2)], 1, {}, X.sum((0, 2), keepdims=True)),
    (13, "ReduceSum", [X], 1, {"noop_with_empty_axes": 1}, X),
    (18, "ReduceL2", [X, i64(1)], 1, {"keepdims": 0}, np.sqrt((X * X).sum(1))),
    (1, "ArgMax", [X], 1, {"axis": 1, "keepdims": 0}, X.argmax(1)),
    (1, "TopK", [X], 1, {"axis": 2, "k": 2}, [-np.sort(-X, 2)[..., :2], np.argsort(-X, 2)[..., :2]]),
    (10, "TopK", [X, i64(2)], 1, {"axis": 1}, [-np.sort(-X, 1)[:, :2], np.argsort(-X, 1)[:, :2]]),
    (11, "TopK", [X, i64(2)], 1, {"largest": 0}, [np.sort(X, 2)[..., :2], np.argsort(X, 2)[..., :2]]),
    (1, "PRelu", [IMAGE, CHANNELS[0]], 2, {}, np.where(IMAGE < 0, IMAGE * CHANNELS[0].reshape(3, 1, 1), IMAGE)),
    (7, "PRelu", [X, X[0, 0]], 2, {}, np.where(X < 0, X * X[0, 0], X)),
    (1, "Gemm", [X[0], X[1].T, X[0, 0, :3]], 3, {"broadcast": 1, "alpha": 2.0, "beta": 0.5},
     2 * X[0] @ X[1].T + 0.5 * X[0, 0, :3]),
    (6, "Gemm", [X[0], X[1], X[0, :3, :3]], 3, {"transB": 1}, X[0] @ X[1].T + X[0, :3, :3]),
    (11, "Gemm", [X[0], X[1]], 2, {"transA": 1}, X[0].T @ X[1]),
    (1, "BatchNormalization", [IMAGE, *CHANNELS], 1, {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1]},
     batch_normalization(IMAGE)),
    (7, "BatchNormalization", [IMAGE, *CHANNELS], 1, {}, batch_normalization(IMAGE)),
    (15, "BatchNormalization", [IMAGE, *CHANNELS], 1, {}, batch_normalization(IMAGE)),
    (1, "Dropout", [X], 1, {"is_test": 1, "ratio": 0.3, "consumed_inputs": [0]}, X),
    (7, "Dropout", [X], 1, {"ratio": 0.3}, X),
    (1, "Upsample", [IMAGE], 1, {"height_scale": 2.0, "width_scale": 3.0}, IMAGE.repeat(2, 2).repeat(3, 3)),
    (7, "Upsample", [IMAGE], 1, {"scales": [1.0, 1.0, 2.0, 2.0]}, IMAGE.repeat(2, 2).repeat(2, 3)),
    (9, "Upsample", [IMAGE, np.array([1, 1, 2, 2], np.float32)], 1, {}, IMAGE.repeat(2, 2).repeat(2, 3)),
    (10, "Resize", [IMAGE, np.array([1, 1, 0.5, 2], np.float32)], 1, {}, IMAGE[:, :, ::2].repeat(2, 3)),
    (11, "Resize", [IMAGE, np.array([], np.float32), np.array([1, 1, 2, 2], np.float32)], 1,
     {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, IMAGE.repeat(2, 2).repeat(2, 3)),
    (13, "Resize", [IMAGE, None, None, i64(1, 3, 8, 5)], 1,
     {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, IMAGE.repeat(2, 2)),
    (18, "Resize", [IMAGE, None, None, i64(8)], 1,
     {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", "axes": [2]}, IMAGE.repeat(2, 2)),
    (9, "Scatter", [X[0], np.array([[2, 0]], np.int64), X[1, :1, :2]], 3, {"axis": 1},
     np.concatenate([np.where(np.arange(4) == 2, X[1, 0, 0], np.where(np.arange(4) == 0, X[1, 0, 1], X[0, 0]))[None], X[0, 1:]])),
    (1, "Selu", [X], 1, {}, np.float32(1.0507) * np.where(X <= 0, np.float32(1.6732) * np.expm1(X), X)),
    (1, "LpPool", [IMAGE], 1, {"kernel_shape": [4, 5], "p": 2.0}, np.sqrt((IMAGE * IMAGE).sum((2, 3), keepdims=True))),
    (1, "GlobalLpPool", [IMAGE], 1, {}, np.sqrt((IMAGE * IMAGE).sum((2, 3), keepdims=True))),
    (1, "Sum", [X, X, X], 3, {}, 3 * X),
    (8, "Max", [X, X[0, 0]], 2, {}, np.maximum(X, X[0, 0])),
    (1, "Flatten", [X], 1, {"axis": 2}, X.reshape(6, 4)),
    (11, "Flatten", [X], 1, {"axis": -1}, X.reshape(6, 4)),
    (15, "Shape", [X], 1, {"start": -2}, i64(3, 4)),
    (1, "Shape", [X], 1, {}, i64(2, 3, 4)),
    # The default direction of the first GRU had a typing error; output_sequence went with opset 7.
    (1, "GRU", [X, GRU_WEIGHTS, GRU_WEIGHTS], 1, {"hidden_size": 4, "direction": "foward", "output_sequence": 1}, gru(X)),
    (3, "GRU", [X, GRU_WEIGHTS, GRU_WEIGHTS], 1, {"hidden_size": 4, "output_sequence": 1, "linear_before_reset": 1}, gru(X, True)),
    (1, "RNN", [X, GRU_WEIGHTS[:, :4], GRU_WEIGHTS[:, 8:]], 1, {"hidden_size": 4}, rnn(X)),
]


def import_and_run(build, model, inputs, folder, *flags):
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    done = subprocess.run([build / "bin/tenon_import_tool", path, "--json", *flags], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    module = json.loads(done.stdout)
    return module, evaluate.evaluate(module, [inputs[name] for name in module["inputs"]])


@pytest.mark.parametrize("opset, operator, inputs, free, attributes, expected", CASES,
                         ids=[f"{case[1]}-{case[0]}-{i}" for i, case in enumerate(CASES)])
def test_version(opset, operator, inputs, free, attributes, expected, build, tmp_path):
    expected = expected if isinstance(expected, list) else [expected]
    names = ["" if array is None else f"i{index}" for index, array in enumerate(inputs)]
    arrays = {name: np.asarray(array) for name, array in zip(names, inputs) if name}
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(arrays[name].dtype), arrays[name].shape)
             for name in names[:free]]
    constants = [numpy_helper.from_array(arrays[name], name) for name in names[free:] if name]
    outputs = [helper.make_tensor_value_info(f"o{i}", TensorProto.FLOAT, None) for i in range(len(expected))]
    node = helper.make_node(operator, names, [output.name for output in outputs], **attributes)
    graph = helper.make_graph([node], "g", infos, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    _, results = import_and_run(build, model, arrays, tmp_path)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)
