"""The forms in which each test runs: as it is, with every input dimension dynamic, with every input a constant.

A form makes variants of a case: models with the data to run them on. A form that would say nothing about a test leaves it
out, by a rule; the reason is in the results.
"""

import dataclasses
from collections.abc import Callable, Iterator

import onnx
import onnx.numpy_helper

from cases import Case, DataSet

# What an initializer needs not to be a graph input as well.
FIRST_IR_WITH_CONSTANTS = 4


@dataclasses.dataclass
class Variant:
    """A model, or its file, and the data it is tested with."""

    model: onnx.ModelProto | str
    data_sets: list[DataSet]


class LeftOut(Exception):
    """Raised by a form that makes no sense for a case; the text says why."""


def as_is(case: Case) -> list[Variant]:
    return [Variant(case.model(), case.data_sets())]


def dynamic(case: Case) -> list[Variant]:
    """Every dimension of every input is a symbol of its own; what the model says about other extents goes."""
    model = _copy(case)
    constants = {initializer.name for initializer in model.graph.initializer}
    dims = [dim for value in model.graph.input if value.name not in constants for dim in _dimensions(value.type)]
    if not dims:
        raise LeftOut("no input has a dimension")
    for number, dim in enumerate(dims):
        dim.dim_param = f"extent_{number}"
    del model.graph.value_info[:]
    for value in model.graph.output:
        for dim in _dimensions(value.type):
            dim.Clear()
    return [Variant(model, case.data_sets())]


def constant(case: Case) -> list[Variant]:
    """Every input is an initializer, so that everything can be computed when the model is compiled: a model per data set."""
    original = _copy(case)
    constants = {initializer.name for initializer in original.graph.initializer}
    inputs = [value for value in original.graph.input if value.name not in constants]
    if not inputs:
        raise LeftOut("there are no inputs")
    if any(not value.type.HasField("tensor_type") for value in inputs):
        raise LeftOut("an input is a sequence, an optional or a map, which no initializer can be")
    variants = []
    for data in case.data_sets():
        model = onnx.ModelProto()
        model.CopyFrom(original)
        model.ir_version = max(model.ir_version, FIRST_IR_WITH_CONSTANTS)
        model.graph.initializer.extend(onnx.numpy_helper.from_array(array, value.name) for value, array in zip(inputs, data.inputs, strict=True))
        del model.graph.input[:]
        variants.append(Variant(model, [DataSet([], data.outputs)]))
    return variants


# In the order of reports. A test that fails as it is is not tried in the other forms.
FORMS: dict[str, Callable[[Case], list[Variant]]] = {"as is": as_is, "dynamic": dynamic, "constant": constant}


def _copy(case: Case) -> onnx.ModelProto:
    model = case.model()
    if isinstance(model, str):
        return onnx.load(model)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def _dimensions(type_proto: onnx.TypeProto) -> Iterator[onnx.TensorShapeProto.Dimension]:
    """Of a tensor, or of the elements of a sequence or an optional."""
    kind = type_proto.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        yield from getattr(type_proto, kind).shape.dim
    elif kind in ("sequence_type", "optional_type"):
        yield from _dimensions(getattr(type_proto, kind).elem_type)
