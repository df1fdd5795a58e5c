"""`tenon run`: inputs and outputs as files."""

import json

import ml_dtypes
import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import make_model

X = numpy.arange(12, dtype=numpy.float32).reshape(4, 3) - 6
W = numpy.array([1, 2, 3], numpy.float32)


def read_outputs(folder) -> dict[str, numpy.ndarray]:
    index = json.loads((folder / "index.json").read_text())
    return {entry["name"]: numpy.load(folder / entry["file"]) for entry in index["outputs"]}


def test_npy_files(tenon, add_relu, tmp_path):
    numpy.save(tmp_path / "x.npy", X)
    numpy.save(tmp_path / "w.npy", W)
    finished = tenon("run", add_relu.library, "--input", f"x:0={tmp_path}/x.npy", "--input", f"w={tmp_path}/w.npy",
                     "--output-dir", tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    outputs = read_outputs(tmp_path / "out")
    assert list(outputs) == ["y/out"] and (tmp_path / "out/y_out.npy").exists()
    numpy.testing.assert_array_equal(outputs["y/out"], add_relu.expected(X, W))


@pytest.mark.parametrize("save", [numpy.savez, numpy.savez_compressed])
def test_npz_files(tenon, add_relu, tmp_path, save):
    save(tmp_path / "feeds.npz", **{"x:0": X, "w": W})
    finished = tenon("run", add_relu.library, "-i", tmp_path / "feeds.npz", "-o", tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    numpy.testing.assert_array_equal(read_outputs(tmp_path / "out")["y/out"], add_relu.expected(X, W))


def test_tensor_protos(tenon, add_relu, tmp_path):
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(X, "x:0").SerializeToString())
    (tmp_path / "w.pb").write_bytes(helper.make_tensor("", TensorProto.FLOAT, [3], W).SerializeToString())
    finished = tenon("run", add_relu.library, "-i", f"x:0={tmp_path}/x.pb", "-i", f"w={tmp_path}/w.pb", "-o", tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    numpy.testing.assert_array_equal(read_outputs(tmp_path / "out")["y/out"], add_relu.expected(X, W))


def test_weights_in_a_file_of_their_own(tenon, tmp_path):
    weights = numpy.arange(12, dtype=numpy.float32).reshape(4, 3)
    onnx.save(make_model([helper.make_node("MatMul", ["x", "w"], ["y"])], [("x", [2, 4])], [("y", [2, 3])], {"w": weights}), tmp_path / "m.onnx")
    finished = tenon("compile", tmp_path / "m.onnx", "--weights-file", "-o", tmp_path / "m.so")
    assert finished.returncode == 0, finished.stderr
    x = numpy.ones((2, 4), numpy.float32)
    numpy.save(tmp_path / "x.npy", x)
    assert tenon("run", tmp_path / "m.so", "-i", tmp_path / "x.npy", "-o", tmp_path / "out").returncode == 0
    numpy.testing.assert_array_equal(read_outputs(tmp_path / "out")["y"], x @ weights)

    content = bytearray((tmp_path / "m.weights").read_bytes())
    content[0] ^= 1
    (tmp_path / "m.weights").write_bytes(content)
    finished = tenon("run", tmp_path / "m.so", "-i", tmp_path / "x.npy")
    assert finished.returncode == 1 and "m.weights" in finished.stderr


@pytest.mark.parametrize("change", [lambda a: numpy.asfortranarray(a), lambda a: a.astype(">f4")], ids=["fortran", "big-endian"])
def test_other_orders_of_elements_and_bytes(tenon, add_relu, tmp_path, change):
    numpy.savez(tmp_path / "feeds.npz", **{"x:0": change(X), "w": W})
    assert tenon("run", add_relu.library, "-i", tmp_path / "feeds.npz", "-o", tmp_path / "out").returncode == 0
    numpy.testing.assert_array_equal(read_outputs(tmp_path / "out")["y/out"], add_relu.expected(X, W))


TYPES = [("float16", TensorProto.FLOAT16), ("float64", TensorProto.DOUBLE), ("int8", TensorProto.INT8), ("int64", TensorProto.INT64),
         ("uint8", TensorProto.UINT8), ("bool", TensorProto.BOOL)]


@pytest.mark.parametrize("dtype, onnx_type", TYPES)
def test_types_survive_the_way_through(tenon, tmp_path, dtype, onnx_type):
    model = make_model([helper.make_node("Transpose", ["x"], ["y"])], [("x", [2, 3], onnx_type)], [("y", [3, 2], onnx_type)])
    onnx.save(model, tmp_path / "m.onnx")
    compiled = tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so")
    assert compiled.returncode == 0, compiled.stderr
    x = numpy.array([[0, 1, 1], [0, 0, 1]]).astype(dtype)
    numpy.save(tmp_path / "x.npy", x)
    # The only input needs no name.
    finished = tenon("run", tmp_path / "m.so", "-i", tmp_path / "x.npy", "-o", tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    y = read_outputs(tmp_path / "out")["y"]
    assert y.dtype == x.dtype
    numpy.testing.assert_array_equal(y, x.T)


def test_random_inputs_are_the_same_every_time(tenon_json, add_relu):
    arguments = ("run", add_relu.library, "-i", "x:0=random:7", "-i", "w=random", "--shape", "x:0=5x3")
    first, _ = tenon_json(*arguments)
    again, _ = tenon_json(*arguments)
    other, _ = tenon_json(*[argument.replace(":7", ":8") if isinstance(argument, str) else argument for argument in arguments])
    assert first == again != other
    assert first["outputs"][0]["dims"] == [5, 3]


def test_summary_for_people(tenon, add_relu):
    finished = tenon("run", add_relu.library, "-i", "x:0=random", "-i", "w=random", "--dim", "rows=2")
    assert finished.stdout.startswith("y/out  f32[2x3]  min ")


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["-i", "w=random"], 2, "input 'x:0' (f32[rows,3]) is missing"),
        (["-i", "w=random", "-i", "z=random"], 2, "expected NAME=FILE with NAME one of 'x:0', 'w'"),
        (["-i", "w=random", "-i", "x:0=absent.npy"], 1, "absent.npy: cannot be read"),
        (["-i", "w=random", "-i", "x:0=random", "--shape", "x:0=4x5"], 1, "x:0"),
        (["-i", "w=random", "-i", "x:0=random", "--dim", "columns=4"], 2, "expected NAME=EXTENT with NAME one of 'rows'"),
    ],
)
def test_wrong_requests(tenon, add_relu, arguments, code, message):
    finished = tenon("run", add_relu.library, *arguments)
    assert finished.returncode == code and message in finished.stderr, finished.stderr


