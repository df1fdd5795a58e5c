"""Features, linear models and support vector machines of ai.onnx.ml."""

import itertools

import numpy
import pytest
from onnx import numpy_helper

from arrays import label, rng, uniform
from harness import Batch

ML = "ai.onnx.ml"
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
NUMBERS = ("float32", "float64", "int64", "int32")


def features(generator, shape, dtype):
    return uniform(generator, shape, dtype=dtype) if dtype.startswith("float") else generator.integers(-4, 5, shape).astype(dtype)


def transformed(scores, kind):
    if kind == "LOGISTIC":
        return 1 / (1 + numpy.exp(-scores))
    if kind.startswith("SOFTMAX"):
        power = numpy.exp(scores - scores.max(1, keepdims=True))
        if kind == "SOFTMAX_ZERO":
            power = numpy.where(abs(scores) > 1e-7, power, scores * numpy.exp(-scores.max(1, keepdims=True)))
        return power / power.sum(1, keepdims=True)
    return scores


def test_linear_regressor(mode):
    batch, generator = Batch(), rng()
    for dtype, targets, kind in itertools.product(NUMBERS, (1, 3), TRANSFORMS):
        x, weights, offsets = features(generator, (6, 5), dtype), uniform(generator, (targets, 5)), uniform(generator, targets)
        exact = transformed(x.astype(float) @ weights.T + offsets, kind)
        batch.add(label("LinearRegressor", x, targets, kind), "LinearRegressor", [x], exact.astype(numpy.float32), 1e-5, domain=ML, known=(0,),
                  coefficients=weights.ravel().tolist(), intercepts=offsets.tolist(), targets=targets, post_transform=kind)
    x, weights = uniform(generator, (4, 2)), uniform(generator, (1, 2))
    batch.add("no intercept", "LinearRegressor", [x], x @ weights.T, 1e-5, domain=ML, coefficients=weights.ravel().tolist())
    batch.check(mode)


def test_linear_classifier(mode):
    batch, generator = Batch(), rng()
    for dtype, classes, kind in itertools.product(NUMBERS, (2, 4), TRANSFORMS):
        labels = generator.permutation(20)[:classes].tolist()
        for outputs in (1, 2) if classes == 2 else (4,):
            x, weights, offsets = features(generator, (9, 5), dtype), uniform(generator, (outputs, 5)), uniform(generator, outputs)
            scores = x.astype(float) @ weights.T + offsets
            scores = numpy.concatenate([-scores, scores], 1) if outputs == 1 else scores
            exact = transformed(scores, kind)
            batch.add(label("LinearClassifier", x, classes, outputs, kind), "LinearClassifier", [x], [numpy.array(labels)[exact.argmax(1)], exact.astype(numpy.float32)], 1e-5, domain=ML,
                      coefficients=weights.ravel().tolist(), intercepts=offsets.tolist(), classlabels_ints=labels, post_transform=kind)
    x, weights = uniform(generator, (9, 3)), uniform(generator, (1, 3))
    scores = x.astype(float) @ weights.T
    batch.add("one class", "LinearClassifier", [x], [numpy.where(scores.ravel() >= 0, 7, 0), scores.astype(numpy.float32)], [0, 1e-5], domain=ML, coefficients=weights.ravel().tolist(), intercepts=[0.0], classlabels_ints=[7])
    batch.check(mode)


def test_probit(mode):
    """Within the error of the approximation, 2e-3 of its argument."""
    batch = Batch()
    quantiles = numpy.array([[-1.2815516], [-0.6744898], [0.2533471], [1.2815516]])
    x = numpy.array([[0.1], [0.25], [0.6], [0.9]], numpy.float32)
    batch.add("probit", "LinearRegressor", [x], quantiles.astype(numpy.float32), 8e-3, domain=ML, coefficients=[1.0], post_transform="PROBIT")
    batch.check(mode)


def kernel(x, vectors, kind, gamma, constant, degree):
    if kind == "RBF":
        return numpy.exp(-gamma * ((x[:, None] - vectors) ** 2).sum(-1))
    products = x @ vectors.T
    return {"LINEAR": products, "POLY": (gamma * products + constant) ** degree, "SIGMOID": numpy.tanh(gamma * products + constant)}[kind]


