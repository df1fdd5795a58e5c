"""What describes inputs and outputs."""

from __future__ import annotations

from typing import NamedTuple, Union

import numpy


class TensorSpec(NamedTuple):
    """An input or output of a model."""

    name: str
    dtype: numpy.dtype
    """bf16, floats of at most 8 bits and integers below a byte are the types of ml_dtypes."""
    shape: tuple[Union[int, str, None], ...]
    """An extent where it is fixed, the name of a symbolic dimension (equal names are equal extents), or None."""
