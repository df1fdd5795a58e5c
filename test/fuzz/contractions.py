"""Families of products: matrices, einsum, attention, recurrent cells."""

import math

import numpy

from graph import RandomGraph
from oracle import Rejected, Value


def weights(g: RandomGraph, shape, dtype, terms: int) -> Value:
    """Small enough that a sum over `terms` products stays bounded."""
    limit = 1 / math.sqrt(max(terms, 1))
    return g.parameter(shape, dtype, -limit, limit)


def matmul(g: RandomGraph) -> None:
    x = g.floating(1)
    inner = [shape[-1] for shape in x.shapes]
    partners = [value for value in g.values if value.dtype == x.dtype and not value.fixed and value.rank > 1 and [shape[-2] for shape in value.shapes] == inner
                and _batches(x, value)]
    if partners and g.chance(0.5):
        g.add("MatMul", [x, g.pick(partners)], "sum")
        return
    if x.shape[-1] is None:
        square(g, x)
        return
    columns = g.pick((1, 2, 3, 5, 8, 16, 19, 33))
    batch = [extent if extent else 1 for extent in x.shape[:-2]] if g.chance(0.2) else []
    shape = [*batch, x.shape[-1], columns] if g.chance(0.9) else [x.shape[-1]]
    other = weights(g, shape, x.dtype, x.shape[-1])
    if g.chance(0.15) and x.rank > 1 and x.shape[-2] is not None:
        g.add("MatMul", [weights(g, [columns, x.shape[-2]], x.dtype, x.shape[-2]), x], "sum")
    else:
        g.add("MatMul", [x, other], "sum")


def _batches(left: Value, right: Value) -> bool:
    for one, other in zip(left.shapes, right.shapes):
        for a, b in zip(reversed(one[:-2]), reversed(other[:-2])):
            if a != b and 1 not in (a, b):
                return False
    return True


def square(g: RandomGraph, x: Value) -> None:
    """x by its own transposed."""
    if x.rank < 2:
        g.add("MatMul", [x, x], "sum")
        return
    order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    turned = g.add("Transpose", [x], "exact", perm=order)[0]
    g.add("MatMul", [x, turned] if g.chance(0.7) else [turned, x], "sum")


def gemm(g: RandomGraph) -> None:
    x = g.floating(2, high_rank=2)
    turned = g.integer(0, 1)
    inner = x.shape[0] if turned else x.shape[1]
    if not inner:
        raise Rejected("unknown extent")
    columns, other = g.pick((1, 3, 8, 16, 21)), g.integer(0, 1)
    y = weights(g, (columns, inner) if other else (inner, columns), x.dtype, inner)
    rows = x.shape[1] if turned else x.shape[0]
    bias = g.pick((None, (columns,), (1, columns), (1,), (), (rows, columns) if rows else (1, 1), (rows, 1) if rows else (1, 1)))
    g.add("Gemm", [x, y, g.parameter(bias, x.dtype) if bias is not None else None], "sum", transA=turned, transB=other,
          alpha=g.pick((None, 0.5, 2.0)), beta=g.pick((None, 0.25, 1.5)))


def einsum(g: RandomGraph) -> None:
    x = g.floating(1, high_rank=4)
    letters = "abcdefgh"
    first = letters[:x.rank]
    used = dict(zip(first, x.shape))
    style = g.integer(0, 2)
    if style == 0:
        terms, inputs, left = [first], [x], list(first)
    else:
        shared = [letter for letter in first if used[letter] is not None and g.chance(0.6)]
        fresh = list(letters[x.rank:x.rank + g.integer(0, 2)])
        second = g.random.permutation(shared + fresh).tolist()
        if not second:
            raise Rejected("no letter")
        used |= {letter: g.integer(1, 5) for letter in fresh}
        other = weights(g, [used[letter] for letter in second], x.dtype, math.prod(used[letter] or 1 for letter in shared))
        terms, inputs, left = [first, "".join(second)], [x, other], list(dict.fromkeys([*first, *second]))
    kept = [letter for letter in g.random.permutation(left).tolist() if g.chance(0.65)]
    equation = ",".join(terms) + ("->" + "".join(kept) if g.chance(0.9) else "")
    g.add("Einsum", inputs, "sum", equation=equation)


def integer_matmul(g: RandomGraph) -> None:
    x = g.value(lambda value: str(value.dtype) in ("int8", "uint8") and value.rank > 1 and value.shape[-1])
    other = g.constant(g.random.integers(0, 100, (x.shape[-1], g.integer(1, 9))).astype(g.pick(("int8", "uint8"))))
    points = [g.constant(numpy.array(g.integer(0, 9)).astype(value.dtype)) if g.chance(0.6) else None for value in (x, other)]
    g.add("MatMulInteger", [x, other, *points], "exact")


