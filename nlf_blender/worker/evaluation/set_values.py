# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers of an evaluation set's JSON as arrays, so that bad ones fail by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...body.arrays import Float64Array
from ...protocol.json_fields import as_float, as_list


def numbers(
    value: object,
    tails: Sequence[tuple[int | None, ...]],
    what: str,
    notes: list[str] | None = None,
) -> Float64Array:
    """Nested lists as an array; null becomes NaN: unknown.

    tails: the shapes that are allowed, None for any length. ValueError naming `what` if it has
    another shape, or holds anything else than finite numbers and null; with notes, NaN is told
    there, and is unknown, too.
    """
    odd: list[str] = []
    flat: list[float] = []
    shape = _shape(value, what)
    _collect(value, shape, flat, what, None if notes is None else odd)
    if notes is not None and odd:
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        notes.append(f"{odd[0]}{more} not finite: taken as unknown")
    array = np.array(flat).reshape(shape)
    if not any(_fits(shape, tail) for tail in tails):
        wanted = " or ".join(str(["any" if n is None else n for n in tail]) for tail in tails)
        raise ValueError(f"{what} has shape {list(shape)}, not {wanted}")
    return array


def require_finite(array: Float64Array, what: str) -> Float64Array:
    """The array, if all of it is known. ValueError naming `what` and the first row that is not."""
    bad = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
    if len(bad):
        raise ValueError(f"{what}[{bad[0]}] is not a number")
    return array


def file_of(folder: Path, name: str) -> Path:
    """A set's file; its name may have been written with Windows' backslashes, or with its accents
    apart or joined where the disk has it the other way."""
    names = [name, name.replace("\\", "/")]
    names += [unicodedata.normalize(form, one) for one in names for form in ("NFC", "NFD")]
    return next((folder / one for one in names if (folder / one).exists()), folder / name)


def _fits(shape: tuple[int, ...], tail: tuple[int | None, ...]) -> bool:
    return len(shape) == len(tail) and all(
        wanted in (None, length) for length, wanted in zip(shape, tail, strict=True)
    )


def _shape(value: object, what: str) -> tuple[int, ...]:
    """The lengths of nested lists, by the first of each."""
    lengths: list[int] = []
    while isinstance(value, list):
        items = as_list(value, what)
        lengths.append(len(items))
        if not items:
            break
        value = next((item for item in items if isinstance(item, list)), items[0])
    return tuple(lengths)


def _collect(
    value: object, shape: tuple[int, ...], flat: list[float], what: str, odd: list[str] | None
) -> None:
    """Append the numbers of nested lists; null stands for a whole list of unknown numbers, too.
    odd: gathers what is not finite, which fails without it."""
    if value is None:
        flat.extend([np.nan] * int(np.prod(shape)))
    elif odd is not None and isinstance(value, float) and not np.isfinite(value):
        odd.append(what)
        flat.extend([np.nan] * int(np.prod(shape)))
    elif not shape:
        flat.append(as_float(value, what))
    else:
        items = as_list(value, what)
        if len(items) != shape[0]:
            raise ValueError(f"{what} has lists of {shape[0]} and of {len(items)}")
        for index, item in enumerate(items):
            _collect(item, shape[1:], flat, f"{what}[{index}]", odd)
