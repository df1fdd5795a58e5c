"""Models with inputs or outputs that are sequences, optional values or maps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from ._errors import RunError
from ._tenon import Model
from ._types import TensorSpec, ValueSpec


class ValueModel(Model):
    """A compiled model of which some inputs or outputs are more than one tensor; run() takes and returns them as Python has
    them: a sequence is a list of arrays, an absent optional value None, a map a dict, a sequence of maps a list of dicts.
    """

    def __init__(self, path: bytes, threads: int):
        super().__init__(path, threads)
        values = [Value(entry) for entry in json.loads(self.manifest).get("values", [])]
        self._inputs = grouped(super().inputs, [value for value in values if not value.is_output])
        self._outputs = grouped(super().outputs, [value for value in values if value.is_output])
        self._input_specs = tuple(part.spec(tensors) for part, tensors in self._inputs)
        self._output_specs = tuple(part.spec(tensors) for part, tensors in self._outputs)

    @property
    def inputs(self) -> tuple[TensorSpec | ValueSpec, ...]:
        """In the model's order."""
        return self._input_specs

    @property
    def outputs(self) -> tuple[TensorSpec | ValueSpec, ...]:
        """In the model's order."""
        return self._output_specs

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Runs the model on a dict of input name to value and returns a dict of output name to value.

        Elements of a sequence and values of a map are numpy arrays or what numpy makes one of; their dtype must be the
        input's. Elements that are returned are views of one array. Raises tenon.RunError as Model.run does.
        """
        feeds: dict[str, Any] = {}
        names = {spec.name for spec in self._input_specs}
        for name in inputs:
            if name not in names:
                raise RunError(f"the model has no input {name!r}")
        for part, tensors in self._inputs:
            if part.name not in inputs:
                raise RunError(f"input '{part.name}' is missing")
            feeds.update(zip((tensor.name for tensor in tensors), part.pack(inputs[part.name], tensors)))
        results = super().run(feeds)
        return {part.name: part.unpack([results[tensor.name] for tensor in tensors]) for part, tensors in self._outputs}


class _Tensor:
    """An input or output that is a tensor."""

    def __init__(self, name: str):
        self.name = name

    def spec(self, tensors: Sequence[TensorSpec]) -> TensorSpec:
        return tensors[0]

    def pack(self, value: Any, tensors: Sequence[TensorSpec]) -> list[Any]:
        return [value]

    def unpack(self, arrays: Sequence[numpy.ndarray]) -> numpy.ndarray:
        return arrays[0]


class Value:
    """An entry of the manifest's "values": tensors that are one input or output (tenon_value_spec of the C API)."""

    def __init__(self, entry: Mapping[str, Any]):
        self.name: str = entry["name"]
        self.kind: str = entry["kind"]
        self.is_output: bool = entry["output"]
        self.is_optional: bool = entry["optional"]
        self.first: int = entry["first"]
        self.count: int = entry["count"]

    def spec(self, tensors: Sequence[TensorSpec]) -> ValueSpec:
        parts = tensors[1:] if self.is_optional else tensors
        if self.kind == "tensor":
            return ValueSpec(self.name, self.kind, parts[0].dtype, len(parts[0].shape), self.is_optional)
        if self.kind == "sequence":
            rank = parts[1].shape[1] if len(parts) == 2 else None
            return ValueSpec(self.name, self.kind, parts[0].dtype, rank, self.is_optional)
        return ValueSpec(self.name, self.kind, parts[1].dtype, 0, self.is_optional, parts[0].dtype)

    def pack(self, value: Any, tensors: Sequence[TensorSpec]) -> list[numpy.ndarray]:
        """The tensors of a value."""
        if not self.is_optional:
            return self._pack_present(value, tensors)
        if value is not None:
            return [numpy.array(True), *self._pack_present(value, tensors[1:])]
        if self.kind == "sequence":
            return [numpy.array(False), *self._pack_present([], tensors[1:])]
        shape = [extent if isinstance(extent, int) else 0 for extent in tensors[1].shape]
        return [numpy.array(False), numpy.zeros(shape, tensors[1].dtype)]

    def unpack(self, arrays: Sequence[numpy.ndarray]) -> Any:
        """The value of tensors; elements of a sequence are views."""
        if self.is_optional:
            return self._unpack_present(arrays[1:]) if arrays[0] else None
        return self._unpack_present(arrays)

    def _pack_present(self, value: Any, tensors: Sequence[TensorSpec]) -> list[numpy.ndarray]:
        if self.kind == "tensor":
            return [value]
        if self.kind == "map":
            if not isinstance(value, Mapping):
                raise RunError(f"input '{self.name}' is a {type(value).__name__} but a dict is expected")
            are_texts = tensors[0].dtype == object
            if not all(isinstance(key, str if are_texts else (int, numpy.integer)) for key in value):
                raise RunError(f"input '{self.name}' has keys that are no {'strings' if are_texts else 'integers'}")
            # Python orders strings by code points, which is the order of their bytes in UTF-8.
            keys = sorted(value)
            return [numpy.array(keys, tensors[0].dtype), numpy.array([value[key] for key in keys], tensors[1].dtype)]
        if self.kind == "sequence":
            return self._pack_elements(value, tensors)
        raise RunError(f"input '{self.name}' is a sequence of maps, which cannot be passed")

    def _pack_elements(self, value: Any, tensors: Sequence[TensorSpec]) -> list[numpy.ndarray]:
        if not isinstance(value, (list, tuple)):
            raise RunError(f"input '{self.name}' is a {type(value).__name__} but a list of arrays is expected")
        dtype, columns, arrays = tensors[0].dtype, tensors[1].shape[1], [numpy.asarray(element) for element in value]
        for place, array in enumerate(arrays):
            if array.dtype != dtype:
                raise RunError(f"input '{self.name}' element {place} has type {array.dtype} but {dtype} is expected")
            if array.ndim > columns or (len(tensors) == 2 and array.ndim != columns):
                raise RunError(f"input '{self.name}' element {place} has rank {array.ndim} but {columns} is expected")
        extents = numpy.ones((len(arrays), columns), numpy.int64)
        for row, array in zip(extents, arrays):
            row[: array.ndim] = array.shape
        data = numpy.concatenate([array.ravel() for array in arrays]) if arrays else numpy.empty(0, dtype)
        ranks = [numpy.array([array.ndim for array in arrays], numpy.int64)] if len(tensors) == 3 else []
        return [data, extents, *ranks]

    def _unpack_present(self, arrays: Sequence[numpy.ndarray]) -> Any:
        if self.kind == "tensor":
            return arrays[0]
        if self.kind == "map":
            return dict(zip(arrays[0].tolist(), arrays[1].tolist()))
        if self.kind == "maps":
            keys = arrays[0].tolist()
            return [dict(zip(keys, row)) for row in arrays[1].tolist()]
        data, extents = arrays[:2]
        ranks = arrays[2] if len(arrays) == 3 else [extents.shape[1]] * len(extents)
        elements, offset = [], 0
        for row, rank in zip(extents.tolist(), ranks):
            shape = row[:rank]
            size = int(numpy.prod(shape, dtype=numpy.int64))
            elements.append(data[offset : offset + size].reshape(shape))
            offset += size
        return elements


def grouped(specs: Sequence[TensorSpec], values: Sequence[Value]) -> list[tuple[_Tensor | Value, tuple[TensorSpec, ...]]]:
    """Inputs or outputs in order, each with its tensors."""
    groups: list[tuple[_Tensor | Value, tuple[TensorSpec, ...]]] = []
    starts = {value.first: value for value in values}
    place = 0
    while place < len(specs):
        value = starts.get(place, _Tensor(specs[place].name))
        count = value.count if isinstance(value, Value) else 1
        groups.append((value, tuple(specs[place : place + count])))
        place += count
    return groups