def attention_by_hand(g: RandomGraph) -> None:
    """Products with a softmax between them, as exporters write it, with heads and perhaps a mask."""
    x = g.floating(3, high_rank=3)
    width, heads = x.shape[2], g.pick((1, 2, 4))
    if not width or width % heads:
        raise Rejected("heads")
    parts = []
    for order in ([0, 2, 1, 3], [0, 2, 3, 1] if g.chance(0.7) else [0, 2, 1, 3], [0, 2, 1, 3]):
        y = g.add("MatMul", [x, weights(g, (width, width), x.dtype, width)], "sum")[0] if g.chance(0.8) else x
        y = g.add("Reshape", [y, g.constant(numpy.array([0, 0, heads, width // heads]))], "exact")[0]
        parts.append((g.add("Transpose", [y], "exact", perm=order)[0], order))
    query, (key, order), value = parts[0][0], parts[1], parts[2][0]
    if order[2:] != [3, 1]:
        key = g.add("Transpose", [key], "exact", perm=[0, 1, 3, 2])[0]
    scores = g.add("MatMul", [query, key], "sum")[0]
    scale = g.scalar(x, math.sqrt(width // heads))
    scores = g.add("Div", [scores, scale])[0] if g.chance(0.6) else g.add("Mul", [scores, g.scalar(x, 0.5)])[0]
    if g.chance(0.4) and x.shape[1] is not None:
        mask = numpy.where(numpy.tri(x.shape[1], dtype=bool), 0, -100).astype(x.dtype)
        scores = g.add("Add", [scores, g.constant(mask)])[0]
    y = g.add("MatMul", [g.add("Softmax", [scores], "sum", axis=-1)[0], value], "sum")[0]
    y = g.add("Transpose", [y], "exact", perm=[0, 2, 1, 3])[0]
    g.add("Reshape", [y, g.constant(numpy.array([0, 0, width]))], "exact")


def attention(g: RandomGraph) -> None:
    if not g.since(23):
        raise Rejected("opset")
    heads, groups, width = g.pick((1, 2, 3)), g.pick((1, 1, 2)), g.pick((2, 4, 8))
    batch, length, past = g.extent(), g.extent(), g.extent()
    dtype = g.pick(("float32", "float32", "float16"))
    flat = g.chance(0.4)

    def tensor(count, extents):
        return g.new_input([batch, extents, [count * width] * g.worlds] if flat else [batch, [count] * g.worlds, extents, [width] * g.worlds], dtype)

    query, key, value = tensor(heads * groups, length), tensor(heads, past), tensor(heads, past)
    mask = None
    if g.chance(0.4):
        mask = g.new_input([length, past], g.pick(("bool", dtype)), lambda shape, kind: _mask(g, shape, kind))
    attributes = {"q_num_heads": heads * groups, "kv_num_heads": heads} if flat else {}
    g.add("Attention", [query, key, value, mask], "sum", is_causal=g.integer(0, 1) if mask is None else 0, scale=g.pick((None, 0.5)),
          softcap=g.pick((None, None, 2.0)), **attributes)


def _mask(g: RandomGraph, shape, kind):
    """No row is all false."""
    if kind != "bool":
        return g.random.uniform(-2, 0, shape).astype(kind)
    mask = g.random.integers(0, 2, shape).astype(bool)
    mask[..., :1] = True
    return mask


def rotary(g: RandomGraph) -> None:
    if not g.since(23):
        raise Rejected("opset")
    batch, heads, length, width = g.integer(1, 3), g.integer(1, 3), g.extent(), g.pick((4, 8))
    x = g.new_input([[batch] * g.worlds, [heads] * g.worlds, length, [width] * g.worlds], "float32")
    caches = [g.constant(numpy.sin(g.random.uniform(-3, 3, (50, width // 2))).astype("float32")) for _ in range(2)]
    positions = g.new_input([[batch] * g.worlds, length], "int64", lambda shape, _: g.random.integers(0, 50, shape))
    g.add("RotaryEmbedding", [x, *caches, positions], "sum", interleaved=g.integer(0, 1))


RECURRENT = {"RNN": 1, "GRU": 3, "LSTM": 4}


def recurrent(g: RandomGraph) -> None:
    x = g.floating(3, lambda value: str(value.dtype) in ("float32", "float64", "float16") and value.shape[2], 3)
    op = g.pick(list(RECURRENT))
    layout = g.integer(0, 1) if g.since(14) and g.chance(0.15) else 0
    batch = x.shape[0 if layout else 1]
    hidden, gates, width = g.pick((1, 2, 3, 5, 8)), RECURRENT[op], x.shape[2]
    direction = g.pick(("forward", "reverse", "bidirectional"))
    count = 2 if direction == "bidirectional" else 1
    w, r = weights(g, (count, gates * hidden, width), x.dtype, width), weights(g, (count, gates * hidden, hidden), x.dtype, hidden)
    bias = g.parameter((count, 2 * gates * hidden), x.dtype) if g.chance(0.6) else None
    lengths = None
    if g.chance(0.25) and batch and x.shape[1 if layout else 0]:
        lengths = g.integers(g.random.integers(1, x.shape[1 if layout else 0] + 1, batch), "int32")
    states = [None, None]
    if batch and g.chance(0.4):
        shape = (batch, count, hidden) if layout else (count, batch, hidden)
        states = [g.parameter(shape, x.dtype), g.parameter(shape, x.dtype) if op == "LSTM" else None]
    peephole = g.parameter((count, 3 * hidden), x.dtype) if op == "LSTM" and g.chance(0.2) else None
    attributes = {"linear_before_reset": g.integer(0, 1)} if op == "GRU" else {}
    if g.chance(0.2):
        names = {"RNN": ["Relu"], "GRU": ["Sigmoid", "Softsign"], "LSTM": ["HardSigmoid", "Tanh", "Softsign"]}[op]
        attributes["activations"] = names * count
    if g.chance(0.15):
        attributes["clip"] = 0.75
    if g.chance(0.15) and op == "LSTM":
        attributes["input_forget"] = 1
    if layout:
        attributes["layout"] = 1
    g.add(op, [x, w, r, bias, lengths, *states, peephole], "sum", 3 if op == "LSTM" else 2, hidden_size=hidden, direction=direction, **attributes)


FAMILIES = {
    "matmul": (8, matmul), "gemm": (3, gemm), "einsum": (3, einsum), "integer_matmul": (1, integer_matmul), "attention_by_hand": (2, attention_by_hand),
    "attention": (1, attention), "rotary": (0.7, rotary), "recurrent": (2.5, recurrent),
}
