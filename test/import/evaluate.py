"""Evaluates the nn module that the importer makes, with numpy: what nn ops mean, said a second time and as plainly as possible.

It shares nothing with the compiler, so a difference shows whether the importer or what comes after it is wrong.
"""

import base64
import math
import re

import ml_dtypes
import numpy as np
import onnx.numpy_helper

import texts
from attributes import segments, word
from recurrent import gru, lstm, rnn
from suppression import non_max_suppression
from trees import tree_ensemble

TYPES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64, "i1": np.bool_, "i8": np.int8,
         "i16": np.int16, "i32": np.int32, "i64": np.int64, "ui8": np.uint8, "ui16": np.uint16, "ui32": np.uint32,
         "ui64": np.uint64, "si64": np.int64, "index": np.int64, "i2": ml_dtypes.int2, "i4": ml_dtypes.int4, "ui2": ml_dtypes.uint2,
         "ui4": ml_dtypes.uint4, "f4E2M1FN": ml_dtypes.float4_e2m1fn, "f6E2M3FN": ml_dtypes.float6_e2m3fn,
         "f6E3M2FN": ml_dtypes.float6_e3m2fn, "f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
         "f8E5M2": ml_dtypes.float8_e5m2, "f8E5M2FNUZ": ml_dtypes.float8_e5m2fnuz, "f8E8M0FNU": ml_dtypes.float8_e8m0fnu}
INT64_MIN = -(2**63)


class Unsupported(Exception):
    """An op that this evaluator does not know."""


def evaluate(module, inputs):
    """The results of `module` (as JSON) for arrays in the order of its inputs."""
    texts.start(module["strings"])
    inputs = [texts.table.encode(array) if array.dtype.kind in "OU" else array for array in inputs]
    environment = dict(zip(module["body"]["arguments"], inputs, strict=True))
    with np.errstate(all="ignore"):
        outputs = run(module["body"]["operations"], environment)[1]
    return [texts.table.decode(output) if kind.endswith("si64>") else output for kind, output in zip(module["types"], outputs, strict=True)]


def run(operations, environment):
    """Runs a block; gives the name and operands of its terminator."""
    for op in operations:
        operands = [environment[number] for number in op["operands"]]
        if op["name"] in ("func.return", "scf.yield", "scf.condition"):
            return op["name"], operands
        results = execute(op, operands, environment)
        if not isinstance(results, (list, tuple)):
            results = [results]
        for number, text, result in zip(op["results"], op["types"], results, strict=True):
            environment[number] = checked(op, text, result)
    raise AssertionError("block without terminator")


def checked(op, text, result):
    """The result, after a look at whether its shape and type are those of the op's type."""
    match = re.fullmatch(r"tensor<((?:[0-9?]+x)*)(\w+)>", text)
    if match is None:
        return np.asarray(result).astype(TYPES[text])[()]
    result = np.asarray(result)
    extents = match.group(1).split("x")[:-1]
    assert result.dtype == TYPES[match.group(2)], f"{op['name']}: {result.dtype} is not {text}"
    assert len(extents) == result.ndim, f"{op['name']}: {result.shape} is not {text}"
    for extent, actual in zip(extents, result.shape):
        assert extent == "?" or int(extent) == actual, f"{op['name']}: {result.shape} is not {text}"
    return result


def element_type(op):
    """The element type of the first result."""
    return TYPES[re.search(r"(?:x|<|^)([a-z]\w*)>?$", op["types"][0]).group(1)]


def execute(op, operands, environment):
    name = op["name"]
    if name == "scf.if":
        return run(op["regions"][0 if operands[0] else 1]["operations"], environment)[1]
    if name == "scf.while":
        return run_while(op, operands, environment)
    if name not in OPS:
        raise Unsupported(name)
    return OPS[name](op["attributes"], operands, op)


def run_while(op, values, environment):
    before, after = op["regions"]
    while True:
        environment.update(zip(before["arguments"], values, strict=True))
        _, (go, *values) = run(before["operations"], environment)
        if not go:
            return values
        environment.update(zip(after["arguments"], values, strict=True))
        _, values = run(after["operations"], environment)


def ints(values):
    return [int(value) for value in values]


# --- scalars ------------------------------------------------------------------------------------------------------------


def truncated_division(a, b):
    quotient = abs(int(a)) // abs(int(b))
    return quotient if (a < 0) == (b < 0) else -quotient