def test_a_wrong_type_is_not_converted(tenon, add_relu, tmp_path):
    numpy.savez(tmp_path / "feeds.npz", **{"x:0": X.astype(numpy.float64), "w": W})
    finished = tenon("run", add_relu.library, "-i", tmp_path / "feeds.npz")
    assert finished.returncode == 1 and "x:0" in finished.stderr and "f64" in finished.stderr


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'}", b"text"])
def test_damaged_files(tenon, add_relu, tmp_path, content):
    (tmp_path / "x.npy").write_bytes(content)
    finished = tenon("run", add_relu.library, "-i", f"x:0={tmp_path}/x.npy", "-i", "w=random")
    assert finished.returncode == 1 and "not a .npy file" in finished.stderr


def test_what_is_no_compiled_model(tenon, add_relu):
    finished = tenon("run", add_relu.path, "-i", "x=random")
    assert finished.returncode == 1 and finished.stderr.startswith("error: ")


def test_sequences_and_optional_values(tenon, tenon_json, tmp_path):
    """Elements from files and to files, an absent value, an empty sequence, a map, random values."""
    text = """<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>
        g (seq(float[a]) s, optional(float[3]) o, map(int64, float) m) => (seq(float[a]) t, optional(float[3]) p, float[1,n] dense, seq(map(int64, float)) zipped) {
            t = SequenceErase(s)
            p = Identity(o)
            dense = ai.onnx.ml.CastMap(m)
            zipped = ai.onnx.ml.ZipMap<classlabels_int64s = [5, 6, 7]>(dense)
        }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    finished = tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so")
    assert finished.returncode == 0, finished.stderr
    for name, array in (("a", W), ("b", X[0]), ("c", W[:1])):
        numpy.save(tmp_path / f"{name}.npy", array)
    numpy.savez(tmp_path / "m.npz", keys=numpy.array([2, 4, 9]), values=W)
    files = ",".join(str(tmp_path / f"{name}.npy") for name in "abc")
    common = ("run", tmp_path / "m.so", "-i", f"m={tmp_path}/m.npz", "-o", tmp_path / "out")
    report, finished = tenon_json(*common, "-i", f"s={files}", "-i", "o=none")
    assert finished.returncode == 0, finished.stderr
    outputs = read_outputs(tmp_path / "out")
    assert list(outputs) == ["t[0]", "t[1]", "dense", "zipped[keys]", "zipped[values]"]
    numpy.testing.assert_array_equal(outputs["t[1]"], X[0])
    numpy.testing.assert_array_equal(outputs["zipped[values]"], W[None])
    assert report["values"] == [{"name": "t", "count": 2}, {"name": "p", "count": None}, {"name": "zipped", "count": 1}]

    finished = tenon(*common, "-i", f"s={tmp_path}/a.npy", "-i", f"o={tmp_path}/a.npy")
    assert finished.returncode == 0 and "t  0 elements" in finished.stdout, finished.stderr
    numpy.testing.assert_array_equal(read_outputs(tmp_path / "out")["p"], W)
    assert tenon(*common, "-i", "s=random", "-i", "o=random:3", "--shape", "s=5").returncode == 0
    for wrong, message in (("s=none", "input 's' is not optional"), ("s=", "SequenceErase_0"), (f"o={files}", "input 'o' is one tensor but got 3")):
        others = [flag for name in "so" if not wrong.startswith(name) for flag in ("-i", f"{name}=random")]
        finished = tenon(*common, "-i", wrong, *others)
        assert finished.returncode == 1 and message in finished.stderr


def test_maps_with_texts(tenon, tmp_path):
    """Keys are in the order of their bytes; a map that is random has one."""
    text = """<ir_version: 10, opset_import: ["": 21, "ai.onnx.ml": 3]>
        g (map(string, float) m) => (float[1,n] y) { y = ai.onnx.ml.DictVectorizer<string_vocabulary = ["b", "a"]>(m) }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0
    for keys, problem in ((["a", "b"], ""), (["b", "a"], "has key 'b' before 'a', expected ascending keys"), (["a", "a"], "has key 'a' before 'a'"), (["ab", "a"], "has key 'ab' before 'a'"),
                          (["", "a"], ""), (["a", ""], "has key 'a' before ''")):
        numpy.savez(tmp_path / "m.npz", keys=numpy.array(keys), values=numpy.float32([1, 2]))
        finished = tenon("run", tmp_path / "m.so", "-i", f"m={tmp_path}/m.npz", "-o", tmp_path / "out")
        assert finished.returncode == bool(problem) and problem in finished.stderr, finished.stderr
        if not problem:
            numpy.testing.assert_array_equal(read_outputs(tmp_path / "out")["y"], [[2, 1 if keys[0] else 0]] if keys[1] == "b" else [[0, 2]])
    assert tenon("run", tmp_path / "m.so", "-i", "m=random").returncode == 0


