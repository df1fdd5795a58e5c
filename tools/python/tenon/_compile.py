"""Compiling: runs the program `tenon` with flags made of keyword arguments."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any, Union

from ._errors import CompileError, CompileWarning

# Flags this module sets itself.
_RESERVED = ("json", "o", "output", "help")


def compile(onnx_path: Union[str, os.PathLike, bytes, Any], out_path: Union[str, os.PathLike], **options: Any) -> str:
    """Compiles an ONNX model into `out_path` and returns that path.

    `onnx_path` is a file, the bytes of a serialized model, or an onnx.ModelProto. Options are the flags of
    `tenon compile` with `_` for `-`:

        cpu="x86-64-v3", target="aarch64-linux-gnu"      --cpu x86-64-v3 --target aarch64-linux-gnu
        reference=True                                   --reference (False and None leave a flag out)
        shape={"x": (1, 3, 224, 224)}                    --shape x=1x3x224x224 (None: a dimension that stays dynamic)
        dim={"batch": (1, 8), "length": 16}              --dim batch=1..8 --dim length=16
        shape=["x=1x3", "y=4"]                           --shape x=1x3 --shape y=4
        O=2                                              -O2

    Raises CompileError when the model cannot be compiled; nothing is left at `out_path` then. What the compiler only
    warns about is a CompileWarning.
    """
    out = os.fspath(out_path)
    flags = _flags(options)
    if isinstance(onnx_path, (str, os.PathLike)):
        return _run(os.fspath(onnx_path), out, flags)
    model = onnx_path if isinstance(onnx_path, bytes) else onnx_path.SerializeToString()
    with tempfile.TemporaryDirectory(prefix="tenon-") as folder:
        path = os.path.join(folder, "model.onnx")
        with open(path, "wb") as file:
            file.write(model)
        return _run(path, out, flags)


def _flags(options: Mapping[str, Any]) -> list[str]:
    flags: list[str] = []
    for key, value in options.items():
        if key in _RESERVED:
            raise TypeError(f"{key} is no option of compile()")
        name = key.replace("_", "-")
        for entry in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(entry, Mapping):
                flags += [_flag(name, f"{item}={_value_text(key, part)}") for item, part in entry.items()]
            elif entry is True:
                flags.append(_flag(name, None))
            elif entry is not None and entry is not False:
                flags.append(_flag(name, os.fspath(entry) if isinstance(entry, os.PathLike) else str(entry)))
    return flags


def _flag(name: str, value: str | None) -> str:
    if len(name) == 1:
        return f"-{name}{value or ''}"
    return f"--{name}" if value is None else f"--{name}={value}"


def _value_text(key: str, value: Any) -> str:
    """The right side of NAME=VALUE: a shape, a range of a dimension, or text."""
    if not isinstance(value, (list, tuple)):
        return str(value)
    if key == "dim":
        if len(value) != 2:
            raise TypeError(f"a range of a dimension is (least, most), not {value!r}")
        return f"{value[0]}..{value[1]}"
    return "x".join("?" if extent is None else str(extent) for extent in value)


def _program() -> str:
    """`bin/tenon` of the build tree (build/python/tenon) or of the install prefix (prefix/lib/python3.11/site-packages/tenon)."""
    package = pathlib.Path(__file__).resolve().parent
    candidates = [folder / "bin" / "tenon" for folder in package.parents[1:4]]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            return str(candidate)
    raise CompileError(f"the program tenon is not in {', '.join(str(candidate.parent) for candidate in candidates)}")


def _not_a_flag(path: str) -> str:
    return os.path.join(".", path) if path.startswith("-") else path


def _run(source: str, out: str, flags: list[str]) -> str:
    command = [_program(), "compile", _not_a_flag(source), "-o", _not_a_flag(out), *flags, "--json"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    report = _report(done.stdout)
    diagnostics = report.get("diagnostics", [])
    if done.returncode == 0 and report.get("ok"):
        for entry in diagnostics:
            if entry.get("severity") == "warning":
                warnings.warn(_sentence(entry), CompileWarning, stacklevel=3)
        return out
    errors = [_sentence(entry) for entry in diagnostics if entry.get("severity") == "error"]
    raise CompileError("\n".join(errors) or _crash_text(done), diagnostics)


def _report(text: bytes) -> dict[str, Any]:
    """The JSON object that the compiler printed; {} for anything else, as from a compiler that broke down."""
    try:
        report = json.loads(text)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _sentence(entry: Mapping[str, Any]) -> str:
    """node 'Conv_3' (Conv, opset 13): message; hint"""
    where = []
    if entry.get("op"):
        where.append(str(entry["op"]))
    if entry.get("opset"):
        where.append(f"opset {entry['opset']}")
    text = entry.get("message", "")
    if entry.get("node"):
        text = f"node '{entry['node']}'" + (f" ({', '.join(where)})" if where else "") + f": {text}"
    elif where:
        text = f"{', '.join(where)}: {text}"
    return f"{text}; {entry['hint']}" if entry.get("hint") else text


def _crash_text(done: subprocess.CompletedProcess) -> str:
    if done.returncode < 0:
        try:
            how = f"was ended by {signal.Signals(-done.returncode).name}"
        except ValueError:
            how = f"was ended by signal {-done.returncode}"
    else:
        how = f"ended with exit code {done.returncode}"
    output = done.stderr.decode("utf-8", "replace").strip()
    return f"the compiler {how}" + (f":\n{output}" if output else "")
