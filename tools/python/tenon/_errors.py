"""The exceptions and warnings of the package."""

from __future__ import annotations

from typing import Any, Mapping, Sequence


class TenonError(Exception):
    """The base of everything this package raises on its own account."""


class CompileError(TenonError):
    """A model that the compiler refused, or a compiler that failed.

    The attributes describe the first error; `diagnostics` has all of them.
    """

    node: str | None
    """The name of the ONNX node at fault."""
    op_type: str | None
    """Its operator."""
    opset: int | None
    """The version of the operator set."""
    hint: str | None
    """What can be done about it."""
    diagnostics: tuple[Mapping[str, Any], ...]
    """Everything the compiler reported: dicts with severity, message, node, op, opset, hint."""

    def __init__(self, message: str, diagnostics: Sequence[Mapping[str, Any]] = ()):
        self.diagnostics = tuple(diagnostics)
        first = next((entry for entry in self.diagnostics if entry.get("severity") == "error"), {})
        self.node = first.get("node") or None
        self.op_type = first.get("op") or None
        self.opset = first.get("opset") or None
        self.hint = first.get("hint") or None
        super().__init__(message)


class CompileWarning(UserWarning):
    """Something the compiler reported about a model that it compiled."""


class LoadError(TenonError):
    """A file that is no compiled model, or one that this processor or this runtime cannot run."""


class RunError(TenonError):
    """Inputs that do not fit the model, or a failure that the model reported."""
