"""Models that are damaged, hostile or unsupported. Each must end in a diagnostic, never in a crash or in success.

`cases()` gives (name, builder) pairs; a builder gets an empty folder and returns the path of the model it wrote there.
"""

import os
import pathlib
import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
CASES = []


def case(function):
    CASES.append((function.__name__, function))
    return function


def cases():
    return CASES + fuzz_cases()


def value(name, shape=(2, 3), dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def graph_of(nodes, inputs=None, outputs=None, initializers=()):
    inputs = [value("x")] if inputs is None else inputs
    outputs = [value("y")] if outputs is None else outputs
    return helper.make_graph(nodes, "g", inputs, outputs, list(initializers))


def model_of(nodes, inputs=None, outputs=None, initializers=(), opset=17, functions=(), imports=None):
    imports = imports if imports is not None else [helper.make_opsetid("", opset)]
    return helper.make_model(graph_of(nodes, inputs, outputs, initializers), opset_imports=imports, ir_version=8,
                             functions=list(functions))


def write(folder, model):
    path = pathlib.Path(folder) / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def relu_model():
    return model_of([helper.make_node("Relu", ["x"], ["y"], name="r")])


def convolution_model():
    """A small network with weights, shape arithmetic and a branch, as a base for random damage."""
    rng = np.random.default_rng(7)
    weights = numpy_helper.from_array(rng.standard_normal((4, 3, 3, 3)).astype(np.float32), "w")
    scale = numpy_helper.from_array(rng.standard_normal(4).astype(np.float32), "s")
    shape = numpy_helper.from_array(np.array([0, -1], np.int64), "shape")
    branch = helper.make_graph([helper.make_node("Neg", ["c"], ["n"])], "then", [], [value("n", None)])
    other = helper.make_graph([helper.make_node("Abs", ["c"], ["a"])], "else", [], [value("a", None)])
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c0"], name="conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("BatchNormalization", ["c0", "s", "s", "s", "s"], ["c"], name="bn"),
        helper.make_node("If", ["flag"], ["i"], name="if", then_branch=branch, else_branch=other),
        helper.make_node("Reshape", ["i", "shape"], ["r"], name="reshape"),
        helper.make_node("Softmax", ["r"], ["y"], name="softmax", axis=1),
    ]
    inputs = [value("x", ("n", 3, "h", 8)), value("flag", (), TensorProto.BOOL)]
    return model_of(nodes, inputs, [value("y", None)], [weights, scale, shape])


# --- files ------------------------------------------------------------------------------------------------------------


@case
def missing_file(folder):
    return pathlib.Path(folder) / "absent.onnx"


@case
def empty_file(folder):
    return write(folder, b"")


@case
def folder_as_file(folder):
    path = pathlib.Path(folder) / "model.onnx"
    path.mkdir()
    return path


@case
def no_protobuf(folder):
    return write(folder, b"this is no model\n" * 50)


@case
def truncated(folder):
    data = convolution_model().SerializeToString()
    return write(folder, data[: len(data) // 2])


@case
def truncated_by_one(folder):
    return write(folder, convolution_model().SerializeToString()[:-1])


@case
def pipe(folder):
    path = pathlib.Path(folder) / "model.onnx"
    os.mkfifo(path)
    return path


# --- the model ---------------------------------------------------------------------------------------------------------


@case
def no_graph(folder):
    return write(folder, helper.make_model(helper.make_graph([], "g", [], []), ir_version=8).SerializeToString()[:2])


@case
def no_ir_version(folder):
    model = relu_model()
    model.ClearField("ir_version")
    return write(folder, model)


@case
def no_outputs(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], outputs=[]))


@case
def no_operator_set(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], imports=[]))


@case
def opset_zero(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], opset=0))


@case
def opset_of_the_future(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], opset=9999))


@case
def opset_overflowing(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], opset=2**62))


