"""Resize: every mode and every way to map coordinates, against ONNX's own reference evaluator in float64."""

import tempfile

import numpy
import onnx.reference
import pytest
from onnx import TensorProto, helper

import tenon
from arrays import label, rng, uniform
from harness import CPU, Batch, epsilon

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

COORDINATES = ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric")


def reference(x, scales, sizes, attributes):
    """ONNX's evaluator on the same node, in float64."""
    names = ["x", "", "scales" if scales is not None else "", "sizes" if sizes is not None else ""]
    infos = [helper.make_tensor_value_info("x", TensorProto.DOUBLE, x.shape)]
    feeds = {"x": x.astype(numpy.float64)}
    if scales is not None:
        infos.append(helper.make_tensor_value_info("scales", TensorProto.FLOAT, scales.shape))
        feeds["scales"] = scales
    if sizes is not None:
        infos.append(helper.make_tensor_value_info("sizes", TensorProto.INT64, sizes.shape))
        feeds["sizes"] = sizes
    graph = helper.make_graph([helper.make_node("Resize", names, ["y"], **attributes)], "resize", infos, [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    return onnx.reference.ReferenceEvaluator(model).run(None, feeds)[0]


def add_resize(batch, x, scales=None, sizes=None, **attributes):
    scales = None if scales is None else numpy.array(scales, numpy.float32)
    sizes = None if sizes is None else numpy.array(sizes, numpy.int64)
    exact = reference(x, scales, sizes, attributes)
    # Coordinates are computed in float32, which moves them by some units of the extent's last place.
    bound = 0 if attributes.get("mode", "nearest") == "nearest" else 64 * max(x.shape) * epsilon("float32") * float(abs(x).max())
    batch.add(label("Resize", x, scales if scales is None else scales.tolist(), sizes if sizes is None else sizes.tolist(), attributes), "Resize",
              [x, None, scales, sizes][: 3 if sizes is None else 4], exact.astype(numpy.float32), bound, constants=(2,) if sizes is None else (3,), **attributes)


def test_nearest(mode):
    batch, generator = Batch(opset=19), rng()
    for coordinates in COORDINATES:
        for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
            x = uniform(generator, (1, 2, 5, 6))
            add_resize(batch, x, scales=[1, 1, 2, 3], mode="nearest", coordinate_transformation_mode=coordinates, nearest_mode=rounding)
            add_resize(batch, x, sizes=[1, 2, 3, 4], mode="nearest", coordinate_transformation_mode=coordinates, nearest_mode=rounding)
    add_resize(batch, uniform(generator, (2, 16, 7, 7)), scales=[1, 1, 2, 2], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    add_resize(batch, uniform(generator, (1, 3, 9)), scales=[1, 1, 2], mode="nearest")
    batch.check(mode)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_interpolation(mode, kind):
    batch, generator = Batch(opset=19), rng()
    for coordinates in COORDINATES:
        x = uniform(generator, (1, 2, 5, 6))
        add_resize(batch, x, scales=[1, 1, 2, 1.5], mode=kind, coordinate_transformation_mode=coordinates)
        add_resize(batch, x, sizes=[1, 2, 3, 4], mode=kind, coordinate_transformation_mode=coordinates)
        add_resize(batch, x, scales=[1, 1, 0.6, 0.8], mode=kind, coordinate_transformation_mode=coordinates)
    if kind == "cubic":
        add_resize(batch, uniform(generator, (1, 1, 6, 6)), scales=[1, 1, 1.7, 0.7], mode=kind, cubic_coeff_a=-0.5)
        add_resize(batch, uniform(generator, (1, 1, 6, 6)), scales=[1, 1, 1.7, 0.7], mode=kind, exclude_outside=1)
    batch.check(mode)


@pytest.mark.parametrize("kind", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("extent, size", [(3, 40), (15, 16), (16, 16 * 3), (17, 33), (40, 79), (40, 41), (61, 60), (64, 32), (65, 32), (70, 40), (90, 21), (200, 33), (400, 19), (1, 21), (33, 1)])
def test_rows(mode, kind, extent, size):
    """Lanes along the resized dimension: inputs shorter than a vector, far apart, side by side."""
    batch, generator = Batch(opset=19), rng()
    for coordinates in COORDINATES:
        if coordinates == "pytorch_half_pixel" and size == 1:
            continue  # the coordinate is 0 in ONNX's text, -0.5 in its evaluator
        add_resize(batch, uniform(generator, (2, 3, extent)), sizes=[2, 5, size], mode=kind, coordinate_transformation_mode=coordinates)
        add_resize(batch, uniform(generator, (2, extent)), scales=[1, (size + 0.3) / extent], mode=kind, coordinate_transformation_mode=coordinates)
    batch.check(mode)


@pytest.mark.parametrize("ends", [(9, 37), (37, 9), (64, 32), (40, 19)])
def test_element_types(mode, ends):
    batch, generator = Batch(opset=19), rng()
    extent, size = ends
    sizes = numpy.array([2, 5, size], numpy.int64)
    x = generator.integers(0, 100, (2, 3, extent))
    order = reference(numpy.arange(x.size, dtype=float).reshape(x.shape), None, sizes, {"mode": "nearest"}).astype(int)
    for name in ("bool", "int8", "uint8", "int16", "float16", "int32", "float32", "int64", "uint64", "float64", "complex64", "complex128"):
        value = (x % 2 == 0) if name == "bool" else x.astype(name)
        batch.add(f"nearest {name} {ends}", "Resize", [value, None, None, sizes], value.reshape(-1)[order], constants=(3,), mode="nearest")
    for name in ("float16", "float64"):
        value = uniform(generator, (2, 3, extent)).astype(name)
        for kind in ("linear", "cubic"):
            exact = reference(value, None, sizes, {"mode": kind})
            batch.add(f"{kind} {name} {ends}", "Resize", [value, None, None, sizes], exact.astype(name), 64 * epsilon(name if name == "float16" else "float32") * 8,
                      constants=(3,), mode=kind)
    batch.check(mode)


def test_ranks(mode):
    batch, generator = Batch(opset=19), rng()
    for shape, scales in (((37,), [2]), ((5, 37), [1.5, 0.6]), ((2, 20, 3), [1, 2, 1]), ((2, 3, 4, 5, 18), [1, 1, 2, 1.5, 1.75]), ((2, 3, 4, 18), [2, 2, 1, 1])):
        for kind in ("nearest", "linear"):
            add_resize(batch, uniform(generator, shape), scales=scales, mode=kind)
    batch.check(mode)


def test_scales_of_the_run():
    """One artefact for more and for fewer results."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["C", "W"])
    sizes = helper.make_tensor_value_info("sizes", TensorProto.INT64, [2])
    for kind in ("nearest", "linear", "cubic"):
        graph = helper.make_graph([helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode=kind)], "resize", [x, sizes],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
        with tempfile.TemporaryDirectory(prefix="tenon-resize-") as folder:
            run = tenon.load(tenon.compile(model, f"{folder}/model.so", cpu=CPU), threads=1).run
            for extent, size in ((40, 80), (80, 40), (40, 20), (7, 90), (300, 40), (40, 40), (17, 61), (1, 30)):
                value, wanted = uniform(rng(), (3, extent)), numpy.array([3, size], numpy.int64)
                exact = reference(value, None, wanted, {"mode": kind})
                numpy.testing.assert_allclose(run({"x": value, "sizes": wanted})["y"], exact, rtol=0, atol=0 if kind == "nearest" else 1e-4)


def test_antialias(mode):
    batch, generator = Batch(opset=19), rng()
    for kind in ("linear", "cubic"):
        add_resize(batch, uniform(generator, (1, 2, 9, 12)), sizes=[1, 2, 4, 5], mode=kind, antialias=1)
        add_resize(batch, uniform(generator, (1, 2, 9, 12)), scales=[1, 1, 0.5, 0.3], mode=kind, antialias=1)
        # Lanes along a dimension that stays as it is.
        add_resize(batch, uniform(generator, (1, 9, 12, 8)), scales=[1, 0.5, 0.3, 1], mode=kind, antialias=1)
        # Growing and shrinking, more neighbours than are unrolled, rows as long as vectors and longer, in one to three dimensions.
        add_resize(batch, uniform(generator, (1, 2, 21, 40)), scales=[1, 1, 1.7, 0.5], mode=kind, antialias=1)
        add_resize(batch, uniform(generator, (3, 100)), scales=[1, 0.33], mode=kind, antialias=1)
        add_resize(batch, uniform(generator, (2, 90)), sizes=[2, 4], mode=kind, antialias=1)
        add_resize(batch, uniform(generator, (1, 5, 6, 20)), scales=[1, 0.6, 2, 1.5], mode=kind, antialias=1)
        for coordinates in ("align_corners", "asymmetric"):
            add_resize(batch, uniform(generator, (2, 7, 37)), sizes=[2, 4, 20], mode=kind, antialias=1, coordinate_transformation_mode=coordinates)
        add_resize(batch, uniform(generator, (2, 7, 37)), sizes=[2, 4, 20], mode=kind, antialias=1, exclude_outside=1)
    batch.check(mode)


def test_antialias_of_halves(mode):
    """Between two dimensions nothing is rounded to f16: the result is the exact one rounded, but for sums in f32."""
    batch, generator = Batch(opset=19), rng()
    x = uniform(generator, (2, 11, 40), dtype="float16")
    for kind in ("linear", "cubic"):
        scales = numpy.array([1, 0.5, 0.4], numpy.float32)
        exact = reference(x, scales, None, {"mode": kind, "antialias": 1})
        bound = epsilon("float16") * abs(exact) + 64 * 40 * epsilon("float32") * float(abs(x).max())
        batch.add(kind, "Resize", [x, None, scales], exact.astype(numpy.float16), bound, constants=(2,), mode=kind, antialias=1)
    batch.check(mode)


def test_policies(mode):
    batch, generator = Batch(opset=19), rng()
    x = uniform(generator, (1, 2, 6, 9))
    for policy in ("not_larger", "not_smaller"):
        scales_of = [extent / source for extent, source in zip((4, 4), (6, 9))]
        scale = min(scales_of) if policy == "not_larger" else max(scales_of)
        extents = [int(numpy.floor(scale * source + 0.5)) for source in (6, 9)]
        exact = reference(x, None, numpy.array([4, 4], numpy.int64), {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy})
        assert list(exact.shape[2:]) == extents
        batch.add(policy, "Resize", [x, None, None, numpy.array([4, 4], numpy.int64)], exact.astype(numpy.float32), 1e-4, constants=(3,), mode="linear",
                  axes=[2, 3], keep_aspect_ratio_policy=policy)
    batch.check(mode)


def test_crop_and_resize(mode):
    batch, generator = Batch(opset=19), rng()
    x = uniform(generator, (1, 1, 6, 7))
    region = numpy.array([0, 0, 0.4, 0.2, 1, 1, 0.9, 1.3], numpy.float32)
    attributes = {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 10.0}
    sizes = numpy.array([1, 1, 4, 5], numpy.int64)
    names, infos = ["x", "roi", "", "sizes"], [helper.make_tensor_value_info("x", TensorProto.DOUBLE, x.shape)]
    infos += [helper.make_tensor_value_info("roi", TensorProto.FLOAT, [8]), helper.make_tensor_value_info("sizes", TensorProto.INT64, [4])]
    graph = helper.make_graph([helper.make_node("Resize", names, ["y"], **attributes)], "resize", infos, [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    exact = onnx.reference.ReferenceEvaluator(model).run(None, {"x": x.astype(float), "roi": region, "sizes": sizes})[0]
    batch.add("crop", "Resize", [x, region, None, sizes], exact.astype(numpy.float32), 1e-4, constants=(1, 3), **attributes)
    batch.check(mode)


@pytest.mark.parametrize("kind", ["nearest", "linear"])
def test_booleans(mode, kind):
    """Between true and false there is a number that is not 0, and so true; strings have no such thing."""
    batch, generator = Batch(opset=19), rng()
    x, scales = generator.integers(0, 2, (1, 2, 3, 5)).astype(bool), numpy.array([1, 1, 2, 1.5], numpy.float32)
    exact = reference(x.astype(float), scales, None, {"mode": kind})
    batch.add(kind, "Resize", [x, None, scales], exact != 0, constants=(2,), mode=kind)
    region, sizes = numpy.array([0, 0, 0.4, 0.2, 1, 1, 0.9, 1.3], numpy.float32), numpy.array([1, 2, 4, 5], numpy.int64)
    outside = {"mode": kind, "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 0.5}
    names = ["x", "roi", "", "sizes"]
    infos = [helper.make_tensor_value_info(name, kind_of, None) for name, kind_of in (("x", TensorProto.DOUBLE), ("roi", TensorProto.FLOAT), ("sizes", TensorProto.INT64))]
    graph = helper.make_graph([helper.make_node("Resize", names, ["y"], **outside)], "crop", infos, [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    cropped = onnx.reference.ReferenceEvaluator(model).run(None, {"x": x.astype(float), "roi": region, "sizes": sizes})[0]
    batch.add("crop", "Resize", [x, region, None, sizes], cropped != 0, constants=(1, 3), **outside)
    if kind == "nearest":
        names = numpy.array([f"text {value}" for value in range(30)], object).reshape(1, 2, 3, 5)
        order = reference(numpy.arange(30.0).reshape(1, 2, 3, 5), scales, None, {"mode": kind}).astype(int)
        batch.add("strings", "Resize", [names, None, scales], names.reshape(-1)[order], constants=(2,), mode=kind)
    batch.check(mode)
