# SPDX-License-Identifier: GPL-3.0-or-later
"""A point set on its way into a take that exists: it grows in `pending_sets/` of the take, chunk by
chunk, and becomes one of the take's sets when it has all of them.

What was localized before is not localized again: neither chunks that a job left which was stopped,
nor points that another set of the take has in the same place of the same canonical body.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.point_set import read_point_set
from ...protocol.rows import ChunkInfo
from ...protocol.take_sets import (
    POINTS_FILE,
    SETS_FOLDER,
    SetRows,
    TakeSet,
    read_set_chunk,
    read_take_set,
    take_sets,
)
from ..nlf.head import PointWeights
from ..nlf.localized import LocalizedPerson
from .set_rows import append_set_chunk, has_hash, kept_chunks
from .sets import JobSet

PENDING_FOLDER = "pending_sets"
REPLACED = ".replaced"  # ends the name of the folder of a set that another takes the place of
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Lender:
    """A set of the take that has some of the points: `theirs` are the same as `mine`."""

    folder: Path
    info: TakeSet
    mine: Indices
    theirs: Indices


@dataclass(frozen=True, eq=False)
class Borrowed:
    """Rows of a set (SET_FIELDS) as far as others have them, NaN elsewhere; missing: the points
    that are still to be localized."""

    rows: SetRows
    missing: Indices


@dataclass(eq=False)
class PendingSet:
    """A set and its folder, what its set.json says so far, its readout, and who has its points."""

    item: JobSet
    folder: Path
    info: TakeSet
    weights: PointWeights | None
    lenders: Sequence[Lender]

    @classmethod
    def begin(
        cls, take: Path, item: JobSet, weights: PointWeights | None, listed: Collection[str]
    ) -> PendingSet:
        """Go on with what a stopped job left of the set, or begin it. listed: content hashes of the
        take's chunks. UserError if another set of the take is damaged; OSError from the disk."""
        folder = take / PENDING_FOLDER / item.slug
        info = _left(folder, item, listed)
        if info is None:
            shutil.rmtree(folder, ignore_errors=True)
            info = item.begin(folder)
        return cls(item, folder, info, weights, _lenders(take, item))

    def lacks(self, chunk: ChunkInfo) -> bool:
        """Whether it has no rows of a chunk of the take."""
        return self.info.chunk_of(chunk.sha256) is None

    def borrow(self, chunk: ChunkInfo) -> Borrowed:
        """Its rows of a chunk of the take as other sets have them, undamaged."""
        count = self.info.count
        points = np.full((chunk.rows, count, 3), np.nan, dtype=np.float32)
        doubt = np.full((chunk.rows, count), np.nan, dtype=np.float32)
        missing = self.item.placed.wanted.copy()
        if not chunk.rows:
            missing[:] = False
        for lender in self.lenders:
            found = lender.info.chunk_of(chunk.sha256)
            if found is None or not missing[lender.mine].any():
                continue
            if not has_hash(lender.folder / found.file, found.sha256):
                continue
            rows = read_set_chunk(lender.folder, lender.info, found)
            whole = np.isfinite(rows["points"]).all(axis=(0, 2))[lender.theirs]
            useful = whole & missing[lender.mine]
            mine, theirs = lender.mine[useful], lender.theirs[useful]
            points[:, mine] = rows["points"][:, theirs]
            doubt[:, mine] = rows["uncertainty"][:, theirs]
            missing[mine] = False
        return Borrowed({"points": points, "uncertainty": doubt}, np.flatnonzero(missing))

    def readout(self, missing: Indices) -> PointWeights | None:
        """The readout of some of its points; None of none."""
        if self.weights is None or not len(missing):
            return None
        columns = self.item.columns
        if len(missing) == len(columns):
            return self.weights
        places = np.searchsorted(columns, missing)
        return PointWeights(self.weights.codes[places], self.weights.mirrored_codes[places])

    def add(
        self,
        index: int,
        chunk: ChunkInfo,
        borrowed: Borrowed,
        people: Sequence[LocalizedPerson],
        first: int,
    ) -> None:
        """Write its rows of the take's chunk of this number. people: one for each row, with the
        missing points `beside` from number `first` on. OSError from the disk."""
        part = slice(first, first + len(borrowed.missing))
        for row, person in enumerate(people):
            if person.beside is not None:
                borrowed.rows["points"][row, borrowed.missing] = person.beside.points[part]
                doubt = person.beside.uncertainty[part]
                borrowed.rows["uncertainty"][row, borrowed.missing] = doubt
        self.info = append_set_chunk(self.folder, self.info, index, chunk.sha256, borrowed.rows)

    def install(self, take: Path) -> None:
        """Make it a set of the take, in the place of one of the same name. OSError."""
        final = take / SETS_FOLDER / self.item.slug
        final.parent.mkdir(exist_ok=True)
        replaced = self.folder.with_name(self.folder.name + REPLACED)
        shutil.rmtree(replaced, ignore_errors=True)
        if final.exists():
            final.rename(replaced)
        self.folder.rename(final)
        shutil.rmtree(replaced, ignore_errors=True)


def put_back_replaced(take: Path) -> None:
    """Give a take back the sets that a program which was killed had moved away, to put others in
    their places. OSError from the disk."""
    for folder in (take / PENDING_FOLDER).glob(f"*{REPLACED}"):
        final = take / SETS_FOLDER / folder.name.removesuffix(REPLACED)
        if final.exists():
            shutil.rmtree(folder, ignore_errors=True)
        else:
            folder.rename(final)


def forget_others(take: Path, pending: Sequence[PendingSet]) -> None:
    """Remove what stopped jobs left of sets that nobody asks for now."""
    kept = {item.folder.name for item in pending}
    for folder in (take / PENDING_FOLDER).glob("*"):
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
    if not kept:
        shutil.rmtree(take / PENDING_FOLDER, ignore_errors=True)


def _left(folder: Path, item: JobSet, listed: Collection[str]) -> TakeSet | None:
    """What a stopped job left of this very set, up to the first file that is damaged."""
    try:
        info = read_take_set(folder)
    except (FileNotFoundError, UserError):
        return None
    if info.points_sha256 != item.sha256:
        return None
    info = kept_chunks(info, listed)
    whole = itertools.takewhile(
        lambda chunk: has_hash(folder / chunk.file, chunk.sha256), info.chunks
    )
    return replace(info, chunks=tuple(whole))


def _lenders(take: Path, item: JobSet) -> list[Lender]:
    """The take's sets that have some of its points, but for damaged ones."""
    found: list[Lender] = []
    for slug, info in take_sets(take).items():
        folder = take / SETS_FOLDER / slug
        if not has_hash(folder / POINTS_FILE, info.points_sha256):
            continue
        theirs = read_point_set(folder / POINTS_FILE)
        if (theirs.body, theirs.gender) == (item.points.body, item.points.gender):
            same = same_points(item.points.points, theirs.points)
            if len(same[0]):
                found.append(Lender(folder, info, *same))
    return found


def same_points(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[Indices, Indices]:
    """Which of points [K,3] and [L,3] are the very same, pair by pair."""
    places = {point.tobytes(): number for number, point in enumerate(theirs + 0.0)}
    pairs = [(k, places.get(point.tobytes(), -1)) for k, point in enumerate(mine + 0.0)]
    known = np.array([pair for pair in pairs if pair[1] >= 0], dtype=np.intp).reshape(-1, 2)
    return known[:, 0], known[:, 1]
