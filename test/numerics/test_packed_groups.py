"""Right-hand sides packed in groups of k, written as nn IR: microkernels and pointwise definitions read the same format.

Packed panels are inputs, so that every group goes with every number of columns, whatever the processor's vectors are.
"""

import numpy
import pytest

import tenon
import windows
from arrays import rng, uniform
from harness import CPU, apart, summed

TYPES = {"f32": "float32", "f64": "float64"}


def packed(matrix, nr: int, group: int):
    """[..., K, N] as [..., panels, K, nr]: a panel holds the columns of each `group` steps of k, a column's elements side by side."""
    *outer, K, N = matrix.shape
    panels = -(-N // nr)
    padded = numpy.zeros((*outer, K, panels * nr), matrix.dtype)
    padded[..., :N] = matrix
    split = padded.reshape(*outer, K // group, group, panels, nr)
    rank = len(outer)
    moved = split.transpose(*range(rank), rank + 2, rank, rank + 3, rank + 1)
    return moved.reshape(*outer, panels, K, nr)


def tensor(array, element: str, dynamic: int | None = None) -> str:
    return "x".join([*("?" if axis == dynamic else str(extent) for axis, extent in enumerate(array.shape)), element])


def check(folder, reference: bool, op: str, attributes: str, x, w, exact, bound, element: str, dynamic: int | None = None) -> None:
    """`dynamic`: a dimension of x and of the result whose extent is not known."""
    names = ", ".join('"n"' if axis == dynamic else '""' for axis in range(x.ndim))
    dims = "" if dynamic is None else f", nn.dims = [{names}]"
    x_type, w_type, y_type = tensor(x, element, dynamic), tensor(w, element), tensor(exact, element, dynamic)
    source = folder / "model.mlir"
    source.write_text(f"""
      func.func @main(%x: tensor<{x_type}> {{nn.name = "x"{dims}}}, %w: tensor<{w_type}> {{nn.name = "w"}}) -> (tensor<{y_type}> {{nn.name = "y"}}) {{
        %y = {op} %x, %w {{{attributes}}} : (tensor<{x_type}>, tensor<{w_type}>) -> tensor<{y_type}>
        return %y : tensor<{y_type}>
      }}""")
    run = lambda: tenon.load(tenon.compile(source, folder / "model.so", reference=reference, cpu=CPU)).run({"x": x, "w": w})
    error, results = apart(run)
    assert not error, error
    assert (abs(results["y"] - exact) <= bound).all(), abs(results["y"] - exact).max()


@pytest.mark.parametrize("reference", [False, True], ids=["microkernel", "reference"])
@pytest.mark.parametrize("transposed", [False, True], ids=["", "transposed"])
@pytest.mark.parametrize("nr, group, columns, element", [
    (8, 2, 8, "f32"), (8, 2, 5, "f32"), (4, 4, 3, "f32"), (4, 2, 4, "f32"), (8, 4, 21, "f32"), (16, 2, 40, "f32"), (4, 2, 3, "f64"), (8, 4, 11, "f64")])
def test_matmul(tmp_path, reference, transposed, nr, group, columns, element):
    for rows, K, dynamic in ((1, 4, None), (7, 64, 0), (61, 36, None)):
        x, matrix = uniform(rng(), (rows, K), dtype=TYPES[element]), uniform(rng(2), (K, columns), dtype=TYPES[element])
        exact, magnitude = (a.astype(float) @ b.astype(float) for a, b in ((x, matrix), (abs(x), abs(matrix))))
        given = numpy.ascontiguousarray(x.T) if transposed else x
        attributes = f"{'transpose_lhs, ' if transposed else ''}packing = #nn.packing<nr = {nr}, columns = {columns}, group = {group}>"
        check(tmp_path, reference, "nn.matmul", attributes, given, packed(matrix, nr, group), exact, summed(magnitude, K, x.dtype), element,
              None if transposed else dynamic)


@pytest.mark.parametrize("reference", [False, True], ids=["microkernel", "reference"])
@pytest.mark.parametrize("nr, group, columns, element", [(8, 2, 7, "f32"), (4, 4, 4, "f32"), (8, 4, 12, "f32"), (4, 2, 3, "f64")])
def test_conv(tmp_path, reference, nr, group, columns, element):
    for groups, strides, dilations, pads, dynamic in ((1, [1, 1], [1, 1], [(1, 1), (2, 1)], 1), (2, [2, 1], [1, 3], [(0, 0), (4, 3)], None),
                                                      (1, [1, 2], [2, 1], [(0, 0), (0, 0)], 2)):
        channels, kernel = 8, (3, 4)
        x = uniform(rng(), (2, groups * channels, 8, 21), dtype=TYPES[element])
        w = uniform(rng(2), (groups * columns, channels, *kernel), dtype=TYPES[element])
        exact, magnitude = (windows.convolve(a.astype(float), b.astype(float), strides, dilations, pads, groups).transpose(0, 2, 3, 1)
                            for a, b in ((x, w), (abs(x), abs(w))))
        matrices = w.reshape(groups, columns, channels, -1).transpose(0, 3, 2, 1).reshape(groups, -1, columns)
        integers = {"kernel": kernel, "strides": strides, "dilations": dilations, "pads": [low for low, _ in pads] + [high for _, high in pads]}
        attributes = ", ".join(f"{name} = array<i64: {', '.join(map(str, values))}>" for name, values in integers.items())
        attributes += f", groups = {groups} : i64, channels_last, packing = #nn.packing<nr = {nr}, columns = {columns}, group = {group}>"
        check(tmp_path, reference, "nn.conv", attributes, numpy.ascontiguousarray(x.transpose(0, 2, 3, 1)), packed(matrices, nr, group), exact,
              summed(magnitude, w[0].size, x.dtype), element, dynamic)