def scalar(function):
    return lambda attributes, operands, op: function(*operands)


def integer_compare(attributes, operands, op):
    predicates = ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"]
    return getattr(operands[0], predicates[attributes["predicate"]])(operands[1])


def float_compare(attributes, operands, op):
    a, b = operands
    return {1: a == b, 2: a > b, 3: a >= b, 4: a < b, 5: a <= b, 13: a != b}[attributes["predicate"]]


def scalar_constant(attributes, operands, op):
    value = attributes["value"]
    return float(value) if isinstance(value, str) else value


# --- elementwise -----------------------------------------------------------------------------------------------------------


def unary(function):
    def apply(attributes, operands, op):
        x = operands[0]
        # bfloat16 lacks most functions: compute in f32 and round once.
        narrow = x.dtype == ml_dtypes.bfloat16
        return np.asarray(function(x.astype(np.float32) if narrow else x)).astype(x.dtype)

    return apply


def binary(function):
    return lambda attributes, operands, op: np.asarray(function(*operands)).astype(operands[0].dtype)


def is_integer(array):
    return array.dtype.kind in "iu"


def divide(a, b):
    if not is_integer(a):
        return a / b
    a, b = np.broadcast_arrays(a, b)
    safe = np.where(b == 0, 1, b).astype(a.dtype)
    quotient = a // safe
    if a.dtype.kind == "i":
        quotient = quotient + ((a % safe != 0) & ((a < 0) != (safe < 0)))
    return np.where(b == 0, 0, quotient)


def modulo(a, b):
    return np.where(b == 0, 0, np.mod(a, np.where(b == 0, 1, b).astype(b.dtype))) if is_integer(a) else np.mod(a, b)


def remainder(a, b):
    return np.where(b == 0, 0, np.fmod(a, np.where(b == 0, 1, b).astype(b.dtype))) if is_integer(a) else np.fmod(a, b)


def power(a, b):
    if not is_integer(a):
        return np.power(a, b)
    a, b = np.broadcast_arrays(a, b)
    result = np.ones(a.shape, a.dtype)
    for index in np.ndindex(*a.shape):
        base, exponent = int(a[index]), int(b[index])
        value = base**exponent if exponent >= 0 else (0 if abs(base) > 1 or base == 0 else base ** -exponent)
        bits = a.dtype.itemsize * 8
        result[index] = np.uint64(value % 2**bits).astype(a.dtype)
    return result


def shift(left):
    def apply(a, b):
        bits = a.dtype.itemsize * 8
        safe = np.minimum(b, bits - 1).astype(a.dtype)
        if left:
            return np.where(b >= bits, 0, np.left_shift(a, safe))
        return np.where(b >= bits, np.where(a < 0, -1, 0).astype(a.dtype), np.right_shift(a, safe))

    return apply


def compare(attributes, operands, op):
    functions = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal}
    return functions[word(attributes["predicate"])](*operands)


def cast(attributes, operands, op):
    x, target = operands[0], np.dtype(element_type(op))
    if target == np.bool_:
        return x != 0
    if target == ml_dtypes.float8_e8m0fnu:
        mode = word(attributes["scale_rounding"])
        return onnx.numpy_helper.to_float8e8m0(x, attributes["saturate"], mode)
    if target.name.startswith("float8") and attributes["saturate"]:
        return onnx.numpy_helper.saturate_cast(x, target)
    if target.kind in "iu" and x.dtype.kind not in "iub":
        info = np.iinfo(target)
        wide = np.trunc(np.nan_to_num(x.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf))
        clipped = np.clip(wide, float(info.min), float(info.max))
        return np.vectorize(lambda value: min(max(int(value), info.min), info.max), otypes=[target])(clipped)
    return x.astype(target)


def is_infinite(attributes, operands, op):
    x = operands[0].astype(np.float64)
    return (np.isposinf(x) & attributes.get("positive", True)) | (np.isneginf(x) & attributes.get("negative", True))


# --- movement -----------------------------------------------------------------------------------------------------------------


