"""The runtime on AArch64 under the emulator, and run_raw itself on this processor."""

import numpy
import pytest

import cross
from test_run import echo_feeds


def check_affine(run):
    x = numpy.random.default_rng(1).random((500, 3), dtype=numpy.float32)
    results = run({"x": x})
    assert list(results) == ["y"]
    numpy.testing.assert_array_equal(results["y"], 2 * x + numpy.array([1, 10, 100], numpy.float32))


@pytest.mark.parametrize("threads", [1, 3])
def test_affine_under_the_emulator(build, libraries, threads):
    check_affine(lambda feeds: cross.run_cross(build, libraries / "affine-aarch64-linux-gnu.so", feeds, threads))


def test_features_of_emulated_processors(build, libraries):
    """The emulator's own processor has them all; a Cortex-A53 lacks the newer ones."""
    library = libraries / "affine-features-aarch64-linux-gnu.so"
    check_affine(lambda feeds: cross.run_cross(build, library, feeds))
    program = [*cross.EMULATOR, "-cpu", "cortex-a53", str(build / "bin/aarch64-linux-gnu/run_raw")]
    with pytest.raises(RuntimeError, match="missing here: lse, dotprod, i8mm, bf16; compile it with --cpu generic"):
        cross.run_raw(program, library)
    check_affine(lambda feeds: cross.run_program(program, libraries / "affine-aarch64-linux-gnu.so", feeds))


def test_errors_under_the_emulator(build, libraries):
    with pytest.raises(RuntimeError, match="input 'x' has dimensions 2x4 but expected nx3"):
        cross.run_cross(build, libraries / "affine-aarch64-linux-gnu.so", {"x": numpy.ones((2, 4), numpy.float32)})
    with pytest.raises(RuntimeError, match="was compiled for x86_64 but this process runs on aarch64"):
        cross.run_cross(build, libraries / "affine.so", {})
    with pytest.raises(RuntimeError, match="inputs given and wanted differ in \\['y'\\]"):
        cross.run_cross(build, libraries / "affine-aarch64-linux-gnu.so", {"x": numpy.ones((2, 3), numpy.float32), "y": 1})


def test_run_raw_on_this_processor(build, libraries):
    program = [str(build / "bin/run_raw")]
    check_affine(lambda feeds: cross.run_program(program, libraries / "affine.so", feeds))
    feeds = echo_feeds()
    results = cross.run_program(program, libraries / "echo.so", feeds)
    for name, array in feeds.items():
        if name.startswith("in:"):
            assert results[name.replace("in:", "out:")].tobytes() == array.tobytes()
    assert results["doubled ä"] == 5.0


def test_run_raw_tells_failures(build, libraries):
    with pytest.raises(RuntimeError, match="out of range: node 'gather': index -3 is outside"):
        cross.run_program([str(build / "bin/run_raw")], libraries / "echo.so", echo_feeds(scalar=numpy.array(-3.0)))
