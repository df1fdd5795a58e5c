"""Models made here, so that a comparison can go beyond the public ones: networks of random weights and single operators.

Their names are `network/NAME` and `operator/NAME`; `write` makes the ONNX file.
"""

import os
import pathlib

from . import operators, sequence, vision

MODELS = {
    **{f"network/{build.__name__}": build for build in (*vision.NETWORKS, *sequence.NETWORKS)},
    **{f"operator/{name}": build for name, build in operators.OPERATORS.items()},
}


def write(name: str, folder: pathlib.Path) -> pathlib.Path:
    """The model's file in `folder`, which is made if it is not there. An unknown name is a KeyError."""
    import onnx

    path = folder / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    # In one step: another process may be reading it.
    written = path.with_suffix(f".{os.getpid()}")
    onnx.save(MODELS[name](), written)
    os.replace(written, path)
    return path
