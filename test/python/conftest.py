"""What the tests of the Python package share: the hand-written libraries of test/runtime."""

import pathlib

import pytest


@pytest.fixture(scope="session")
def libraries(build) -> pathlib.Path:
    """affine.so (y = 2 x + (1, 10, 100)), affine-triple.so, echo.so (every element type), affine-aarch64-linux-gnu.so."""
    return build / "test/runtime/libraries"