@case
def unknown_domain(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"], domain="org.example")]))


@case
def unknown_operator(folder):
    return write(folder, model_of([helper.make_node("Frobnicate", ["x"], ["y"], name="f")]))


@case
def operator_of_a_later_opset(folder):
    return write(folder, model_of([helper.make_node("Gelu", ["x"], ["y"])], opset=13))


@case
def deprecated_operator(folder):
    scales = numpy_helper.from_array(np.ones(2, np.float32), "s")
    return write(folder, model_of([helper.make_node("Upsample", ["x", "s"], ["y"])], initializers=[scales], opset=13))


@case
def unsupported_operator(folder):
    return write(folder, model_of([helper.make_node("ImageDecoder", ["x"], ["y"], name="image")],
                                  [value("x", (9,), TensorProto.UINT8)], opset=20))


@case
def sum_of_complex_numbers(folder):
    return write(folder, model_of([helper.make_node("Add", ["x", "x"], ["y"])], [value("x", (2,), TensorProto.COMPLEX64)]))


@case
def input_of_no_type(folder):
    return write(folder, model_of([helper.make_node("Identity", ["x"], ["y"])], [value("x", (2,), 99)]))


@case
def sum_of_strings(folder):
    return write(folder, model_of([helper.make_node("Add", ["x", "x"], ["y"])], [value("x", (2,), TensorProto.STRING)]))


@case
def sequence_where_a_tensor_is_expected(folder):
    sequence = helper.make_tensor_sequence_value_info("x", FLOAT, None)
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], [sequence]))


@case
def input_without_rank(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", None)]))


@case
def input_without_type(folder):
    model = relu_model()
    model.graph.input[0].ClearField("type")
    return write(folder, model)


@case
def input_type_out_of_range(folder):
    model = relu_model()
    model.graph.input[0].type.tensor_type.elem_type = 12345
    return write(folder, model)


@case
def input_without_name(folder):
    model = relu_model()
    model.graph.input[0].name = ""
    return write(folder, model)


@case
def input_twice(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x"), value("x")]))


@case
def rank_in_the_thousands(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", (1,) * 5000)]))


@case
def sizes_that_overflow(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", (2**40, 2**40, 2**40))]))


@case
def one_huge_extent(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", (2**63 - 1,))]))


@case
def zero_hides_overflow(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"])], [value("x", (0, 2**62, 2**62))]))


# --- names and order -----------------------------------------------------------------------------------------------------


@case
def cycle(folder):
    nodes = [helper.make_node("Add", ["x", "b"], ["a"], name="first"), helper.make_node("Relu", ["a"], ["b"], name="second")]
    return write(folder, model_of(nodes, outputs=[value("b")]))


@case
def node_on_itself(folder):
    return write(folder, model_of([helper.make_node("Add", ["x", "y"], ["y"])]))


@case
def cycle_through_a_branch(folder):
    branches = {f"{name}_branch": helper.make_graph([helper.make_node("Neg", ["b"], [f"{name}_y"])], name, [], [value(f"{name}_y")]) for name in ("then", "else")}
    nodes = [helper.make_node("If", ["c"], ["a"], **branches), helper.make_node("Relu", ["a"], ["b"])]
    return write(folder, model_of(nodes, inputs=[value("c", (), TensorProto.BOOL)], outputs=[value("b")]))


@case
def cycle_behind_sorted_nodes(folder):
    nodes = [helper.make_node("Relu", ["x"], ["p"]), helper.make_node("Sub", ["p", "r"], ["q"]), helper.make_node("Abs", ["q"], ["r"]), helper.make_node("Neg", ["r"], ["y"])]
    return write(folder, model_of(nodes))


@case
def unknown_input_name(folder):
    return write(folder, model_of([helper.make_node("Relu", ["nowhere"], ["y"], name="r")]))


@case
def name_defined_twice(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["y"])]))


@case
def output_not_produced(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["z"])]))


@case
def initializer_twice(folder):
    tensor = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    return write(folder, model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[tensor, tensor]))


@case
def subgraph_name_seen_outside(folder):
    branch = helper.make_graph([helper.make_node("Relu", ["x"], ["inner"])], "b", [], [value("inner")])
    nodes = [helper.make_node("If", ["flag"], ["z"], then_branch=branch, else_branch=branch),
             helper.make_node("Relu", ["inner"], ["y"])]
    return write(folder, model_of(nodes, [value("x"), value("flag", (), TensorProto.BOOL)]))


# --- nodes -----------------------------------------------------------------------------------------------------------------


@case
def too_few_inputs(folder):
    return write(folder, model_of([helper.make_node("Add", ["x"], ["y"])]))


