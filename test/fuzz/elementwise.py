"""Families of elementwise ops, casts and comparisons."""

import ml_dtypes
import numpy
from onnx import helper

from graph import RandomGraph
from oracle import Rejected, Value, is_float

# What an op's input has to be in: `positive` is above 0.3, `unit` between -0.9 and 0.9, `above one` between 1.1 and 9.
UNARY = {
    "Abs": "exact", "Neg": "exact", "Relu": "exact", "Sign": "exact", "Ceil": "exact", "Floor": "exact", "Round": "exact", "Identity": "exact",
    "Exp": "element", "Erf": "element", "Sigmoid": "element", "Tanh": "element", "Softplus": "element", "Softsign": "element", "Sin": "element",
    "Cos": "element", "Tan": "unit", "Sinh": "element", "Cosh": "element", "Asin": "unit", "Acos": "unit", "Atan": "element", "Asinh": "element",
    "Acosh": "above one", "Atanh": "unit", "Log": "positive", "Sqrt": "positive", "Reciprocal": "positive", "HardSwish": "element",
    "Mish": "element", "Selu": "element", "Elu": "element", "Celu": "element", "LeakyRelu": "element", "HardSigmoid": "element",
    "ThresholdedRelu": "exact", "Shrink": "element", "Gelu": "element", "Swish": "element", "IsNaN": "exact", "IsInf": "exact",
}
ATTRIBUTES = {
    "Elu": {"alpha": (0.2, 1.5)}, "Celu": {"alpha": (0.3, 2.0)}, "LeakyRelu": {"alpha": (-0.5, 0.9)}, "HardSigmoid": {"alpha": (0.1, 0.5), "beta": (0.1, 0.8)},
    "ThresholdedRelu": {"alpha": (0.1, 1.2)}, "Shrink": {"lambd": (0.1, 1.0), "bias": (0.0, 0.5)}, "Selu": {"alpha": (0.8, 2.0), "gamma": (0.8, 1.5)},
    "Swish": {"alpha": (0.5, 2.0)},
}
SINCE = {"HardSwish": 14, "Mish": 18, "Gelu": 20, "Swish": 24, "BitwiseAnd": 18, "BitwiseOr": 18, "BitwiseXor": 18}


def within(g: RandomGraph, x: Value, where: str) -> Value:
    """x itself if its elements lie there, or what a few more nodes make of it."""
    low, high = x.bounds()
    if where == "positive":
        if low > 0.3:
            return x
        x = g.add(g.pick(("Abs", "Relu", "Exp" if high < 4 else "Abs")), [x], "element")[0]
        return g.add("Add", [x, g.scalar(x, 0.5)])[0]
    if where == "unit":
        if -0.9 < low and high < 0.9:
            return x
        x = g.add(g.pick(("Tanh", "Softsign")), [x])[0]
        return g.add("Mul", [x, g.scalar(x, 0.875)])[0]
    if where == "above one":
        return g.add("Add", [g.add("Sigmoid", [x])[0], g.scalar(x, 1.25)])[0]
    return x


def unary(g: RandomGraph) -> None:
    op = g.pick(list(UNARY))
    if not g.since(SINCE.get(op, 1)):
        raise Rejected("opset")
    kind = UNARY[op]
    x = g.value(lambda value: value.dtype.kind in "iu") if op in ("Abs", "Neg", "Sign", "Relu", "Identity") and g.chance(0.3) else g.floating()
    attributes = {name: g.random.uniform(*limits) for name, limits in ATTRIBUTES.get(op, {}).items() if g.chance(0.6)}
    if op == "Gelu" and g.chance(0.5):
        attributes["approximate"] = "tanh"
    if op == "IsInf":
        attributes |= {"detect_negative": g.integer(0, 1)}
    g.add(op, [within(g, x, kind)], kind if kind in ("exact", "element") else "element", **attributes)


