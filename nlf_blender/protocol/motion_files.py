# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays of a solution: motions of people and of rigs, meshes and points. solution.py tells
which files there are, and of whom."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import write_whole
from .solution import damaged_solution

# name -> (dtype, axes). T: consecutive localized frames, filled gaps included
MOTION_FIELDS: dict[str, tuple[str, str]] = {
    "frame": ("int64", "T"),  # index into the source
    "time": ("float64", "T"),  # seconds from the start of the source
    "root": ("float64", "T3"),  # where the root joint is, metres, world
    # rotation vectors, radians: of the root from SMPL's axes to the world, of others from parent
    "pose": ("float64", "TJ3"),
    "betas": ("float64", "B"),
    "scale": ("float64", ""),
    "evidence": ("bool", "T"),  # whether the person was seen; else the frame was filled in
    "uncertainty": ("float32", "T"),  # the localizer's, over the body, metres
    "turn_sigma": ("float32", "TJ"),  # standard deviation of each joint's turn, radians
    "contacts": ("bool", "T4"),  # left heel, left toes, right heel, right toes on the ground
    "reprojection": ("float32", "T"),  # of the joints, pixels; NaN without evidence
    "vertex_uncertainty": ("float32", "V"),  # of the localized points, mean over time, metres
}
# Of a user's own rig: J are its joints. It rests as it stands in the canonical body, whose axes are
# the canonical ones (x left, y up, z front).
RIG_FIELDS: dict[str, tuple[str, str]] = {
    "frame": ("int64", "T"),
    "time": ("float64", "T"),
    "root": ("float64", "T3"),  # where the first joint is, metres, world
    # rotation vectors, radians: of a root from the canonical axes to the world, others from parent
    "pose": ("float64", "TJ3"),
    # of the whole rig as it stood, so that it is as large as the person: the same in all frames of
    # footage, each person's own in photos
    "scale": ("float64", "T"),
    # mean distance of the rig's points from the localized ones, metres; NaN without evidence
    "error": ("float32", "T"),
    "turn_sigma": ("float32", "TJ"),  # standard deviation of each joint's turn, radians
}
MAY_BE_NAN = {"reprojection", "error"}
Fields = Mapping[str, tuple[str, str]]
Motion = Mapping[str, NDArray[Any]]


def write_motion(path: Path, motion: Motion) -> None:
    """Write a person's motion (`MOTION_FIELDS`). OSError from the disk."""
    _write(path, motion, MOTION_FIELDS)


def read_motion(path: Path) -> dict[str, NDArray[Any]]:
    """A person's motion (`MOTION_FIELDS`). UserError if it is damaged."""
    return _read(path, MOTION_FIELDS)


def write_rig(path: Path, motion: Motion) -> None:
    """Write a rig's motion (`RIG_FIELDS`). OSError from the disk."""
    _write(path, motion, RIG_FIELDS)


def read_rig(path: Path) -> dict[str, NDArray[Any]]:
    """A rig's motion (`RIG_FIELDS`). UserError if it is damaged."""
    return _read(path, RIG_FIELDS)


def read_points(path: Path) -> NDArray[np.float32]:
    """Points of a mesh or a set [T,V,3] in the world, metres, mapped from the disk. UserError."""
    return _mapped(path, (None, None, 3))


def read_doubt(path: Path) -> NDArray[np.float32]:
    """Uncertainties of a set's points [T,K], metres, mapped from the disk; NaN where nothing was
    seen. UserError."""
    return _mapped(path, (None, None))


def _write(path: Path, motion: Motion, fields: Fields) -> None:
    arrays = {name: np.asarray(motion[name], dtype=fields[name][0]) for name in fields}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    write_whole(path, buffer.getvalue())


def _read(path: Path, fields: Fields) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            motion: dict[str, NDArray[Any]] = {name: file[name] for name in fields}
        _check(motion, fields)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise damaged_solution(path, error) from error
    return motion


def _check(motion: Motion, fields: Fields) -> None:
    sizes: dict[str, int] = {"3": 3, "4": 4}
    for name, (dtype, axes) in fields.items():
        array = motion[name]
        expected = tuple(sizes.setdefault(a, n) for a, n in zip(axes, array.shape, strict=True))
        if array.dtype != dtype or array.shape != expected:
            raise ValueError(f"{name} has shape {array.shape} of {array.dtype}")
        if name not in MAY_BE_NAN and not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
    if not sizes["T"]:
        raise ValueError("it has no frames")


def _mapped(path: Path, shape: tuple[int | None, ...]) -> NDArray[np.float32]:
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
        fits = values.ndim == len(shape) and all(
            wanted in (None, size) for wanted, size in zip(shape, values.shape, strict=True)
        )
        if not fits or values.dtype != np.float32:
            raise ValueError(f"it has shape {values.shape} of {values.dtype}")
    except (OSError, ValueError, EOFError) as error:
        raise damaged_solution(path, error) from error
    return values
