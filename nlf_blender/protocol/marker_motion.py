# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers over time, apart from any take: what is exchanged with other programs, and an npz file.

Every file of another program that is read becomes this; every file for one is written from it.

    format, version      texts and a number that say what the file is
    name, source         of the marker set; of the file or footage that it came from
    rate, start          frames a second; seconds of the first frame from the start of the source
    people [P]           names; one without a name where nobody is told apart
    owners [M]           whose each marker is, an index into people, in order
    labels, groups [M]   of the markers; colors [M,3]: linear RGB, below 0 where there is none
    positions [T,M,3]    metres, Blender's world (z up); NaN in a gap
    uncertainty [T,M]    metres; NaN where nothing was measured, or nobody knows
    notes                what the user should know
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..body.array_fields import Arrays, array_of, indices_of, texts_of
from ..body.npz_file import DAMAGED
from ..errors import UserError
from .files import write_whole

FORMAT = "nlf_blender.marker_motion"
VERSION = 1
NO_COLOR = -1.0
Float32Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MarkerTrack:
    """The markers of one person through T frames. labels, groups: K; positions [T,K,3],
    uncertainty [T,K] and colors [K,3] as in the file; colors: None where there are none."""

    person: str
    labels: tuple[str, ...]
    positions: Float32Array
    uncertainty: Float32Array
    groups: tuple[str, ...] = ()
    colors: Float32Array | None = None


@dataclass(frozen=True, eq=False)
class MarkerMotion:
    """Markers of people, all through the same T frames at a constant rate."""

    name: str
    source: str
    rate: float
    start: float
    people: tuple[MarkerTrack, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """ValueError naming what is wrong."""
        if not np.isfinite(self.rate) or self.rate <= 0:
            raise ValueError(f"its rate is {self.rate} frames a second")
        if not np.isfinite(self.start):
            raise ValueError("its first frame has no time")
        if not self.people or not self.marker_count:
            raise ValueError("it has no markers")
        frames = {len(track.positions) for track in self.people}
        if len(frames) != 1 or not self.frame_count:
            raise ValueError(f"its people have {sorted(frames)} frames")
        for track in self.people:
            _check(track)

    @property
    def frame_count(self) -> int:
        """T."""
        return len(self.people[0].positions)

    @property
    def marker_count(self) -> int:
        """M: the markers of all people."""
        return sum(len(track.labels) for track in self.people)

    @property
    def first_frame(self) -> int:
        """The number of the first frame, where the source's first one is 1; 1 at least."""
        return max(1, round(self.start * self.rate) + 1)

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of the frames [T] from the start of the source."""
        return self.start + np.arange(self.frame_count) / self.rate


def _check(track: MarkerTrack) -> None:
    count = len(track.labels)
    if track.positions.ndim != 3 or track.positions.shape[1:] != (count, 3):
        raise ValueError(f"positions have shape {track.positions.shape} for {count} markers")
    if track.uncertainty.shape != track.positions.shape[:2]:
        raise ValueError(f"uncertainty has shape {track.uncertainty.shape}")
    if len(set(track.labels)) != count:
        raise ValueError("two markers have one name")
    if track.groups and len(track.groups) != count:
        raise ValueError(f"{len(track.groups)} groups for {count} markers")
    if track.colors is not None and track.colors.shape != (count, 3):
        raise ValueError(f"colors have shape {track.colors.shape}")
    if np.isinf(track.positions).any():
        raise ValueError("positions are infinite")


def write_marker_motion(path: Path, motion: MarkerMotion) -> None:
    """Write a motion's npz file. OSError from the disk."""
    people = motion.people
    counts = [len(track.labels) for track in people]
    groups = [track.groups or ("",) * len(track.labels) for track in people]
    colors = [
        np.full((len(t.labels), 3), NO_COLOR, np.float32) if t.colors is None else t.colors
        for t in people
    ]
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "name": np.array(motion.name),
        "source": np.array(motion.source),
        "rate": np.array(motion.rate),
        "start": np.array(motion.start),
        "people": np.array([track.person for track in people], dtype=np.str_),
        "owners": np.repeat(np.arange(len(people)), counts),
        "labels": np.array([label for track in people for label in track.labels], dtype=np.str_),
        "groups": np.array([group for own in groups for group in own], dtype=np.str_),
        "colors": np.concatenate(colors).astype(np.float32),
        "positions": np.concatenate([t.positions for t in people], axis=1, dtype=np.float32),
        "uncertainty": np.concatenate([t.uncertainty for t in people], axis=1, dtype=np.float32),
        "notes": np.array(motion.notes, dtype=np.str_),
    }
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(path, buffer.getvalue())


def read_marker_motion(path: Path) -> MarkerMotion:
    """The motion in an npz file. UserError, naming the file and what to do, if it is missing,
    damaged or of a newer version."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return _from_arrays({name: file[name] for name in file.files}, path)
    except FileNotFoundError as error:
        raise UserError(
            "Marker motion not found", f"{path} does not exist.", "Import the file again."
        ) from error
    except (OSError, *DAMAGED) as error:
        raise UserError(
            "Not a marker motion", f"{path}: {error}.", "Import the original file again."
        ) from error


def _from_arrays(arrays: Arrays, path: Path) -> MarkerMotion:
    if str(array_of(arrays, "format")) != FORMAT:
        raise ValueError(f"its format is not {FORMAT}")
    version = int(array_of(arrays, "version"))
    if version > VERSION:
        raise UserError(
            "Marker motion from a newer version",
            f"{path} has format version {version}, this version reads {VERSION}.",
            "Update the NLF extension.",
        )
    names, labels = texts_of(arrays, "people"), texts_of(arrays, "labels")
    owners = indices_of(arrays, "owners", (len(labels),), len(names))
    return MarkerMotion(
        name=str(array_of(arrays, "name")),
        source=str(array_of(arrays, "source")),
        rate=float(array_of(arrays, "rate")),
        start=float(array_of(arrays, "start")),
        people=tuple(
            _track(arrays, name, labels, [m for m, owner in enumerate(owners) if owner == person])
            for person, name in enumerate(names)
        ),
        notes=texts_of(arrays, "notes"),
    )


def _track(arrays: Arrays, name: str, labels: tuple[str, ...], own: list[int]) -> MarkerTrack:
    groups = texts_of(arrays, "groups")
    colors = array_of(arrays, "colors").astype(np.float32)
    return MarkerTrack(
        person=name,
        labels=tuple(labels[marker] for marker in own),
        positions=array_of(arrays, "positions")[:, own].astype(np.float32),
        uncertainty=array_of(arrays, "uncertainty")[:, own].astype(np.float32),
        groups=tuple(groups[marker] for marker in own),
        colors=colors[own],
    )
