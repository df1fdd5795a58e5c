"""The runner of ONNX's backend suite: a case that crashes or hangs is one failure; the list of expected failures is strict."""

import ctypes
import dataclasses
import importlib
import json
import subprocess
import sys

import numpy
import onnx
import onnx.parser
import pytest

MODULES = ("workers", "expected", "cases", "forms", "probes", "engines", "element_types", "support_page", "microsoft")


@pytest.fixture
def conformance(root, monkeypatch):
    """Imports a module of test/conformance."""
    monkeypatch.syspath_prepend(str(root / "test/conformance"))
    yield importlib.import_module
    for name in MODULES:
        sys.modules.pop(name, None)


def test_every_case_has_one_result(conformance, monkeypatch):
    workers = conformance("workers")
    monkeypatch.setattr(workers, "LIMIT_SECONDS", 2)

    def run(index, enter_stage):
        enter_stage("run")
        if index == 1:
            print("last words", flush=True)
            ctypes.string_at(0)
        if index == 2:
            subprocess.run(["sleep", "60"])
        if index == 3:
            raise workers.Failure("mismatch", "differs")
        if index == 4:
            bytearray(workers.MEMORY_BYTES)

    names = [f"case{index}" for index in range(12)]
    results = {result.name: result for result in workers.run_cases(names, run, jobs=2)}
    assert sorted(results) == sorted(names)
    assert {name for name, result in results.items() if not result.passed} == {"case1", "case2", "case3", "case4"}
    assert (results["case1"].kind, results["case1"].stage) == ("crash", "run")
    assert "SIGSEGV" in results["case1"].message and "last words" in results["case1"].message
    assert results["case2"].kind == "hang"
    assert (results["case3"].kind, results["case3"].message) == ("mismatch", "differs")
    assert results["case4"].kind == "error" and results["case4"].message.startswith("MemoryError")


def test_the_list_is_strict(conformance, tmp_path):
    expected = conformance("expected")
    path = tmp_path / "list.json"
    names = ["test_a_1", "test_a_2", "test_b"]

    def load(*groups):
        path.write_text(json.dumps([{"reason": reason, "tests": tests} for reason, tests in groups]))
        return expected.load_expected(path, names)

    reason = "the operator A has no importer"
    assert load((reason, ["test_a_*"])) == ({"test_a_1": reason, "test_a_2": reason}, [])
    assert "matches no test" in load((reason, ["test_c"]))[1][0]
    assert "two reasons" in load((reason, ["test_a_*"]), (reason + " yet", ["test_a_2"]))[1][0]
    assert "missing piece" in load(("unsupported", ["test_b"]))[1][0]


def test_judgement(conformance, root, build, monkeypatch):
    """An unexpected pass fails, and so does an expected failure that crashes."""
    monkeypatch.syspath_prepend(str(build / "python"))
    workers, run = conformance("workers"), conformance("run")
    results = [workers.Result("pass", True), workers.Result("better", True), workers.Result("refused", False, "compile", "diagnostic", "no"),
               workers.Result("crash", False, "run", "crash", "SIGSEGV"), workers.Result("internal", False, "compile", "internal", "pass failed"),
               workers.Result("wrong", False, "compare", "mismatch", "1 is not 2")]
    reasons = {"better": "reason", "refused": "reason", "crash": "reason", "internal": "reason"}
    passed, expected_failures, failures = run.judge(results, reasons)
    assert (passed, expected_failures) == (1, 1)
    assert [line.split(":")[0] for line in failures] == ["better", "crash", "internal", "wrong"]


# Forms


@pytest.fixture
def case(conformance):
    """A test of Add with inputs x [2, 3] and y [3]."""
    suite = conformance("cases")
    from onnx.backend.test.case.test_case import TestCase
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["": 14]> g (float[2, 3] x, float[3] y) => (float[2, 3] z) { z = Add(x, y) }')
    x, y = numpy.ones((2, 3), numpy.float32), numpy.ones(3, numpy.float32)
    return suite.Case("test_add_cpu", "node", TestCase("test_add", "test_add", None, None, model, [([x, y], [x + y])], "node", 1e-3, 1e-7))


def test_every_dimension_is_a_symbol_of_its_own(conformance, case):
    [variant] = conformance("forms").dynamic(case)
    dims = [dim.dim_param for value in variant.model.graph.input for dim in value.type.tensor_type.shape.dim]
    assert len(dims) == 3 and len(set(dims)) == 3 and all(dims)
    [output] = variant.model.graph.output
    assert len(output.type.tensor_type.shape.dim) == 2 and not any(dim.WhichOneof("value") for dim in output.type.tensor_type.shape.dim)
    assert case.model().graph.input[0].type.tensor_type.shape.dim[0].dim_value == 2, "the test itself has changed"


