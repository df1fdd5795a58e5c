"""Small graphs whose nodes share a kernel, against ONNX's reference evaluator: what random models found."""

import numpy
import onnx.reference
from onnx import helper, numpy_helper

import tenon
from harness import CPU, apart, difference


def check(mode, folder, nodes, feeds: dict, outputs: list[str], constants: dict | None = None, bound=0, opset: int = 21, known: dict | None = None) -> None:
    """Compiles the nodes as one model and compares its outputs. `known` has extents of inputs that are known in the dynamic mode too."""
    def info(name, array):
        fixed = (known or {}).get(name, [None] * array.ndim)
        shape = [f"{name}_{axis}" if mode == "dynamic" and fixed[axis] is None else extent for axis, extent in enumerate(array.shape)]
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

    graph = helper.make_graph(nodes, "fused", [info(name, array) for name, array in feeds.items()], [onnx.ValueInfoProto(name=name) for name in outputs],
                              [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    expected = dict(zip(outputs, onnx.reference.ReferenceEvaluator(model).run(None, feeds)))
    inferred = {value.name: value for value in onnx.shape_inference.infer_shapes(model).graph.output}
    for output in graph.output:
        output.type.CopyFrom(helper.make_tensor_type_proto(inferred[output.name].type.tensor_type.elem_type, [None] * expected[output.name].ndim))
    model.graph.CopyFrom(graph)

    def run():
        return tenon.load(tenon.compile(model, str(folder / "model.so"), reference=mode == "reference", cpu=CPU)).run(feeds)

    error, results = apart(run)
    assert not error, error
    for name, value in expected.items():
        problem = difference(results[name], value, bound)
        assert not problem, f"{mode}, {name}: {problem}"


def constant(array) -> numpy.ndarray:
    return numpy.asarray(array)


def test_rows_of_one_number(mode, tmp_path):
    """A mask that is a broadcast constant, and a reduction of it in the same kernel."""
    x = numpy.zeros((16, 3), numpy.float32)
    nodes = [helper.make_node("Shape", ["x"], ["extents"], end=1), helper.make_node("Concat", ["extents", "seven"], ["shape"], axis=0),
             helper.make_node("Expand", ["number", "shape"], ["rows"]), helper.make_node("Cast", ["rows"], ["mask"], to=10),
             helper.make_node("ReduceMax", ["mask", "axis"], ["most"]), helper.make_node("Equal", ["most", "number16"], ["same"])]
    constants = {"seven": constant([7]), "number": numpy.float32(1.5), "axis": constant([1]), "number16": numpy.float16([1.5])}
    check(mode, tmp_path, nodes, {"x": x}, ["mask", "same"], {name: numpy.asarray(array) for name, array in constants.items()})


def test_rows_of_their_greatest_element(mode, tmp_path):
    """A row's value made a full row again, beside what needs it once."""
    x = numpy.random.default_rng(0).uniform(-2, 2, (9, 13)).astype(numpy.float32)
    nodes = [helper.make_node("ReduceMax", ["x", "axis"], ["most"]), helper.make_node("Shape", ["x"], ["shape"]),
             helper.make_node("Expand", ["most", "shape"], ["rows"]), helper.make_node("Neg", ["rows"], ["y"]), helper.make_node("Abs", ["most"], ["z"])]
    check(mode, tmp_path, nodes, {"x": x}, ["rows", "y", "z"], {"axis": constant([1])})


def test_rows_of_planes(mode, tmp_path):
    """Rows of two dimensions, which are not kept; what is made of them has the extents that the planes have."""
    x = numpy.random.default_rng(0).uniform(-2, 2, (2, 30, 2, 30)).astype(numpy.float32)
    bias = numpy.random.default_rng(1).uniform(-2, 2, (2, 30)).astype(numpy.float32)
    nodes = [helper.make_node("Abs", ["x"], ["magnitude"]), helper.make_node("ReduceMax", ["magnitude", "axes"], ["most"], keepdims=0),
             helper.make_node("Mul", ["most", "bias"], ["y"]), helper.make_node("Add", ["x", "bias"], ["shifted"]),
             helper.make_node("ReduceMin", ["shifted", "axes"], ["z"], keepdims=0)]
    check(mode, tmp_path, nodes, {"x": x, "bias": bias}, ["magnitude", "y", "z"], {"axes": constant([2, 3])})


def test_rows_with_constants(mode, tmp_path):
    """A row's value and a constant of one number: as long as the row, or as the row's value."""
    x = numpy.random.default_rng(2).uniform(-2, 2, (5, 7)).astype(numpy.float32)
    nodes = [helper.make_node("ReduceMax", ["x", "last"], ["most"]), helper.make_node("Add", ["most", "long"], ["longer"]), helper.make_node("Add", ["most", "short"], ["shorter"]),
             helper.make_node("Greater", ["most", "short"], ["large"]), helper.make_node("Where", ["large", "long", "flat"], ["chosen"]),
             helper.make_node("ReduceMin", ["x", "first"], ["least"]), helper.make_node("Sub", ["least", "high"], ["higher"])]
    constants = {"last": constant([1]), "first": constant([0]), "long": numpy.full(7, 0.5, numpy.float32), "short": numpy.full((1, 1), 0.25, numpy.float32),
                 "flat": numpy.full((1, 7), 0.75, numpy.float32), "high": numpy.full((5, 1), 0.5, numpy.float32)}
    if mode != "dynamic":
        check(mode, tmp_path, nodes, {"x": x}, ["longer", "shorter", "chosen", "higher"], constants)
        return
    # Which extents agree is known where the other one is a number.
    check(mode, tmp_path, nodes[:5], {"x": x}, ["longer", "shorter", "chosen"], constants, known={"x": (None, 7)})
    check(mode, tmp_path, nodes[5:], {"x": x}, ["higher"], constants, known={"x": (5, None)})


def test_attention_of_halves(mode, tmp_path):
    """Its mask of zeros is a broadcast constant that is reduced by rows."""
    generator = numpy.random.default_rng(1)
    feeds = {name: generator.uniform(-1, 1, (2, 3, length, 8)).astype(numpy.float16) for name, length in (("q", 5), ("k", 7), ("v", 7))}
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], scale=0.5)
    check(mode, tmp_path, [node], feeds, ["y"], bound=4e-3, opset=23)


