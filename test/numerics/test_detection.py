"""Regions of images: RoiAlign, MaxRoiPool and NonMaxSuppression."""

import itertools

import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper

import tenon
from arrays import BF16, label, rng, uniform
from evaluator import evaluate
from harness import Batch, epsilon


def regions(generator, count, height, width):
    """Of all sizes, some partly or wholly outside, one turned around and one empty."""
    corners = generator.uniform(-3, max(height, width) + 3, (count, 2, 2))
    boxes = numpy.concatenate([corners.min(1), corners.max(1)], 1)
    boxes[0] = boxes[0][[2, 3, 0, 1]]
    boxes[-1, 2:] = boxes[-1, :2]
    return boxes.astype(numpy.float32)


def add_roi_align(batch, x, boxes, images, opset, bound=None, **attributes):
    shift = {"coordinate_transformation_mode": "output_half_pixel"} if opset < 16 else {}
    exact = evaluate("RoiAlign", [x, boxes, images], opset=22, **{**attributes, **shift})[0]
    bound = bound or 64 * max(x.shape) * epsilon("float32") + 8 * epsilon(x.dtype)
    batch.add(label("RoiAlign", x, attributes), "RoiAlign", [x, boxes, images], exact.astype(x.dtype), bound, known=(1,), **attributes)


@pytest.mark.parametrize("opset", [10, 16, 22])
def test_roi_align(mode, opset):
    batch, generator = Batch(opset=opset), rng()
    for shape, pooling, ratio in itertools.product(((2, 3, 6, 8), (3, 1, 5, 4)), ("avg", "max"), (0, 1, 3)):
        boxes, images = regions(generator, 7, *shape[2:]), generator.integers(0, shape[0], 7)
        for kind in ("half_pixel", "output_half_pixel") if opset >= 16 else (None,):
            attributes = {"coordinate_transformation_mode": kind} if kind else {}
            add_roi_align(batch, uniform(generator, shape), boxes, images, opset, mode=pooling, sampling_ratio=ratio, output_height=2, output_width=3, spatial_scale=0.75, **attributes)
    x, boxes, images = uniform(generator, (1, 2, 4, 4)), regions(generator, 2, 4, 4), numpy.zeros(2, numpy.int64)
    add_roi_align(batch, x, boxes, images, opset)
    batch.add("no region", "RoiAlign", [x, boxes[:0], images[:0]], numpy.zeros((0, 2, 1, 1), numpy.float32), known=(1,))
    batch.check(mode)


def test_roi_align_types(mode):
    batch, generator = Batch(opset=22), rng()
    boxes, images = regions(generator, 5, 6, 7), generator.integers(0, 2, 5)
    for dtype in ("float64", "float16", BF16):
        x = uniform(generator, (2, 3, 6, 7), dtype=dtype)
        # Corners of the same type, so that they are the same numbers.
        add_roi_align(batch, x, boxes.astype(dtype), images, 22, sampling_ratio=2, output_height=2, output_width=2)
    batch.check(mode)


def overlap(x, y):
    sides = numpy.minimum(x[2:], y[2:]) - numpy.maximum(x[:2], y[:2])
    if sides.min() <= 0:
        return 0.0
    return sides.prod() / ((x[2:] - x[:2]).prod() + (y[2:] - y[:2]).prod() - sides.prod())


def suppressed(boxes, scores, limit, most, least=None):
    rows = []
    for b, c in numpy.ndindex(*scores.shape[:2]):
        chosen = []
        for box in numpy.argsort(-scores[b, c], kind="stable"):
            if len(chosen) < limit and (least is None or scores[b, c, box] > least) and all(overlap(boxes[b, box], boxes[b, other]) <= most for other in chosen):
                chosen.append(box)
        rows += [[b, c, box] for box in chosen]
    return numpy.array(rows, numpy.int64).reshape(-1, 3)


def random_boxes(generator, *shape):
    corners = generator.integers(0, 64, (*shape, 2, 2)) / 4
    return numpy.concatenate([corners.min(-2), corners.max(-2) + 0.25], -1).astype(numpy.float32)


