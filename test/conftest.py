"""What all Python tests share: the folders of the checkout and of the build, and the tools in it."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("TENON_BUILD") or ROOT / "build")

sys.path.insert(0, str(BUILD / "python"))


@pytest.fixture(scope="session")
def root() -> pathlib.Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def build() -> pathlib.Path:
    """The build tree under test."""
    return BUILD


@pytest.fixture(scope="session")
def tenon(build):
    """Runs `tenon` with arguments; returns the finished process with its text output."""

    def run(*arguments, **options) -> subprocess.CompletedProcess:
        options.setdefault("timeout", 300)
        return subprocess.run([str(build / "bin/tenon"), *map(str, arguments)], capture_output=True, text=True, **options)

    return run


@pytest.fixture(scope="session")
def models_tools(root) -> pathlib.Path:
    """The catalogue of public models ($TENON_MODELS_TOOLS or ../shared/models): fetch.py, inputs.py, reference.py."""
    folder = pathlib.Path(os.environ.get("TENON_MODELS_TOOLS") or root.parent / "shared/models")
    if not (folder / "models.json").exists():
        pytest.fail(f"the catalogue of public models is not in {folder}; set TENON_MODELS_TOOLS to its folder")
    return folder