def unrolled(reverse: bool, batch: int, steps: int = 5, inputs: int = 96, units: int = 48):
    """Nodes of a recurrence h = tanh(x_t w + b + h r) step by step, as exporters unroll it, with its constants."""
    generator = numpy.random.default_rng(3)
    constants = {"w": generator.uniform(-0.2, 0.2, (inputs, 4 * units)), "b": generator.uniform(-1, 1, 4 * units), "r": generator.uniform(-0.2, 0.2, (4 * units, 4 * units)),
                 "h": numpy.zeros((batch, 4 * units))}
    constants = {name: array.astype(numpy.float32) for name, array in constants.items()}
    nodes, state = [], "h"
    for step in range(steps):
        time = steps - 1 - step if reverse else step
        constants[f"t{step}"] = numpy.asarray(time)
        nodes += [helper.make_node("Gather", ["x", f"t{step}"], [f"x{step}"], axis=2), helper.make_node("Gemm", [f"x{step}", "w", "b"], [f"p{step}"]),
                  helper.make_node("MatMul", [state, "r"], [f"q{step}"]), helper.make_node("Add", [f"p{step}", f"q{step}"], [f"s{step}"]),
                  helper.make_node("Tanh", [f"s{step}"], [f"h{step}"])]
        state = f"h{step}"
    x = generator.uniform(-1, 1, (batch, inputs, steps)).astype(numpy.float32)
    return nodes, {"x": x}, constants, [f"h{step}" for step in range(steps)]


def test_unrolled_recurrences(mode, tmp_path):
    """The input's products are one; those of the state need each other."""
    # Each step adds 288 products of up to 0.2, off by up to 4e-6; tanh and the weights pass on less than five steps of that.
    for reverse in (False, True):
        for batch in (1, 3):
            nodes, feeds, constants, outputs = unrolled(reverse, batch)
            check(mode, tmp_path, nodes, feeds, outputs, constants, bound=2e-5, known={"x": (batch if mode != "dynamic" else None, 96, 5)})


