# SPDX-License-Identifier: GPL-3.0-or-later
"""True motion made to look like fits of a localizer: noise that goes together over some frames,
camera space, and how far the result is from the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from nlf_blender.body.conventions import BLENDER_FROM_CAMERA
from nlf_blender.body.rotations import (
    continuous_quaternions,
    matrix_from_quaternion,
    matrix_from_rotvec,
    quaternion_from_matrix,
)
from nlf_blender.worker.motion.motion import PersonMotion


def noisy(
    motion: PersonMotion,
    seed: int,
    place: float = 0.03,
    degrees: float = 4.0,
    correlation: float = 0.5,
) -> PersonMotion:
    """place: metres, degrees: of every joint's turn, both root mean squares; correlation: standard
    deviation, in frames, of the filter that makes errors of neighbouring frames alike."""
    random = np.random.default_rng(seed)
    count, joints = motion.rotations.shape[:2]

    def noise(*shape: int) -> np.ndarray:
        drawn = random.normal(size=(count, *shape))
        smooth = gaussian_filter1d(drawn, correlation, axis=0, mode="nearest")
        return smooth / smooth.std() / np.sqrt(3)

    turned = matrix_from_rotvec(np.radians(degrees) * noise(joints, 3))
    return replace(
        motion,
        rotations=motion.rotations @ turned,
        root=motion.root + place * noise(3),
        place_sigma=np.full(count, place),
        turn_sigma=np.full((count, joints), np.radians(degrees)),
    )


def smoothed(motion: PersonMotion, frames: float = 2.0) -> PersonMotion:
    """The motion under a Gaussian, a stand-in for the smoother."""
    quaternions = continuous_quaternions(quaternion_from_matrix(motion.rotations))
    mean = gaussian_filter1d(quaternions, frames, axis=0, mode="nearest")
    root = gaussian_filter1d(motion.root, frames, axis=0, mode="nearest")
    return replace(motion, rotations=matrix_from_quaternion(mean), root=root)


def camera_at(pitch: float, roll: float, height: float) -> np.ndarray:
    """World from camera [4,4] of a camera over the origin that looks along +y, down by `pitch`
    and leaning by `roll` degrees."""
    turns = (matrix_from_rotvec(np.radians(v)) for v in ([-pitch, 0, 0], [0, 0, roll]))
    matrix = np.eye(4)
    matrix[:3, :3] = BLENDER_FROM_CAMERA @ next(turns) @ next(turns)
    matrix[2, 3] = height
    return matrix


def seen_from(motion: PersonMotion, world_from_camera: np.ndarray) -> PersonMotion:
    """A motion in the world, in the camera's axes."""
    turn, place = world_from_camera[:3, :3], world_from_camera[:3, 3]
    rotations = motion.rotations.copy()
    rotations[:, 0] = turn.T @ rotations[:, 0]
    return replace(motion, rotations=rotations, root=(motion.root - place) @ turn)


def far_and_near(
    motion: PersonMotion, share: float, seed: int, correlation: float = 0.5
) -> PersonMotion:
    """A motion in the camera's axes at wrong distances: a share of them, root mean square."""
    drawn = np.random.default_rng([seed, 1]).normal(size=len(motion.frame))
    smooth = gaussian_filter1d(drawn, correlation, mode="nearest")
    wrong = share * smooth / smooth.std()
    sigma = np.hypot(motion.place_sigma, share * np.linalg.norm(motion.root, axis=-1))
    return replace(motion, root=motion.root * (1 + wrong)[:, None], place_sigma=sigma)


def first_frames(motion: PersonMotion, count: int) -> PersonMotion:
    """So many of a motion's frames."""
    fixed = ("betas", "scale")
    parts = {n: v if n in fixed else v[:count] for n, v in vars(motion).items()}
    return PersonMotion(**parts)


def ground_errors(found: np.ndarray, true: np.ndarray, places: np.ndarray) -> tuple[float, float]:
    """Tilt in degrees between two worlds from camera [4,4], and the largest height in the found
    one, metres, of the true floor at places [n,2] of the true world."""
    between = found @ np.linalg.inv(true)
    tilt = np.degrees(np.arccos(np.clip(between[2, 2], -1.0, 1.0)))
    floor = np.column_stack([places, np.zeros(len(places)), np.ones(len(places))])
    return float(tilt), float(np.abs((floor @ between.T)[:, 2]).max())
