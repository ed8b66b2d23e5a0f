# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleans up localized points along with the body that was fitted: its surface, and point sets.

A nonparametric mesh is the fitted body and what the localizer saw beyond it: cloth, hair, a belly.
The body has been cleaned up by now; the rest is smoothed with the same cut-off, and put onto the
clean body:

    mesh = clean body + S (localized - fitted body)

S, a banded matrix over the frames, is the smoother. The body's surface is linear in its joints'
transforms but for pose correctives, which hardly differ between the two poses of a frame; so all
is two products of matrices per block of frames, and memory does not grow with the clip. The points
of a set are the vertices of another body with the same joints (worker/markers/attachment.py), and
take the same way. A point that was not localized in a frame goes with the fitted body there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...body.body_data import BodyData
from .motion import Float64Array
from .point_carry import as_tensor, carried_rest, skinning
from .points_file import PointsFile
from .points_source import PointRows, PointsTask, Source
from .segments import shots_of
from .smoother import LEAST_SAMPLES, ORDER, Smoother
from .smoothing import cutoff_of

BLOCK = 32  # frames written at a time
REACH = 1.5  # periods of the cut-off: beyond, a sample tells under 1 %
FADE_SECONDS = 0.2  # without sightings the mesh becomes the body alone, by 63 % in this time
FADED_SECONDS = 5 * FADE_SECONDS  # then nothing is left of it
FILLED_WEIGHT = 0.1  # of a frame that was filled in, where one that was seen counts 1


@dataclass(frozen=True, eq=False)
class PointsPart:
    """Points to be written to path: the vertices of a body, localized in rows. All parts' bodies
    have the same joints."""

    path: Path
    body: BodyData
    rows: PointRows


def write_points(
    parts: Sequence[PointsPart], task: PointsTask, device: str, on_block: Callable[[int], None]
) -> None:
    """Write each part's clean points float32 [T,V,3] as a .npy file that appears whole.

    on_block(frames done) is called before each block. OSError from the disk.
    """
    if not parts:
        return
    moved = skinning(parts[0].body, task.after)
    fitted = skinning(parts[0].body, task.before)
    blocks = list(_blocks(task))
    windows = [window for _, window in blocks]
    with ExitStack() as stack, torch.inference_mode():
        streams = [_Stream(part, task, fitted, windows, device, stack) for part in parts]
        for block, window in blocks:
            on_block(block.start)
            kernel = _kernel(task, block, window)
            turned = moved[block] - np.einsum("bw,wck->bck", kernel, fitted[window])
            for stream in streams:
                stream.write(as_tensor(kernel, device), as_tensor(turned, device))


class _Stream:
    """One part on its way to its file, block by block."""

    def __init__(
        self,
        part: PointsPart,
        task: PointsTask,
        fitted: Float64Array,
        windows: Sequence[slice],
        device: str,
        stack: ExitStack,
    ) -> None:
        """stack: closes what is opened."""
        count = part.body.vertex_count
        self._carried = carried_rest(part.body, task.after, device)
        self._source = Source(task, part.rows, fitted, self._carried, windows)
        stack.callback(self._source.close)
        # all in the same memory again and again: what is given back in pieces is not always used
        self._mesh = torch.empty(BLOCK, 3 * count, device=device)
        self._done = [torch.empty(BLOCK, count, 3) for _ in range(2)]  # one written, one filled
        self._number = 0
        shape = (len(task.after.frame), count, 3)
        self._file = stack.enter_context(PointsFile(part.path, shape))

    def write(self, kernel: torch.Tensor, turned: torch.Tensor) -> None:
        """The next block: kernel [b,w] of S; turned [b,3,4J]: what carries the rest."""
        size = len(kernel)
        result = torch.mm(kernel, self._source.next_window(), out=self._mesh[:size])
        result = result.view(3 * size, -1)
        result.addmm_(turned.flatten(0, 1), self._carried)
        written = self._done[self._number % 2][:size]
        self._number += 1
        written.copy_(result.view(size, 3, -1).transpose(1, 2))
        self._file.write(written)


def _blocks(task: PointsTask) -> Iterator[tuple[slice, slice]]:
    """Blocks of frames, and the frames around that tell of them; cuts are not looked across."""
    time = task.after.time
    reach = REACH / cutoff_of(task.strength) if task.strength > 0 else 0.0
    if not task.usable.all():
        reach = max(reach, FADED_SECONDS)
    for shot in shots_of(task.after):
        for first in range(shot.start, shot.stop, BLOCK):
            block = slice(first, min(first + BLOCK, shot.stop))
            low = np.searchsorted(time, time[block.start] - reach)
            high = np.searchsorted(time, time[block.stop - 1] + reach, side="right")
            yield block, slice(max(int(low), shot.start), min(int(high), shot.stop))


def _kernel(task: PointsTask, block: slice, window: slice) -> Float64Array:
    """The rows of S [b,w] of a block of frames, for the frames around."""
    time, usable = task.after.time[window], task.usable[window]
    kernel = _filled_in(time, usable)
    if task.strength > 0 and len(kernel) >= LEAST_SAMPLES:
        sigma = task.before.place_sigma
        usual = np.median(sigma[task.usable]) if task.usable.any() else 1.0
        weights = np.clip((usual / sigma[window]) ** 2, FILLED_WEIGHT, 1 / FILLED_WEIGHT)
        weights[~usable] = FILLED_WEIGHT
        smoother = Smoother(time)
        penalty = np.full(len(kernel) - ORDER, smoother.penalty(cutoff_of(task.strength)))
        kernel = smoother.smooth(kernel, weights, penalty)
    return kernel[block.start - window.start : block.stop - window.start]


def _filled_in(time: Float64Array, usable: np.ndarray) -> Float64Array:
    """The matrix [w,w] that leaves usable frames as they are, and puts into the others what is
    between the nearest ones, fading with the time from them."""
    matrix = np.diag(usable.astype(np.float64))
    good, wanted = np.flatnonzero(usable), np.flatnonzero(~usable)
    if not len(good):
        return matrix
    after = np.searchsorted(good, wanted)
    left, right = good[np.maximum(after - 1, 0)], good[np.minimum(after, len(good) - 1)]
    span = time[right] - time[left]
    share = np.where(span > 0, (time[wanted] - time[left]) / np.where(span > 0, span, 1.0), 0.0)
    for side, part in ((left, 1 - share), (right, share)):
        faded = np.exp(-np.abs(time[wanted] - time[side]) / FADE_SECONDS)
        np.add.at(matrix, (wanted, side), part * faded)
    return matrix
