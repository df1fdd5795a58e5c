#!/usr/bin/env python3
"""Trains the demo's digit classifier and writes digits.onnx.

A small convolutional network, trained with plain numpy: reverse-mode derivatives by hand, Adam, and one-pixel shifts of
the pictures as augmentation. It takes about a minute on one core and prints the accuracy on the held-out pictures, which
also goes into the model's doc string. Same seed, same machine: the same file.
"""

import argparse
import pathlib

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

import digits

SEED = 3
EPOCHS = 60
BATCH = 64
CHANNELS = (16, 32)
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3


def patches(x: numpy.ndarray) -> numpy.ndarray:
    """All 3x3 windows of x[n, c, h, w] with a border of zeros: [n, h, w, c * 9]."""
    padded = numpy.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    n, c, h, w = x.shape
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * 9)


def scatter_patches(gradient: numpy.ndarray, channels: int) -> numpy.ndarray:
    """The transpose of `patches`."""
    n, h, w, _ = gradient.shape
    windows = gradient.reshape(n, h, w, channels, 3, 3)
    padded = numpy.zeros((n, channels, h + 2, w + 2), numpy.float32)
    for i in range(3):
        for j in range(3):
            padded[:, :, i : i + h, j : j + w] += windows[:, :, :, :, i, j].transpose(0, 3, 1, 2)
    return padded[:, :, 1:-1, 1:-1]


def initial_parameters(generator: numpy.random.Generator) -> dict[str, numpy.ndarray]:
    """He initialization. Filters are [out, in * 9], the matrix is [512, 10]."""

    def normal(rows: int, columns: int, inputs: int) -> numpy.ndarray:
        return (generator.standard_normal((rows, columns)) * (2 / inputs) ** 0.5).astype(numpy.float32)

    first, second = CHANNELS
    return {
        "filter1": normal(first, 9, 9),
        "bias1": numpy.zeros(first, numpy.float32),
        "filter2": normal(second, first * 9, first * 9),
        "bias2": numpy.zeros(second, numpy.float32),
        "matrix": normal(second * 16, 10, second * 16),
        "bias3": numpy.zeros(10, numpy.float32),
    }


def forward(p: dict[str, numpy.ndarray], pictures: numpy.ndarray) -> tuple[numpy.ndarray, tuple]:
    """Class scores [n, 10] of pictures [n, 1, 8, 8], and what the backward pass needs."""
    columns1 = patches(pictures / 16)
    hidden1 = numpy.maximum(columns1 @ p["filter1"].T + p["bias1"], 0)
    columns2 = patches(hidden1.transpose(0, 3, 1, 2))
    hidden2 = numpy.maximum(columns2 @ p["filter2"].T + p["bias2"], 0)
    n, _, _, channels = hidden2.shape
    blocks = hidden2.reshape(n, 4, 2, 4, 2, channels).transpose(0, 5, 1, 3, 2, 4).reshape(n, channels, 4, 4, 4)
    pooled = blocks.max(axis=4).reshape(n, -1)
    return pooled @ p["matrix"] + p["bias3"], (columns1, hidden1, columns2, hidden2, blocks, pooled)


def gradients(p: dict[str, numpy.ndarray], pictures: numpy.ndarray, labels: numpy.ndarray) -> dict[str, numpy.ndarray]:
    """Derivatives of the mean cross entropy."""
    scores, (columns1, hidden1, columns2, hidden2, blocks, pooled) = forward(p, pictures)
    n = len(labels)
    probabilities = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    probabilities[numpy.arange(n), labels] -= 1
    d_scores = probabilities / n
    result = {"matrix": pooled.T @ d_scores, "bias3": d_scores.sum(axis=0)}

    d_pooled = (d_scores @ p["matrix"].T).reshape(blocks.shape[:4])
    largest = blocks.argmax(axis=4)
    d_blocks = numpy.zeros_like(blocks)
    numpy.put_along_axis(d_blocks, largest[..., None], d_pooled[..., None], axis=4)
    channels = blocks.shape[1]
    d_hidden2 = d_blocks.reshape(n, channels, 4, 4, 2, 2).transpose(0, 2, 4, 3, 5, 1).reshape(hidden2.shape)
    d_hidden2 = d_hidden2 * (hidden2 > 0)
    flat2 = d_hidden2.reshape(-1, channels)
    result["filter2"] = flat2.T @ columns2.reshape(-1, columns2.shape[3])
    result["bias2"] = flat2.sum(axis=0)

    d_hidden1 = scatter_patches(d_hidden2 @ p["filter2"], hidden1.shape[3]).transpose(0, 2, 3, 1) * (hidden1 > 0)
    flat1 = d_hidden1.reshape(-1, hidden1.shape[3])
    result["filter1"] = flat1.T @ columns1.reshape(-1, 9)
    result["bias1"] = flat1.sum(axis=0)
    return result


