# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions for tests: a body that swings its limbs at the pace of a quick walk, and noise on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nlf_blender.body.kinematics import global_transforms
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.body.skeleton import SMPL_SKELETON
from nlf_blender.worker.motion.motion import PersonMotion

FPS = 30.0
JOINTS = SMPL_SKELETON.joint_count
# Joints of a person as tall as the first axes of a bone drawing: enough for places of joints
BONES = np.zeros((JOINTS, 3))
BONES[[1, 2], 0], BONES[[3, 6, 9, 12, 15], 1] = (0.1, -0.1), 0.12
BONES[[4, 5, 7, 8], 1], BONES[[10, 11], 2] = -0.4, 0.12
BONES[[13, 16, 18, 20, 22], 0] = (0.08, 0.1, 0.26, 0.25, 0.08)
BONES[[14, 17, 19, 21, 23], 0] = (-0.08, -0.1, -0.26, -0.25, -0.08)


def walking(count: int = 150) -> PersonMotion:
    """T frames of somebody who walks along +y, swings all limbs and turns slowly."""
    time = np.arange(count) / FPS
    step = 2 * np.pi * 0.9 * time
    pose = np.zeros((count, JOINTS, 3))
    pose[:, 0] = np.stack([np.full(count, np.pi / 2), 0 * time, 0.3 * np.sin(time)], axis=1)
    pose[:, 1, 0], pose[:, 2, 0] = 0.5 * np.sin(step), -0.5 * np.sin(step)
    pose[:, 4, 0], pose[:, 5, 0] = 0.5 + 0.4 * np.cos(step), 0.5 - 0.4 * np.cos(step)
    pose[:, 16, 2], pose[:, 17, 2] = -1.2, 1.2
    pose[:, 18, 1], pose[:, 19, 1] = -0.5 + 0.3 * np.sin(step), 0.5 + 0.3 * np.sin(step)
    root = np.stack([0.02 * np.sin(step), 1.2 * time, 0.95 + 0.02 * np.cos(2 * step)], axis=1)
    return PersonMotion(
        frame=np.arange(count),
        time=time,
        shot=np.zeros(count, dtype=np.int64),
        rotations=matrix_from_rotvec(pose),
        root=root,
        evidence=np.ones(count, dtype=bool),
        turn_sigma=np.full((count, JOINTS), 0.05),
        place_sigma=np.full(count, 0.02),
        betas=np.zeros(10),
        scale=1.0,
    )


def with_noise(
    motion: PersonMotion, degrees: float = 3.0, frames: int = 3, seed: int = 1
) -> PersonMotion:
    """The motion with turns wrong by these degrees and places by 2 cm, alike over some frames."""
    rng = np.random.default_rng(seed)
    kernel = np.ones(frames) / np.sqrt(frames)

    def noise(*shape: int) -> np.ndarray:
        raw = rng.normal(size=(shape[0] + frames - 1, *shape[1:]))
        return np.apply_along_axis(lambda column: np.convolve(column, kernel, "valid"), 0, raw)

    count = len(motion.frame)
    turns = noise(count, JOINTS, 3) * np.deg2rad(degrees) / np.sqrt(3)
    return replace(
        motion,
        rotations=motion.rotations @ matrix_from_rotvec(turns),
        root=motion.root + noise(count, 3) * 0.02 / np.sqrt(3),
    )


def joints(motion: PersonMotion) -> np.ndarray:
    """Where the joints are, [T,J,3]."""
    rest = np.zeros((JOINTS, 3))
    for joint in range(1, JOINTS):
        rest[joint] = rest[SMPL_SKELETON.parents[joint]] + BONES[joint]
    placed = global_transforms(motion.rotations, rest, SMPL_SKELETON.parents, motion.root)
    return placed[..., :3, 3]


def acceleration(motion: PersonMotion) -> np.ndarray:
    """Of the joints, [T-2,J,3], metres per second squared."""
    return np.diff(joints(motion), 2, axis=0) * FPS**2
