"""Models whose tensors or external data are damaged or hostile; importing this adds them to malformed.cases()."""

import os
import pathlib

import numpy as np
from malformed import FLOAT, case, model_of, value, write
from onnx import TensorProto, helper, numpy_helper

# --- tensors ---------------------------------------------------------------------------------------------------------------------


def with_tensor(tensor):
    tensor.name = "w"
    return model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[tensor])


def identity_of(tensor):
    tensor.name = "w"
    return model_of([helper.make_node("Identity", ["w"], ["y"])], initializers=[tensor])


@case
def tensor_with_too_few_bytes(folder):
    tensor = numpy_helper.from_array(np.ones((2, 3), np.float32))
    tensor.raw_data = tensor.raw_data[:-4]
    return write(folder, with_tensor(tensor))


@case
def tensor_with_too_many_bytes(folder):
    tensor = numpy_helper.from_array(np.ones((2, 3), np.float32))
    tensor.raw_data += b"1234"
    return write(folder, with_tensor(tensor))


@case
def tensor_with_bytes_of_half_an_element(folder):
    tensor = numpy_helper.from_array(np.ones((2, 3), np.float32))
    tensor.raw_data += b"1"
    return write(folder, with_tensor(tensor))


@case
def tensor_without_data(folder):
    return write(folder, with_tensor(TensorProto(data_type=FLOAT, dims=[2, 3])))


@case
def tensor_with_negative_extent(folder):
    return write(folder, with_tensor(TensorProto(data_type=FLOAT, dims=[-2, 3], raw_data=b"")))


@case
def tensor_with_two_negative_extents(folder):
    return write(folder, with_tensor(TensorProto(data_type=FLOAT, dims=[-2, -3], raw_data=b"\0" * 24)))


@case
def tensor_whose_size_overflows(folder):
    return write(folder, with_tensor(TensorProto(data_type=FLOAT, dims=[2**32, 2**32, 2**32], raw_data=b"\0" * 4)))


@case
def tensor_whose_size_wraps_to_zero(folder):
    return write(folder, with_tensor(TensorProto(data_type=FLOAT, dims=[2**31, 2**33], raw_data=b"")))


@case
def tensor_of_unknown_type(folder):
    return write(folder, with_tensor(TensorProto(data_type=777, dims=[1], raw_data=b"\0" * 4)))


@case
def tensor_of_undefined_type(folder):
    return write(folder, with_tensor(TensorProto(data_type=0, dims=[1], raw_data=b"\0" * 4)))


@case
def tensor_of_fewer_strings(folder):
    return write(folder, with_tensor(TensorProto(data_type=TensorProto.STRING, dims=[2], string_data=[b"text"])))


@case
def tensor_of_raw_strings(folder):
    return write(folder, with_tensor(TensorProto(data_type=TensorProto.STRING, dims=[1], raw_data=b"textmore")))


@case
def tensor_of_strings_that_are_no_utf8(folder):
    return write(folder, with_tensor(TensorProto(data_type=TensorProto.STRING, dims=[1], string_data=[b"\xff\xfe"])))


@case
def tensor_of_strings_of_negative_size(folder):
    return write(folder, with_tensor(TensorProto(data_type=TensorProto.STRING, dims=[-1], string_data=[])))


@case
def tensor_with_the_wrong_field(folder):
    return write(folder, with_tensor(TensorProto(data_type=FLOAT, dims=[1], int64_data=[5])))


@case
def packed_tensor_with_too_few_bytes(folder):
    return write(folder, identity_of(TensorProto(data_type=TensorProto.INT4, dims=[5], raw_data=b"12")))


@case
def packed_tensor_with_one_byte_per_element(folder):
    return write(folder, identity_of(TensorProto(data_type=TensorProto.UINT2, dims=[5], raw_data=b"12345")))


@case
def packed_tensor_with_entries_for_elements(folder):
    return write(folder, identity_of(TensorProto(data_type=TensorProto.FLOAT4E2M1, dims=[4], int32_data=[1, 2, 3, 4])))


@case
def tensor_of_six_bits_with_packed_entries(folder):
    return write(folder, identity_of(TensorProto(data_type=TensorProto.FLOAT6E2M3, dims=[4], int32_data=[1, 2, 3])))


@case
def packed_tensor_whose_size_overflows(folder):
    return write(folder, identity_of(TensorProto(data_type=TensorProto.INT4, dims=[2**32, 2**33], raw_data=b"")))


