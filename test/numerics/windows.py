"""Convolution and pooling by their definition in numpy: a loop over the taps of the window, everything else in slices."""

import itertools

import numpy


def out_extent(extent: int, kernel: int, stride: int, dilation: int, before: int, after: int, ceil: bool = False) -> int:
    """Number of windows along an axis. With ceil, a last window that starts beyond the input and its first padding is dropped."""
    span = dilation * (kernel - 1) + 1
    free = extent + before + after - span
    count = (-(-free // stride) if ceil else free // stride) + 1
    if ceil and (count - 1) * stride >= extent + before:
        count -= 1
    return count


def same_pads(extent: int, kernel: int, stride: int, dilation: int, upper: bool) -> tuple[int, int]:
    """Padding for ceil(extent / stride) windows; the odd element goes to the end (upper) or the start."""
    total = max((-(-extent // stride) - 1) * stride + dilation * (kernel - 1) + 1 - extent, 0)
    small = total // 2
    return (small, total - small) if upper else (total - small, small)


def taps(x, kernel, strides, dilations, pads, fill, ceil=False):
    """For every tap of the window: its index, and x[:, :, window start + tap * dilation] for all windows at once.

    pads are per axis (before, after); outside of x there is `fill`.
    """
    axes = len(kernel)
    counts = [out_extent(x.shape[2 + axis], kernel[axis], strides[axis], dilations[axis], *pads[axis], ceil) for axis in range(axes)]
    # Windows of ceil mode may reach further than the padding.
    needed = [(counts[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 for axis in range(axes)]
    extra = [max(needed[axis] - x.shape[2 + axis] - sum(pads[axis]), 0) for axis in range(axes)]
    padded = numpy.pad(x, [(0, 0), (0, 0), *((before, after + more) for (before, after), more in zip(pads, extra))], constant_values=fill)
    for tap in itertools.product(*map(range, kernel)):
        window = tuple(slice(tap[axis] * dilations[axis], tap[axis] * dilations[axis] + max((counts[axis] - 1) * strides[axis] + 1, 0), strides[axis])
                       for axis in range(axes))
        yield tap, padded[(slice(None), slice(None), *window)]


def convolve(x, weights, strides, dilations, pads, groups):
    """x[N, C, ...] * weights[F, C / groups, ...] -> [N, F, ...]"""
    filters, per_group = weights.shape[:2]
    result = 0
    for tap, part in taps(x, weights.shape[2:], strides, dilations, pads, 0):
        grouped = part.reshape(part.shape[0], groups, per_group, *part.shape[2:])
        kernel = weights[(slice(None), slice(None), *tap)].reshape(groups, filters // groups, per_group)
        result = result + numpy.einsum("ngc...,gfc->ngf...", grouped, kernel)
    return result.reshape(result.shape[0], filters, *result.shape[3:])


def convolve_transposed(x, weights, strides, dilations, pads, output_padding, groups):
    """x[N, C, ...] with weights[C, F / groups, ...]: every element is spread over the window that starts at it."""
    channels, per_group = weights.shape[:2]
    axes = weights.ndim - 2
    spans = [(x.shape[2 + axis] - 1) * strides[axis] + dilations[axis] * (weights.shape[2 + axis] - 1) + 1 + output_padding[axis]
             for axis in range(axes)]
    full = numpy.zeros((x.shape[0], groups, per_group, *spans), x.dtype)
    grouped = x.reshape(x.shape[0], groups, channels // groups, *x.shape[2:])
    for tap in itertools.product(*map(range, weights.shape[2:])):
        kernel = weights[(slice(None), slice(None), *tap)].reshape(groups, channels // groups, per_group)
        window = tuple(slice(tap[axis] * dilations[axis], tap[axis] * dilations[axis] + (x.shape[2 + axis] - 1) * strides[axis] + 1, strides[axis])
                       for axis in range(axes))
        full[(slice(None), slice(None), slice(None), *window)] += numpy.einsum("ngc...,gcf->ngf...", grouped, kernel)
    full = full.reshape(x.shape[0], groups * per_group, *spans)
    return full[(slice(None), slice(None), *(slice(before, span - after) for (before, after), span in zip(pads, spans)))]
