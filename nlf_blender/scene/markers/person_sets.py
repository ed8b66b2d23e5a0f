# SPDX-License-Identifier: GPL-3.0-or-later
"""The point sets of a take and what was found of them for each person, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...protocol.motion_files import read_doubt, read_points
from ...protocol.point_set import PointSet, read_point_set
from ...protocol.rows import ChunkInfo
from ...protocol.solution import PersonInfo, SetFiles, damaged_solution
from ...protocol.take_sets import (
    POINTS_FILE,
    SET_FILE,
    SETS_FOLDER,
    TakeSet,
    damaged_set,
    read_set_chunk,
    take_sets,
)


@dataclass(frozen=True, eq=False)
class PersonSet:
    """One person's points of a set at T moments. slug: the set's folder in the take; points: the
    set itself; places [T,K,3]: metres, in the world of footage, in the camera's space of photos;
    doubt [T,K]: uncertainty, metres. Of footage, doubt is NaN where a point was not seen and only
    follows the body; of photos, places are NaN where a point was too far from the body."""

    slug: str
    points: PointSet
    places: NDArray[np.float32]
    doubt: NDArray[np.float32]


class TakeSets:
    """The point sets of a take, each read when it is asked for first."""

    def __init__(self, take: Path) -> None:
        self._take = take
        self._read: dict[str, PointSet] = {}

    @cached_property
    def infos(self) -> dict[str, TakeSet]:
        """set.json of each, by the names of their folders. UserError if one is damaged."""
        return take_sets(self._take)

    @property
    def notes(self) -> list[str]:
        """What the user should know of them, one sentence each."""
        return [note for info in self.infos.values() for note in info.notes]

    def points(self, slug: str) -> PointSet:
        """A set itself. UserError if it is missing or damaged."""
        if slug not in self._read:
            self._read[slug] = read_point_set(self._take / SETS_FOLDER / slug / POINTS_FILE)
        return self._read[slug]

    def of_footage(self, folder: Path, info: PersonInfo, frames: int) -> tuple[PersonSet, ...]:
        """One person's sets out of the solution in `folder`, at so many moments. UserError if one
        is damaged or of another solution."""
        return tuple(self._of_footage(folder, files, frames) for files in info.sets)

    def _of_footage(self, folder: Path, files: SetFiles, frames: int) -> PersonSet:
        points = self.points(files.slug)
        path = folder / files.points
        places, doubt = read_points(path), read_doubt(folder / files.doubt)
        wanted = (frames, len(points.points))
        if places.shape[:2] != wanted or doubt.shape != wanted:
            error = ValueError(f"it has shape {places.shape}, not {(*wanted, 3)}")
            raise damaged_solution(path, error)
        return PersonSet(files.slug, points, places, doubt)

    def of_photo(self, chunks: Sequence[ChunkInfo]) -> tuple[PersonSet, ...]:
        """All rows of the sets that were localized in all chunks of a photo: T is their number.
        UserError if one is damaged."""
        return tuple(
            self._of_photo(slug, info, chunks)
            for slug, info in self.infos.items()
            if all(info.chunk_of(chunk.sha256) for chunk in chunks)
        )

    def _of_photo(self, slug: str, info: TakeSet, chunks: Sequence[ChunkInfo]) -> PersonSet:
        folder = self._take / SETS_FOLDER / slug
        points = self.points(slug)
        if info.count != len(points.points):
            raise damaged_set(folder / POINTS_FILE, f"it has {len(points.points)} points")
        rows: list[Mapping[str, NDArray[np.float32]]] = []
        for chunk in chunks:
            own = info.chunk_of(chunk.sha256)
            if own is None or own.rows != chunk.rows:
                raise damaged_set(folder / SET_FILE, "it has not the rows of its take")
            rows.append(read_set_chunk(folder, info, own))
        places = np.concatenate([arrays["points"] for arrays in rows])
        doubt = np.concatenate([arrays["uncertainty"] for arrays in rows])
        return PersonSet(slug, points, places, doubt)


def chosen_rows(sets: Sequence[PersonSet], rows: NDArray[np.int64]) -> tuple[PersonSet, ...]:
    """Only these rows of sets, as those of one person."""
    return tuple(PersonSet(own.slug, own.points, own.places[rows], own.doubt[rows]) for own in sets)