@case
def too_many_inputs(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x", "x", "x"], ["y"])]))


@case
def too_many_outputs(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y", "z"])]))


@case
def required_input_left_out(folder):
    return write(folder, model_of([helper.make_node("Add", ["x", ""], ["y"])]))


@case
def required_attribute_left_out(folder):
    return write(folder, model_of([helper.make_node("Concat", ["x", "x"], ["y"])]))


@case
def unknown_attribute(folder):
    return write(folder, model_of([helper.make_node("Relu", ["x"], ["y"], color=3)]))


@case
def attribute_of_another_type(folder):
    return write(folder, model_of([helper.make_node("Softmax", ["x"], ["y"], axis=1.5)]))


@case
def attribute_twice(folder):
    node = helper.make_node("Softmax", ["x"], ["y"], axis=1)
    node.attribute.append(helper.make_attribute("axis", 0))
    return write(folder, model_of([node]))


@case
def attribute_value_unknown(folder):
    weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_SIDEWAYS")
    return write(folder, model_of([node], [value("x", (1, 1, 8, 8))], initializers=[weights]))


@case
def axis_out_of_range(folder):
    return write(folder, model_of([helper.make_node("Softmax", ["x"], ["y"], axis=7)]))


@case
def axis_of_64_bits(folder):
    return write(folder, model_of([helper.make_node("Softmax", ["x"], ["y"], axis=-(2**63))]))


@case
def wrong_element_type(folder):
    return write(folder, model_of([helper.make_node("Sigmoid", ["x"], ["y"])], [value("x", (2, 3), TensorProto.INT32)]))


@case
def types_that_differ(folder):
    inputs = [value("x"), value("z", (2, 3), TensorProto.DOUBLE)]
    return write(folder, model_of([helper.make_node("Add", ["x", "z"], ["y"])], inputs))


@case
def shapes_that_do_not_broadcast(folder):
    return write(folder, model_of([helper.make_node("Add", ["x", "z"], ["y"])], [value("x"), value("z", (2, 4))]))


@case
def matrices_that_do_not_fit(folder):
    return write(folder, model_of([helper.make_node("MatMul", ["x", "z"], ["y"])], [value("x"), value("z", (4, 5))]))


@case
def scalar_in_matmul(folder):
    return write(folder, model_of([helper.make_node("MatMul", ["x", "z"], ["y"])], [value("x"), value("z", ())]))


@case
def convolution_of_a_matrix(folder):
    return write(folder, model_of([helper.make_node("Conv", ["x", "x"], ["y"])]))


@case
def stride_zero(folder):
    weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[0, 1])
    return write(folder, model_of([node], [value("x", (1, 1, 8, 8))], initializers=[weights]))


@case
def pads_that_overflow(folder):
    weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[2**62, 2**62, 2**62, 2**62])
    return write(folder, model_of([node], [value("x", (1, 1, 8, 8))], initializers=[weights]))