def test_svm_regressor(mode):
    batch, generator = Batch(), rng()
    for kind, one_class in itertools.product(("LINEAR", "POLY", "RBF", "SIGMOID"), (0, 1)):
        x, vectors, weights = uniform(generator, (6, 4)), uniform(generator, (5, 4)), uniform(generator, 5)
        parameters = (0.5, 0.25, 3.0)
        exact = kernel(x.astype(float), vectors.astype(float), kind, 0.5, 0.25, 3) @ weights.reshape(-1, 1) + 0.125
        exact = numpy.where(exact > 0, 1, -1) if one_class else exact
        batch.add(label("SVMRegressor", kind, one_class), "SVMRegressor", [x], exact.astype(numpy.float32), 1e-4, domain=ML, coefficients=weights.tolist(), support_vectors=vectors.ravel().tolist(),
                  rho=[0.125], kernel_type=kind, kernel_params=parameters, n_supports=5, one_class=one_class)
    x, weights = uniform(generator, (6, 4)), uniform(generator, (4, 1))
    batch.add("linear", "SVMRegressor", [x], (x @ weights + 0.5).astype(numpy.float32), 1e-5, domain=ML, coefficients=weights.ravel().tolist(), rho=[0.5])
    batch.check(mode)


def coupled(r):
    """Algorithm 2 of Wu, Lin and Weng with libsvm's stopping rule."""
    k = len(r)
    q = -r.T * r
    for t in range(k):
        q[t, t] = (numpy.delete(r[:, t], t) ** 2).sum()
    p = numpy.full(k, 1 / k)
    for _ in range(max(100, k)):
        product = q @ p
        quadratic = p @ product
        if numpy.abs(product - quadratic).max() < 0.005 / k:
            break
        for t in range(k):
            change = (quadratic - product[t]) / q[t, t]
            p[t] += change
            quadratic = (quadratic + change * (change * q[t, t] + 2 * product[t])) / (1 + change) ** 2
            product = (product + change * q[t]) / (1 + change)
            p /= 1 + change
    return p


def svm_case(generator, classes, probabilities):
    per_class = generator.integers(1, 4, classes).tolist()
    count, pairs = sum(per_class), list(itertools.combinations(range(classes), 2))
    vectors, weights, rho = uniform(generator, (count, 3)), uniform(generator, (classes - 1, count)), uniform(generator, len(pairs))
    slopes, shifts = uniform(generator, len(pairs), -2, -0.5), uniform(generator, len(pairs), -0.3, 0.3)
    x = uniform(generator, (8, 3))
    values = kernel(x.astype(float), vectors.astype(float), "RBF", 0.5, 0, 0)
    starts = numpy.cumsum([0, *per_class])
    scores, votes = numpy.zeros((8, len(pairs))), numpy.zeros((8, classes))
    for place, (i, j) in enumerate(pairs):
        for own, row in ((i, j - 1), (j, i)):
            part = slice(starts[own], starts[own + 1])
            scores[:, place] += values[:, part] @ weights[row, part]
        scores[:, place] += rho[place]
        votes[numpy.arange(8), numpy.where(scores[:, place] > 0, i, j)] += 1
    results = scores
    if probabilities:
        first = numpy.clip(1 - 1 / (1 + numpy.exp(-(scores * slopes + shifts))), 1e-7, 1 - 1e-7)
        results = numpy.zeros((8, classes))
        for n in range(8):
            r = numpy.zeros((classes, classes))
            for place, (i, j) in enumerate(pairs):
                r[i, j], r[j, i] = first[n, place], 1 - first[n, place]
            results[n] = coupled(r)
    elif classes == 2:
        results = numpy.concatenate([-scores, scores], 1)
    attributes = {"coefficients": weights.ravel().tolist(), "support_vectors": vectors.ravel().tolist(), "rho": rho.tolist(), "vectors_per_class": per_class, "kernel_type": "RBF",
                  "kernel_params": [0.5, 0.0, 0.0], "classlabels_ints": list(range(10, 10 + classes))}
    if probabilities:
        attributes |= {"prob_a": slopes.tolist(), "prob_b": shifts.tolist()}
    return x, votes.argmax(1) + 10, results, attributes


def test_svm_classifier(mode):
    batch, generator = Batch(), rng()
    for classes, probabilities, kind in itertools.product((2, 3, 5), (False, True), ("NONE", "LOGISTIC")):
        x, labels, scores, attributes = svm_case(generator, classes, probabilities)
        # A stopping rule may stop one round earlier or later, which moves probabilities by less than its bound.
        batch.add(label("SVMClassifier", classes, probabilities, kind), "SVMClassifier", [x], [labels, transformed(scores, kind).astype(numpy.float32)], [0, 5e-3 if probabilities else 1e-4], domain=ML, post_transform=kind, **attributes)
    x, weights = uniform(generator, (7, 4)), uniform(generator, (3, 4))
    scores = x @ weights.T + 0.25
    batch.add("linear", "SVMClassifier", [x], [numpy.array([4, 5, 6])[scores.argmax(1)], scores], [0, 1e-5], domain=ML, coefficients=weights.ravel().tolist(), rho=[0.25, 0.25, 0.25], classlabels_ints=[4, 5, 6])
    batch.check(mode)


