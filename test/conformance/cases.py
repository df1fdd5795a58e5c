"""The test cases of ONNX's backend suite, as onnx.backend.test.runner enumerates them for the CPU.

Node tests are made in memory by onnx; the others are folders of the onnx package. Names carry the suffix `_cpu`, as they
do in onnx.backend.test.BackendTest.
"""

import dataclasses
import glob
import os
import pathlib
import warnings
from typing import Any

import numpy
import onnx
import onnx.numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

KINDS = ("node", "real", "simple", "pytorch-converted", "pytorch-operator")
ONNX_PARENT = pathlib.Path(onnx.__file__).parents[1]


@dataclasses.dataclass
class DataSet:
    """Arrays (or lists and None, for sequences and optionals) for the model's inputs, and what it should return."""

    inputs: list[Any]
    outputs: list[Any]


@dataclasses.dataclass
class Case:
    """One test: a model with inputs, outputs and tolerances."""

    name: str
    kind: str
    test: TestCase

    def model(self) -> onnx.ModelProto | str:
        """The model itself where onnx makes it in memory, else its file."""
        if self.test.model is not None:
            return self.test.model
        return self._light_model() if self.test.url else os.path.join(self.test.model_dir, "model.onnx")

    def data_sets(self) -> list[DataSet]:
        if self.test.data_sets is not None:
            return [DataSet([_array(value) for value in inputs], [_array(value) for value in outputs])
                    for inputs, outputs in self.test.data_sets]
        return [self._light_data()] if self.test.url else self._stored_data()

    def check(self, outputs: list[Any], expected: list[Any]) -> None:
        """Raises AssertionError unless the outputs agree, by onnx's own comparison and this test's tolerances."""
        # Element by element, for onnx's comparison cannot look into a list of scalars.
        assert len(outputs) == len(expected), f"{len(outputs)} outputs where {len(expected)} are expected"
        pairs = [pair for mine, wanted in zip(outputs, expected) for pair in _elements(mine, wanted)]
        Runner.assert_similar_outputs([wanted for _, wanted in pairs], [mine for mine, _ in pairs], rtol=self.test.rtol, atol=self.test.atol)

    def _light_model(self) -> str:
        # Published networks without their weights; the URL is a path inside the onnx package.
        return str(ONNX_PARENT / self.test.url)

    def _light_data(self) -> DataSet:
        path = self._light_model()
        graph = onnx.load(path).graph
        constants = {initializer.name for initializer in graph.initializer}
        inputs = [Runner.generate_dummy_data(value, name=self.name) for value in graph.input if value.name not in constants]
        prefix = os.path.splitext(path)[0]
        return DataSet(inputs, [_load_value(f"{prefix}_output_{i}.pb", output.type) for i, output in enumerate(graph.output)])

    def _stored_data(self) -> list[DataSet]:
        graph = onnx.load(self.model()).graph
        sets = []
        for folder in sorted(glob.glob(os.path.join(self.test.model_dir, "test_data_set*"))):
            inputs, outputs = (
                [_load_value(os.path.join(folder, f"{what}_{i}.pb"), values[i].type)
                 for i in range(len(glob.glob(os.path.join(folder, f"{what}_*.pb"))))]
                for what, values in (("input", graph.input), ("output", graph.output)))
            sets.append(DataSet(inputs, outputs))
        if not sets:
            raise FileNotFoundError(f"{self.test.model_dir} holds no test_data_set")
        return sets


def load_cases() -> list[Case]:
    """Every test that onnx.backend.test.BackendTest has for the CPU."""
    with warnings.catch_warnings():
        # The scripts that make the node tests overflow and divide by zero on purpose.
        warnings.simplefilter("ignore")
        cases = [Case(f"{test.name}_cpu", kind, test) for kind in KINDS for test in load_model_tests(kind=kind)]
    return sorted(cases, key=lambda case: (case.name, case.kind))


def _elements(mine: Any, wanted: Any) -> list[tuple[Any, Any]]:
    if not isinstance(wanted, (list, tuple)):
        return [(mine, wanted)]
    assert isinstance(mine, (list, tuple)), f"a list is expected, not a {type(mine).__name__}"
    assert len(mine) == len(wanted), f"{len(mine)} elements where {len(wanted)} are expected"
    return list(zip(mine, wanted))


def _array(value: Any) -> Any:
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def _load_value(path: str, type_proto: onnx.TypeProto) -> Any:
    data = pathlib.Path(path).read_bytes()
    if type_proto.HasField("sequence_type"):
        return onnx.numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if type_proto.HasField("optional_type"):
        return onnx.numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return onnx.numpy_helper.to_array(onnx.TensorProto.FromString(data))
