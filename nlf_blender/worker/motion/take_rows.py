# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take of footage holds, less the points: the small arrays of all its rows.

They are read chunk by chunk and a warm worker keeps them, for chunks never change: a slider that
moves costs no reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...protocol.rows import ChunkInfo, read_chunk
from ...protocol.take import SourceInfo, TakeInfo
from ..people.appearance import SIZE

Arrays = dict[str, np.ndarray]
Kept = dict[str, Arrays]  # a chunk's arrays by its content hash
ROW_NAMES = ("frame", "timestamp", "track", "box", "score", "pose", "betas", "translation")


@dataclass(frozen=True, eq=False)
class TakeRows:
    """R rows of a take in the order of their frames, and the F frames that were looked at.

    chunk, row [R]: where the row is; frame, track [R]; time [R] in seconds; shot [R]: the number of
    the shot; box [R,4] in pixels; score [R]; pose [R,J,3], betas [R,B], translation [R,3]: the fit
    of that frame alone, camera space; joints [R,J,3]: localized, metres, camera space; uncertainty
    [R]: mean over the body, metres; crop [R,4]; appearance [R,SIZE], all 0 where it is not known.
    frames, times, shots [F].
    """

    chunk: np.ndarray
    row: np.ndarray
    frame: np.ndarray
    time: np.ndarray
    shot: np.ndarray
    track: np.ndarray
    box: np.ndarray
    score: np.ndarray
    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    joints: np.ndarray
    uncertainty: np.ndarray
    crop: np.ndarray
    appearance: np.ndarray
    frames: np.ndarray
    times: np.ndarray
    shots: np.ndarray

    @property
    def cuts(self) -> tuple[int, ...]:
        """Frames in which another shot begins."""
        return tuple(int(f) for f in self.frames[1:][np.diff(self.shots) > 0])

    def missing(self, source: SourceInfo) -> tuple[int, ...]:
        """Frames that were to be localized, up to the last one that was, but could not be read."""
        stop = int(self.frames.max(initial=-1)) + 1
        wanted = np.arange(source.first_frame, stop, source.step)
        return tuple(int(frame) for frame in np.setdiff1d(wanted, self.frames))


def read_take_rows(
    take: Path, info: TakeInfo, kept: Kept, on_chunk: Callable[[int, int], None]
) -> TakeRows:
    """The rows of a take. kept: of chunks that were read before; those of other takes are dropped.

    on_chunk(done, total) is called before each chunk. UserError if one is damaged.
    """
    wanted = {chunk.sha256 for chunk in info.chunks}
    for key in set(kept) - wanted:
        del kept[key]
    parts: list[Arrays] = []
    for index, chunk in enumerate(info.chunks):
        on_chunk(index, len(info.chunks))
        if chunk.sha256 not in kept:
            kept[chunk.sha256] = _small_arrays(take, chunk)
        parts.append({**kept[chunk.sha256], "chunk": np.full(chunk.rows, index)})
    return _joined(parts)


def _small_arrays(take: Path, chunk: ChunkInfo) -> Arrays:
    """The small arrays of one chunk."""
    arrays = read_chunk(take, chunk)
    joints = arrays["pose"].shape[1]
    rows = len(arrays["frame"])
    small = {name: arrays[name] for name in ROW_NAMES}
    small["joints"] = arrays["points"][:, -joints:].copy()
    small["uncertainty"] = arrays["uncertainty"].mean(axis=1)
    small["row"] = np.arange(rows)
    small["crop"] = arrays.get("crop", np.zeros((rows, 4)))
    looks = arrays.get("appearance")
    if looks is None or looks.shape[1] != SIZE:  # none, or another version's
        looks = np.zeros((rows, SIZE), np.float32)
    small["appearance"] = looks
    small["frames"] = arrays.get("frames", np.zeros(0, np.int64))
    small["times"] = arrays.get("times", np.zeros(0))
    small["cuts"] = arrays.get("cuts", np.zeros(0, bool))
    return small


def _joined(parts: list[Arrays]) -> TakeRows:
    """The rows of all chunks; a chunk without rows tells of its frames only."""
    with_rows = [part for part in parts if len(part["frame"])] or parts[:1]
    names = (*ROW_NAMES, "joints", "uncertainty", "row", "chunk", "crop", "appearance")
    rows = {name: np.concatenate([part[name] for part in with_rows]) for name in names}
    order = np.argsort(rows["frame"], kind="stable")
    rows = {name: values[order] for name, values in rows.items()}
    frames, times, cuts = (
        np.concatenate([part[name] for part in parts]) for name in ("frames", "times", "cuts")
    )
    sequence = np.argsort(frames, kind="stable")
    frames, times, shots = frames[sequence], times[sequence], np.cumsum(cuts[sequence])
    place = np.searchsorted(frames, rows["frame"]).clip(0, max(len(frames) - 1, 0))
    rows["time"] = rows.pop("timestamp")
    shot = shots[place] if len(shots) else np.zeros(len(place), np.int64)
    return TakeRows(**rows, shot=shot, frames=frames, times=times, shots=shots)