@case
def groups_that_do_not_divide(folder):
    weights = numpy_helper.from_array(np.ones((4, 1, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=3)
    return write(folder, model_of([node], [value("x", (1, 4, 8, 8))], initializers=[weights]))


@case
def groups_zero(folder):
    weights = numpy_helper.from_array(np.ones((4, 1, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=0)
    return write(folder, model_of([node], [value("x", (1, 4, 8, 8))], initializers=[weights]))


@case
def kernel_that_differs_from_the_filter(folder):
    weights = numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[5, 5])
    return write(folder, model_of([node], [value("x", (1, 1, 8, 8))], initializers=[weights]))


@case
def pool_without_enough_extents(folder):
    return write(folder, model_of([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2])], [value("x", (1, 1, 8, 8))]))


@case
def permutation_with_repeats(folder):
    return write(folder, model_of([helper.make_node("Transpose", ["x"], ["y"], perm=[0, 0])]))


@case
def reshape_to_another_size(folder):
    shape = numpy_helper.from_array(np.array([4, 5], np.int64), "s")
    return write(folder, model_of([helper.make_node("Reshape", ["x", "s"], ["y"])], initializers=[shape]))


@case
def reshape_with_two_unknowns(folder):
    shape = numpy_helper.from_array(np.array([-1, -1], np.int64), "s")
    return write(folder, model_of([helper.make_node("Reshape", ["x", "s"], ["y"])], initializers=[shape]))


@case
def reshape_to_a_rank_known_at_run_time(folder):
    inputs = [value("x"), value("s", ("n",), TensorProto.INT64)]
    return write(folder, model_of([helper.make_node("Reshape", ["x", "s"], ["y"], name="r")], inputs, [value("y", None)]))


@case
def slice_with_step_zero(folder):
    lists = [numpy_helper.from_array(np.array([number], np.int64), name)
             for name, number in (("b", 0), ("e", 2), ("a", 0), ("s", 0))]
    return write(folder, model_of([helper.make_node("Slice", ["x", "b", "e", "a", "s"], ["y"])], initializers=lists))


@case
def split_into_other_sizes(folder):
    sizes = numpy_helper.from_array(np.array([1, 5], np.int64), "s")
    node = helper.make_node("Split", ["x", "s"], ["y", "z"], axis=1)
    return write(folder, model_of([node], initializers=[sizes]))


@case
def expand_to_a_giant(folder):
    shape = numpy_helper.from_array(np.array([2**40, 2**40, 1, 1], np.int64), "s")
    return write(folder, model_of([helper.make_node("Expand", ["x", "s"], ["y"])], initializers=[shape]))


@case
def constant_of_negative_shape(folder):
    shape = numpy_helper.from_array(np.array([-5, 3], np.int64), "s")
    return write(folder, model_of([helper.make_node("ConstantOfShape", ["s"], ["y"])], initializers=[shape]))


@case
def tile_that_overflows(folder):
    repeats = numpy_helper.from_array(np.array([2**62, 2**62], np.int64), "r")
    return write(folder, model_of([helper.make_node("Tile", ["x", "r"], ["y"])], initializers=[repeats]))


@case
def pad_that_cuts_too_much(folder):
    pads = numpy_helper.from_array(np.array([-5, 0, 0, 0], np.int64), "p")
    return write(folder, model_of([helper.make_node("Pad", ["x", "p"], ["y"])], initializers=[pads]))


@case
def resize_by_not_a_number(folder):
    scales = numpy_helper.from_array(np.array([1, np.nan], np.float32), "s")
    return write(folder, model_of([helper.make_node("Resize", ["x", "", "s"], ["y"])], initializers=[scales]))


@case
def resize_by_infinity(folder):
    scales = numpy_helper.from_array(np.array([1, np.inf], np.float32), "s")
    return write(folder, model_of([helper.make_node("Resize", ["x", "", "s"], ["y"])], initializers=[scales]))


@case
def lstm_with_other_weights(folder):
    weights = numpy_helper.from_array(np.ones((1, 12, 5), np.float32), "w")
    recurrent = numpy_helper.from_array(np.ones((1, 16, 4), np.float32), "r")
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=4)
    return write(folder, model_of([node], [value("x", (7, 1, 5))], initializers=[weights, recurrent]))


@case
def gru_with_three_activations(folder):
    weights = numpy_helper.from_array(np.ones((1, 12, 4), np.float32), "w")
    node = helper.make_node("GRU", ["x", "w", "w"], ["y"], hidden_size=4, activations=["Sigmoid", "Tanh", "Tanh"])
    return write(folder, model_of([node], [value("x", (7, 1, 4))], initializers=[weights]))


@case
def rnn_with_an_unknown_activation(folder):
    weights = numpy_helper.from_array(np.ones((1, 4, 4), np.float32), "w")
    node = helper.make_node("RNN", ["x", "w", "w"], ["y"], hidden_size=4, activations=["Gelu"])
    return write(folder, model_of([node], [value("x", (7, 1, 4))], initializers=[weights]))


@case
def rnn_that_goes_sideways(folder):
    weights = numpy_helper.from_array(np.ones((1, 4, 4), np.float32), "w")
    node = helper.make_node("RNN", ["x", "w", "w"], ["y"], hidden_size=4, direction="sideways")
    return write(folder, model_of([node], [value("x", (7, 1, 4))], initializers=[weights]))


@case
def einsum_with_another_number_of_terms(folder):
    return write(folder, model_of([helper.make_node("Einsum", ["x"], ["y"], equation="ij,jk->ik")]))


@case
def einsum_with_odd_characters(folder):
    return write(folder, model_of([helper.make_node("Einsum", ["x"], ["y"], equation="i\x00->i")]))


@case
def branches_of_two_ranks(folder):
    then = helper.make_graph([helper.make_node("Relu", ["x"], ["a"])], "t", [], [value("a")])
    other = helper.make_graph([helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Unsqueeze", ["f", "z"], ["b"])], "e", [],
                              [value("b", (1, 2, 3))])
    zero = numpy_helper.from_array(np.array([0], np.int64), "z")
    node = helper.make_node("If", ["flag"], ["r"], name="if", then_branch=then, else_branch=other)
    # It takes neither a matrix nor rank 3.
    last = helper.make_node("DepthToSpace", ["r"], ["y"], blocksize=2)
    return write(folder, model_of([node, last], [value("x"), value("flag", (), TensorProto.BOOL)], initializers=[zero]))


@case
def branch_without_graph(folder):
    node = helper.make_node("If", ["flag"], ["y"])
    return write(folder, model_of([node], [value("x"), value("flag", (), TensorProto.BOOL)]))


# --- functions and nesting ---------------------------------------------------------------------------------------------------


def function(name, nodes, inputs=("a",), outputs=("b",)):
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    return helper.make_function("local", name, list(inputs), list(outputs), nodes, imports)


LOCAL = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]


