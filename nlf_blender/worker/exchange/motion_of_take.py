# SPDX-License-Identifier: GPL-3.0-or-later
"""A take's points as markers at a constant rate, with gaps where nothing was seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.marker_motion import MarkerMotion, MarkerTrack
from ...protocol.take import read_info
from .footage_tracks import footage_tracks
from .labels import distinct
from .photo_tracks import photo_tracks
from .resample import common_grid, resampled
from .tracks import Tracks, Wanted

MOST_RATE = 10_000.0  # frames a second; beyond, it is a mistake
MOST_FRAMES = 1_000_000
LISTED = 5
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Gaps:
    """What is a gap beside what was not seen. above: uncertainty in metres, None for any; fill:
    nothing is, but what was not localized at all."""

    above: float | None = None
    fill: bool = False


def motion_of_take(
    take: Path, wanted: Wanted, gaps: Gaps | None = None, rate: float | None = None
) -> MarkerMotion:
    """The markers of a take, in the world. rate: frames a second, None for the take's own.
    UserError if what is wanted is not there, or nothing of it was seen."""
    gaps = gaps or Gaps()
    info = read_info(take)
    tracks = (footage_tracks if info.is_footage else photo_tracks)(take, info, wanted)
    grid = common_grid(tracks, _checked_rate(tracks.rate if rate is None else rate))
    if grid.count > MOST_FRAMES:
        raise UserError(
            "Too many frames",
            f"At {grid.rate:g} frames a second {take} has {grid.count} frames.",
            "Choose a lower rate.",
        )
    people = []
    for name, track in zip(distinct([t.person for t in tracks.people]), tracks.people, strict=True):
        points, doubt = _with_gaps(*resampled(track, grid, tracks.cuts), gaps)
        of = tracks.names
        people.append(MarkerTrack(name, of.labels, points, doubt, of.groups, of.colors))
    return MarkerMotion(
        name=tracks.names.name,
        source=tracks.source,
        rate=grid.rate,
        start=grid.start,
        people=tuple(people),
        notes=(*tracks.notes, *_gap_notes(take, tracks, people, gaps)),
    )


def _checked_rate(rate: float) -> float:
    if not 0.0 < rate <= MOST_RATE:
        raise UserError(
            "Rate not usable",
            f"{rate:g} frames a second are no rate of footage.",
            f"Give a rate above 0 and up to {MOST_RATE:g}.",
        )
    return rate


def _with_gaps(points: Array, doubt: Array, gaps: Gaps) -> tuple[Array, Array]:
    """Points [T,K,3] and doubt [T,K] with NaN in gaps."""
    gap = np.isnan(points).any(axis=2)
    if not gaps.fill:
        gap |= np.isnan(doubt)
        if gaps.above is not None:
            gap |= doubt > gaps.above
    return np.where(gap[..., None], np.float32(np.nan), points), np.where(gap, np.nan, doubt)


def _gap_notes(take: Path, tracks: Tracks, people: list[MarkerTrack], gaps: Gaps) -> list[str]:
    """Who has markers that are gaps throughout. UserError if there is nothing else."""
    notes = []
    absent = [np.isnan(person.positions).all(axis=(0, 2)) for person in people]
    if all(own.all() for own in absent):
        raise UserError(
            "Nothing to export",
            f"Not one of the {len(tracks.names.labels)} points of '{tracks.names.name}' was seen"
            f" in {take}" + ("." if gaps.above is None else f" at {gaps.above:g} m or better."),
            "Fill gaps, allow for a larger uncertainty, or choose another set.",
        )
    for person, own in zip(people, absent, strict=True):
        missing = [person.labels[marker] for marker in np.flatnonzero(own)]
        if missing:
            listed = ", ".join(missing[:LISTED]) + (" ..." if len(missing) > LISTED else "")
            notes.append(f"{person.person}: {len(missing)} of the markers never there: {listed}")
    return notes
