"""Images sampled at coordinates: GridSample, AffineGrid and DeformConv."""

import itertools
import math

import numpy
import pytest

from arrays import BF16, BOOL, label, rng, uniform, values
from evaluator import evaluate
from harness import Batch, epsilon

MODES, PADDINGS = ("nearest", "linear", "cubic"), ("zeros", "border", "reflection")


def add_grid_sample(batch, x, grid, bound=None, known=(1,), **attributes):
    exact = evaluate("GridSample", [x, grid], **attributes)[0]
    if bound is None:
        # Coordinates are rounded in float32, some units of the extents' last place; a pixel's neighbours differ by less than 4.
        bound = 0 if attributes.get("mode") == "nearest" else 32 * max(x.shape) * 4 * epsilon("float32") + 8 * epsilon(x.dtype)
    batch.add(label("GridSample", x, grid.shape, attributes), "GridSample", [x, grid], exact.astype(x.dtype), bound, known=known, **attributes)


def test_grid_sample(mode):
    batch, generator = Batch(), rng()
    for shape, places in (((2, 3, 5, 7), (4, 3)), ((2, 1, 5, 7), (3, 5)), ((1, 17, 4, 3), (2, 2)), ((2, 2, 9), (6,)), ((1, 2, 3, 4, 5), (2, 3, 2)), ((1, 2, 1, 2), (3, 3))):
        dims = len(shape) - 2
        for interpolation, padding, align in itertools.product(MODES, PADDINGS, (0, 1)):
            if (interpolation == "cubic" and dims > 2) or (1 in shape[2:] and padding == "reflection"):
                continue  # 64 neighbours are one more case of the same; the evaluator divides by an extent of 0.
            grid = uniform(generator, (shape[0], *places, dims), -1.9, 1.9)
            add_grid_sample(batch, uniform(generator, shape), grid, mode=interpolation, padding_mode=padding, align_corners=align)
    batch.check(mode)


def test_grid_sample_types(mode):
    batch, generator = Batch(opset=22), rng()
    grid = uniform(generator, (2, 4, 3, 2), -1.4, 1.4)
    for dtype in ("float64", "float16", BF16, "int32", "uint8", "int64", BOOL):
        add_grid_sample(batch, values(generator, (2, 3, 5, 6), dtype), grid, mode="nearest")
    for dtype in ("float64", "float16", BF16):
        x = values(generator, (2, 3, 5, 6), dtype)
        add_grid_sample(batch, x, grid, mode="linear", padding_mode="border")
        add_grid_sample(batch, x, grid.astype(numpy.float64), mode="linear", align_corners=1)
    batch.check(mode)


def test_grid_sample_of_version_16(mode):
    batch, generator = Batch(opset=16), rng()
    for name, alias in (("bilinear", "linear"), ("bicubic", "cubic"), ("nearest", "nearest")):
        x, grid = uniform(generator, (1, 2, 5, 6)), uniform(generator, (1, 3, 3, 2), -1.2, 1.2)
        exact = evaluate("GridSample", [x, grid], mode=alias)[0]
        batch.add(name, "GridSample", [x, grid], exact.astype(numpy.float32), 1e-4, known=(1,), mode=name)
    batch.check(mode)


def test_grid_sample_far_outside(mode):
    """Coordinates that are no pixels lead to zeros, or to the border."""
    batch = Batch()
    x = numpy.arange(1, 13, dtype=numpy.float32).reshape(1, 1, 3, 4)
    far = numpy.array([numpy.inf, -numpy.inf, 1e30, -1e30, 5e9, 3e38], numpy.float32)
    grid = numpy.stack([far, numpy.zeros_like(far)], -1).reshape(1, 1, 6, 2)
    for interpolation in MODES:
        batch.add(f"zeros {interpolation}", "GridSample", [x, grid], numpy.zeros((1, 1, 1, 6), numpy.float32), known=(1,), mode=interpolation)
        border = numpy.array([8, 5, 8, 5, 8, 8], numpy.float32).reshape(1, 1, 1, 6)
        batch.add(f"border {interpolation}", "GridSample", [x, grid], border, known=(1,), mode=interpolation, padding_mode="border")
    batch.check(mode)


def test_grid_sample_of_nothing(mode):
    batch = Batch()
    for shape, grid in (((2, 3, 4, 4), (2, 0, 3, 2)), ((0, 3, 4, 4), (0, 2, 3, 2))):
        x, places = numpy.ones(shape, numpy.float32), numpy.zeros(grid, numpy.float32)
        batch.add(label("nothing", x), "GridSample", [x, places], numpy.zeros((*shape[:2], *grid[1:-1]), numpy.float32), known=(1,))
    batch.check(mode)


