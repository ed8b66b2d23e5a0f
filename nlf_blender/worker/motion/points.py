# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleans up a nonparametric mesh along with the body that was fitted to it.

The mesh is the fitted body and what the localizer saw beyond it: cloth, hair, a belly. The body
has been cleaned up by now; the rest is smoothed with the same cut-off, and put onto the clean body:

    mesh = clean body + S (localized - fitted body)

S, a banded matrix over the frames, is the smoother. The body's surface is linear in its joints'
transforms but for pose correctives, which hardly differ between the two poses of a frame; so all
is two products of matrices per block of frames, and memory does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...body.body_data import BodyData
from ...body.kinematics import global_transforms, rest_joints, skinning_transforms
from .motion import Float64Array, PersonMotion
from .points_file import PointsFile
from .segments import shots_of
from .smoother import LEAST_SAMPLES, ORDER, Smoother
from .smoothing import cutoff_of
from .track_fit import PersonRows

BLOCK = 32  # frames written at a time
REACH = 1.5  # periods of the cut-off: beyond, a sample tells under 1 %
FADE_SECONDS = 0.2  # without sightings the mesh becomes the body alone, by 63 % in this time
FADED_SECONDS = 5 * FADE_SECONDS  # then nothing is left of it
FILLED_WEIGHT = 0.1  # of a frame that was filled in, where one that was seen counts 1
New = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class PointsTask:
    """What a clean mesh is made of. before, after: a person's motion in the world in the same T
    frames, as fitted and clean; usable [T]: where the localized points tell (not in frames that
    were filled in or turned back); world [T,4,4]: from camera space; strength: of smoothing."""

    person: PersonRows
    before: PersonMotion
    after: PersonMotion
    usable: np.ndarray
    world: Float64Array
    strength: float


def write_points(
    path: Path, task: PointsTask, body: BodyData, device: str, on_block: Callable[[int], None]
) -> None:
    """Write the mesh float32 [T,V,3] as a .npy file that appears whole. on_block(frames done) is
    called before each block. OSError from the disk."""
    carried = _carried_rest(body, task.after, device)
    moved = _skinning(body, task.after)
    fitted = _skinning(body, task.before)
    count = body.vertex_count
    blocks = list(_blocks(task))
    source = _Source(task, count, [window for _, window in blocks], device)
    # all in the same memory again and again: what is given back in pieces is not always used
    mesh = torch.empty(BLOCK, 3 * count, device=device)
    done = [torch.empty(BLOCK, count, 3) for _ in range(2)]  # one is written, one is filled
    shape = (len(task.after.frame), count, 3)
    with closing(source), PointsFile(path, shape) as file, torch.inference_mode():
        for number, (block, window) in enumerate(blocks):
            on_block(block.start)
            size = block.stop - block.start
            kernel = _kernel(task, block, window)
            turned = moved[block] - np.einsum("bw,wck->bck", kernel, fitted[window])
            result = torch.mm(_tensor(kernel, device), source.next_window(), out=mesh[:size])
            result = result.view(3 * size, count)
            result.addmm_(_tensor(turned.reshape(3 * size, -1), device), carried)
            written = done[number % 2][:size]
            written.copy_(result.view(size, 3, count).transpose(1, 2))
            file.write(written)


class _Source:
    """Localized meshes in the world, [w,3V] of one window of frames after the other. They never
    move back; a thread reads what is new in the next one."""

    def __init__(
        self, task: PointsTask, vertex_count: int, windows: Sequence[slice], device: str
    ) -> None:
        self._task, self._device = task, device
        self._frames = range(0)
        self._held = torch.empty(
            max(w.stop - w.start for w in windows), 3, vertex_count, device=device
        )
        self._windows = iter(windows)
        self._read = _read_ahead(task, vertex_count, windows)

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
            world = _tensor(self._task.world[frames[there]], self._device)
            # fits have scale 1: a person of another one is nearer or farther by as much
            turn = self._task.before.scale * world[:, :3, :3]
            placed = turn @ points.transpose(1, 2)
            target[torch.from_numpy(there).to(self._device)] = placed.add_(world[:, :3, 3:])


def _read_ahead(
    task: PointsTask, vertex_count: int, windows: Sequence[slice]
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
        return frames, there, task.person.read("points", at, slice(0, vertex_count))

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(read, 0)
        for number in range(1, len(windows)):
            new = coming.result()
            coming = pool.submit(read, number)
            yield new
        yield coming.result()


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


def _carried_rest(body: BodyData, motion: PersonMotion, device: str) -> torch.Tensor:
    """The unposed body [4J,V] as each joint carries it: vertices, and 1, times its weights."""
    betas = motion.betas
    unposed = (body.v_template + body.shapedirs[..., : len(betas)] @ betas) * motion.scale
    homogeneous = np.concatenate([unposed, np.ones((len(unposed), 1))], axis=1)
    carried = body.weights[:, :, None] * homogeneous[:, None, :]
    return _tensor(carried.reshape(len(unposed), -1).T, device)


def _skinning(body: BodyData, motion: PersonMotion) -> Float64Array:
    """The joints' transforms from the unposed body to the world, [T,3,4J]."""
    rest = rest_joints(body.joints_template, body.joints_shapedirs, motion.betas) * motion.scale
    offset = motion.root - rest[body.skeleton.root]
    placed = global_transforms(motion.rotations, rest, body.skeleton.parents, offset)
    transforms = skinning_transforms(placed, rest)[:, :, :3]
    return transforms.transpose(0, 2, 1, 3).reshape(len(offset), 3, -1)


def _tensor(array: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)