def test_non_max_suppression(mode):
    batch, generator = Batch(), rng()
    for batches, classes, count in ((1, 1, 1), (2, 3, 40), (1, 2, 300), (3, 1, 17)):
        boxes = random_boxes(generator, batches, count)
        # Few different scores, so that many are equal.
        scores = (generator.integers(0, 50, (batches, classes, count)) / 50).astype(numpy.float32)
        for limit, most, least in ((10, 0.5, None), (1000, 0.25, 0.3), (3, 0, 0.5), (0, 0.5, None), (7, 1, 2)):
            expected = suppressed(boxes.astype(float), scores, limit, most, least)
            tail = [numpy.array([limit]), numpy.array([most], numpy.float32)] + ([] if least is None else [numpy.array([least], numpy.float32)])
            for constants in ((), (2, 3, 4)):
                batch.add(label("NMS", scores, limit, most, least, *constants), "NonMaxSuppression", [boxes, scores, *tail], expected, constants=constants[: len(tail)], known=(2, 3, 4))
        sizes = boxes[..., 2:] - boxes[..., :2]
        centered = numpy.concatenate([boxes[..., :2] + sizes / 2, sizes], -1)
        turned = boxes[..., [2, 1, 0, 3]]
        expected = suppressed(boxes.astype(float), scores, 20, 0.5)
        batch.add(label("centered", scores), "NonMaxSuppression", [centered, scores, numpy.array(20), numpy.array(0.5, numpy.float32)], expected, center_point_box=1)
        batch.add(label("turned", scores), "NonMaxSuppression", [turned, scores, numpy.array(20), numpy.array(0.5, numpy.float32)], expected)
    none = numpy.zeros((1, 0, 4), numpy.float32), numpy.zeros((1, 2, 0), numpy.float32)
    batch.add("no box", "NonMaxSuppression", [*none, numpy.array(5)], numpy.zeros((0, 3), numpy.int64))
    batch.add("no limit", "NonMaxSuppression", [boxes, scores], numpy.zeros((0, 3), numpy.int64))
    batch.check(mode)