def constant(attributes, operands, op):
    match = re.fullmatch(r"tensor<((?:[0-9]+x)*)(\w+)>", op["types"][0])
    shape = [int(extent) for extent in match.group(1).split("x")[:-1]]
    data = attributes["value"]
    if "booleans" in data:
        return np.array(data["booleans"], np.bool_).reshape(shape)
    values = np.frombuffer(base64.b64decode(data["bytes"]), TYPES[match.group(2)])
    return np.full(shape, values[0]) if data["splat"] else values.reshape(shape)


def slice_op(attributes, operands, op):
    (x,), offsets, sizes, steps = segments(attributes, operands)
    for axis, (offset, size, step) in enumerate(zip(ints(offsets), ints(sizes), ints(steps))):
        index = offset + np.arange(size) * step
        assert size == 0 or (index.min() >= 0 and index.max() < x.shape[axis]), "slice outside of its input"
        x = np.take(x, index, axis)
    return x


def pad(attributes, operands, op):
    (x,), low, high, value = segments(attributes, operands)
    mode = word(attributes["mode"])
    widths = list(zip(ints(low), ints(high)))
    assert all(before >= 0 and after >= 0 for before, after in widths)
    return np.pad(x, widths, mode, constant_values=value[0]) if mode == "constant" else np.pad(x, widths, mode)


def iota(attributes, operands, op):
    sizes, dimension = ints(operands), attributes["dimension"]
    shape = [1] * len(sizes)
    shape[dimension] = sizes[dimension]
    return np.broadcast_to(np.arange(sizes[dimension], dtype=np.int64).reshape(shape), sizes)


def keys(x, a):
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def resize(attributes, operands, op):
    (x,), sizes, scales, roi = segments(attributes, operands)
    rank, dtype = x.ndim, x.dtype
    mode = word(attributes["mode"])
    result = x.astype(np.float64) if mode != "nearest" else x
    outside = [np.zeros(size, bool) for size in ints(sizes)]
    for axis in range(rank):
        size, scale = int(sizes[axis]), float(scales[axis])
        if size == x.shape[axis] and scale == 1 and not roi:
            continue
        bounds = (float(roi[axis]), float(roi[rank + axis])) if roi else (0.0, 1.0)
        matrix = resize_matrix(attributes, mode, x.shape[axis], size, scale, bounds, outside[axis])
        if mode == "nearest":
            result = np.take(result, matrix.argmax(1), axis)
        else:
            result = np.moveaxis(np.tensordot(matrix, result, (1, axis)), 0, axis)
    if roi:
        for axis, flags in enumerate(outside):
            shape = [1] * rank
            shape[axis] = len(flags)
            result = np.where(flags.reshape(shape), float(attributes.get("extrapolation", 0)), result)
    if dtype.kind in "iu" and mode != "nearest":
        info = np.iinfo(dtype)
        result = np.clip(np.rint(result), info.min, info.max)
    return result.astype(dtype)


def resize_matrix(attributes, mode, length, size, scale, bounds, outside):
    """Row x: how much each input position counts for result position x."""
    coordinate = word(attributes["coordinate"])
    nearest = {"round_prefer_floor": lambda v: math.ceil(v - 0.5), "round_prefer_ceil": lambda v: math.floor(v + 0.5), "floor": math.floor,
               "ceil": math.ceil}[word(attributes["nearest"])]
    a = float(attributes.get("cubic_coefficient", -0.75))
    matrix = np.zeros((size, length))
    for x in range(size):
        if coordinate == "half_pixel":
            source = (x + 0.5) / scale - 0.5
        elif coordinate == "half_pixel_symmetric":
            # The result's extent may have been rounded: the window is centered.
            adjusted = length / 2 * (1 - size / (scale * length))
            source = adjusted + (x + 0.5) / scale - 0.5
        elif coordinate == "pytorch_half_pixel":
            source = (x + 0.5) / scale - 0.5 if size > 1 else 0.0
        elif coordinate == "align_corners":
            source = x * (length - 1) / (scale * length - 1) if size > 1 and scale * length != 1 else 0.0
        elif coordinate == "asymmetric":
            source = x / scale
        elif coordinate == "tf_half_pixel_for_nn":
            source = (x + 0.5) / scale
        else:
            start, end = bounds
            source = start * (length - 1) + x * (end - start) * (length - 1) / (size - 1) if size > 1 else 0.5 * (start + end) * (length - 1)
            outside[x] = source < 0 or source > length - 1
        if mode == "nearest":
            matrix[x, min(max(nearest(source), 0), length - 1)] = 1
            continue
        stretch = min(scale, 1.0) if attributes.get("antialias") else 1.0
        reach = (2 if mode == "cubic" else 1) / stretch
        weights = {}
        for position in range(math.floor(source - reach), math.ceil(source + reach) + 1):
            distance = (position - source) * stretch
            weight = keys(distance, a) if mode == "cubic" else max(0.0, 1 - abs(distance))
            if attributes.get("exclude_outside") and not 0 <= position < length:
                weight = 0.0
            weights[position] = weight
        total = sum(weights.values()) if attributes.get("exclude_outside") or attributes.get("antialias") else 1.0
        for position, weight in weights.items():
            matrix[x, min(max(position, 0), length - 1)] += weight / total
    return matrix


