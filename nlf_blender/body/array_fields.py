# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading typed arrays out of a file's, so that a bad file fails by the array's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Float64Array, FloatArray, IntArray

Arrays = Mapping[str, NDArray[Any]]


def array_of(arrays: Arrays, key: str) -> NDArray[Any]:
    """The array under this key; ValueError if it is missing."""
    if key not in arrays:
        raise ValueError(f"{key} is missing")
    return np.asarray(arrays[key])


def _check_shape(array: NDArray[Any], key: str, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or array.size == 0:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{key} has shape {array.shape}, not ({wanted})")


def floats_of(arrays: Arrays, key: str, shape: tuple[int | None, ...]) -> FloatArray:
    """The floating-point array of this shape (None: any size) under this key; else ValueError."""
    array = array_of(arrays, key)
    _check_shape(array, key, shape)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{key} holds {array.dtype}, not floating-point numbers")
    if not np.isfinite(array).all():
        raise ValueError(f"{key} has values that are not finite")
    # a float16 file is as good, but sums over its vertices would not be
    return array.astype(np.float32) if array.dtype == np.float16 else array


def optional_floats_of(
    arrays: Arrays, key: str, shape: tuple[int | None, ...]
) -> FloatArray | None:
    """As `floats_of`, or None where the key is missing."""
    return floats_of(arrays, key, shape) if key in arrays else None


def as_float64(array: FloatArray | None) -> Float64Array | None:
    """The array in double precision, None for None."""
    return None if array is None else array.astype(np.float64)


def indices_of(arrays: Arrays, key: str, shape: tuple[int | None, ...], count: int) -> IntArray:
    """The whole numbers, each from 0 to count - 1, under this key; else ValueError."""
    array = array_of(arrays, key)
    _check_shape(array, key, shape)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{key} holds {array.dtype}, not whole numbers")
    values = array.astype(np.int64)
    if values.min() < 0 or values.max() >= count:
        raise ValueError(f"{key} refers to {int(values.max())}, but there are {count}")
    return values


def texts_of(arrays: Arrays, key: str) -> tuple[str, ...]:
    """The list of texts under this key, empty where it is missing."""
    if key not in arrays:
        return ()
    array = np.asarray(arrays[key])
    if array.ndim != 1 or array.dtype.kind != "U":
        raise ValueError(f"{key} is not a list of texts")
    return tuple(str(text) for text in array)