def shifted(pictures: numpy.ndarray, generator: numpy.random.Generator) -> numpy.ndarray:
    """Each picture moved by at most one pixel in each direction."""
    padded = numpy.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1)))
    offsets = generator.choice(3, size=(len(pictures), 2), p=(0.15, 0.7, 0.15))
    return numpy.stack([picture[:, i : i + 8, j : j + 8] for picture, (i, j) in zip(padded, offsets)])


def accuracy(p: dict[str, numpy.ndarray], pictures: numpy.ndarray, labels: numpy.ndarray) -> float:
    return float((forward(p, pictures)[0].argmax(axis=1) == labels).mean())


def train(pictures: numpy.ndarray, labels: numpy.ndarray) -> dict[str, numpy.ndarray]:
    """Adam (Kingma and Ba, 2014, algorithm 1) with decoupled weight decay and a learning rate that falls to zero."""
    generator = numpy.random.default_rng(SEED)
    p = initial_parameters(generator)
    moment1 = {name: numpy.zeros_like(value) for name, value in p.items()}
    moment2 = {name: numpy.zeros_like(value) for name, value in p.items()}
    steps = EPOCHS * (len(pictures) // BATCH)
    step = 0
    for epoch in range(EPOCHS):
        order = generator.permutation(len(pictures))[: len(pictures) // BATCH * BATCH]
        for chosen in order.reshape(-1, BATCH):
            rate = LEARNING_RATE * 0.5 * (1 + numpy.cos(numpy.pi * step / steps))
            step += 1
            for name, gradient in gradients(p, shifted(pictures[chosen], generator), labels[chosen]).items():
                moment1[name] = 0.9 * moment1[name] + 0.1 * gradient
                moment2[name] = 0.999 * moment2[name] + 0.001 * gradient**2
                update = moment1[name] / (1 - 0.9**step) / (numpy.sqrt(moment2[name] / (1 - 0.999**step)) + 1e-8)
                decay = WEIGHT_DECAY * p[name] if p[name].ndim == 2 else 0
                p[name] = (p[name] - rate * (update + decay)).astype(numpy.float32)
        print(f"epoch {epoch + 1} of {EPOCHS}: training accuracy {accuracy(p, pictures, labels):.4f}", flush=True)
    return p


def to_onnx(p: dict[str, numpy.ndarray], held_out_accuracy: float) -> onnx.ModelProto:
    """The network as ONNX, opset 17: raw pixels [batch, 1, 8, 8] in, ten scores out."""
    first, second = CHANNELS
    weights = {
        "pixel_scale": numpy.array(1 / 16, numpy.float32),
        "filter1": p["filter1"].reshape(first, 1, 3, 3),
        "bias1": p["bias1"],
        "filter2": p["filter2"].reshape(second, first, 3, 3),
        "bias2": p["bias2"],
        "matrix": p["matrix"],
        "bias3": p["bias3"],
    }
    nodes = [
        helper.make_node("Mul", ["pixels", "pixel_scale"], ["scaled"], "scale"),
        helper.make_node("Conv", ["scaled", "filter1", "bias1"], ["conv1"], "conv1", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv1"], ["hidden1"], "relu1"),
        helper.make_node("Conv", ["hidden1", "filter2", "bias2"], ["conv2"], "conv2", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv2"], ["hidden2"], "relu2"),
        helper.make_node("MaxPool", ["hidden2"], ["pooled"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["features"], "flatten"),
        helper.make_node("Gemm", ["features", "matrix", "bias3"], ["scores"], "classify"),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(
        graph,
        producer_name="tools/demo/train_digits.py",
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        doc_string=f"Handwritten digits, 8x8 pixels of 0 to 16. Accuracy on the held-out pictures: {held_out_accuracy:.4f}",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).with_name("digits.onnx"))
    arguments = parser.parse_args()
    training, held_out = digits.load()
    parameters = train(*training)
    held_out_accuracy = accuracy(parameters, *held_out)
    onnx.save(to_onnx(parameters, held_out_accuracy), arguments.output)
    print(f"held-out accuracy {held_out_accuracy:.4f} on {len(held_out[1])} pictures; {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
