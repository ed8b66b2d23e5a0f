# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take has to export: points of its people, at the times at which they were localized."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.point_set import PointSet, read_point_set
from ...protocol.take import TakeInfo
from ...protocol.take_sets import POINTS_FILE, SETS_FOLDER, TakeSet, damaged_set, take_sets

JOINTS = "joints"


@dataclass(frozen=True, eq=False)
class PointNames:
    """The K points of a set, or the joints of a body. colors [K,3] as of marker_motion.py."""

    name: str
    labels: tuple[str, ...]
    groups: tuple[str, ...] = ()
    colors: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Track:
    """One person at T moments. frame [T]: indices into the source; time [T]: seconds, increasing;
    points [T,K,3]: metres, world; doubt [T,K]: metres, NaN where nothing was seen."""

    person: str
    frame: NDArray[np.int64]
    time: NDArray[np.float64]
    points: NDArray[np.floating]
    doubt: NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Tracks:
    """Everybody of a take. rate: frames a second that it has; cuts: frames of the source in which
    another shot begins."""

    names: PointNames
    source: str
    rate: float
    people: tuple[Track, ...]
    cuts: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What to export. set_name: of a point set, or of its folder; "" for the only set of the take,
    or the body's joints where it has none; joints: these in any case; person: an id, None for
    all."""

    set_name: str = ""
    joints: bool = False
    person: int | None = None


def choose_set(take: Path, wanted: Wanted) -> tuple[str, TakeSet] | None:
    """The folder's name and the set that is wanted; None for the body's joints. UserError if there
    is no such set, or more than one to choose from."""
    sets = take_sets(take)
    if wanted.joints or (not wanted.set_name and not sets):
        return None
    names = ", ".join(f"'{info.name}'" for info in sets.values())
    found = [
        (slug, info)
        for slug, info in sets.items()
        if not wanted.set_name or wanted.set_name in (slug, info.name)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(
            "No such point set",
            f"{take} has no set '{wanted.set_name}'; it has {names or 'none'}.",
            "Name one of these, or localize the set in this take first.",
        )
    raise UserError(
        "More than one point set",
        f"{take} has {names}.",
        "Say which one to export, or that it shall be the body's joints.",
    )


def names_of_set(take: Path, slug: str, info: TakeSet) -> PointNames:
    """The names of a set's points; those of a mesh or a rig are numbered. UserError if the set's
    file is damaged."""
    path = take / SETS_FOLDER / slug / POINTS_FILE
    points = read_point_set(path)
    if len(points.points) != info.count:
        raise damaged_set(path, f"it has {len(points.points)} points, not {info.count}")
    return PointNames(info.name, labels_of(points), points.groups, points.colors)


def labels_of(points: PointSet) -> tuple[str, ...]:
    """The names of a set's markers, or numbers for points without names, from 0 as vertices."""
    if points.names:
        return points.names
    digits = len(str(len(points.points) - 1))
    return tuple(f"v{number:0{digits}}" for number in range(len(points.points)))


def nobody(take: Path, person: int | None, known: dict[int, str]) -> UserError:
    """What the user is told where the person that is wanted is not there."""
    listed = ", ".join(f"{number} ({name})" for number, name in known.items())
    if person is None:
        return UserError(
            "Nobody in this take", f"{take} has nobody to export.", "Choose people to keep."
        )
    return UserError(
        "No such person",
        f"{take} has no person {person} to export; it has {listed or 'nobody'}.",
        "Name one of these, or keep that person in the list of people.",
    )


def source_name(take: Path, info: TakeInfo) -> str:
    """What a take's markers came from, in words."""
    return Path(info.source.path).name or take.name
