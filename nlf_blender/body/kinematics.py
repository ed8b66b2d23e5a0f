# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward kinematics of a body's skeleton; axes are those of the caller, metres, radians."""

from __future__ import annotations

import numpy as np

from .arrays import Float64Array, FloatArray
from .skeleton import levels_of


def rest_joints(
    joints_template: FloatArray, joints_shapedirs: FloatArray, betas: FloatArray
) -> Float64Array:
    """Joints [...,J,3] of the unposed body with shape betas [...,B'].

    joints_template [J,3]; joints_shapedirs [J,3,B]; B' may be smaller than B: missing betas are 0.
    """
    values = np.asarray(betas, dtype=np.float64)
    directions = np.asarray(joints_shapedirs, dtype=np.float64)[..., : values.shape[-1]]
    if directions.shape[-1] != values.shape[-1]:
        raise ValueError(f"{values.shape[-1]} betas for a body with {directions.shape[-1]}")
    return np.asarray(joints_template, dtype=np.float64) + np.einsum(
        "jcb,...b->...jc", directions, values
    )


def global_transforms(
    local_rotations: FloatArray,
    rest: FloatArray,
    parents: tuple[int, ...],
    translation: FloatArray,
) -> Float64Array:
    """Transforms [...,J,4,4] that place each joint's frame: its rotation and its position.

    local_rotations [...,J,3,3] relative to the parent; rest [...,J,3] joints of the unposed body;
    translation [...,3]. The root turns about its own rest position, as in SMPL.
    """
    rotations = np.asarray(local_rotations, dtype=np.float64)
    joints = np.asarray(rest, dtype=np.float64)
    offset = np.asarray(translation, dtype=np.float64)
    leading = np.broadcast_shapes(rotations.shape[:-3], joints.shape[:-2], offset.shape[:-1])
    result = np.zeros((*leading, len(parents), 4, 4))
    result[..., 3, 3] = 1.0
    levels = levels_of(parents)
    root = levels[0][0]
    orientations, positions = result[..., :3, :3], result[..., :3, 3]  # views
    orientations[..., root, :, :] = rotations[..., root, :, :]
    positions[..., root, :] = joints[..., root, :] + offset
    for level in levels[1:]:
        children, above = list(level), [parents[joint] for joint in level]
        turned = orientations[..., above, :, :]
        bones = joints[..., children, :] - joints[..., above, :]
        orientations[..., children, :, :] = turned @ rotations[..., children, :, :]
        positions[..., children, :] = positions[..., above, :] + (turned @ bones[..., None])[..., 0]
    return result


def local_from_global(global_rotations: FloatArray, parents: tuple[int, ...]) -> Float64Array:
    """Rotations [...,J,3,3] relative to the parent from rotations [...,J,3,3] in space."""
    rotations = np.asarray(global_rotations, dtype=np.float64)
    result = rotations.copy()
    children = [joint for joint, parent in enumerate(parents) if parent >= 0]
    above = [parents[joint] for joint in children]
    result[..., children, :, :] = (
        np.swapaxes(rotations[..., above, :, :], -1, -2) @ rotations[..., children, :, :]
    )
    return result


def skinning_transforms(transforms: FloatArray, rest: FloatArray) -> Float64Array:
    """Transforms [...,J,4,4] from the unposed body to space, out of `global_transforms`."""
    result = np.array(transforms, dtype=np.float64)
    moved = result[..., :3, :3] @ np.asarray(rest, dtype=np.float64)[..., None]
    result[..., :3, 3] -= moved[..., 0]
    return result


def blended_transforms(weights: FloatArray, transforms: FloatArray) -> Float64Array:
    """The mean [V,3,4] of transforms [J,4,4] at each vertex, with weights [V,J]: linear blend
    skinning (Loper et al., SMPL, 2015, equation 2)."""
    flat = np.asarray(transforms, dtype=np.float64)[:, :3].reshape(-1, 12)
    return np.asarray(weights @ flat).reshape(-1, 3, 4)


def apply_transforms(transforms: Float64Array, points: FloatArray) -> Float64Array:
    """Points [V,3] moved by transforms [V,3,4]."""
    turned = transforms[..., :3] @ np.asarray(points, dtype=np.float64)[..., None]
    return turned[..., 0] + transforms[..., 3]
