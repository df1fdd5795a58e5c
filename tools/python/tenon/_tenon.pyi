"""The extension module: loading and running compiled models."""

import numpy

from ._types import TensorSpec

def version() -> str:
    """The version of the runtime."""

class Model:
    """A compiled model, ready to run. Made by tenon.load.

    run() may be called from several threads at once; each call has memory of its own.
    """

    def __init__(self, path: bytes, threads: int) -> None: ...
    def run(self, inputs: dict[str, numpy.ndarray]) -> dict[str, numpy.ndarray]:
        """Runs the model on a dict of input name to numpy array and returns a dict of output name to numpy array.

        Inputs may have any strides and are never written. The returned arrays belong to the caller. Raises
        tenon.RunError when a name, type, rank or extent is wrong or the model reports a failure. The GIL is
        released while the model computes.
        """

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """In the model's order."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """In the model's order."""

    @property
    def path(self) -> str:
        """The file that was loaded."""

    @property
    def threads(self) -> int:
        """The threads given to tenon.load."""

    @property
    def manifest(self) -> str:
        """What the compiler recorded about the model, as JSON text."""
