"""Matrix products: tails in M, N and K, broadcast batches, vectors, transposes, every type, constant and input B."""

import numpy
import onnx
import pytest
import tenon
from onnx import helper

from arrays import BF16, FLOATS, integers, label, rng, uniform
from harness import CPU, Batch, summed

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

# M, N, K around the register tiles of all targets, and beyond cache blocks.
SIZES = [
    (1, 1, 1), (1, 1, 64), (1, 17, 33), (1, 256, 128), (2, 3, 4), (3, 31, 5), (4, 16, 16), (5, 33, 1), (6, 16, 7), (7, 15, 100), (8, 8, 8),
    (11, 64, 9), (12, 32, 24), (13, 65, 31), (16, 1, 40), (17, 100, 3), (24, 48, 300), (33, 33, 33), (64, 7, 520), (70, 130, 65),
]


def product(a, b):
    """The product in float64 and a bound of the error of any order of summation."""
    left, right = a.astype(numpy.float64), b.astype(numpy.float64)
    dtype = a.dtype
    # Half types are accumulated in float32 and rounded once.
    magnitude = numpy.matmul(numpy.abs(left), numpy.abs(right))
    exact = numpy.matmul(left, right)
    if dtype in (numpy.float16, BF16):
        return exact, summed(magnitude, a.shape[-1], "float32") + summed(numpy.abs(exact), 1, dtype)
    return exact, summed(magnitude, a.shape[-1], dtype)


def add_product(batch, a, b, constants=()):
    exact, bound = product(a, b)
    batch.add(label("MatMul", a, b, "constant" if constants else ""), "MatMul", [a, b], exact.astype(a.dtype), bound, constants)


@pytest.mark.parametrize("constant", [False, True], ids=["input", "constant"])
def test_sizes(mode, constant):
    batch, generator = Batch(), rng()
    for m, n, k in SIZES:
        add_product(batch, uniform(generator, (m, k)), uniform(generator, (k, n)), (1,) if constant else ())
    batch.check(mode)


def test_every_tail(mode):
    batch, generator = Batch(), rng()
    for extent in range(1, 34):
        add_product(batch, uniform(generator, (extent, 9)), uniform(generator, (9, 34 - extent)), (1,) if extent % 2 else ())
        add_product(batch, uniform(generator, (5, extent)), uniform(generator, (extent, 18)), (1,) if extent % 3 else ())
    batch.check(mode)


def test_few_columns(mode):
    """Panels narrower than a vector: K that divides into groups and such that does not, one row to more than a block, batches."""
    batch, generator = Batch(), rng()
    for n in range(1, 10):
        for m, k in ((1, 2), (1, 64), (1, 255), (3, 6), (29, 12), (60, 130)):
            for dtype in ("float32", "float64"):
                add_product(batch, uniform(generator, (m, k), dtype=dtype), uniform(generator, (k, n), dtype=dtype), (1,))
        add_product(batch, uniform(generator, (2, 3, 5, 20)), uniform(generator, (20, n)), (1,))
        add_product(batch, uniform(generator, (2, 3, 5, 20)), uniform(generator, (3, 20, n)), (1,))
        add_product(batch, uniform(generator, (n, 20)), uniform(generator, (20, 1)), (0,))
    # Rows on the same sets of the first level of cache; a panel longer than its share of the second.
    add_product(batch, uniform(generator, (70, 1024)), uniform(generator, (1024, 8)), (1,))
    add_product(batch, uniform(generator, (40, 40000)), uniform(generator, (40000, 5)), (1,))
    batch.check(mode)


def test_parts_of_k(mode):
    """Columns too long for the second level of cache: two parts and more, the last one shorter; all of A in its share of that
    level or not, read where it is, copied because its rows collide, transposed, or converted."""
    batch, generator = Batch(), rng()
    for m, n, k in ((7, 33, 1100), (40, 150, 2300), (230, 70, 1540), (150, 130, 4096)):
        for constants in ((), (1,)):
            add_product(batch, uniform(generator, (m, k)), uniform(generator, (k, n)), constants)
    for dtype in ("float64", "float16", BF16):
        add_product(batch, uniform(generator, (130, 2100), dtype=dtype), uniform(generator, (2100, 70), dtype=dtype), (1,))
    add_product(batch, uniform(generator, (2, 30, 2100)), uniform(generator, (2, 2100, 70)), (1,))
    a, b = integers(generator, (90, 2100), "int32"), integers(generator, (2100, 70), "int32")
    batch.add(label("MatMul", a, b), "MatMul", [a, b], numpy.matmul(a, b), 0, (1,))
    a, b = uniform(generator, (2100, 130)), uniform(generator, (2100, 70))
    exact, bound = product(a.T, b)
    batch.add(label("Gemm", a, b), "Gemm", [a, b], exact.astype(numpy.float32), bound, (1,), transA=1)
    batch.check(mode)