def binary(g: RandomGraph) -> None:
    x = g.value(lambda value: value.dtype != bool)
    floating = x.is_float
    op = g.pick(("Add", "Sub", "Mul", "Div", "Max", "Min", "Add", "Mul", "Pow", "Mod", "Mean", "Sum", "PRelu") if floating else ("Add", "Sub", "Mul", "Div", "Max", "Min", "Mod"))
    other = g.broadcasting(x)
    kind = "exact" if op in ("Max", "Min") or not floating else "element"
    if op == "Div":
        other = within(g, other, "positive") if floating else g.constant(g.data(tuple(extent or 1 for extent in x.shape), str(x.dtype)) | 1)
        g.add(op, [x, other], kind)
    elif op == "Mod":
        divisor = g.scalar(x, g.pick((1.5, 2, 0.75)) if floating else g.pick((3, 5, 7)))
        g.add(op, [x, divisor], "element" if floating else "exact", fmod=1 if floating else g.integer(0, 1))
    elif op == "Pow":
        g.add(op, [within(g, x, "positive"), g.scalar(x, g.pick((0.5, 2, 3, -1, 1.5)))])
    elif op == "PRelu":
        slope = tuple(1 if extent is None or g.chance(0.4) else extent for extent in x.shape[g.integer(0, x.rank):])
        g.add(op, [x, g.parameter(slope, x.dtype)])
    elif op in ("Mean", "Sum", "Max", "Min"):
        more = [other] + [value for value in [g.broadcasting(x)] if g.chance(0.3)]
        g.add(op, [x, *more], kind)
    else:
        g.add(op, [x, other] if g.chance(0.5) else [other, x], kind)


def clip(g: RandomGraph) -> None:
    x = g.value(lambda value: value.dtype != bool)
    low = g.scalar(x, g.pick((0, -1, -0.5)) if x.dtype.kind != "u" else 1) if g.chance(0.8) else None
    high = g.scalar(x, g.pick((1, 6, 0.75))) if g.chance(0.8) else None
    g.add("Clip", [x, low, high], "exact")


def bits(g: RandomGraph) -> None:
    x = g.integral()
    op = g.pick(("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift"))
    if op != "BitShift" and not g.since(18):
        raise Rejected("opset")
    if op == "BitwiseNot":
        g.add(op, [x], "exact")
    elif op == "BitShift":
        if x.dtype.kind != "u":
            raise Rejected("signed")
        g.add(op, [x, g.scalar(x, g.integer(0, x.dtype.itemsize * 8 - 1))], "exact", direction=g.pick(("LEFT", "RIGHT")))
    else:
        g.add(op, [x, g.broadcasting(x)], "exact")


def compare(g: RandomGraph) -> None:
    x = g.value(lambda value: value.dtype != bool)
    g.add(g.pick(("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")), [x, g.broadcasting(x)], "exact")


def logic(g: RandomGraph) -> None:
    x = g.boolean()
    op = g.pick(("And", "Or", "Xor", "Not"))
    g.add(op, [x] if op == "Not" else [x, g.broadcasting(x)], "exact")


def where(g: RandomGraph) -> None:
    x = g.value()
    others = [value for value in g.values if value.dtype == bool and _fits(g, value, x)]
    condition = g.pick(others) if others and g.chance(0.6) else g.constant(g.data(tuple(extent or 1 for extent in x.shape), "bool"))
    branches = [x, g.broadcasting(x)]
    if g.chance(0.5):
        branches.reverse()
    g.add("Where", [condition, *branches], "exact")


def _fits(g: RandomGraph, left: Value, right: Value) -> bool:
    from graph import broadcasts

    return not left.fixed and broadcasts(left, right)


CASTS = ("float32", "float32", "float16", "bfloat16", "float64", "int64", "int32", "int8", "uint8", "int16", "uint16", "uint32", "uint64", "bool")


def cast(g: RandomGraph) -> None:
    x = g.value()
    name = g.pick(CASTS)
    target = numpy.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    low, high = x.bounds()
    if target.kind in "iu" and not (numpy.iinfo(target).min <= low and high <= numpy.iinfo(target).max):
        raise Rejected("out of range")
    # Into a narrower float: one rounding.
    kind = "element" if is_float(target) else "exact"
    if g.chance(0.15):
        g.add("CastLike", [x, g.constant(numpy.zeros(g.pick(((), (1,), (2,))), target))], kind)
    else:
        g.add("Cast", [x], kind, to=helper.np_dtype_to_tensor_dtype(target))


FAMILIES = {
    "unary": (10, unary), "binary": (12, binary), "clip": (2, clip), "bits": (1, bits), "compare": (2, compare), "logic": (1, logic), "where": (3, where),
    "cast": (3, cast),
}
