# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical pose: arms and legs spread, so that no two body parts touch."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from ....body.kinematics import global_transforms, skinning_transforms
from ....body.rotations import matrix_from_rotvec
from ....body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS
from .geometry import Array
from .t_pose import skin

HIP_SPREAD = np.deg2rad(40.0)
ARM_RAISE = np.deg2rad(15.0)  # of the collar, and once more of the shoulder
SOLE_HEIGHT = -1.2


def canonical_rotations() -> Array:
    """Rotations [24,3,3] relative to the parent, all about z: left positive, right negative."""
    angles = {"Hip": HIP_SPREAD, "Collar": ARM_RAISE, "Shoulder": ARM_RAISE}
    vectors = np.zeros((len(SMPL_JOINT_NAMES), 3))
    for joint, name in enumerate(SMPL_JOINT_NAMES):
        side = {"L_": 1.0, "R_": -1.0}.get(name[:2], 0.0)
        vectors[joint, 2] = side * angles.get(name[2:], 0.0)
    return matrix_from_rotvec(vectors)


def canonical_body(template: Array, joints: Array, weights: Array) -> tuple[Array, Array]:
    """Vertices [V,3] and joints [24,3] of the mean body in canonical space.

    Plain blending; metres, y up, the lowest point at SOLE_HEIGHT, x and z as in the template.
    """
    placed = global_transforms(canonical_rotations(), joints, SMPL_PARENTS, np.zeros(3))
    moves = skinning_transforms(placed, joints)
    vertices = skin(template, csr_matrix(weights), moves[:, :3, :3], moves[:, :3, 3])
    shift = np.array([0.0, SOLE_HEIGHT - vertices[:, 1].min(), 0.0])
    return vertices + shift, placed[:, :3, 3] + shift
