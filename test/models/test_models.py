"""Public models: compiled with no flag, every input set from one library, compared with ONNX Runtime's outputs."""

import json
import pathlib

import numpy
import pytest

import cross
import tenon

MODELS = ("ppocr_cls", "resnet_nsfw", "yolov8n_320", "wake_embed", "wake_mel", "eeg_spindle", "magika", "dtln_1", "surf_mlp", "basic_pitch")
AARCH64_MODELS = ("dtln_1", "ppocr_cls", "wake_embed", "magika", "surf_mlp")
# The emulator takes seconds to minutes for each of these.
AARCH64_OTHERS = ("wake_mel", "basic_pitch", "dfn3_enc", "dfn3_erb_dec", "silero_vad", "plcmos_gru", "khmersm", "thai_deepcut", "romanizer_enc", "romanizer_dec",
                  "romanizer_loop", "tashkeel_bilstm_int8", "voicefilter_int8", "dddd_ctc_int8", "luscinia_nozip")
# The other models of the catalogue, and the missing piece of each that cannot pass yet. A model that passes is a failure
# until it leaves the list.
OTHERS = json.loads(pathlib.Path(__file__).with_name("other_models.json").read_text())
# Schedules that go one element after the other.
SLOW_PATHS = ("reference", "sequential", "gather")


@pytest.mark.parametrize("name", MODELS)
def test_every_input_set(catalogue, compiled, name):
    catalogue.check(name, tenon.load(compiled(name)).run)


@pytest.mark.parametrize("name", MODELS)
def test_two_threads_give_the_same_bits(catalogue, compiled, name):
    one, two = (tenon.load(compiled(name), threads=threads) for threads in (1, 2))
    for feeds in catalogue.cases(name):
        first, second = one.run(feeds), two.run(feeds)
        for output in first:
            assert first[output].tobytes() == second[output].tobytes(), f"{output} differs"


@pytest.mark.parametrize("name", [*AARCH64_MODELS, *(pytest.param(name, marks=pytest.mark.long) for name in AARCH64_OTHERS)])
def test_aarch64_under_the_emulator(catalogue, compiled, build, name):
    library = compiled(name, target="aarch64-linux-gnu")
    catalogue.check(name, lambda feeds: cross.run_cross(build, library, feeds))


@pytest.mark.parametrize("name", MODELS)
def test_no_kernel_is_slow(compiled, tenon, name):
    done = tenon("inspect", compiled(name), "--json")
    assert done.returncode == 0, done.stderr
    kernels = json.loads(done.stdout)["kernels"]
    assert kernels
    slow = [f"{kernel['name']} ({kernel.get('path', 'no path')}): {', '.join(kernel['nodes'])}" for kernel in kernels
            if kernel.get("path") is None or kernel["path"] in SLOW_PATHS]
    assert not slow, f"{len(slow)} of {len(kernels)} kernels: " + "; ".join(slow)


def test_the_lists_cover_the_catalogue(catalogue):
    assert sorted([*MODELS, *OTHERS["pass"], *OTHERS["fail"]]) == sorted(catalogue.entries)


@pytest.mark.long
@pytest.mark.parametrize("name", [
    *OTHERS["pass"], *(pytest.param(name, marks=pytest.mark.xfail(reason=reason, strict=True)) for name, reason in OTHERS["fail"].items())])
def test_other_models(catalogue, compiled, name):
    catalogue.check(name, tenon.load(compiled(name)).run)


def test_a_rate_that_the_pinned_shape_rules_out(catalogue, compiled, tmp_path):
    """Branches for 8 and for 16 kHz: a chunk of the one is no input of the other's LSTM, and ONNX Runtime says so as well."""
    with pytest.warns(tenon.CompileWarning, match="'If_0'.*else_branch cannot run.*LSTM"):
        library = tenon.compile(catalogue.path("silero_vad"), tmp_path / "pinned.so", shape={"input": (1, 512), "state": (2, 1, 128)})
    pinned, free, generator = tenon.load(library), tenon.load(compiled("silero_vad")), numpy.random.default_rng(0)
    states = [numpy.zeros((2, 1, 128), numpy.float32)] * 2
    for _ in range(8):
        feeds = {"input": generator.normal(0, 0.3, (1, 512)).astype(numpy.float32), "sr": numpy.array(16000)}
        results = [model.run({**feeds, "state": state}) for model, state in zip((pinned, free), states)]
        states = [result["stateN"] for result in results]
        for output in results[0]:
            numpy.testing.assert_allclose(results[0][output], results[1][output], rtol=1e-4, atol=1e-4)
    with pytest.raises(tenon.RunError, match="'If_0'.*else_branch cannot run.*LSTM"):
        pinned.run({**feeds, "state": states[0], "sr": numpy.array(8000)})
