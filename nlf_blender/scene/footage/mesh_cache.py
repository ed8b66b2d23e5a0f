# SPDX-License-Identifier: GPL-3.0-or-later
"""Nonparametric meshes as PC2 files, which Blender's own Mesh Cache modifier plays.

PC2: a header of 32 bytes (`_HEADER`, little-endian), then float32 positions [samples, V, 3].
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from .key_merge import Span
from .time_map import Samples, TimeMap, even_step, whole_samples

CACHE_FOLDER = "cache"
MODIFIER = "Mesh Cache"
_HEADER = struct.Struct("<12siiffi")  # magic, version, vertices, start, rate, samples
_MAGIC = b"POINTCACHE2\0"
BLOCK_BYTES = 1 << 24  # computed at a time; memory must not grow with the clip
COPY_BYTES = 1 << 22  # copied at a time: large writes let the system give out large pages


def cache_path(take: Path, tag: str, person: int, points: str = "person") -> Path:
    """Where the cache of a person of one import lies; points: which of theirs, the body's own or
    those of a set."""
    return take / CACHE_FOLDER / f"{tag}_{points}_{person:03d}.pc2"


class CachePlan:
    """How points known at moments [T] lie in a cache: evenly spaced ones as they are, whatever
    their rate, for the modifier interpolates; others at the scene's whole frames.

    start: the scene frame of the first sample; step: scene frames between samples.
    """

    def __init__(self, times: TimeMap, moments: Float64Array) -> None:
        frames = times.frames(moments)
        step = even_step(frames)
        self.samples: Samples | None = None if step else whole_samples(frames)
        self.start = float(frames[0] if self.samples is None else self.samples.frames[0])
        self.step = step or 1.0

    def sampled(self, points: NDArray[np.float32], first: int, last: int) -> NDArray[np.float32]:
        """Samples first to last, without it, of points [T,V,3]."""
        if self.samples is None:
            return points[first:last]
        part = slice(first, last)
        chosen = Samples(
            self.samples.frames[part], self.samples.low[part], self.samples.share[part], False
        )
        return chosen.linear(points).astype(np.float32)

    def count(self, moments: int) -> int:
        """The number of samples for this many moments."""
        return moments if self.samples is None else len(self.samples.frames)


def write_cache(
    path: Path,
    points: NDArray[np.float32],
    plan: CachePlan,
    travel: Float64Array | None,
    span: Span | None = None,
) -> None:
    """Write points [T,V,3], less their travel [T,3], so that a reader sees all of it or none; span:
    outside it, what the file has already stays, as keys do, and leads over at its ends.

    It is not synced to the disk first: after a power cut Update makes it again. OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    header = (1, points.shape[1], plan.start, plan.step, plan.count(len(points)))
    former = None if span is None or span.open else _read_cache(path, points.shape[1])
    as_stored = plan.samples is None and travel is None and isinstance(points, np.memmap)
    try:
        with open(temporary, "wb", buffering=0) as file:
            file.write(_HEADER.pack(_MAGIC, *header))
            if as_stored and former is None:
                _copy_stored(file, points)
            else:
                for block, frames in _computed(points, plan, travel):
                    if span is not None and former is not None:
                        block = former.lead_over(block, frames, span)
                    _write_all(file, np.ascontiguousarray(block, dtype="<f4").data.cast("B"))
        former = None  # or some systems do not let go of the file
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def renew_cache(
    path: Path,
    points: NDArray[np.float32],
    plan: CachePlan,
    travel: Float64Array | None,
    span: Span | None,
    failing: str,
    new: list[Path],
    notes: list[str],
) -> bool:
    """As `write_cache`; whether that went well. A file that was not there is added to `new`; if the
    disk refuses, a sentence that begins with `failing` is added to `notes`."""
    existed = path.exists()
    try:
        write_cache(path, points, plan, travel, span)
    except OSError as error:
        notes.append(
            f"{failing}: {path} could not be written"
            f" ({error.strerror or error}). Make room or give access, then update the take."
        )
        return False
    if not existed:
        new.append(path)
    return True


