# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses of recorded people, read once from archives into one file that workers open quickly.

Poses that hardly differ from the one kept before them are left out. Whole takes are held out for
evaluation: all of some subjects, and every fifth take of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ....body.arrays import Float64Array
from ....body.npz_file import DAMAGED, read_npz
from ....body.rotations import matrix_from_quaternion, quaternion_from_matrix
from ....errors import UserError
from ....protocol.files import whole_file
from ..datasets.layout import Split
from .joint_limits import within_limits
from .mocap import Take, read_takes

SPLITS: tuple[str, ...] = get_args(Split)
HELD_OUT_SUBJECTS = ("3", "7")
HELD_OUT_EVERY = 5
LEAST_CHANGE = np.radians(6.0)  # root mean square over the joints, the pelvis left out


@dataclass(frozen=True, eq=False)
class PoseLibrary:
    """poses [N,24,3,3] float32: rotations relative to the parent, the pelvis's in a world with y
    up, any heading. take [N]: row of `names` and of `held_out` [K]."""

    poses: NDArray[np.float32]
    take: NDArray[np.int32]
    names: tuple[str, ...]
    held_out: NDArray[np.bool_]

    def split(self, name: str) -> PoseLibrary:
        """The poses of one split; ValueError for an unknown one."""
        if name not in SPLITS:
            raise ValueError(f"split {name!r}; there are {', '.join(SPLITS)}")
        kept = self.held_out[self.take] == (name == "held-out")
        return PoseLibrary(self.poses[kept], self.take[kept], self.names, self.held_out)

    def draw(self, random: Generator) -> Float64Array:
        """A pose [24,3,3]. A take is as likely as the square root of its length, so that long
        ones do not drown the rest. ValueError if there are no poses."""
        takes, starts, counts = np.unique(self.take, return_index=True, return_counts=True)
        if not len(takes):
            raise ValueError("the library holds no poses of this split")
        bounds = np.cumsum(np.sqrt(counts))
        chosen = int(np.searchsorted(bounds, random.random() * bounds[-1], side="right"))
        chosen = min(chosen, len(takes) - 1)
        return self.poses[starts[chosen] + random.integers(counts[chosen])].astype(np.float64)


def build_library(archives: Sequence[Path]) -> PoseLibrary:
    """Poses of tar archives of ASF/AMC and BVH files. UserError: see `read_takes`."""
    return library_of(take for path in archives for take in read_takes(path))


def library_of(takes: Iterable[Take]) -> PoseLibrary:
    """Poses of takes, within the joints' limits, thinned, each take in one split."""
    poses, rows, names, held_out = [], [], [], []
    seen: dict[str, int] = {}
    for take in takes:
        kept = _thinned(within_limits(take.poses))
        number = seen[take.subject] = seen.get(take.subject, -1) + 1
        last = number % HELD_OUT_EVERY == HELD_OUT_EVERY - 1
        poses.append(kept.astype(np.float32))
        rows.append(np.full(len(kept), len(names), np.int32))
        names.append(take.name)
        held_out.append(take.subject in HELD_OUT_SUBJECTS or last)
    empty = [np.zeros((0, 24, 3, 3), np.float32)]
    return PoseLibrary(
        np.concatenate(poses or empty),
        np.concatenate(rows or [np.zeros(0, np.int32)]),
        tuple(names),
        np.array(held_out, bool),
    )


def _thinned(poses: Float64Array) -> Float64Array:
    """The poses [T',24,3,3] that differ by LEAST_CHANGE from the one kept before."""
    return poses[list(_changes(quaternion_from_matrix(poses)))]


def _changes(quaternions: Float64Array) -> Iterator[int]:
    last: Float64Array | None = None
    for row, current in enumerate(quaternions[:, 1:]):
        if last is not None:
            cosines = np.abs((current * last).sum(axis=-1)).clip(0, 1)
            if np.sqrt(np.mean((2 * np.arccos(cosines)) ** 2)) < LEAST_CHANGE:
                continue
        last = current
        yield row


def save_library(library: PoseLibrary, path: Path) -> None:
    """Write the library as an npz, whole or not at all. OSError from the disk."""
    quaternions = quaternion_from_matrix(library.poses).astype(np.float32)
    with whole_file(path) as stream:
        np.savez_compressed(
            stream,
            quaternions=quaternions,
            take=library.take,
            names=np.array(library.names),
            held_out=library.held_out,
        )


def load_library(path: Path) -> PoseLibrary:
    """The library in a file of `save_library`; UserError if it is none."""
    try:
        data = read_npz(path, ("quaternions", "take", "names", "held_out"))
        quaternions, take, held_out = data["quaternions"], data["take"], data["held_out"]
        names = tuple(str(name) for name in data["names"])
        if quaternions.shape != (len(take), 24, 4) or not len(names) == len(held_out):
            raise ValueError(f"quaternions of shape {quaternions.shape} for {len(take)} poses")
        poses = matrix_from_quaternion(quaternions).astype(np.float32)
        return PoseLibrary(poses, take, names, held_out)
    except (OSError, *DAMAGED) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(
            "Poses not readable",
            f"{path}: {reason}.",
            "Make the file again from archives of motions.",
        ) from error
