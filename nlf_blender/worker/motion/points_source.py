# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's localized points in the world, window by window of frames."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from .motion import Float64Array, PersonMotion
from .point_carry import as_tensor

New = tuple[np.ndarray, np.ndarray, np.ndarray]


class PointRows(Protocol):
    """A person's localized points."""

    def read(self, name: str, at: np.ndarray, columns: slice) -> np.ndarray:
        """Columns of the field "points" in some [m] of the person's sightings: [m,N,3], metres,
        camera space; NaN where a point was not localized."""
        ...


@dataclass(frozen=True, eq=False)
class PointsTask:
    """What clean points are made of. before, after: a person's motion in the world in the same T
    frames, as fitted and clean; usable [T]: where the localized points tell (not in frames that
    were filled in or turned back); world [T,4,4]: from camera space; strength: of smoothing."""

    before: PersonMotion
    after: PersonMotion
    usable: np.ndarray
    world: Float64Array
    strength: float


class Source:
    """Localized points in the world, [w,3V] of one window of frames after the other. Windows never
    move back; a thread reads what is new in the next one. fitted [T,3,4J] and carried [4J,V] give
    the fitted body, which stands in for points that were not localized."""

    def __init__(
        self,
        task: PointsTask,
        rows: PointRows,
        fitted: Float64Array,
        carried: torch.Tensor,
        windows: Sequence[slice],
    ) -> None:
        self._task, self._fitted, self._carried = task, fitted, carried
        self._frames = range(0)
        count, self._device = carried.shape[1], carried.device
        longest = max(window.stop - window.start for window in windows)
        self._held = torch.empty(longest, 3, count, device=self._device)
        self._windows = iter(windows)
        self._read = _read_ahead(task, rows, count, windows)

    def close(self) -> None:
        """Read no more."""
        self._read.close()

    def next_window(self) -> torch.Tensor:
        """The meshes of the next window's frames, 0 where they do not tell."""
        frames = next(self._windows)
        kept = range(max(frames.start, self._frames.start), self._frames.stop)
        shift = frames.start - self._frames.start
        if shift:
            for frame in kept:  # one by one, for both places overlap
                place = frame - frames.start
                self._held[place] = self._held[place + shift]
        self._load(*next(self._read), len(kept))
        self._frames = range(frames.start, frames.stop)
        return self._held[: len(self._frames)].flatten(1)

    def _load(self, frames: np.ndarray, there: np.ndarray, read: np.ndarray, place: int) -> None:
        """Put the meshes of frames into the window, from a place in it on; of those `there`, their
        points were read."""
        target = self._held[place : place + len(frames)]
        if len(there) < len(frames):
            target.zero_()
        if len(there):
            points = torch.from_numpy(read).to(self._device)
            world = as_tensor(self._task.world[frames[there]], self._device)
            # fits have scale 1: a person of another one is nearer or farther by as much
            turn = self._task.before.scale * world[:, :3, :3]
            placed = (turn @ points.transpose(1, 2)).add_(world[:, :3, 3:])
            if torch.isnan(placed.sum()):
                body = as_tensor(self._fitted[frames[there]], self._device) @ self._carried
                placed = torch.where(torch.isnan(placed), body, placed)
            target[torch.from_numpy(there).to(self._device)] = placed


def _read_ahead(
    task: PointsTask, rows: PointRows, vertex_count: int, windows: Sequence[slice]
) -> Generator[New, None, None]:
    """What each window has that the one before had not: the frames, which of them tell, and the
    localized points of those. The next ones are read in a thread meanwhile."""
    row = np.cumsum(task.before.evidence) - 1

    def read(number: int) -> New:
        window = windows[number]
        known = windows[number - 1].stop if number else 0
        frames = np.arange(max(known, window.start), window.stop)
        there = np.flatnonzero(task.usable[frames])
        if not len(there):
            return frames, there, np.zeros((0, vertex_count, 3), np.float32)
        at = row[frames[there]]
        return frames, there, rows.read("points", at, slice(0, vertex_count))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(read, 0)
        for number in range(1, len(windows)):
            new = coming.result()
            coming = pool.submit(read, number)
            yield new
        yield coming.result()
