# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one person's files of a solution.

Their names end in a hash of what they are made of: people who did not change keep their files, and
a take that is solved again, on another day or after a crash, has the same ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...body.rotations import rotvec_from_matrix
from ...errors import UserError
from ...protocol.files import write_whole
from ...protocol.motion_files import Motion, read_motion, write_motion
from .clean_up import CleanMotion

VERSION = 1  # of what is in the files; raised when the same input gives others
THUMBNAILS = "thumbs"  # in the take: TRACKLET.jpg, five digits


def motion_arrays(
    clean: CleanMotion, reprojection: np.ndarray, vertex_uncertainty: np.ndarray
) -> dict[str, np.ndarray]:
    """A person's motion as solution/ has it (protocol/motion_files.py)."""
    motion = clean.after
    return {
        "frame": motion.frame,
        "time": motion.time,
        "root": motion.root,
        "pose": rotvec_from_matrix(motion.rotations),
        "betas": motion.betas,
        "scale": np.array(motion.scale),
        "evidence": motion.evidence,
        "uncertainty": motion.place_sigma,
        "turn_sigma": motion.turn_sigma,
        "contacts": clean.contacts,
        "reprojection": reprojection,
        "vertex_uncertainty": vertex_uncertainty,
    }


def write_motion_file(folder: Path, person: int, motion: Motion) -> str:
    """Write a person's motion unless it is there; its name. OSError from the disk."""
    name = f"person_{person:03d}.{generation(*(motion[key] for key in sorted(motion)))}.npz"
    if not is_whole(folder / name, read_motion):
        write_motion(folder / name, motion)
    return name


def write_thumbnail(folder: Path, person: int, take: Path, tracklets: np.ndarray) -> str:
    """Copy the picture of the longest tracklet of a person's rows [n] that has one; its name, ""
    if none has. OSError from the disk."""
    numbers, counts = np.unique(tracklets, return_counts=True)
    for tracklet in numbers[np.argsort(-counts, kind="stable")]:
        path = take / THUMBNAILS / f"{tracklet:05d}.jpg"
        if path.exists():
            data = path.read_bytes()
            name = f"thumbnail_{person:03d}.{generation(np.frombuffer(data, np.uint8))}.jpg"
            if not (folder / name).exists():
                write_whole(folder / name, data)
            return name
    return ""


def is_whole(path: Path, read: Callable[[Path], object]) -> bool:
    """Whether a file is there, and not damaged as far as reading it tells."""
    try:
        read(path)
    except UserError:
        return False
    return True


def generation(*arrays: np.ndarray) -> str:
    """What the name of a file ends in that is made of these arrays."""
    digest = hashlib.sha256(f"{VERSION}".encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]