def test_types(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS:
        for m, n, k in SIZES[::4]:
            for constants in ((), (1,)):
                add_product(batch, uniform(generator, (m, k), dtype=dtype), uniform(generator, (k, n), dtype=dtype), constants)
    for dtype in ("int32", "int64", "uint32", "uint64"):
        a, b = integers(generator, (7, 19), dtype), integers(generator, (19, 18), dtype)
        batch.add(label("MatMul", a), "MatMul", [a, b], numpy.matmul(a, b))
    batch.check(mode)


BATCHES = [
    ((3, 5, 7), (3, 7, 9)), ((3, 5, 7), (7, 9)), ((5, 7), (4, 7, 9)), ((2, 1, 5, 7), (3, 7, 9)), ((2, 3, 1, 7), (1, 3, 7, 16)), ((7,), (7,)),
    ((7,), (7, 9)), ((5, 7), (7,)), ((2, 5, 7), (7,)), ((7,), (2, 7, 9)), ((1, 5, 7), (1, 7, 9)), ((2, 2, 17, 8), (2, 2, 8, 33)),
]


def test_batches(mode):
    batch, generator = Batch(), rng()
    for left, right in BATCHES:
        a, b = uniform(generator, left), uniform(generator, right)
        exact = numpy.matmul(a.astype(numpy.float64), b.astype(numpy.float64))
        bound = summed(numpy.matmul(numpy.abs(a), numpy.abs(b)), a.shape[-1], "float32")
        for constants in ((), (1,), (0,)):
            batch.add(label("MatMul", a, b, *constants), "MatMul", [a, b], numpy.asarray(exact, numpy.float32), bound, constants)
    batch.check(mode)


@pytest.mark.parametrize("transposed", ["", "A", "B", "AB"])
def test_one_artefact_for_all_sizes(tmp_path, transposed):
    """Extents that only the run time knows: tails of every length, a tile and one more, nothing."""
    nodes = [helper.make_node("Transpose", [name], [name + "T"], perm=[0, 2, 1]) for name in transposed]
    operands = [name + "T" if name in transposed else name for name in "AB"]
    nodes += [helper.make_node("MatMul", operands, ["C"]), helper.make_node("Mul", ["C", "C"], ["Y"])]
    inputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * 3) for name in "AB"]
    outputs = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in "CY"]
    graph = helper.make_graph(nodes, "products", inputs, outputs)
    library = tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), tmp_path / "model.so", cpu=CPU)
    loaded, generator = tenon.load(library), rng()
    sizes = [(m, 3 * m + 1, m + 2) for m in range(1, 31)] + [(11, n, 5) for n in range(100)] + [(m, 40, 17) for m in (0, 56, 57, 300)]
    sizes += [(9, 33, 0), (64, 64, 64), (28, 48, 1), (51, 101, 96), (130, 17, 130)]
    for m, n, k in sizes:
        for batch in (1, 2):
            a, b = uniform(generator, (batch, m, k)), uniform(generator, (batch, k, n))
            exact, bound = product(a, b)
            feeds = {"A": a, "B": b}
            for name in transposed:
                feeds[name] = numpy.ascontiguousarray(feeds[name].transpose(0, 2, 1))
            results = loaded.run(feeds)
            assert results["C"].shape == exact.shape
            assert (numpy.abs(results["C"] - exact) <= bound).all(), (m, n, k, batch)
            assert results["Y"].tobytes() == (results["C"] * results["C"]).tobytes()


def test_empty(mode):
    batch = Batch()
    for left, right in (((0, 3), (3, 4)), ((2, 3), (3, 0)), ((2, 0), (0, 3)), ((0, 2, 3), (0, 3, 4)), ((2, 0, 3), (2, 3, 4))):
        a, b = numpy.ones(left, numpy.float32), numpy.ones(right, numpy.float32)
        batch.add(label("MatMul", a, b), "MatMul", [a, b], numpy.matmul(a, b))
    batch.check(mode)


@pytest.mark.parametrize("constant", [False, True], ids=["input", "constant"])
def test_gemm(mode, constant):
    batch, generator = Batch(), rng()
    m, n, k = 5, 19, 11
    for trans_a in (0, 1):
        for trans_b in (0, 1):
            for c_shape in (None, (m, n), (n,), (m, 1), (1, n), (1,), ()):
                for alpha, beta in ((1.0, 1.0), (0.5, 2.0)):
                    a = uniform(generator, (k, m) if trans_a else (m, k))
                    b = uniform(generator, (n, k) if trans_b else (k, n))
                    c = None if c_shape is None else uniform(generator, c_shape)
                    left, right = (a.T if trans_a else a).astype(float), (b.T if trans_b else b).astype(float)
                    exact = alpha * (left @ right) + (0 if c is None else beta * c.astype(float))
                    bound = summed(alpha * (abs(left) @ abs(right)) + (0 if c is None else beta * abs(c)), k + 2, "float32")
                    batch.add(label("Gemm", trans_a, trans_b, c_shape or "no C", alpha), "Gemm", [a, b] + ([] if c is None else [c]),
                              exact.astype(numpy.float32), bound, ((1, 2) if c is not None else (1,)) if constant else (),
                              transA=trans_a, transB=trans_b, alpha=alpha, beta=beta)
    batch.check(mode)


