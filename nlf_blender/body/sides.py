# SPDX-License-Identifier: GPL-3.0-or-later
"""Left and right: what a name's counterpart is called, and where it lies.

Names as Blender, SMPL, motion capture and game rigs write them: `hand.L`, `hand_l`, `L_Hand`,
`L.Knee`, `left_hand`, `LeftHand`, `BackLeft`; a number of Blender's (`.001`) or a subject
(`Anna:LASI`) around them stays. A plain letter, as in LASI or WaistLFront, means a side only where
the counterpart is known to exist: RING has none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .arrays import Float64Array, FloatArray

_SIDES = (("L", "R"), ("l", "r"), ("Left", "Right"), ("left", "right"), ("LEFT", "RIGHT"))
_OTHER = {side: other for pair in _SIDES for side, other in (pair, pair[::-1])}
_WORDS = "|".join(sorted(_OTHER, key=len, reverse=True))
_AROUND = re.compile(r"(?P<subject>.*:)?(?P<name>.*?)(?P<number>\.\d+)?", re.DOTALL)
# Each finds the side in a name; the first that does decides. They find it in the counterpart at
# the same place, so that the counterpart's counterpart is the name.
_SPELLED = (
    re.compile(rf"(?<=[._ -])(?:{_WORDS})$"),  # hand.L, hand_left
    re.compile(rf"^(?:{_WORDS})(?=[._ -])"),  # L_Hand, left_hand
    re.compile(r"^(?:Left|Right)(?=[A-Z0-9]|$)"),  # LeftHand
    re.compile(r"(?<=[a-z0-9])(?:Left|Right)$"),  # BackLeft
)
# LASI, LKnee, Anna:LASI; WaistLFront, BackL
_LETTER = re.compile(r"(?:^|(?<=:))[LR](?=.)|(?<=[a-z0-9])[LR](?=[A-Z]|$)")


def mirror_name(name: str, known: Collection[str] = ()) -> str | None:
    """The name with left and right exchanged, None if it has no side.

    known: names that exist, best as a set; a plain letter L or R is a side only if exactly one of
    them is the counterpart. Of two names that are each other's counterparts, each gives the other.
    """
    spelled = _spelled(name)
    if spelled is not None:
        return spelled
    others = _by_letter(name, known)
    back = [*_by_letter(others[0], known), name] if len(others) == 1 else []
    return others[0] if back and set(back) == {name} else None


def mirrored(points: FloatArray) -> Float64Array:
    """The mirror images of points [...,3] in SMPL's axes, x to the body's left."""
    # 0 - x: the middle plane stays at 0, not -0
    return np.concatenate([0.0 - points[..., :1], points[..., 1:]], axis=-1).astype(np.float64)


class OffMirror(NamedTuple):
    """A marker, its counterpart, and the metres from there to its own mirror image."""

    name: str
    other: str
    distance: float


class MirrorReport(NamedTuple):
    """lonely: names without a counterpart, off the middle plane; off: pairs, each named once, that
    are no mirror images of each other, the worst first."""

    lonely: tuple[str, ...]
    off: tuple[OffMirror, ...]


def mirror_report(names: Sequence[str], points: FloatArray, tolerance: float = 0.0) -> MirrorReport:
    """Which of the named points [K,3] have no counterpart, or one farther than `tolerance` metres
    from their mirror image. A name without a side may be on the middle plane, and is its own
    counterpart there."""
    known = {name: index for index, name in enumerate(names)}
    images = mirrored(points)
    lonely: list[str] = []
    off: list[OffMirror] = []
    for index, name in enumerate(names):
        other = mirror_name(name, known.keys())
        if other is None or other not in known:
            if other is not None or abs(points[index, 0]) > tolerance:
                lonely.append(name)
        elif index < known[other]:
            distance = float(np.linalg.norm(images[index] - points[known[other]]))
            if distance > tolerance:
                off.append(OffMirror(name, other, distance))
    return MirrorReport(tuple(lonely), tuple(sorted(off, key=lambda pair: -pair.distance)))


def _spelled(name: str) -> str | None:
    """The counterpart of a name that spells its side out."""
    around = _AROUND.fullmatch(name)
    assert around is not None  # it takes any text
    start, end = around.span("name")
    for pattern in _SPELLED:
        found = pattern.search(name[start:end])
        if found:
            other = _OTHER[found.group()]
            return name[: start + found.start()] + other + name[start + found.end() :]
    return None


def _swaps(name: str) -> Iterator[str]:
    """The name with one of its plain letters L and R exchanged."""
    for found in _LETTER.finditer(name):
        yield name[: found.start()] + _OTHER[found.group()] + name[found.end() :]


def _by_letter(name: str, known: Collection[str]) -> list[str]:
    return [swapped for swapped in _swaps(name) if swapped in known]
