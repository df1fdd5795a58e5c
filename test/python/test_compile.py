"""tenon.compile: the command line it makes, and what it does with the compiler's answer. The compiler is a script here, in a
tree of its own; test_backend.py compiles for real."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import types

import pytest

import tenon
from tenon import _compile

SCRIPT = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
source = sys.argv[2]
(here / "call.json").write_text(json.dumps([sys.argv[1:], open(source, "rb").read().decode("latin1") if os.path.exists(source) else None]))
exec((here / "behaviour.py").read_text())
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A program in place of the compiler; .behave(code) says what it does, .call() how it was called."""
    program = tmp_path / "tenon"
    program.write_text(SCRIPT.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setattr(_compile, "_program", lambda: str(program))

    def behave(code):
        (tmp_path / "behaviour.py").write_text(code)

    def answer(code, **report):
        behave(f"print({json.dumps(json.dumps(report))}); sys.exit({code})")

    answer(0, ok=True, output="m.so", diagnostics=[])
    return types.SimpleNamespace(behave=behave, answer=answer, call=lambda: json.loads((tmp_path / "call.json").read_text()),
                                 folder=tmp_path)


def test_flags(fake):
    options = dict(
        cpu="x86-64-v3", target="aarch64-linux-gnu", reference=True, weights_file=False, precision=None, O=2,
        shape={"x": (1, 3, 224, 224), "input:0": [None, 4], "s": (), "t": "2x3"}, dim={"batch": (1, 8), "length": 16},
        output_name=["a", "b"], plan=pathlib.Path("p.txt"))
    assert tenon.compile("m.onnx", pathlib.Path("out/m.so"), **options) == "out/m.so"
    assert fake.call()[0] == [
        "compile", "m.onnx", "-o", "out/m.so", "--cpu=x86-64-v3", "--target=aarch64-linux-gnu", "--reference", "-O2",
        "--shape=x=1x3x224x224", "--shape=input:0=?x4", "--shape=s=", "--shape=t=2x3", "--dim=batch=1..8", "--dim=length=16",
        "--output-name=a", "--output-name=b", "--plan=p.txt", "--json"]


def test_flags_as_text(fake):
    tenon.compile("m.onnx", "m.so", shape="x=1x3", dim=["batch=1..8", "n=3"])
    assert fake.call()[0][4:-1] == ["--shape=x=1x3", "--dim=batch=1..8", "--dim=n=3"]


def test_reserved_and_wrong_options(fake):
    for name in ("json", "o", "output", "help"):
        with pytest.raises(TypeError, match=f"{name} is no option of compile"):
            tenon.compile("m.onnx", "m.so", **{name: True})
    with pytest.raises(TypeError, match="a range of a dimension is"):
        tenon.compile("m.onnx", "m.so", dim={"batch": (1, 2, 3)})


def test_paths_like_flags(fake):
    assert tenon.compile("-m.onnx", "-m.so") == "-m.so"
    assert fake.call()[0][:4] == ["compile", "./-m.onnx", "-o", "./-m.so"]


def test_models_in_memory(fake):
    proto = types.SimpleNamespace(SerializeToString=lambda: b"proto bytes")
    for model, content in ((b"raw \xff bytes", "raw \xff bytes"), (proto, "proto bytes")):
        tenon.compile(model, "m.so")
        arguments, read = fake.call()
        assert read == content
        assert not os.path.exists(arguments[1]), "the file is gone afterwards"


def test_error_with_a_node(fake):
    diagnostics = [
        {"severity": "warning", "message": "slow", "node": "A", "op": "Add", "opset": 13, "hint": ""},
        {"severity": "error", "message": "kernel has 5 dimensions but expected 4", "node": "conv1", "op": "Conv", "opset": 11,
         "hint": "export it again"},
        {"severity": "error", "message": "second", "node": "", "op": "Foo", "opset": None, "hint": None},
    ]
    fake.answer(1, ok=False, output=None, diagnostics=diagnostics)
    with pytest.raises(tenon.CompileError) as caught:
        tenon.compile("m.onnx", "m.so")
    error = caught.value
    assert (error.node, error.op_type, error.opset, error.hint) == ("conv1", "Conv", 11, "export it again")
    assert list(error.diagnostics) == diagnostics
    assert str(error) == "node 'conv1' (Conv, opset 11): kernel has 5 dimensions but expected 4; export it again\nFoo: second"


def test_error_without_a_node(fake):
    fake.answer(1, ok=False, diagnostics=[{"severity": "error", "message": "'m.onnx' is truncated"}])
    with pytest.raises(tenon.CompileError) as caught:
        tenon.compile("m.onnx", "m.so")
    error = caught.value
    assert (str(error), error.node, error.op_type, error.opset, error.hint) == ("'m.onnx' is truncated", None, None, None, None)


def test_warnings(fake):
    fake.answer(0, ok=True, output="m.so", diagnostics=[{"severity": "warning", "message": "w", "node": "n"}])
    with pytest.warns(tenon.CompileWarning, match="node 'n': w"):
        tenon.compile("m.onnx", "m.so")


@pytest.mark.parametrize("behaviour, text", [
    ("print('boom', file=sys.stderr); sys.exit(70)", "the compiler ended with exit code 70:\nboom"),
    ("os.kill(os.getpid(), 11)", f"the compiler was ended by {signal.SIGSEGV.name}"),
    ("print('no json')", "the compiler ended with exit code 0"),
    ("print('[]')", "the compiler ended with exit code 0"),
    ("print('{\"ok\": true}'); sys.exit(3)", "the compiler ended with exit code 3"),
])
def test_broken_compilers(fake, behaviour, text):
    fake.behave(behaviour)
    with pytest.raises(tenon.CompileError) as caught:
        tenon.compile("m.onnx", "m.so")
    assert str(caught.value) == text
    assert caught.value.diagnostics == ()


def test_program_beside_the_package(build, tmp_path):
    """In the build tree, and in prefixes; never from $PATH."""
    for place, bin_folder in (("python", "bin"), ("lib/python3.11/site-packages", "bin")):
        prefix = tmp_path / place.replace("/", "-")
        shutil.copytree(build / "python/tenon", prefix / place / "tenon")
        find = "from tenon import _compile; print(_compile._program())"
        run = lambda: subprocess.run([sys.executable, "-c", find], env={**os.environ, "PYTHONPATH": str(prefix / place)},
                                     capture_output=True, text=True)
        assert "tenon._errors.CompileError: the program tenon is not in " in run().stderr
        (prefix / bin_folder).mkdir(parents=True)
        program = prefix / bin_folder / "tenon"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        assert run().stdout.strip() == str(program)
