# SPDX-License-Identifier: GPL-3.0-or-later
"""The point sets that a job localizes beside the body."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.files import write_whole
from ...protocol.marker_files import CSV_SUFFIXES, read_markers
from ...protocol.marker_set import SUFFIX
from ...protocol.point_set import (
    PointSet,
    of_markers,
    point_set_bytes,
    read_point_set,
)
from ...protocol.take_sets import (
    POINTS_FILE,
    SETS_FOLDER,
    SetRows,
    TakeSet,
    damaged_set,
    take_sets,
    write_take_set,
)
from ..nlf.head import PointWeights
from ..nlf.localized import LocalizedPerson
from ..nlf.localizer import Localizer
from .placed_bodies import PlacedBodies

if TYPE_CHECKING:
    from .placing import PlacedPoints

# What places and attaches points is imported where it is called: it loads much of scipy, which a
# job without sets can spare.


@dataclass(frozen=True, eq=False)
class JobSet:
    """A point set that is localized. data: its set.npz; placed: where its points are."""

    points: PointSet
    data: bytes
    placed: PlacedPoints

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return self.points.slug

    @property
    def sha256(self) -> str:
        """The content hash of its set.npz."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def columns(self) -> NDArray[np.intp]:
        """Which of its points are localized."""
        return np.flatnonzero(self.placed.wanted)

    def begin(self, folder: Path) -> TakeSet:
        """Write what the set's folder begins with; its set.json, without any chunk, last. OSError
        from the disk."""
        from .attachment_file import write_attachment

        folder.mkdir(parents=True, exist_ok=True)
        info = TakeSet(
            name=self.points.name,
            kind=self.points.kind,
            body=self.points.body,
            count=len(self.points.points),
            points_sha256=self.sha256,
            notes=self.placed.notes,
        )
        write_whole(folder / POINTS_FILE, self.data)
        write_attachment(folder, self.placed.attachment)
        write_take_set(folder, info)
        return info

    def weights(self, localizer: Localizer) -> PointWeights:
        """The readout of the points that are localized, kept by the localizer."""
        return localizer.point_weights(self.placed.points[self.columns])


@dataclass(frozen=True, eq=False)
class JobSets:
    """All sets of a job, in the order of their folders, and the readout of what is localized of
    them, one after the other; None if that is nothing."""

    sets: tuple[JobSet, ...] = ()
    weights: PointWeights | None = None

    @classmethod
    def of(cls, sets: Sequence[JobSet], localizer: Localizer) -> JobSets:
        """The sets with their readout."""
        ordered = tuple(sorted(sets, key=lambda item: item.slug))
        readouts = [item.weights(localizer) for item in ordered if len(item.columns)]
        return cls(ordered, joined(readouts))

    @property
    def contents(self) -> dict[str, str]:
        """The content hash of each set by the name of its folder."""
        return {item.slug: item.sha256 for item in self.sets}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know."""
        return tuple(note for item in self.sets for note in item.placed.notes)

    def rows(self, item: JobSet, people: Sequence[LocalizedPerson]) -> SetRows:
        """One set's rows (SET_FIELDS) of R people, as they were localized with `weights`."""
        first = 0
        for earlier in self.sets:
            if earlier is item:
                break
            first += len(earlier.columns)
        columns, count = item.columns, len(item.points.points)
        points = np.full((len(people), count, 3), np.nan, dtype=np.float32)
        doubt = np.full((len(people), count), np.nan, dtype=np.float32)
        for row, person in enumerate(people):
            if person.beside is not None:
                part = slice(first, first + len(columns))
                points[row, columns] = person.beside.points[part]
                doubt[row, columns] = person.beside.uncertainty[part]
        return {"points": points, "uncertainty": doubt}


def joined(readouts: Sequence[PointWeights]) -> PointWeights | None:
    """Readouts one after the other as one; None of none."""
    if len(readouts) < 2:  # a copy of many points would take much memory
        return readouts[0] if readouts else None
    return PointWeights(
        torch.cat([item.codes for item in readouts]),
        torch.cat([item.mirrored_codes for item in readouts]),
    )


def placed_set(points: PointSet, bodies: PlacedBodies) -> JobSet:
    """A point set with the places of its points. UserError if its body is not at hand."""
    from .placing import place_points

    placed = place_points(points, bodies.fitted, bodies.fitted_kind, bodies.of)
    return JobSet(points, point_set_bytes(points), placed)


def read_sets(files: Sequence[str], bodies: PlacedBodies, *, force: bool = False) -> list[JobSet]:
    """The sets in files of point sets or marker sets, each once; force: with points far from the
    body. UserError, naming the file, if one cannot be used, or if two of one name differ."""
    found: dict[str, tuple[str, JobSet]] = {}
    for file in files:
        points = read_set(Path(file), bodies)
        item = placed_set(replace(points, force=force or points.force), bodies)
        key = item.slug.casefold()
        if key not in found:
            found[key] = (file, item)
        elif found[key][1].data != item.data:
            raise two_of_one_name(item.points.name, found[key][1].points.name, file)
    return [item for _, item in found.values()]


def read_set(path: Path, bodies: PlacedBodies) -> PointSet:
    """The set in one file: a point set, a marker set, or a table of markers. UserError."""
    if path.suffix.lower() in (SUFFIX, *CSV_SUFFIXES):
        return of_markers(read_markers(path, bodies.vertices))
    return read_point_set(path)


def sets_of_take(take: Path, bodies: PlacedBodies) -> list[JobSet]:
    """The sets that a take has. UserError if one is damaged, or if its body is not at hand."""
    found: list[JobSet] = []
    for slug, info in take_sets(take).items():
        path = take / SETS_FOLDER / slug / POINTS_FILE
        item = placed_set(read_point_set(path), bodies)
        if (item.slug, item.sha256) != (slug, info.points_sha256):
            raise damaged_set(path, "its content is not what was written")
        found.append(item)
    return found


def two_of_one_name(name: str, other: str, file: str | Path) -> UserError:
    """What the user is told of two sets that a take cannot tell apart."""
    same = "another set" if name == other else f"the set '{other}'"
    return UserError(
        "Two sets of one name",
        f"'{name}' in {file} is called as {same}, with other points.",
        "Give one of them another name.",
    )
