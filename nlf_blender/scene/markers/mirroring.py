# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right of markers: names of pairs, counterparts, the middle plane."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator

import numpy as np

from ...body.arrays import Float64Array
from ...body.sides import mirror_name, mirrored

MIDDLE = 0.004  # metres from the middle plane, within which a marker is single
_NUMBER = re.compile(r"(.*?)(?:\.\d{3,})?", re.DOTALL)
_LEADING = {"L": "R", "R": "L"}


def on_middle(position: Float64Array) -> bool:
    """Whether a canonical position [3] is so near the middle plane that it has no other side."""
    return abs(float(position[0])) <= MIDDLE


def to_middle(position: Float64Array) -> Float64Array:
    """A position [3] on the middle plane."""
    return position * (0.0, 1.0, 1.0)


def is_left(name: str, other: str) -> bool:
    """Whether a name, not its counterpart, is the one of the left side."""
    differing = next((a for a, b in itertools.zip_longest(name, other) if a != b), "")
    return differing in ("l", "L")


def pair_names(name: str, left: bool, taken: Collection[str]) -> tuple[str, str]:
    """Free names for a new marker on one side and for its counterpart, from what was asked for.

    A name with a side gives the one of that side; a plain letter that leads is a side if it says
    where the marker is. A name without a side gets .L or .R. Taken ones are numbered.
    """
    other = _other_side(name, left)
    if other is None:
        pair = _with_sides(name, left)
    else:
        pair = (name, other) if is_left(name, other) == left else (other, name)
    for suffix in _suffixes():
        numbered = (_bare(pair[0]) + suffix, _bare(pair[1]) + suffix) if suffix else pair
        if not set(numbered) & set(taken):
            return numbered
    raise AssertionError("numbers never end")


def names_of_pair(name: str, left: bool, taken: Collection[str]) -> tuple[str, str]:
    """What a marker on one side, that is alone, is called from now on, and its new counterpart. It
    keeps a name that has a side."""
    other = _other_side(name, left)
    if other is not None:
        return name, free_name(other, taken)
    here, there = _with_sides(name, left)
    return free_name(here, taken), free_name(there, taken)


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or the first number of it that is free, as Blender counts."""
    if name not in taken:
        return name
    return next(n for s in _suffixes() if s and (n := _bare(name) + s) not in taken)


def counterpart(name: str, known: Collection[str]) -> str | None:
    """The name of a marker's counterpart among the names of a set; None if it has none there."""
    other = mirror_name(name, known)
    return other if other is not None and other in known and other != name else None


def new_markers(
    name: str, position: Float64Array, mirror: bool, taken: Collection[str]
) -> list[tuple[str, Float64Array]]:
    """What is placed where one marker is asked for: names and canonical positions [3], the one
    that was asked for first."""
    if not mirror:
        return [(free_name(name, taken), position)]
    if on_middle(position):
        return [(free_name(name, taken), to_middle(position))]
    here, there = pair_names(name, bool(position[0] > 0), taken)
    return [(here, position), (there, mirrored(np.asarray(position)))]


def _with_sides(name: str, left: bool) -> tuple[str, str]:
    sides = (f"{name}.L", f"{name}.R")
    return sides if left else (sides[1], sides[0])


def _other_side(name: str, left: bool) -> str | None:
    return mirror_name(name) or _swapped_lead(name, left)


def _swapped_lead(name: str, left: bool) -> str | None:
    """LASI as RASI, where the letter says the side on which the marker is."""
    if len(name) > 1 and name[0] == ("L" if left else "R") and name[1].isupper():
        return _LEADING[name[0]] + name[1:]
    return None


def _bare(name: str) -> str:
    found = _NUMBER.fullmatch(name)
    assert found is not None  # it takes any text
    return found[1]


def _suffixes() -> Iterator[str]:
    """No number, then .001, ..."""
    yield ""
    yield from (f".{number:03d}" for number in itertools.count(1))