def test_features(mode):
    batch, generator = Batch(), rng()
    for dtype in NUMBERS:
        x = features(generator, (4, 6), dtype)
        indices = numpy.array([5, 0, 0])
        batch.add(label("ArrayFeatureExtractor", x), "ArrayFeatureExtractor", [x, indices], x[:, indices], domain=ML)
        batch.add(label("ArrayFeatureExtractor", x[0]), "ArrayFeatureExtractor", [x[0], indices.reshape(1, 3)], x[:1, indices], domain=ML)
        batch.add(label("ArrayFeatureExtractor", x[None]), "ArrayFeatureExtractor", [x[None], indices], x[None][..., indices], domain=ML)
        batch.add(label("Binarizer", x), "Binarizer", [x], (x > 0.5).astype(dtype), domain=ML, threshold=0.5)
        norms = {"MAX": abs(x.astype(float)).max(1), "L1": abs(x.astype(float)).sum(1), "L2": (x.astype(float) ** 2).sum(1) ** 0.5}
        for norm, size in norms.items():
            batch.add(label("Normalizer", x, norm), "Normalizer", [x], (x / size[:, None]).astype(numpy.float32), 1e-6, domain=ML, norm=norm)
        row = numpy.array([[0, 0, 0], [2, -1, 0]]).astype(dtype)
        batch.add(label("Normalizer", row), "Normalizer", [row], (row / [[1], [3]]).astype(numpy.float32), 1e-6, domain=ML, norm="L1")
        other = features(generator, (4,), dtype)
        parts = [x[:, :2], other[:, None], numpy.zeros((4, 2))]
        batch.add(label("FeatureVectorizer", x), "FeatureVectorizer", [x, other], numpy.concatenate(parts, 1).astype(numpy.float32), domain=ML, inputdimensions=[2, 3])
    batch.check(mode)


def test_imputer(mode):
    batch, generator = Batch(), rng()
    for dtype in NUMBERS:
        name = "float" if dtype.startswith("float") else "int64"
        x = generator.integers(0, 3, (5, 4)).astype(dtype)
        for imputed in ([7], [7, 8, 9, 10]):
            values = [float(value) for value in imputed] if name == "float" else imputed
            batch.add(label("Imputer", x, imputed), "Imputer", [x], numpy.where(x == 1, numpy.array(imputed, dtype), x), domain=ML, **{f"imputed_value_{name}s": values, f"replaced_value_{name}": values[0] - 6})
    x = numpy.array([[1, numpy.nan], [numpy.nan, 4]], numpy.float32)
    batch.add("missing", "Imputer", [x], numpy.array([[1, 6], [5, 4]], numpy.float32), domain=ML, imputed_value_floats=[5.0, 6.0], replaced_value_float=float("nan"))
    batch.check(mode)


def test_encoders(mode):
    batch, generator = Batch(ml_opset=4), rng()
    for dtype in NUMBERS:
        x = generator.integers(0, 5, (3, 4)).astype(dtype)
        hot = (x[..., None] == numpy.array([3, 0, 4])).astype(numpy.float32)
        batch.add(label("OneHotEncoder", x), "OneHotEncoder", [x], hot, domain=ML, cats_int64s=[3, 0, 4])
        batch.add(label("OneHotEncoder", x, "all"), "OneHotEncoder", [x], (x[..., None] == numpy.arange(5)).astype(numpy.float32), domain=ML, cats_int64s=[0, 1, 2, 3, 4], zeros=0)
    x = numpy.array([[4, 1, 9], [2, 2, 4]])
    batch.add("ints", "LabelEncoder", [x], numpy.array([[40, 10, -1], [21, 21, 40]]), domain=ML, keys_int64s=[1, 2, 4, 2], values_int64s=[10, 20, 40, 21])
    batch.add("floats", "LabelEncoder", [x], numpy.array([[0.5, 0.25, 7], [7, 7, 0.5]], numpy.float32), domain=ML, keys_int64s=[1, 4], values_floats=[0.25, 0.5], default_float=7.0)
    y = numpy.array([0.5, numpy.nan, 2], numpy.float32)
    batch.add("from floats", "LabelEncoder", [y], numpy.array([1, 2, -3]), domain=ML, keys_floats=[0.5, float("nan")], values_int64s=[1, 2], default_int64=-3)
    tensors = {"keys_tensor": numpy_helper.from_array(numpy.array([1, 4], numpy.int16)), "values_tensor": numpy_helper.from_array(numpy.array([0.1, 0.2])), "default_tensor": numpy_helper.from_array(numpy.array([9.5]))}
    batch.add("tensors", "LabelEncoder", [x.astype(numpy.int16)], numpy.array([[0.2, 0.1, 9.5], [9.5, 9.5, 0.2]]), domain=ML, **tensors)
    batch.check(mode)
