"""What describes inputs and outputs."""

from __future__ import annotations

from typing import NamedTuple, Union

import numpy


class TensorSpec(NamedTuple):
    """An input or output of a model."""

    name: str
    dtype: numpy.dtype
    """bf16 is ml_dtypes.bfloat16. Strings are object arrays of str; inputs may be arrays of str or bytes (UTF-8) as well."""
    shape: tuple[Union[int, str, None], ...]
    """An extent where it is fixed, the name of a symbolic dimension (equal names are equal extents), or None."""
