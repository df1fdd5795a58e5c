"""Fourier transforms against numpy's in float64, and the matrix of mel weights."""

import numpy
import pytest
from onnx import TensorProto, helper

import tenon
from arrays import label, rng, uniform
from evaluator import evaluate
from harness import Batch, epsilon

# Direct, split once and twice, primes on both sides of the longest direct one, products of two long primes.
LENGTHS = (1, 2, 3, 8, 12, 97, 127, 128, 129, 256, 360, 521, 1009, 1024, 131 * 137, 20000)


def parts(x):
    return numpy.stack([x.real, x.imag], -1)


def bound(x, length, axis):
    """Rounding of sums of the longest line's absolute values, a few units in the last place for each factor of the length."""
    return 16 * numpy.log2(2 * length) * epsilon(x.dtype) * numpy.abs(x).sum(axis).max(initial=1)


def complexes(x):
    return x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]


def add_dft(batch, x, axis=1, length=None, inverse=0, onesided=0, version=17):
    wide, given, axis = complexes(x.astype(float)), axis, axis % x.ndim
    if inverse:
        n = length or (2 * (x.shape[axis] - 1) if onesided else x.shape[axis])
        exact = numpy.fft.irfft(wide, n, axis)[..., None] if onesided else parts(numpy.fft.ifft(wide, n, axis))
    else:
        n = length or x.shape[axis]
        exact = parts(numpy.fft.rfft(wide, n, axis) if onesided else numpy.fft.fft(wide, n, axis))
    inputs = [x, None if length is None else numpy.array(length)]
    attributes = {"inverse": inverse, "onesided": onesided}
    if version == 17:
        attributes["axis"] = given
    else:
        inputs.append(numpy.array(given))
    constants = (1,) if length is not None and length % 2 else ()
    batch.add(label("DFT", x, given, length, inverse, onesided), "DFT", inputs if length or version > 17 else inputs[:1], exact.astype(x.dtype), bound(x, n, axis),
              constants=constants + ((2,) if version > 17 and length is None else ()), known=() if x.ndim < 3 else (), **attributes)


class KnownParts(Batch):
    """Signals whose last extent is known, as a transform needs it."""

    def _model(self, cases, mode):
        model = super()._model(cases, mode)
        arrays = {key: value for case in cases for key, value in case.inputs.items()}
        for info in model.graph.input:
            shape = info.type.tensor_type.shape
            if len(shape.dim) > 1:
                shape.dim[-1].dim_value = arrays[info.name].shape[-1]
        return model


@pytest.mark.parametrize("length", LENGTHS)
def test_lengths(mode, length):
    if mode != "static" and length > 1024:
        pytest.skip("without a known length the work is quadratic, and the reference is slow")
    batch, generator = KnownParts(opset=19), rng()
    real, both = uniform(generator, (2, length, 1)), uniform(generator, (2, length, 2))
    add_dft(batch, real)
    add_dft(batch, both)
    add_dft(batch, both, inverse=1)
    add_dft(batch, real, onesided=1)
    half = both[:, : length // 2 + 1].copy()
    add_dft(batch, half, length=length, inverse=1, onesided=1)
    add_dft(batch, uniform(generator, (1, length, 2), dtype="float64"))
    batch.check(mode)


def test_open_parts(mode):
    """Whether a signal is real or complex is known when it comes; a short, a split and an inverse transform."""
    batch, generator = Batch(opset=17), rng()
    for length in (5, 130):
        real, both = uniform(generator, (2, length, 1)), uniform(generator, (2, length, 2))
        for x in (real, both):
            add_dft(batch, x)
            add_dft(batch, x, inverse=1)
        add_dft(batch, real, onesided=1)
        add_dft(batch, both, length=8, inverse=1, onesided=1)
    x, n = uniform(generator, (2, 20, 1)), 8
    exact = parts(numpy.fft.rfft(numpy.stack([complexes(x.astype(float))[:, at : at + n] for at in (0, 4, 8, 12)], 1), n))
    batch.add("STFT", "STFT", [x, numpy.array(4), None, numpy.array(n)], exact.astype(numpy.float32), bound(x, n, 1), constants=(1, 3))
    batch.check(mode)


def test_parts_of_no_number(tmp_path):
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 3) for name in "xy"]
    graph = helper.make_graph([helper.make_node("DFT", ["x"], ["y"], name="the_node")], "graph", infos[:1], infos[1:])
    model = tenon.load(tenon.compile(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "model.so"))
    assert model.run({"x": numpy.ones((1, 4, 2), numpy.float32)})["y"].shape == (1, 4, 2)
    for shape in ((1, 4, 3), (1, 4, 0)):
        with pytest.raises(tenon.RunError, match=rf"node 'the_node' \(DFT\): the last extent of the signal is {shape[2]}, expected 1"):
            model.run({"x": numpy.ones(shape, numpy.float32)})


