"""Public models: compiled with no flag, every input set from one library, compared with ONNX Runtime's outputs."""

import json
import pathlib

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
