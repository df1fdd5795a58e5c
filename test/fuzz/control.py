"""Families of control flow: If, Loop and Scan, with small bodies that also read values from outside."""

import numpy
from onnx import TensorProto, helper

from graph import RandomGraph
from oracle import Rejected, Value

UNARY = ("Relu", "Tanh", "Neg", "Sigmoid", "Abs", "Softsign", "Identity")


def whole_float(g: RandomGraph, low_rank: int = 0, accept=lambda value: True, high_rank: int = 8) -> Value:
    """No halves: what rounding does between the nodes of a body is not followed."""
    return g.floating(low_rank, lambda value: value.dtype.itemsize >= 4 and accept(value), high_rank)


class Body:
    """A subgraph that keeps the shape of what it works on."""

    def __init__(self, g: RandomGraph, prefix: str):
        self.g, self.prefix, self.nodes, self.outside = g, prefix, [], []

    def name(self) -> str:
        return f"{self.prefix}{len(self.nodes)}"

    def add(self, op: str, inputs: list[str], **attributes) -> str:
        result = self.name()
        self.nodes.append(helper.make_node(op, inputs, [result], name=result, **attributes))
        return result

    def grow(self, name: str, like: Value, count: int) -> str:
        """Some steps from `name`, which has the shape and the type of `like`."""
        for _ in range(count):
            if self.g.chance(0.5):
                name = self.add(self.g.pick(UNARY), [name])
                continue
            other = self.g.pick([*self.g.same_shape(like, like.dtype), self.g.scalar(like, 0.5)])
            self.outside.append(other)
            name = self.add(self.g.pick(("Add", "Sub", "Max", "Min")), [name, other.name])
        return name


def if_(g: RandomGraph) -> None:
    x = whole_float(g)
    number = g.constant(numpy.array(g.pick((0.0, -1000.0, 1000.0)), x.dtype))
    if g.chance(0.5):
        arrays = g.data((), "bool")
        condition = g.new_input([], "bool", lambda *_: arrays)
    else:
        total = g.add("ReduceSum", [x], "sum", keepdims=0)[0]
        condition = g.add("Less", [total, number], "exact")[0]
    count = g.integer(1, 2)
    graphs, reads = [], []
    for branch in ("then", "else"):
        body = Body(g, f"{branch}{len(g.nodes)}_")
        names = [body.grow(body.add("Identity", [x.name]), x, g.integer(0, 3)) for _ in range(count)]
        if branch == "else" and g.chance(0.3) and x.rank:
            names[0] = body.add("Concat", [names[0], names[0]], axis=g.integer(0, x.rank - 1))
        graphs.append(_graph(branch, body, [], names, x))
        reads += [x, *body.outside]
    g.add("If", [condition], "sum", count, reads=reads, then_branch=graphs[0], else_branch=graphs[1])


def _graph(name: str, body: Body, inputs: list, outputs: list[str], like: Value, kinds: dict | None = None):
    kind = helper.np_dtype_to_tensor_dtype(like.dtype)
    infos = [helper.make_tensor_value_info(output, (kinds or {}).get(output, kind), None) for output in outputs]
    return helper.make_graph(body.nodes, name, inputs, infos)


def loop(g: RandomGraph) -> None:
    """Carries one or two values of a shape, may stop early, and may collect a row of each trip."""
    carried = [whole_float(g)]
    carried += [g.pick(g.same_shape(carried[0], carried[0].dtype))] if g.chance(0.5) else []
    like = carried[0]
    prefix = f"loop{len(g.nodes)}_"
    body = Body(g, prefix)
    kind = helper.np_dtype_to_tensor_dtype(like.dtype)
    names = [f"{prefix}in{place}" for place in range(len(carried))]
    inputs = [helper.make_tensor_value_info(f"{prefix}trip", TensorProto.INT64, []), helper.make_tensor_value_info(f"{prefix}go", TensorProto.BOOL, []),
              *(helper.make_tensor_value_info(name, kind, list(like.shape)) for name in names)]
    results = [body.grow(body.add(g.pick(("Tanh", "Softsign", "Identity")), [name]), like, g.integer(0, 3)) for name in names]
    if g.chance(0.4):
        results.reverse()
    if g.chance(0.4):
        limit = g.constant(numpy.array(g.integer(0, 3)))
        body.outside.append(limit)
        go = body.add("Less", [f"{prefix}trip", limit.name])
    else:
        go = body.add("Identity", [f"{prefix}go"])
    scans = [body.grow(results[0], like, g.integer(0, 1))] if g.chance(0.5) else []
    scans = [body.add("Identity", scans)] if scans else []
    graph = _graph("body", body, inputs, [go, *results, *scans], like, {go: TensorProto.BOOL})
    trips = g.integers(numpy.array(g.integer(0, 4) if not scans else g.integer(1, 4)))
    start = g.constant(numpy.array(True)) if g.chance(0.5) else None
    if start is None and g.chance(0.5):
        start = g.new_input([], "bool", lambda *_: numpy.array(True))
    g.add("Loop", [trips, start, *carried], "sum", len(carried) + len(scans), reads=body.outside, body=graph)


def scan(g: RandomGraph) -> None:
    x = whole_float(g, 2, lambda value: min(shape[0] for shape in value.shapes) > 0, 4)
    rows = x.shape[1:]
    if None in rows:
        raise Rejected("a state of unknown extents")
    state = g.parameter(rows, x.dtype)
    prefix = f"scan{len(g.nodes)}_"
    body = Body(g, prefix)
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    inputs = [helper.make_tensor_value_info(f"{prefix}{name}", kind, list(rows)) for name in ("state", "row")]
    total = body.add("Add", [f"{prefix}state", f"{prefix}row"])
    following = body.add(g.pick(("Tanh", "Softsign", "Sigmoid")), [body.grow(total, state, g.integer(0, 2))])
    collected = body.add(g.pick(UNARY), [following])
    graph = _graph("body", body, inputs, [following, collected], x)
    g.add("Scan", [state, x], "sum", 2, reads=body.outside, body=graph, num_scan_inputs=1, scan_input_directions=[g.integer(0, 1)],
          scan_output_directions=[g.integer(0, 1)])


FAMILIES = {"if": (1.5, if_), "loop": (1.5, loop), "scan": (1, scan)}