@pytest.mark.parametrize("version", [17, 20])
def test_axes_and_lengths(mode, version):
    batch, generator = KnownParts(opset=19 if version == 17 else 20), rng()
    for shape, axis in (((2, 5, 3, 2), 0), ((2, 5, 3, 2), 2), ((2, 5, 3, 1), -2), ((6, 2), 0), ((2, 5, 3, 2), 1)):
        x = uniform(generator, shape)
        for length in (None, 3, 4, 9):
            add_dft(batch, x, axis, length, version=version)
            add_dft(batch, x, axis, length, inverse=1, version=version)
        add_dft(batch, x[..., :1], axis, 7, onesided=1, version=version)
    batch.check(mode)


def test_stft(mode):
    batch, generator = KnownParts(opset=17), rng()
    for shape, step, length, window_length in (((2, 50, 1), 8, 16, 16), ((1, 40, 2), 5, 12, 12), ((3, 33, 1), 4, 9, None), ((1, 300, 1), 64, 256, 256), ((1, 20, 1), 3, None, 7), ((1, 5, 1), 1, 8, None)):
        x = uniform(generator, shape)
        window = None if window_length is None else uniform(generator, (window_length,), 0, 1)
        n = length or window_length
        frames = max((shape[1] - n) // step + 1, 0)
        wide = complexes(x.astype(float))
        cut = numpy.stack([wide[:, f * step : f * step + n] for f in range(frames)], 1) if frames else numpy.zeros((shape[0], 0, n))
        cut = cut * (1 if window is None else window.astype(float))
        for onesided in (0, 1) if shape[2] == 1 else (0,):
            exact = parts((numpy.fft.rfft if onesided else numpy.fft.fft)(cut, n))
            inputs = [x, numpy.array(step), window, None if length is None else numpy.array(length)]
            for constants in ((1,), (1, 3))[: 1 if length is None else 2]:
                batch.add(label("STFT", x, step, length, onesided, *constants), "STFT", inputs, exact.astype(numpy.float32), bound(x, n, 1), constants=constants, onesided=onesided)
    batch.check(mode)


def test_mel_weight_matrix(mode):
    batch = Batch(opset=17)
    for bins, length, rate, low, high in ((8, 16, 8192, 0.0, 4096.0), (40, 512, 16000, 125.0, 7500.0), (128, 2048, 22050, 0.0, 11025.0), (3, 4, 100, 1.0, 49.0)):
        inputs = [numpy.array(bins), numpy.array(length), numpy.array(rate), numpy.array(low, numpy.float64), numpy.array(high, numpy.float64)]
        exact = evaluate("MelWeightMatrix", inputs, opset=17)[0]
        for constants in ((), (0, 1, 2, 3, 4)):
            batch.add(f"mel {bins} {length} {len(constants)}", "MelWeightMatrix", inputs, exact.astype(numpy.float32), 1e-6, constants=constants)
        batch.add(f"mel {bins} {length} whole", "MelWeightMatrix", inputs, exact.astype(numpy.int32), output_datatype=6)
    batch.check(mode)