def shout_model(path):
    nodes = [helper.make_node("Constant", [], ["mark"], value_string="!"), helper.make_node("StringConcat", ["x", "mark"], ["y"])]
    onnx.save(make_model(nodes, [("x", [None, 2], TensorProto.STRING)], [("y", None, TensorProto.STRING)], opset=20), path)


@pytest.mark.parametrize("dtype", ["<U5", ">U5", "S5"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_strings(tenon, tmp_path, dtype, order):
    shout_model(tmp_path / "m.onnx")
    assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0
    array = numpy.array([["a", ""], ["xyz", "12345"]] if dtype == "S5" else [["a", ""], ["日本語", "😀é"]]).astype(dtype)
    numpy.save(tmp_path / "x.npy", numpy.asarray(array, order=order))
    finished = tenon("run", tmp_path / "m.so", "-i", f"x={tmp_path}/x.npy", "-o", tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    assert "y  string[2x2]" in finished.stdout
    assert read_outputs(tmp_path / "out")["y"].tolist() == [[text + "!" for text in row] for row in array.astype(str).tolist()]
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(array.astype(str).astype(object), "x").SerializeToString())
    finished = tenon("run", tmp_path / "m.so", "-i", f"x={tmp_path}/x.pb")
    assert "a! ! " in finished.stdout, finished.stderr


def test_strings_that_cannot_be_read(tenon, tmp_path):
    shout_model(tmp_path / "m.onnx")
    assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0

    def problem(array):
        numpy.save(tmp_path / "x.npy", array)
        finished = tenon("run", tmp_path / "m.so", "-i", f"x={tmp_path}/x.npy")
        assert finished.returncode != 0
        return finished.stderr

    assert "save strings as an array of type str" in problem(numpy.array([["a", "b"]], object))
    assert "not a text in UTF-8" in problem(numpy.array([[b"\xff", b"b"]]))
    numpy.save(tmp_path / "x.npy", numpy.array([["abc", "b"]]))
    data = bytearray((tmp_path / "x.npy").read_bytes())
    (tmp_path / "x.npy").write_bytes(data[:-1])
    assert "are expected" in tenon("run", tmp_path / "m.so", "-i", f"x={tmp_path}/x.npy").stderr
    data[-1] = 0x7F
    (tmp_path / "x.npy").write_bytes(data)
    assert "no character" in tenon("run", tmp_path / "m.so", "-i", f"x={tmp_path}/x.npy").stderr


@pytest.mark.parametrize("name, dtype", [("FLOAT8E4M3FN", ml_dtypes.float8_e4m3fn), ("FLOAT8E5M2", ml_dtypes.float8_e5m2),
                                         ("FLOAT8E8M0", ml_dtypes.float8_e8m0fnu), ("FLOAT4E2M1", ml_dtypes.float4_e2m1fn),
                                         ("INT4", ml_dtypes.int4), ("UINT2", ml_dtypes.uint2)])
def test_bytes_of_ml_dtypes(tenon, tmp_path, name, dtype):
    """Such a file does not name its type, so it has that of the input; ONNX's files are packed."""
    kind = getattr(TensorProto, name)
    nodes = [helper.make_node("Transpose", ["x"], ["y"]), helper.make_node("Cast", ["x"], ["z"], to=TensorProto.FLOAT)]
    model = make_model(nodes, [("x", ["m", "n"], kind)], [("y", ["n", "m"], kind), ("z", ["m", "n"])], opset=28)
    model.ir_version = 13
    onnx.save(model, tmp_path / "m.onnx")
    assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0
    x = (numpy.arange(15, dtype=numpy.uint8) & (3 if name == "UINT2" else 15)).view(dtype).reshape(3, 5)
    numpy.save(tmp_path / "x.npy", x)
    numpy.save(tmp_path / "columns.npy", numpy.asfortranarray(x))
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    listed = onnx.TensorProto(name="x", data_type=kind, dims=x.shape, int32_data=list(numpy_helper.from_array(x).raw_data))
    (tmp_path / "listed.pb").write_bytes(listed.SerializeToString())
    for file in ("x.npy", "columns.npy", "x.pb", "listed.pb"):
        finished = tenon("run", tmp_path / "m.so", "-i", tmp_path / file, "-o", tmp_path / "out")
        assert finished.returncode == 0, finished.stderr
        y = numpy.load(tmp_path / "out/y.npy").view(dtype)
        assert y.tobytes() == numpy.ascontiguousarray(x.T).tobytes(), file
        numpy.testing.assert_array_equal(numpy.load(tmp_path / "out/z.npy"), x.astype(numpy.float32))
    finished = tenon("run", tmp_path / "m.so", "-i", "x=random", "--dim", "m=2", "--dim", "n=3")
    assert finished.returncode == 0 and "nan" not in finished.stdout.lower(), finished.stdout


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers(tenon, tmp_path, dtype):
    """As numpy writes them, in either byte order, and as ONNX does: raw, or as a list of the parts."""
    kind = helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype))
    onnx.save(make_model([helper.make_node("Transpose", ["x"], ["y"])], [("x", ["m", "n"], kind)], [("y", ["n", "m"], kind)], opset=21), tmp_path / "m.onnx")
    assert tenon("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so").returncode == 0
    x = (numpy.arange(6) * (1.5 - 2j) + 1j).astype(dtype).reshape(2, 3)
    x[1, 2] = complex(-0.0, -0.0)
    numpy.save(tmp_path / "x.npy", x)
    numpy.save(tmp_path / "columns.npy", numpy.asfortranarray(x))
    numpy.save(tmp_path / "swapped.npy", x.astype(x.dtype.newbyteorder(">")))
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    listed = onnx.TensorProto(name="x", data_type=kind, dims=x.shape)
    (listed.float_data if dtype == "complex64" else listed.double_data).extend(x.reshape(-1).view(x.real.dtype).tolist())
    (tmp_path / "listed.pb").write_bytes(listed.SerializeToString())
    for file in ("x.npy", "columns.npy", "swapped.npy", "x.pb", "listed.pb"):
        finished = tenon("run", tmp_path / "m.so", "-i", tmp_path / file, "-o", tmp_path / "out")
        assert finished.returncode == 0, finished.stderr
        y = numpy.load(tmp_path / "out/y.npy")
        assert y.dtype == dtype and y.tobytes() == numpy.ascontiguousarray(x.T).tobytes(), file
    finished = tenon("run", tmp_path / "m.so", "-i", tmp_path / "x.npy")
    assert f"y  c{64 if dtype == 'complex64' else 128}[3x2]" in finished.stdout and "0+1i 4.5-5i 1.5-1i" in finished.stdout, finished.stdout
    assert f"c{64 if dtype == 'complex64' else 128}[n,m]" in tenon("inspect", tmp_path / "m.so").stdout
    finished = tenon("run", tmp_path / "m.so", "-i", "x=random", "--dim", "m=2", "--dim", "n=3", "-o", tmp_path / "out")
    y = numpy.load(tmp_path / "out/y.npy")
    assert len(numpy.unique(y)) == 6 and numpy.all(y.real != y.imag) and abs(y.view(y.real.dtype)).max() <= 1


def test_bytes_without_a_type_are_no_numbers(tenon, add_relu, tmp_path):
    numpy.save(tmp_path / "x.npy", numpy.zeros((2, 3), ml_dtypes.int4))
    finished = tenon("run", add_relu.library, "-i", f"x:0={tmp_path}/x.npy", "-i", "w=random")
    assert finished.returncode == 1
    assert "input 'x:0': the file holds bytes of one of ml_dtypes' types, but f32 is expected" in finished.stderr