def _write_all(file: io.FileIO, block: memoryview) -> None:
    """All of a block of bytes; one call may write less, as before a full disk."""
    while block:
        block = block[file.write(block) :]


def _copy_stored(file: io.FileIO, points: np.memmap) -> None:
    """The bytes of points as they lie in their file."""
    with open(points.filename, "rb", buffering=0) as source:
        source.seek(points.offset)
        left = points.nbytes
        buffer = memoryview(bytearray(COPY_BYTES))
        while left:
            size = source.readinto(buffer[: min(left, COPY_BYTES)])
            if not size:
                raise OSError(f"{points.filename} is shorter than it was")
            _write_all(file, buffer[:size])
            left -= size


@dataclass(frozen=True, eq=False)
class _Former:
    """A cache that is there: samples [S,V,3] from the scene frame `start` on, every `step`."""

    start: float
    step: float
    points: NDArray[np.float32]

    def lead_over(
        self, block: NDArray[np.float32], frames: Float64Array, span: Span
    ) -> NDArray[np.float32]:
        """Samples [n,V,3] at frames [n], as far as the span wants them or there were none."""
        places = (frames - self.start) / self.step
        known = (places > -0.5) & (places < len(self.points) - 0.5)
        share = np.where(span.holds(frames), span.share(frames), 0.0)
        share = np.where(known, share, 1.0)[:, None, None].astype(np.float32)
        low = np.clip(np.floor(places).astype(np.int64), 0, max(len(self.points) - 2, 0))
        way = np.clip(places - low, 0.0, 1.0)[:, None, None].astype(np.float32)
        high = np.minimum(low + 1, len(self.points) - 1)
        before = self.points[low] + way * (self.points[high] - self.points[low])
        return share * block + (1.0 - share) * before


def _read_cache(path: Path, vertices: int) -> _Former | None:
    """A cache of a mesh with so many vertices; None if there is none."""
    if not path.is_file() or path.stat().st_size < _HEADER.size:
        return None
    with open(path, "rb") as file:
        magic, _, found, start, step, count = _HEADER.unpack(file.read(_HEADER.size))
    whole = path.stat().st_size == _HEADER.size + 12 * found * count
    if magic != _MAGIC or found != vertices or not count or not whole:
        return None
    shape = (count, found, 3)
    return _Former(start, step, np.memmap(path, "<f4", "r", _HEADER.size, shape))


def _computed(
    points: NDArray[np.float32], plan: CachePlan, travel: Float64Array | None
) -> Iterator[tuple[NDArray[np.float32], Float64Array]]:
    """Points at the plan's samples, less their travel, and those samples' scene frames."""
    count, rows = plan.count(len(points)), max(1, BLOCK_BYTES // (12 * points.shape[1]))
    left_out = None if travel is None else travel.astype(np.float32)[:, None]
    for first in range(0, count, rows):
        last = min(first + rows, count)
        block = plan.sampled(points, first, last)
        if left_out is not None:
            block = block - plan.sampled(left_out, first, last)
        yield block, plan.start + plan.step * np.arange(first, last)


def attach_cache(obj: bpy.types.Object, path: Path, plan: CachePlan) -> None:
    """Let a mesh object play a cache, at its first and last sample before and after it; again where
    it does so already."""
    modifier = obj.modifiers.get(MODIFIER)
    if modifier is None or modifier.type != "MESH_CACHE":
        modifier = obj.modifiers.new(MODIFIER, "MESH_CACHE")
    modifier.cache_format = "PC2"
    modifier.filepath = blend_path(path)
    modifier.forward_axis, modifier.up_axis = "POS_Y", "POS_Z"
    modifier.deform_mode = "OVERWRITE"
    modifier.interpolation = "LINEAR"
    modifier.time_mode, modifier.play_mode = "FRAME", "SCENE"
    modifier.frame_scale = 1.0 / plan.step
    modifier.frame_start = plan.start / plan.step  # Blender scales before it subtracts


def blend_path(path: Path) -> str:
    """A path as Blender keeps it: relative to the .blend if that is saved and on the same drive."""
    if not bpy.data.filepath or Path(bpy.data.filepath).drive.lower() != path.drive.lower():
        return str(path)
    return bpy.path.relpath(str(path))