def test_every_input_is_a_constant(conformance, case):
    [variant] = conformance("forms").constant(case)
    assert not variant.model.graph.input and variant.data_sets[0].inputs == []
    assert [tensor.name for tensor in variant.model.graph.initializer] == ["x", "y"]
    assert variant.model.graph.output == case.model().graph.output
    onnx.checker.check_model(variant.model)


def test_forms_that_make_no_sense_are_left_out(conformance, case):
    forms = conformance("forms")
    scalar, sequence = (onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 14]> g ({type_text} x) => ({type_text} z) {{ z = Identity(x) }}')
                        for type_text in ("float", "seq(float[2])"))
    case.test = dataclasses.replace(case.test, model=scalar, data_sets=[([numpy.float32(1)], [numpy.float32(1)])])
    with pytest.raises(forms.LeftOut, match="no input has a dimension"):
        forms.dynamic(case)
    assert forms.constant(case)
    case.test = dataclasses.replace(case.test, model=sequence)
    with pytest.raises(forms.LeftOut, match="sequence"):
        forms.constant(case)
    [variant] = forms.dynamic(case)
    assert variant.model.graph.input[0].type.sequence_type.elem_type.tensor_type.shape.dim[0].dim_param


def test_what_fails_as_it_is_is_not_tried_in_other_forms(conformance, case, tmp_path, monkeypatch):
    expected = conformance("expected")
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "add.json").write_text(json.dumps([{"reason": "the operator Add has no importer", "tests": ["test_add_cpu"]}]))
    monkeypatch.setattr(expected, "LISTS", {"as is": tmp_path / "add.json", "dynamic": tmp_path / "empty.json", "constant": tmp_path / "add.json"})
    as_is, dynamic, constant = expected.load_forms([case])
    assert as_is.runs("test_add_cpu") and not as_is.problems
    assert not dynamic.runs("test_add_cpu") and dynamic.inherited and not dynamic.problems
    assert "matches no test" in constant.problems[0]


# Element types


def test_a_probe_takes_the_form_of_its_version(conformance):
    probes = conformance("probes")
    model = onnx.parser.parse_model('<ir_version: 8, opset_import: ["": 14]> g (float[2, 3] x, int64[1] s) => (float[6] y) { y = Reshape(x, s) }')
    template = probes.Template(model, {"s": numpy.array([6])})

    def made(version, type_text):
        return next(probes.models(probes.Key("", "Reshape", version, "T", type_text), [template]), None)

    old = made(1, "tensor(double)")
    assert list(old.graph.node[0].input) == ["x"] and list(old.graph.node[0].attribute[0].ints) == [6] and old.opset_import[0].version == 1
    assert old.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
    new = made(14, "tensor(int8)")
    assert list(new.graph.node[0].input) == ["x", "s"] and new.graph.initializer[0].name == "s"
    assert new.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.INT8
    assert made(14, "tensor(float8e4m3fn)") is None, "ONNX has no such type for this version"


def test_types_are_compared_both_ways(conformance, build, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(build / "python"))
    element_types = conformance("element_types")
    works, better, worse, gone = (element_types.Key("", "Abs", 13, "T", f"tensor({name})") for name in ("float", "int8", "double", "int16"))
    failures = {better, gone}
    element_types.write_failures(failures, tmp_path / "list.json")
    assert element_types.load_failures(tmp_path / "list.json") == failures
    [line] = element_types.compare({works: True, better: True, worse: False}, failures, [works, better, worse, gone])
    assert "int8) compiles" in line and "double) does not compile" in line and "int16) cannot be tried" in line and "(float)" not in line


def test_types_in_words(conformance, build, monkeypatch):
    monkeypatch.syspath_prepend(str(build / "python"))
    support_page = conformance("support_page")
    allowed = {f"tensor({name})" for name in ("float", "double", "int8", "string", "complex64", "complex128")}
    assert support_page.variable_text(allowed, allowed) == "all"
    assert support_page.variable_text(allowed, set()) == "none"
    assert support_page.variable_text(allowed, allowed - {"tensor(string)", "tensor(complex64)"}) == "all but complex64, strings"
    assert support_page.variable_text(allowed, {"tensor(float)", "tensor(double)"}) == "f64, f32"
