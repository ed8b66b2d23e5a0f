# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions of SMPL-family bodies in npz files, laid out as those of AMASS (Mahmood et al., 2019)."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..body.array_fields import floats_of
from ..body.arrays import FloatArray
from ..body.body_data import BodyData
from ..errors import UserError

# What is kept as it is. AMASS names the frame rate differently in its files of 2019 and later.
KEPT_KEYS = ("mocap_framerate", "mocap_frame_rate", "gender")
LAYOUT = "Choose an npz with poses [T,3J], betas [B] and trans [T,3], as those of AMASS."


@dataclass(frozen=True)
class Motion:
    """T frames of a body: pose [T,J,3] rotation vectors in radians, relative to the parent; betas
    [T,B], or [B] where all frames share them; translation [T,3], metres; kept: other arrays, such
    as the frame rate and the gender."""

    pose: FloatArray
    betas: FloatArray
    translation: FloatArray
    kept: dict[str, NDArray[Any]] = field(default_factory=dict)


def read_motion(path: Path, body: BodyData) -> Motion:
    """A motion of this body. UserError if the file is missing, damaged, or another body's."""
    try:
        with open(path, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("it is not an npz archive, or it is cut off")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                keys = [key for key in ("poses", "betas", "trans", *KEPT_KEYS) if key in arrays]
                return _motion({key: arrays[key] for key in keys}, body)
    except FileNotFoundError as error:
        raise UserError(
            "Motion file not found", f"{path} does not exist.", "Choose the motion again."
        ) from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError("Not a motion of this body", f"{path}: {error}.", LAYOUT) from error


def write_motion(path: Path, motion: Motion, **more: NDArray[Any]) -> None:
    """Write the motion, and more arrays by name; the file appears when it is whole.

    UserError if it cannot be written.
    """
    arrays = {
        "poses": motion.pose.reshape(len(motion.pose), -1),
        "betas": motion.betas,
        "trans": motion.translation,
        **motion.kept,
        **more,
    }
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        part.replace(path)
    except OSError as error:
        raise UserError(
            "Motion not written", f"{path}: {error.strerror}.", "Choose another file."
        ) from error


def _motion(arrays: dict[str, NDArray[Any]], body: BodyData) -> Motion:
    """ValueError says which array is wrong, and how."""
    poses = floats_of(arrays, "poses", (None, None))
    frames, columns = poses.shape
    if columns != 3 * body.joint_count:
        joints = f"{columns // 3} joints" if columns % 3 == 0 else "no whole number of joints"
        raise ValueError(
            f"poses has {columns} columns, which are {joints}, but {body.name or 'the body'} has "
            f"{body.joint_count} joints"
        )
    per_frame = "betas" in arrays and np.ndim(arrays["betas"]) == 2
    betas = floats_of(arrays, "betas", (frames, None) if per_frame else (None,))
    if betas[..., body.beta_count :].any():
        raise ValueError(
            f"betas has {betas.shape[-1]} shape components, but {body.name or 'the body'} has "
            f"{body.beta_count}"
        )
    return Motion(
        pose=poses.reshape(frames, -1, 3),
        betas=betas[..., : body.beta_count],
        translation=floats_of(arrays, "trans", (frames, 3)),
        kept={key: arrays[key] for key in KEPT_KEYS if key in arrays},
    )
