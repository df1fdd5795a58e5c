"""What describes inputs and outputs."""

from __future__ import annotations

from typing import NamedTuple, Union

import numpy


class TensorSpec(NamedTuple):
    """An input or output of a model."""

    name: str
    dtype: numpy.dtype
    """bf16, floats of at most 8 bits and integers below a byte are the types of ml_dtypes. Strings are object arrays of str; inputs
    may be arrays of str or bytes (UTF-8) as well."""
    shape: tuple[Union[int, str, None], ...]
    """An extent where it is fixed, the name of a symbolic dimension (equal names are equal extents), or None."""


class ValueSpec(NamedTuple):
    """An input or output that is a sequence, an optional value or a map."""

    name: str
    kind: str
    """"sequence", "tensor" (an optional one), "map", or "maps" (a sequence of maps)."""
    dtype: numpy.dtype
    """Of the elements or of a map's values."""
    rank: Union[int, None]
    """Of a sequence's elements; None where they may differ in it."""
    is_optional: bool
    """Whether it may be None."""
    key_dtype: Union[numpy.dtype, None] = None
    """Of a map's keys: int64, or object for texts."""
