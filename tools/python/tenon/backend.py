"""ONNX's backend interface (onnx.backend.base) on compiled models.

    import tenon.backend
    outputs = tenon.backend.run_model(model, [array])

Every model is compiled and the artefact is run: there is no other evaluator behind this. A model that cannot be compiled
raises tenon.CompileError, also where ONNX's own tests would rather have it skipped.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy
import onnx
import onnx.backend.base

from ._compile import compile as _compile
from ._load import load
from ._tenon import Model


class TenonBackendRep(onnx.backend.base.BackendRep):
    """A compiled model, as `prepare` returns it."""

    def __init__(self, model: Model):
        self.model = model

    def run(self, inputs: Any, **kwargs: Any) -> tuple[numpy.ndarray, ...]:
        """Runs on arrays in the model's order, a dict of name to array, or the only array. Raises tenon.RunError."""
        names = [spec.name for spec in self.model.inputs]
        if isinstance(inputs, Mapping):
            feeds = dict(inputs)
        elif isinstance(inputs, (list, tuple)):
            feeds = dict(zip(names, inputs))
            # More arrays than inputs: named by their place, so that the error says which one.
            feeds.update({f"#{place}": inputs[place] for place in range(len(names), len(inputs))})
        else:
            feeds = dict(zip(names, [inputs]))
        results = self.model.run(feeds)
        return tuple(results[spec.name] for spec in self.model.outputs)


class TenonBackend(onnx.backend.base.Backend):
    """Compiles models for this processor and runs them."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Always true: what cannot be compiled is an error, not a reason to leave a model out."""
        return True

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return onnx.backend.base.Device(device).type == onnx.backend.base.DeviceType.CPU

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", threads: int = 1, **kwargs: Any) -> TenonBackendRep:
        """Compiles the model; other keywords are options of tenon.compile. Raises tenon.CompileError."""
        if not cls.supports_device(device):
            raise ValueError(f"device {device} is not supported, only CPU is")
        # An open library needs its file no more.
        with tempfile.TemporaryDirectory(prefix="tenon-backend-") as folder:
            library = os.path.join(folder, "model.so")
            _compile(model, library, **kwargs)
            return TenonBackendRep(load(library, threads))

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[numpy.ndarray, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[numpy.dtype, tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[numpy.ndarray, ...]:
        """Runs one node. `inputs` are arrays for its non-empty inputs, in order or by name; `opset_version` may be given."""
        names = list(dict.fromkeys(name for name in node.input if name))
        arrays = [inputs[name] for name in names] if isinstance(inputs, Mapping) else list(inputs)
        if len(arrays) != len(names):
            raise ValueError(f"got {len(arrays)} inputs but the node has {len(names)}")
        infos = [_value_info(name, numpy.asarray(array).dtype, numpy.shape(array)) for name, array in zip(names, arrays)]
        outputs = [name for name in node.output if name]
        if outputs_info:
            output_infos = [_value_info(name, numpy.dtype(dtype), shape) for name, (dtype, shape) in zip(outputs, outputs_info)]
        else:
            output_infos = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = onnx.helper.make_graph([node], "node", infos, output_infos)
        version = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(node.domain, version)])
        if not outputs_info:
            model = onnx.shape_inference.infer_shapes(model)
        return cls.run_model(model, arrays, device, **kwargs)


def _value_info(name: str, dtype: numpy.dtype, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(dtype), shape)


is_compatible = TenonBackend.is_compatible
prepare = TenonBackend.prepare
run_model = TenonBackend.run_model
run_node = TenonBackend.run_node
supports_device = TenonBackend.supports_device