@case
def function_that_calls_itself(folder):
    body = function("F", [helper.make_node("F", ["a"], ["b"], domain="local")])
    node = helper.make_node("F", ["x"], ["y"], domain="local")
    return write(folder, model_of([node], functions=[body], imports=LOCAL))


@case
def functions_that_call_each_other(folder):
    bodies = [function("F", [helper.make_node("G", ["a"], ["b"], domain="local")]),
              function("G", [helper.make_node("F", ["a"], ["b"], domain="local")])]
    node = helper.make_node("F", ["x"], ["y"], domain="local")
    return write(folder, model_of([node], functions=bodies, imports=LOCAL))


@case
def functions_that_double(folder):
    bodies = [function("F0", [helper.make_node("Relu", ["a"], ["b"])])]
    for level in range(1, 31):
        calls = [helper.make_node(f"F{level - 1}", ["a"], ["m"], domain="local"),
                 helper.make_node(f"F{level - 1}", ["m"], ["b"], domain="local")]
        bodies.append(function(f"F{level}", calls))
    node = helper.make_node("F30", ["x"], ["y"], domain="local")
    return write(folder, model_of([node], functions=bodies, imports=LOCAL))


@case
def function_with_other_arity(folder):
    body = function("F", [helper.make_node("Relu", ["a"], ["b"])])
    node = helper.make_node("F", ["x", "x"], ["y"], domain="local")
    return write(folder, model_of([node], functions=[body], imports=LOCAL))


@case
def function_without_its_output(folder):
    body = function("F", [helper.make_node("Relu", ["a"], ["c"])])
    node = helper.make_node("F", ["x"], ["y"], domain="local")
    return write(folder, model_of([node], functions=[body], imports=LOCAL))


@case
def function_twice(folder):
    body = function("F", [helper.make_node("Relu", ["a"], ["b"])])
    node = helper.make_node("F", ["x"], ["y"], domain="local")
    return write(folder, model_of([node], functions=[body, body], imports=LOCAL))


def nested_branches(levels):
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["o0"])], "g0", [], [value("o0")])
    for level in range(1, levels):
        node = helper.make_node("If", ["flag"], [f"o{level}"], then_branch=inner, else_branch=inner)
        # Only one branch nests, or the model would double with each level.
        node.attribute[1].g.CopyFrom(helper.make_graph([helper.make_node("Relu", ["x"], ["p"])], "e", [], [value("p")]))
        inner = helper.make_graph([node], f"g{level}", [], [value(f"o{level}")])
    return inner


@case
def branches_nested_deeply(folder):
    graph = nested_branches(30)
    graph.input.extend([value("x"), value("flag", (), TensorProto.BOOL)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return write(folder, model)


@case
def message_nested_too_deeply(folder):
    # TypeProto { sequence_type { elem_type { ...: length-delimited fields inside each other.
    def field(number, payload):
        size, length = len(payload), b""
        while True:
            byte = size & 0x7F
            size >>= 7
            length += bytes([byte | (0x80 if size else 0)])
            if not size:
                return bytes([number << 3 | 2]) + length + payload

    payload = b""
    for _ in range(20000):
        payload = field(1, field(4, payload))
    return write(folder, b"\x08\x08" + field(7, field(11, field(2, payload))))


# --- random damage -----------------------------------------------------------------------------------------------------------------


def fuzz_cases(count=150, base=convolution_model, prefix="fuzz"):
    """Models with flipped bits, cut and repeated pieces. Damage may leave a valid model, so success is allowed too."""

    def builder(seed):
        def build(folder):
            rng = random.Random(seed)
            data = bytearray(base().SerializeToString())
            for _ in range(rng.choice((1, 1, 2, 4, 16))):
                at = rng.randrange(len(data))
                kind = rng.randrange(4)
                if kind < 2:
                    data[at] ^= 1 << rng.randrange(8)
                elif kind == 2:
                    data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
                else:
                    size = rng.randrange(1, 9)
                    data[at : at + size] = data[at : at + size] * rng.choice((0, 2))
            return write(folder, bytes(data))

        return build

    return [(f"{prefix}_{seed}", builder(seed)) for seed in range(count)]