def test_gemm_types(mode):
    batch, generator = Batch(), rng()
    for dtype in FLOATS:
        a, b, c = uniform(generator, (6, 10), dtype=dtype), uniform(generator, (10, 17), dtype=dtype), uniform(generator, (17,), dtype=dtype)
        exact, bound = product(a, b)
        exact = exact + c.astype(float)
        batch.add(label("Gemm", a), "Gemm", [a, b, c], exact.astype(dtype), bound + summed(abs(exact) + abs(c.astype(float)), 2, dtype))
    batch.check(mode)


EINSUMS = [
    ("ij,jk->ik", (5, 7), (7, 9)), ("bij,bjk->bik", (2, 5, 7), (2, 7, 9)), ("ij,kj->ik", (5, 7), (9, 7)), ("i,i->", (9,), (9,)),
    ("i,j->ij", (4,), (5,)), ("bhid,bhjd->bhij", (2, 3, 5, 8), (2, 3, 6, 8)), ("ijk,k->ij", (2, 3, 17), (17,)), ("ij->ji", (3, 5)),
    ("ij->", (3, 5)), ("ii->i", (6, 6)), ("...ij,...jk->...ik", (2, 3, 4, 5), (2, 3, 5, 6)), ("abc,acd->abd", (2, 3, 4), (2, 4, 5)),
    ("bgi,gih->bgh", (2, 3, 8), (3, 8, 5)), ("ii->i", (37, 37)), ("biic->cb", (3, 5, 5, 2)), ("iijj->ij", (4, 4, 3, 3)),
    ("iii,ij->j", (4, 4, 4), (4, 3)),
]


def test_einsum(mode):
    batch, generator = Batch(), rng()
    for equation, *shapes in EINSUMS:
        arrays = [uniform(generator, shape) for shape in shapes]
        exact = numpy.einsum(equation, *(array.astype(float) for array in arrays))
        magnitude = numpy.einsum(equation, *(abs(array.astype(float)) for array in arrays))
        batch.add(equation, "Einsum", arrays, numpy.asarray(exact, numpy.float32), summed(magnitude, 32, "float32"), equation=equation)
    batch.check(mode)


def test_constants_of_one_value(mode):
    batch, generator = Batch(), rng()
    for columns in (1, 7, 16, 33):
        x = uniform(generator, (3, 5))
        for value in (0, 2):
            b = numpy.full((5, columns), value, numpy.float32)
            add_product(batch, x, b, (1,))
            add_product(batch, uniform(generator, (2, 3, 5)), b, (1,))
    batch.check(mode)


def test_constants_that_are_special(mode):
    """Zeros, infinities and NaN in a packed constant reach only what they touch: padding of panels must not leak."""
    batch, generator = Batch(), rng()
    a, b = uniform(generator, (3, 5)), uniform(generator, (5, 18))
    b[2, 3], b[0, 17], b[4, 0] = numpy.inf, numpy.nan, -numpy.inf
    a[1, 2] = numpy.inf
    batch.add("special", "MatMul", [a, b], numpy.matmul(a, b), summed(numpy.matmul(abs(a), numpy.nan_to_num(abs(b), posinf=0)), 5, "float32"), (1,))
    batch.add("special input", "MatMul", [a, b], numpy.matmul(a, b), summed(numpy.matmul(abs(a), numpy.nan_to_num(abs(b), posinf=0)), 5, "float32"))
    batch.check(mode)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "uint64"])
def test_gemm_of_integers_with_fractions(mode, dtype):
    """The sum is truncated once, as in ONNX's reference."""
    batch, generator = Batch(opset=13), rng()
    low = 0 if dtype.startswith("u") else -9
    a, b, c = (generator.integers(low, 10, shape).astype(dtype) for shape in ((3, 4), (4, 5), (5,)))
    for alpha, beta in ((0.25, 1), (0.5, 0.75), (2, 0.5), (3, 2)):
        wide = (a.astype(numpy.float64) @ b.astype(numpy.float64)) * alpha + c.astype(numpy.float64) * beta
        batch.add(f"{alpha} {beta}", "Gemm", [a, b, c], numpy.trunc(wide).astype(dtype), alpha=float(alpha), beta=float(beta))
    batch.check(mode)
