"""What is measured: models of the public catalogue, models made here (generated), by name, or any ONNX file, with inputs and
reference outputs.

The catalogue ($TENON_MODELS_TOOLS, or shared/models beside the checkout) has inputs for its models. All others get random
ones: dynamic dimensions are 1, integers and booleans 0, so that indices are valid.
"""

import dataclasses
import functools
import os
import pathlib
import sys

import generated

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = pathlib.Path(os.environ.get("TENON_MODELS_TOOLS") or ROOT.parent / "shared/models")
sys.path.append(str(TOOLS))
if not (TOOLS / "reference.py").exists():
    raise SystemExit(f"error: the catalogue of public models is not in {TOOLS}; set TENON_MODELS_TOOLS to its folder")

BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")
# Those that issue and README speak of; all others of the catalogue may be named.
DEFAULT_NAMES = ["ppocr_cls", "resnet_nsfw", "yolov8n_320", "wake_embed", "wake_mel", "eeg_spindle", "magika", "dtln_1", "surf_mlp", "basic_pitch"]
# For models without one of their own: rounding of float32 over long sums, and of Winograd's transforms.
FILE_TOLERANCE = {"relative_to_max": 1e-3, "atol": 1e-6}
NUMPY_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bool)": "bool"}


@dataclasses.dataclass(frozen=True)
class Workload:
    """A model and one set of inputs."""

    name: str
    case: int = 0

    @property
    def label(self) -> str:
        return pathlib.Path(self.name).stem if self.name.endswith(".onnx") else self.name

    @property
    def _is_in_catalogue(self) -> bool:
        return _is_in_catalogue(self.name)

    @functools.cached_property
    def path(self) -> pathlib.Path:
        if self.name.endswith(".onnx"):
            return pathlib.Path(self.name)
        if self.name in generated.MODELS:
            return generated.write(self.name, BUILD / "generated")
        import fetch

        return pathlib.Path(fetch.model_path(self.name))

    @functools.cached_property
    def feeds(self) -> dict:
        """Inputs by name; the same arrays for every engine."""
        if not self._is_in_catalogue:
            return {value.name: _random_array(value) for value in self._reference_session.get_inputs()}
        import inputs

        return inputs.cases(self.name)[self.case]()

    @functools.cached_property
    def expected(self) -> dict:
        """Reference outputs by name, in the order of the model."""
        import reference

        return reference.run(self._reference_session, self.feeds)

    @functools.cached_property
    def _reference_session(self):
        import reference

        return reference.session(self.path)

    def fault(self, outputs: dict) -> str:
        """What is wrong with these outputs; nothing if they agree with the reference.

        The width of integers is not compared: not every peer has all of them.
        """
        import numpy
        import reference

        outputs, tolerance = dict(outputs), FILE_TOLERANCE
        for name, expected in self.expected.items():
            if isinstance(expected, numpy.ndarray) and expected.dtype.kind in "iub" and name in outputs:
                array = numpy.asarray(outputs[name])
                outputs[name] = array.astype(expected.dtype) if array.dtype.kind in "iub" else array
        if self._is_in_catalogue:
            import fetch

            tolerance = fetch.load_catalogue()[self.name]["tolerance"]
        return reference.compare(outputs, self.expected, tolerance).reason


def _random_array(value):
    import numpy

    shape = [extent if isinstance(extent, int) and extent >= 0 else 1 for extent in value.shape]
    dtype = NUMPY_TYPES.get(value.type) or value.type.removeprefix("tensor(").removesuffix(")")
    if dtype.startswith("float"):
        return numpy.random.default_rng(0).standard_normal(shape).astype(dtype)
    return numpy.zeros(shape, dtype)


def _is_in_catalogue(name: str) -> bool:
    return not name.endswith(".onnx") and name not in generated.MODELS


def number_of_cases(name: str) -> int:
    if not _is_in_catalogue(name):
        return 1
    import inputs

    return len(inputs.cases(name))