@case
def sum_of_integers_below_a_byte(folder):
    tensor = TensorProto(name="w", data_type=TensorProto.INT4, dims=[2], raw_data=b"1")
    return write(folder, model_of([helper.make_node("Add", ["w", "w"], ["y"])], initializers=[tensor]))


@case
def tensor_in_segments(folder):
    tensor = numpy_helper.from_array(np.ones((2, 3), np.float32))
    tensor.segment.begin, tensor.segment.end = 0, 3
    return write(folder, with_tensor(tensor))


@case
def sparse_initializer(folder):
    model = model_of([helper.make_node("Relu", ["x"], ["y"])])
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2, 3]))
    return write(folder, model)


# --- external data -------------------------------------------------------------------------------------------------------------


def external(folder, location, offset=None, length=24, size=24, name="weights.bin"):
    """A model whose weights [2, 3] are in `location`; writes `size` bytes to `name`, if given."""
    if name:
        (pathlib.Path(folder) / name).write_bytes(b"\0" * size)
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[2, 3], data_location=TensorProto.EXTERNAL)
    for key, entry in (("location", location), ("offset", offset), ("length", length)):
        if entry is not None:
            tensor.external_data.add(key=key, value=str(entry))
    return write(folder, model_of([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[tensor]))


@case
def external_data_missing(folder):
    return external(folder, "absent.bin", name=None)


@case
def external_data_short(folder):
    return external(folder, "weights.bin", size=20)


@case
def external_data_of_nothing(folder):
    return external(folder, "weights.bin", size=0)


@case
def external_offset_beyond_the_end(folder):
    return external(folder, "weights.bin", offset=8)


@case
def external_offset_that_overflows(folder):
    return external(folder, "weights.bin", offset=2**63 - 8)


@case
def external_offset_negative(folder):
    return external(folder, "weights.bin", offset=-24, size=100)


@case
def external_offset_not_a_number(folder):
    return external(folder, "weights.bin", offset="0x10", size=100)


@case
def external_length_that_differs(folder):
    return external(folder, "weights.bin", length=12, size=100)


@case
def external_length_that_overflows(folder):
    return external(folder, "weights.bin", length=2**64)


@case
def external_location_left_out(folder):
    return external(folder, None)


@case
def external_location_empty(folder):
    return external(folder, "")


@case
def external_absolute_path(folder):
    return external(folder, "/etc/passwd", length=None, name=None)


@case
def external_parent_folder(folder):
    inner = pathlib.Path(folder) / "inner"
    inner.mkdir()
    (pathlib.Path(folder) / "weights.bin").write_bytes(b"\0" * 24)
    return external(inner, "../weights.bin", name=None)


@case
def external_parent_folder_hidden(folder):
    inner = pathlib.Path(folder) / "inner"
    (inner / "deep").mkdir(parents=True)
    (pathlib.Path(folder) / "weights.bin").write_bytes(b"\0" * 24)
    return external(inner, "deep/../../weights.bin", name=None)


@case
def external_symbolic_link(folder):
    outside = pathlib.Path(folder) / "outside.bin"
    outside.write_bytes(b"\0" * 24)
    inner = pathlib.Path(folder) / "inner"
    inner.mkdir()
    (inner / "weights.bin").symlink_to(outside)
    return external(inner, "weights.bin", name=None)


@case
def external_linked_folder(folder):
    outside = pathlib.Path(folder) / "outside"
    outside.mkdir()
    (outside / "weights.bin").write_bytes(b"\0" * 24)
    inner = pathlib.Path(folder) / "inner"
    inner.mkdir()
    (inner / "data").symlink_to(outside)
    return external(inner, "data/weights.bin", name=None)


@case
def external_hard_link(folder):
    outside = pathlib.Path(folder) / "outside.bin"
    outside.write_bytes(b"\0" * 24)
    inner = pathlib.Path(folder) / "inner"
    inner.mkdir()
    os.link(outside, inner / "weights.bin")
    return external(inner, "weights.bin", name=None)


@case
def external_pipe(folder):
    os.mkfifo(pathlib.Path(folder) / "weights.bin")
    return external(folder, "weights.bin", name=None)


@case
def external_folder(folder):
    (pathlib.Path(folder) / "weights.bin").mkdir()
    return external(folder, "weights.bin", name=None)


@case
def external_device(folder):
    return external(folder, "../../../../../../../../dev/zero", name=None)