# --- contractions ---------------------------------------------------------------------------------------------------------------------


def accumulation(dtype):
    return np.float32 if dtype in (np.float16, ml_dtypes.bfloat16) else dtype


def matmul(attributes, operands, op):
    a, b = operands
    a = np.swapaxes(a, -1, -2) if attributes.get("transpose_lhs") else a
    b = np.swapaxes(b, -1, -2) if attributes.get("transpose_rhs") else b
    wide = accumulation(a.dtype)
    return np.matmul(a.astype(wide), b.astype(wide)).astype(a.dtype)


def window_views(x, attributes, fill, extra_high=None):
    """For each kernel position a view of the padded input (channels first), and the result's spatial extents."""
    spatial = x.ndim - 2
    kernel, strides, dilations = attributes["kernel"], attributes["strides"], attributes["dilations"]
    low, high = attributes["pads"][:spatial], list(attributes["pads"][spatial:])
    extents = []
    for axis in range(spatial):
        span = x.shape[2 + axis] + low[axis] + high[axis] - (kernel[axis] - 1) * dilations[axis] - 1
        if attributes.get("ceil_mode"):
            extent = -(-span // strides[axis]) + 1
            if (extent - 1) * strides[axis] >= x.shape[2 + axis] + low[axis]:
                extent -= 1
        else:
            extent = span // strides[axis] + 1
        extents.append(max(extent, 0))
        reach = (extents[-1] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
        high[axis] = max(high[axis], reach - x.shape[2 + axis] - low[axis])
    padded = np.pad(x, [(0, 0), (0, 0), *zip(low, high)], constant_values=fill)
    views = []
    for position in np.ndindex(*kernel):
        index = tuple(slice(p * d, p * d + (extent - 1) * s + 1 if extent else 0, s)
                      for p, d, s, extent in zip(position, dilations, strides, extents))
        views.append((position, padded[(slice(None), slice(None), *index)]))
    return views, extents


def conv(attributes, operands, op):
    x, w = operands
    groups, wide = attributes.get("groups", 1), accumulation(x.dtype)
    attributes = {**attributes, "ceil_mode": False}
    views, extents = window_views(x.astype(wide), attributes, 0)
    n, f = x.shape[0], w.shape[0]
    result = np.zeros((n, groups, f // groups, *extents), wide)
    filters = w.astype(wide).reshape(groups, f // groups, *w.shape[1:])
    for position, view in views:
        split = view.reshape(n, groups, w.shape[1], *extents)
        result += np.einsum("ngc...,gfc->ngf...", split, filters[(slice(None), slice(None), slice(None), *position)])
    return result.reshape(n, f, *extents).astype(x.dtype)


def conv_transpose(attributes, operands, op):
    x, w = operands
    spatial, groups, wide = x.ndim - 2, attributes.get("groups", 1), accumulation(x.dtype)
    strides, pads, dilations = attributes["strides"], attributes["pads"], attributes["dilations"]
    full = [(x.shape[2 + i] - 1) * strides[i] + (w.shape[2 + i] - 1) * dilations[i] + 1 + attributes["output_padding"][i]
            for i in range(spatial)]
    n, c, f = x.shape[0], x.shape[1], w.shape[1]
    split = x.astype(wide).reshape(n, groups, c // groups, *x.shape[2:])
    filters = w.astype(wide).reshape(groups, c // groups, *w.shape[1:])
    result = np.zeros((n, groups, f, *full), wide)
    for position in np.ndindex(*w.shape[2:]):
        index = tuple(slice(p * d, p * d + (extent - 1) * s + 1, s)
                      for p, d, s, extent in zip(position, dilations, strides, x.shape[2:]))
        part = np.einsum("ngc...,gcf->ngf...", split, filters[(slice(None), slice(None), slice(None), *position)])
        result[(slice(None), slice(None), slice(None), *index)] += part
    result = result.reshape(n, groups * f, *full)
    crop = tuple(slice(pads[i], full[i] - pads[spatial + i]) for i in range(spatial))
    return result[(slice(None), slice(None), *crop)].astype(x.dtype)


def pool(attributes, operands, op):
    x = operands[0]
    kind = word(attributes["kind"])
    inside = np.ones((1, 1, *x.shape[2:]), np.float64)
    if kind == "max":
        lowest = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
        return np.max(np.stack([view for _, view in window_views(x, attributes, lowest)[0]]), 0)
    wide = np.float64 if x.dtype.kind not in "iu" else np.int64
    total = sum(view for _, view in window_views(x.astype(wide), attributes, 0)[0])
    if kind == "sum":
        return total.astype(x.dtype)
    if kind == "average_include_pad":
        spatial = x.ndim - 2
        pads = attributes["pads"]
        inside = np.pad(inside, [(0, 0), (0, 0), *zip(pads[:spatial], pads[spatial:])], constant_values=1)
        attributes = {**attributes, "pads": [0] * 2 * spatial, "ceil_mode": False}
        # The windows are those of the padded input, of which the result has `total.shape`.
        missing = [(s - 1) * stride + (k - 1) * d + 1 - extent for s, stride, k, d, extent in
                   zip(total.shape[2:], attributes["strides"], attributes["kernel"], attributes["dilations"], inside.shape[2:])]
        inside = np.pad(inside, [(0, 0), (0, 0), *((0, max(0, extra)) for extra in missing)])
    counts = sum(view for _, view in window_views(inside, attributes, 0)[0])
    counts = counts[tuple(slice(0, extent) for extent in (1, 1, *total.shape[2:]))]
    return (total / counts).astype(x.dtype)


def pool_argmax(attributes, operands, op):
    x = operands[0]
    spatial = x.shape[2:]
    order = "F" if attributes.get("column_major") else "C"
    positions = np.arange(math.prod(spatial), dtype=np.int64).reshape(spatial, order=order)
    offsets = np.arange(math.prod(x.shape[:2]), dtype=np.int64).reshape(*x.shape[:2], *([1] * len(spatial))) * math.prod(spatial)
    lowest = -np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min
    values = np.stack([view for _, view in window_views(x, attributes, lowest)[0]])
    places = np.stack([view for _, view in window_views(positions + offsets, attributes, -1)[0]])
    return np.take_along_axis(places, np.argmax(values, 0)[None], 0)[0]


# --- reductions --------------------------------------------------------------------------------------------------------------------------


def reduce(attributes, operands, op):
    x = operands[0]
    axes, keep = tuple(attributes["axes"]), bool(attributes.get("keep_dims"))
    kind = word(attributes["kind"])
    if kind in ("max", "min"):
        lowest = False if x.dtype == np.bool_ else (-np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).min)
        highest = True if x.dtype == np.bool_ else (np.inf if x.dtype.kind not in "iu" else np.iinfo(x.dtype).max)
        function, start = (np.max, lowest) if kind == "max" else (np.min, highest)
        narrow = x.dtype == ml_dtypes.bfloat16
        return function(x.astype(np.float32) if narrow else x, axes, keepdims=keep, initial=start).astype(x.dtype)
    function = np.sum if kind == "sum" else np.prod
    return function(x.astype(accumulation(x.dtype)), axes, keepdims=keep).astype(x.dtype)


def arg_reduce(attributes, operands, op):
    x, axis = operands[0], attributes["axis"]
    function = np.argmax if word(attributes["kind"]) == "max" else np.argmin
    if x.dtype == ml_dtypes.bfloat16:
        x = x.astype(np.float32)
    if attributes.get("select_last"):
        result = x.shape[axis] - 1 - function(np.flip(x, axis), axis)
    else:
        result = function(x, axis)
    return np.expand_dims(result, axis) if attributes.get("keep_dims") else result


def cumulative(attributes, operands, op):
    x, axis = operands[0], attributes["axis"]
    product = word(attributes["kind"]) == "prod"
    if attributes.get("reverse"):
        x = np.flip(x, axis)
    result = (np.cumprod if product else np.cumsum)(x.astype(accumulation(x.dtype)), axis).astype(x.dtype)
    if attributes.get("exclusive"):
        start = np.full_like(np.take(result, [0], axis), 1 if product else 0)
        result = np.concatenate([start, np.take(result, range(x.shape[axis] - 1), axis)], axis)
    return np.flip(result, axis) if attributes.get("reverse") else result


def top_k(attributes, operands, op):
    x, k, axis = operands[0], int(operands[1]), attributes["axis"]
    wide = x.astype(np.float64) if x.dtype.kind not in "iu" else x.astype(object)
    order = np.argsort(wide if attributes.get("smallest") else -wide, axis, kind="stable")
    indices = np.take(order, range(k), axis)
    return np.take_along_axis(x, indices, axis), indices.astype(np.int64)


# --- indexing ---------------------------------------------------------------------------------------------------------------------------------


def gather(attributes, operands, op):
    x, indices = operands
    axis = attributes["axis"]
    assert indices.size == 0 or (indices.min() >= -x.shape[axis] and indices.max() < x.shape[axis])
    return np.take(x, indices, axis)


def gather_elements(attributes, operands, op):
    x, indices = operands
    axis = attributes["axis"]
    coordinates = list(np.indices(indices.shape))
    coordinates[axis] = np.where(indices < 0, indices + x.shape[axis], indices)
    return x[tuple(coordinates)]


def gather_nd(attributes, operands, op):
    x, indices = operands
    batch = attributes.get("batch_dims", 0)
    result = np.empty((*indices.shape[:-1], *x.shape[batch + indices.shape[-1] :]), x.dtype)
    for place in np.ndindex(*indices.shape[:-1]):
        result[place] = x[(*place[:batch], *ints(indices[place]))]
    return result


COMBINE = {"assign": lambda old, new: new, "add": lambda old, new: old + new, "mul": lambda old, new: old * new,
           "max": np.maximum, "min": np.minimum}


def scatter_elements(attributes, operands, op):
    x, indices, updates = operands
    result = x.copy()
    for place in np.ndindex(*indices.shape):
        target = list(place)
        target[attributes["axis"]] = int(indices[place])
        result[tuple(target)] = COMBINE[word(attributes["kind"])](result[tuple(target)], updates[place])
    return result


def scatter_nd(attributes, operands, op):
    x, indices, updates = operands
    result = x.copy()
    for place in np.ndindex(*indices.shape[:-1]):
        target = tuple(ints(indices[place]))
        result[target] = COMBINE[word(attributes["kind"])](result[target], updates[place])
    return result


def non_zero(attributes, operands, op):
    x, count = operands
    # numpy treats a scalar as a vector; it has no index.
    indices = np.array(np.nonzero(x), np.int64) if x.ndim else np.zeros((0, int(x != 0)), np.int64)
    assert indices.shape[1] == count
    return indices


def fail(attributes, operands, op):
    raise AssertionError(attributes["message"])


def require(attributes, operands, op):
    assert operands[0], attributes["message"]
    return ()


def extract(attributes, operands, op):
    return operands[0][tuple(ints(operands[1:]))]


def from_elements(attributes, operands, op):
    shape = [int(extent) for extent in re.findall(r"(\d+)x", op["types"][0])]
    return np.array(operands, element_type(op)).reshape(shape)


erf = np.vectorize(math.erf, otypes=[np.float64])

OPS = {
    "arith.constant": scalar_constant,
    "arith.addi": scalar(lambda a, b: a + b), "arith.subi": scalar(lambda a, b: a - b), "arith.muli": scalar(lambda a, b: a * b),
    "arith.divsi": scalar(truncated_division), "arith.divui": scalar(lambda a, b: a // b),
    "arith.floordivsi": scalar(lambda a, b: a // b), "arith.ceildivsi": scalar(lambda a, b: -(-a // b)),
    "arith.remsi": scalar(lambda a, b: a - truncated_division(a, b) * b),
    "arith.maxsi": scalar(max), "arith.minsi": scalar(min), "arith.cmpi": integer_compare, "arith.cmpf": float_compare,
    "arith.select": scalar(lambda c, a, b: a if c else b), "arith.andi": scalar(lambda a, b: a & b),
    "arith.ori": scalar(lambda a, b: a | b), "arith.xori": scalar(lambda a, b: a ^ b), "arith.index_cast": scalar(int),
    "arith.sitofp": scalar(float), "arith.fptosi": scalar(lambda a: int(a)),
    "arith.addf": scalar(lambda a, b: np.float32(a) + np.float32(b)), "arith.subf": scalar(lambda a, b: np.float32(a) - np.float32(b)),
    "arith.mulf": scalar(lambda a, b: np.float32(a) * np.float32(b)), "arith.divf": scalar(lambda a, b: np.float32(a) / np.float32(b)),
    "arith.maximumf": scalar(np.maximum), "arith.minimumf": scalar(np.minimum),
    "tensor.dim": scalar(lambda x, d: x.shape[int(d)]), "tensor.cast": scalar(lambda x: x),
    "tensor.extract": extract, "tensor.from_elements": from_elements,
    "nn.abs": unary(np.abs), "nn.neg": unary(np.negative), "nn.sign": unary(np.sign),
    "nn.not": unary(lambda x: ~x), "nn.exp": unary(np.exp), "nn.expm1": unary(np.expm1), "nn.log": unary(np.log),
    "nn.log1p": unary(np.log1p), "nn.sqrt": unary(np.sqrt), "nn.erf": unary(erf), "nn.sin": unary(np.sin), "nn.cos": unary(np.cos),
    "nn.tan": unary(np.tan), "nn.asin": unary(np.arcsin), "nn.acos": unary(np.arccos), "nn.atan": unary(np.arctan),
    "nn.sinh": unary(np.sinh), "nn.cosh": unary(np.cosh), "nn.tanh": unary(np.tanh), "nn.asinh": unary(np.arcsinh),
    "nn.acosh": unary(np.arccosh), "nn.atanh": unary(np.arctanh), "nn.sigmoid": unary(lambda x: 1 / (1 + np.exp(-x))),
    "nn.floor": unary(np.floor), "nn.ceil": unary(np.ceil), "nn.round": unary(np.rint),
    "nn.is_nan": scalar(lambda x: np.isnan(x.astype(np.float64))), "nn.is_inf": is_infinite, "nn.cast": cast,
    "nn.bitcast": lambda attributes, operands, op: operands[0].view(element_type(op)),
    "nn.add": binary(np.add), "nn.sub": binary(np.subtract), "nn.mul": binary(np.multiply), "nn.div": binary(divide),
    "nn.mod": binary(modulo), "nn.rem": binary(remainder), "nn.pow": binary(power), "nn.max": binary(np.maximum),
    "nn.min": binary(np.minimum), "nn.and": binary(np.bitwise_and), "nn.or": binary(np.bitwise_or), "nn.xor": binary(np.bitwise_xor),
    "nn.shl": binary(shift(True)), "nn.shr": binary(shift(False)), "nn.compare": compare,
    "nn.select": scalar(np.where),
    "nn.constant": constant, "nn.reshape": lambda attributes, operands, op: operands[0].reshape(ints(operands[1:])),
    "nn.transpose": lambda attributes, operands, op: np.transpose(operands[0], attributes["permutation"]),
    "nn.broadcast": lambda attributes, operands, op: np.broadcast_to(operands[0], ints(operands[1:])),
    "nn.slice": slice_op, "nn.concat": lambda attributes, operands, op: np.concatenate(operands, attributes["axis"]),
    "nn.pad": pad, "nn.iota": iota, "nn.resize": resize, "nn.matmul": matmul, "nn.conv": conv, "nn.conv_transpose": conv_transpose,
    "nn.pool": pool, "nn.pool_argmax": pool_argmax, "nn.reduce": reduce, "nn.arg_reduce": arg_reduce, "nn.cumulative": cumulative,
    "nn.top_k": top_k, "nn.non_max_suppression": non_max_suppression, "nn.gather": gather, "nn.gather_elements": gather_elements, "nn.gather_nd": gather_nd,
    "nn.scatter_elements": scatter_elements, "nn.scatter_nd": scatter_nd,
    **texts.OPS, "nn.non_zero": non_zero, "nn.fail": fail, "nn.require": require, "nn.lstm": lstm, "nn.gru": gru, "nn.rnn": rnn, "nn.tree_ensemble": tree_ensemble,
}
