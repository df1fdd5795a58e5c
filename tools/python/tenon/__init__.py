"""Tenon compiles ONNX models to native libraries and runs them.

    import tenon

    tenon.compile("model.onnx", "model.so")
    model = tenon.load("model.so", threads=1)
    results = model.run({"x": array})

Compiling happens in a process of its own: a model that the compiler cannot take is a CompileError here, whatever goes
wrong there. Running happens in this process, without any of the compiler's code.
"""

from ._compile import compile
from ._errors import CompileError, CompileWarning, LoadError, RunError, TenonError
from ._load import load
from ._tenon import Model, version as _version
from ._types import TensorSpec, ValueSpec
from ._values import ValueModel

__version__: str = _version()

__all__ = [
    "CompileError",
    "CompileWarning",
    "LoadError",
    "Model",
    "RunError",
    "TenonError",
    "TensorSpec",
    "ValueModel",
    "ValueSpec",
    "compile",
    "load",
]
