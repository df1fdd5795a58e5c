"""Test data: seeded random arrays of every type, special values, and names for cases."""

import ml_dtypes
import numpy

BF16 = numpy.dtype(ml_dtypes.bfloat16)
FLOATS = [numpy.dtype(kind) for kind in ("float32", "float64", "float16")] + [BF16]
SIGNED = [numpy.dtype(f"int{bits}") for bits in (8, 16, 32, 64)]
UNSIGNED = [numpy.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)]
INTEGERS = SIGNED + UNSIGNED
BOOL = numpy.dtype(bool)
COMPLEX = [numpy.dtype(kind) for kind in ("complex64", "complex128")]

# Around the widths of vectors, and those that leave tails.
LENGTHS = (1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100)


def rng(seed: int = 1) -> numpy.random.Generator:
    return numpy.random.default_rng(seed)


def uniform(generator: numpy.random.Generator, shape, low: float = -2, high: float = 2, dtype="float32") -> numpy.ndarray:
    return generator.uniform(low, high, shape).astype(dtype)


def integers(generator: numpy.random.Generator, shape, dtype, low=None, high=None) -> numpy.ndarray:
    """Of the whole range of the type unless told otherwise; `high` is included."""
    info = numpy.iinfo(dtype)
    return generator.integers(info.min if low is None else low, info.max if high is None else high, shape, dtype, endpoint=True)


def values(generator: numpy.random.Generator, shape, dtype) -> numpy.ndarray:
    """Any values of a type: floats in [-2, 2], integers of the whole range."""
    dtype = numpy.dtype(dtype)
    if dtype == BOOL:
        return generator.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return integers(generator, shape, dtype)
    if dtype.kind == "c":
        return (uniform(generator, shape) + 1j * uniform(generator, shape)).astype(dtype)
    return uniform(generator, shape, dtype=dtype)


def special_floats(dtype) -> numpy.ndarray:
    """Zeros, denormal and huge numbers, infinities and NaN."""
    dtype = numpy.dtype(dtype)
    info = ml_dtypes.finfo(dtype)
    numbers = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, float(info.smallest_subnormal), -float(info.smallest_subnormal),
               float(info.tiny), float(info.max), -float(info.max), numpy.inf, -numpy.inf, numpy.nan]
    return numpy.array(numbers).astype(dtype)


def label(*parts) -> str:
    """"float32 2x3" from a type and a shape, and so on."""
    texts = []
    for part in parts:
        if isinstance(part, numpy.ndarray):
            texts.append(f"{part.dtype.name}[{'x'.join(map(str, part.shape))}]")
        elif isinstance(part, (tuple, list)):
            texts.append("x".join(map(str, part)) or "scalar")
        else:
            texts.append(str(part))
    return " ".join(texts)
