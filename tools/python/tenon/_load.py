"""Loading compiled models."""

from __future__ import annotations

import json
import os
from typing import Union

from ._tenon import Model
from ._values import ValueModel


def load(path: Union[str, os.PathLike], threads: int = 1) -> Model:
    """Loads a compiled model.

    `threads` is how many threads a run may use, the calling one among them; 0 stands for the number of processors this
    process may use. All models share the threads of the process.

    Raises LoadError when the file cannot be read, is no compiled model, was made for another version of the runtime, or
    needs processor features that are missing here (the text names them). Loading runs code from the file: load only what
    you trust.
    """
    model = Model(os.fsencode(path), threads)
    if '"values":' not in model.manifest or not json.loads(model.manifest).get("values"):
        return model
    return ValueModel(os.fsencode(path), threads)
