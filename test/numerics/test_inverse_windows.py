"""What windows took apart is put together: MaxUnpool and Col2Im."""

import itertools
import math

import numpy
import pytest

import tenon
from arrays import BF16, BOOL, label, rng, uniform, values
from harness import Batch, summed
from onnx import TensorProto, helper


def test_max_unpool(mode):
    batch, generator = Batch(opset=22), rng()
    for shape, kernel, strides, pads in (((2, 3, 4, 5), (2, 2), (2, 2), (0, 0, 0, 0)), ((1, 2, 6), (3,), (2,), (1, 0)), ((1, 1, 2, 3, 2), (2, 1, 3), (1, 2, 2), (0,) * 6), ((1, 1, 3), (2,), (1,), (0, 0))):
        dims = len(kernel)
        implied = (*shape[:2], *((extent - 1) * stride + k - pads[d] - pads[dims + d] for d, (extent, stride, k) in enumerate(zip(shape[2:], strides, kernel))))
        for dtype in ("float32", "float64", "float16", BF16):
            x = uniform(generator, shape, dtype=dtype)
            indices = generator.permutation(math.prod(implied))[: x.size].reshape(shape)
            exact = numpy.zeros(math.prod(implied), dtype)
            exact[indices.ravel()] = x.ravel()
            exact = exact.reshape(implied)
            attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads}
            batch.add(label("MaxUnpool", x), "MaxUnpool", [x, indices], exact, **attributes)
            larger = [*implied[:2], *(extent + 1 for extent in implied[2:])]
            padded = numpy.zeros(larger, dtype)
            padded[tuple(map(slice, implied))] = exact
            for constants in ((), (2,)):
                batch.add(label("MaxUnpool", x, larger, *constants), "MaxUnpool", [x, indices, numpy.array(larger)], padded, constants=constants, known=(2,), **attributes)
    batch.check(mode)


@pytest.mark.parametrize("index", [16, -17, 1 << 40])
def test_index_outside(tmp_path, mode, index):
    arrays = {"x": numpy.ones((1, 1, 2, 2), numpy.float32), "i": numpy.array([[[[0, 1], [2, index]]]])}
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * 4 if mode == "dynamic" else value.shape) for name, value in arrays.items()]
    node = helper.make_node("MaxUnpool", ["x", "i"], ["y"], name="the node", kernel_shape=[2, 2], strides=[2, 2])
    graph = helper.make_graph([node], "graph", infos, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = tenon.load(tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "model.so", reference=mode == "reference"))
    with pytest.raises(tenon.RunError, match=r"'the node' \(\w+\): "):
        model.run(arrays)


def col2im(x, image, block, strides, dilations, pads):
    """Also the sum of magnitudes, which bounds rounding."""
    dims, places = len(image), math.prod(block)
    counts = [(image[d] + pads[d] + pads[dims + d] - dilations[d] * (block[d] - 1) - 1) // strides[d] + 1 for d in range(dims)]
    parts = x.reshape(len(x), x.shape[1] // places, *block, *counts)
    result = numpy.zeros((2, *parts.shape[:2], *image), parts.dtype)
    for tap, place in itertools.product(numpy.ndindex(*block), numpy.ndindex(*counts)):
        target = tuple(p * s - pads[d] + t * l for d, (p, s, t, l) in enumerate(zip(place, strides, tap, dilations)))
        if all(0 <= at < extent for at, extent in zip(target, image)):
            result[(0, ..., *target)] += parts[(..., *tap, *place)]
            result[(1, ..., *target)] += abs(parts[(..., *tap, *place)])
    return result


def test_col2im(mode):
    batch, generator = Batch(opset=18), rng()
    for image, block, strides, dilations, pads, channels in (
            ((5, 6), (2, 3), (1, 1), (1, 1), (0, 0, 0, 0), 3), ((5, 5), (3, 2), (2, 1), (1, 2), (1, 0, 1, 2), 2), ((9,), (3,), (3,), (1,), (0, 0), 4), ((3, 4, 5), (2, 2, 2), (1, 2, 1), (1, 1, 2), (0,) * 6, 1)):
        dims = len(image)
        count = math.prod((image[d] + pads[d] + pads[dims + d] - dilations[d] * (block[d] - 1) - 1) // strides[d] + 1 for d in range(dims))
        for dtype in ("float32", "float64", "int32", "uint8", BOOL):
            x = values(generator, (2, channels * math.prod(block), count), dtype)
            wide = x.astype(float if numpy.dtype(dtype).kind == "f" else numpy.int64)
            exact, magnitude = col2im(wide, image, block, strides, dilations, pads)
            bound = summed(magnitude, math.prod(block), dtype) if numpy.dtype(dtype).kind == "f" else 0
            for constants in ((), (1, 2)):
                batch.add(label("Col2Im", x, image, block, *constants), "Col2Im", [x, numpy.array(image), numpy.array(block)], exact.astype(dtype), bound, constants=constants, known=(1, 2), strides=strides, dilations=dilations, pads=pads)
    batch.check(mode)