def test_non_max_suppression_of_chosen_boxes(tmp_path, mode):
    """Data decides how many boxes there are, and so how much memory the search needs."""
    generator = rng()
    boxes, scores = random_boxes(generator, 60), (generator.integers(0, 50, 60) / 50).astype(numpy.float32)
    nodes = [helper.make_node("Compress", ["b", "keep"], ["kb"], axis=0), helper.make_node("Compress", ["s", "keep"], ["ks"], axis=0),
             helper.make_node("Unsqueeze", ["kb", "front"], ["boxes"]), helper.make_node("Unsqueeze", ["ks", "fronts"], ["scores"]),
             helper.make_node("NonMaxSuppression", ["boxes", "scores", "limit", "most"], ["y"])]
    extent = None if mode == "dynamic" else 60
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in
             (("b", TensorProto.FLOAT, [extent, 4]), ("s", TensorProto.FLOAT, [extent]), ("keep", TensorProto.BOOL, [extent]))]
    constants = [numpy_helper.from_array(array, name) for name, array in
                 (("front", numpy.array([0])), ("fronts", numpy.array([0, 1])), ("limit", numpy.array([20])), ("most", numpy.array([0.5], numpy.float32)))]
    graph = helper.make_graph(nodes, "graph", infos, [helper.make_tensor_value_info("y", TensorProto.INT64, [None, 3])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    session = tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference"), threads=2)
    for count in (0, 1, 60, 23):
        keep = numpy.zeros(60, bool)
        keep[generator.permutation(60)[:count]] = True
        expected = suppressed(boxes[None, keep].astype(float), scores[None, None, keep], 20, 0.5)
        assert numpy.array_equal(session.run({"b": boxes, "s": scores, "keep": keep})["y"], expected)


def run_node(tmp_path, mode, op, arrays, shapes, **attributes):
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), shapes[name]) for name, value in arrays.items()]
    graph = helper.make_graph([helper.make_node(op, list(arrays), ["y"], name="the node", **attributes)], "graph", infos,
                              [helper.make_tensor_value_info("y", TensorProto.INT64 if op.startswith("Non") else TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    return tenon.load(tenon.compile(model, tmp_path / "model.so", reference=mode == "reference")).run(arrays)


def test_scores_of_other_boxes(tmp_path, mode):
    """Extents that do not agree are an error that names the node, never memory of others."""
    arrays = {"b": numpy.ones((1, 3, 4), numpy.float32), "s": numpy.arange(5000, dtype=numpy.float32).reshape(1, 1, 5000), "m": numpy.array(5000)}
    with pytest.raises(tenon.RunError, match=r"'the node' \(\w+\): "):
        run_node(tmp_path, mode, "NonMaxSuppression", arrays, {"b": [None, None, 4], "s": [None, None, None], "m": []})


@pytest.mark.parametrize("image", [2, -3, 1 << 40])
def test_region_of_no_image(tmp_path, mode, image):
    arrays = {"x": numpy.ones((2, 3, 4, 4), numpy.float32), "r": numpy.array([[0, 0, 2, 2]], numpy.float32), "i": numpy.array([image])}
    with pytest.raises(tenon.RunError, match=r"'the node' \(\w+\): "):
        run_node(tmp_path, mode, "RoiAlign", arrays, {"x": [2, 3, 4, 4], "r": [1, 4], "i": [1]})


# --- MaxRoiPool --------------------------------------------------------------------------------------------------------------------


def max_roi_pool(images, rois, shape, scale):
    """As ONNX Runtime and Caffe have it, in whole numbers: halves are rounded away from 0, both corners count."""
    result = numpy.zeros((len(rois), images.shape[1], *shape), images.dtype)
    for number, (image, *box) in enumerate(rois):
        box = [int(numpy.trunc(numpy.float64(numpy.float32(corner) * numpy.float32(scale)) + numpy.copysign(0.5, corner))) for corner in box]
        spans = []
        for axis in (0, 1):
            first, size = box[1 - axis], max(box[3 - axis] - box[1 - axis] + 1, 1)
            limit = images.shape[2 + axis]
            spans.append([(min(max(place * size // shape[axis] + first, 0), limit), min(max(-(-(place + 1) * size // shape[axis]) + first, 0), limit))
                          for place in range(shape[axis])])
        for (i, rows), (j, columns) in itertools.product(enumerate(spans[0]), enumerate(spans[1])):
            bin_pixels = images[int(image)][:, rows[0]:rows[1], columns[0]:columns[1]]
            if bin_pixels.size:
                result[number, :, i, j] = bin_pixels.max((1, 2))
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", BF16], ids=str)
def test_max_roi_pool(mode, dtype):
    batch, generator = Batch(opset=22), rng()
    for shape, pooled, scale in (((2, 3, 6, 8), (2, 3), 1.0), ((3, 1, 5, 4), (3, 2), 0.5), ((1, 2, 7, 7), (7, 9), 1.0)):
        x = uniform(generator, shape, dtype=dtype)
        boxes = regions(generator, 9, *shape[2:])
        boxes[1:4] = numpy.round(boxes[1:4]) + 0.5
        rois = numpy.concatenate([generator.integers(0, shape[0], (9, 1)), boxes], 1).astype(dtype)
        expected = max_roi_pool(x, rois.astype(numpy.float32), pooled, scale)
        batch.add(label("MaxRoiPool", x, pooled), "MaxRoiPool", [x, rois], expected, known=(1,), pooled_shape=pooled, spatial_scale=scale)
    batch.check(mode)


def test_max_roi_pool_of_another_image(tmp_path):
    """The number of the image lies outside of the batch."""
    node = helper.make_node("MaxRoiPool", ["x", "rois"], ["y"], name="pool", pooled_shape=[1, 1])
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [2, 1, 3, 3]), ("rois", [1, 5]), ("y", None))]
    tenon.compile(helper.make_model(helper.make_graph([node], "g", infos[:2], infos[2:]), opset_imports=[helper.make_opsetid("", 22)]), tmp_path / "m.so")
    with pytest.raises(tenon.RunError, match="pool"):
        tenon.load(tmp_path / "m.so").run({"x": numpy.zeros((2, 1, 3, 3), numpy.float32), "rois": numpy.array([[2, 0, 0, 1, 1]], numpy.float32)})