def test_affine_grid(mode):
    batch, generator = Batch(), rng()
    for shape in ((2, 3, 5, 6), (1, 1, 2, 3), (2, 1, 4, 3, 5)):
        dims = len(shape) - 2
        for dtype, align in itertools.product(("float32", "float64", "float16"), (0, 1)):
            theta = uniform(generator, (shape[0], dims, dims + 1), dtype=dtype)
            axes = [numpy.linspace(-1, 1, extent) if align else (numpy.arange(extent) * 2 + 1) / extent - 1 for extent in shape[2:]]
            places = numpy.stack([*reversed(numpy.meshgrid(*axes, indexing="ij")), numpy.ones(shape[2:])], -1)
            exact = numpy.einsum("nij,...j->n...i", theta.astype(float), places)
            batch.add(label("AffineGrid", theta, shape, align), "AffineGrid", [theta, numpy.array(shape)], exact.astype(dtype), 16 * epsilon(dtype), constants=(1,) if align else (), known=(1,), align_corners=align)
    batch.check(mode)


def pixel(plane, coordinate):
    """Linear interpolation of an image in zeros."""
    low, total = [math.floor(x) for x in coordinate], 0.0
    for corner in itertools.product((0, 1), repeat=len(low)):
        place = [a + b for a, b in zip(low, corner)]
        if all(0 <= a < b for a, b in zip(place, plane.shape)):
            total += plane[tuple(place)] * math.prod(1 - abs(x - a) for x, a in zip(coordinate, place))
    return total


def deform_conv(x, w, offset, bias, mask, strides, dilations, pads, group, offset_group):
    kernel, result = w.shape[2:], offset.shape[2:]
    dims = len(kernel)
    offset = offset.reshape(len(x), offset_group, *kernel, dims, *result)
    mask = numpy.ones((len(x), offset_group, *kernel, *result)) if mask is None else mask.reshape(len(x), offset_group, *kernel, *result)
    y = numpy.zeros((len(x), len(w), *result)) if bias is None else numpy.broadcast_to(bias.reshape(-1, *[1] * dims), (len(x), len(w), *result)).copy()
    for n, c, place, tap in itertools.product(range(len(x)), range(x.shape[1]), numpy.ndindex(*result), numpy.ndindex(*kernel)):
        part = c * offset_group // x.shape[1]
        coordinate = [p * s - pad + k * d + offset[(n, part, *tap, i, *place)]
                      for i, (p, s, pad, k, d) in enumerate(zip(place, strides, pads, tap, dilations))]
        value = pixel(x[n, c], coordinate) * mask[(n, part, *tap, *place)]
        own, depth = c * group // x.shape[1], len(w) // group
        filters = slice(own * depth, (own + 1) * depth)
        y[(n, filters, *place)] += value * w[(filters, c % w.shape[1], *tap)]
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_deform_conv(mode, dtype):
    batch, generator = Batch(opset=19), rng()
    cases = (
        ((2, 4, 6, 5), (6, 2, 3, 2), (1, 1), (1, 1), (1, 0, 1, 0), 2, 2, True, True), ((1, 3, 5, 5), (2, 3, 2, 2), (2, 1), (1, 2), (0, 0, 0, 0), 1, 3, False, True),
        ((1, 1, 4, 4), (2, 1, 3, 3), (1, 1), (1, 1), (1, 1, 1, 1), 1, 1, True, False), ((1, 2, 7), (3, 2, 3), (2,), (1,), (1, 1), 1, 1, True, True),
        ((1, 2, 3, 4, 3), (2, 1, 2, 2, 2), (1, 1, 1), (1, 1, 1), (0,) * 6, 2, 1, False, False))
    for shape, filters, strides, dilations, pads, group, offset_group, has_bias, has_mask in cases[: 5 if dtype == "float32" else 2]:
        dims = len(strides)
        result = [(shape[2 + i] + pads[i] + pads[dims + i] - (filters[2 + i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in range(dims)]
        taps = math.prod(filters[2:])
        x, w = uniform(generator, shape, dtype=dtype), uniform(generator, filters, dtype=dtype)
        offset = uniform(generator, (shape[0], offset_group * taps * dims, *result), -1.5, 1.5, dtype)
        bias = uniform(generator, filters[:1], dtype=dtype) if has_bias else None
        mask = uniform(generator, (shape[0], offset_group * taps, *result), 0, 1, dtype) if has_mask else None
        wide = [None if value is None else value.astype(float) for value in (x, w, offset, bias, mask)]
        exact = deform_conv(*wide, strides, dilations, pads, group, offset_group)
        bound = 64 * taps * filters[1] * epsilon("float64" if dtype == "float64" else "float32") + 32 * (dtype == "float16") * epsilon(dtype)
        batch.add(label("DeformConv", x, filters, group, offset_group), "DeformConv", [x, w, offset, bias, mask], exact.astype(dtype), bound, known=(1,),
                  strides=strides, dilations=dilations, pads=pads, group=group, offset_group=offset_group, **({"kernel_shape": filters[2:]} if has_bias else {}))
    batch.check(mode)