def test_shared_weights_of_other_rows(mode, tmp_path):
    """Rows from several places, biases, then functions of their own."""
    generator = numpy.random.default_rng(4)
    feeds = {f"x{k}": generator.uniform(-1, 1, (2, 3, 160)).astype(numpy.float32) for k in range(4)}
    constants = {"w": generator.uniform(-0.2, 0.2, (160, 130)).astype(numpy.float32), "b": generator.uniform(-1, 1, 130).astype(numpy.float32)}
    nodes, outputs = [], []
    for k, (name, function) in enumerate(zip(feeds, ("Tanh", "Sigmoid", "Relu", "Exp"))):
        nodes += [helper.make_node("MatMul", [name, "w"], [f"p{k}"]), helper.make_node("Add", [f"p{k}", "b"], [f"s{k}"]), helper.make_node("Relu", [f"s{k}"], [f"r{k}"]),
                  helper.make_node(function, [f"r{k}"], [f"y{k}"])]
        outputs.append(f"y{k}")
    # Sums of 160 terms are off by up to 1e-5, their exponentials by as much of themselves: 100.
    check(mode, tmp_path, nodes, feeds, outputs, constants, bound=1e-3)


def test_what_follows_sums_of_parts(mode, tmp_path):
    """Sums over a long K are taken in parts; what is done to them comes once, after the last: a residual and a bias, or a long
    activation. A itself is computed in the kernel."""
    generator = numpy.random.default_rng(3)
    x, residual = (generator.uniform(-1, 1, shape).astype(numpy.float32) for shape in ((140, 2100), (140, 70)))
    weights = generator.uniform(-1, 1, (2100, 70)).astype(numpy.float32)
    bias = generator.uniform(-1, 1, 70).astype(numpy.float32)
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["sums"]), helper.make_node("Add", ["sums", "bias"], ["biased"]),
             helper.make_node("Add", ["biased", "residual"], ["both"]), helper.make_node("Relu", ["both"], ["y"]),
             helper.make_node("Neg", ["x"], ["negative"]), helper.make_node("MatMul", ["negative", "weights"], ["others"]),
             helper.make_node("Gelu", ["others"], ["z"])]
    # Any order of 2,100 sums of products up to 1: n u sum |ab|, of which a quarter is the mean.
    check(mode, tmp_path, nodes, {"x": x, "residual": residual}, ["y", "z"], {"weights": weights, "bias": bias}, bound=2100 * 2.0**-24 * 2100 / 4, known={"x": (None, 2100), "residual": (None, 70)})


def test_pools_of_planes(mode, tmp_path):
    """Two windows over one input and their sum: a kernel has one of them, and what follows."""
    x = numpy.random.default_rng(0).uniform(-1, 1, (2, 5, 9, 21)).astype(numpy.float32)
    window = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [helper.make_node("Abs", ["x"], ["a"]), helper.make_node("MaxPool", ["a"], ["most"], **window), helper.make_node("AveragePool", ["a"], ["mean"], **window),
             helper.make_node("Sub", ["most", "mean"], ["s"]), helper.make_node("Relu", ["s"], ["y"])]
    # Sums of nine numbers up to 1, in any order.
    check(mode, tmp_path, nodes, {"x": x}, ["y"], bound=1e-6)


def test_epilogues_of_reshaped_products(mode, tmp_path):
    """Pointwise convolutions in groups, and windows in one dimension of three: bias, activation and a residual behind a reshape."""
    generator = numpy.random.default_rng(0)
    x, deep = (generator.uniform(-1, 1, shape).astype(numpy.float32) for shape in ((2, 12, 7, 9), (1, 20, 6, 5, 7)))
    weights = {"w": (12, 3, 1, 1), "bias": (12,), "v": (20, 20, 3, 1, 1), "slopes": (20, 1, 1, 1), "columns": (9,)}
    weights = {name: generator.uniform(-1, 1, shape).astype(numpy.float32) for name, shape in weights.items()}
    nodes = [helper.make_node("Conv", ["x", "w", "bias"], ["a"], group=4), helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Add", ["b", "x"], ["c"]),
             helper.make_node("Mul", ["c", "columns"], ["y"]), helper.make_node("Conv", ["deep", "v"], ["p"], pads=[1, 0, 0, 1, 0, 0]),
             helper.make_node("Add", ["deep", "p"], ["q"]), helper.make_node("PRelu", ["q", "slopes"], ["z"])]
    # The sums of at most 60 products.
    check(mode, tmp_path, nodes, {"x": x, "deep": deep}, ["y", "z"], weights, bound=1e-4,
          known={"x": [None, 12, None, None], "deep": [None, 20, None, None, None]})
