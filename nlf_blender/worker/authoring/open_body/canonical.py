# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical pose: arms and legs spread, so that no two body parts touch."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from ....body.kinematics import global_transforms, skinning_transforms
from ....body.rotations import matrix_from_rotvec
from ....body.skeleton import SMPL_PARENTS, SMPL_SKELETON
from ...smpl.canonical.canonical_pose import canonical_turns
from .geometry import Array
from .t_pose import skin

SOLE_HEIGHT = -1.2


def canonical_body(template: Array, joints: Array, weights: Array) -> tuple[Array, Array]:
    """Vertices [V,3] and joints [24,3] of the mean body in canonical space.

    Plain blending; metres, y up, the lowest point at SOLE_HEIGHT, x and z as in the template.
    """
    rotations = matrix_from_rotvec(canonical_turns(SMPL_SKELETON))
    placed = global_transforms(rotations, joints, SMPL_PARENTS, np.zeros(3))
    moves = skinning_transforms(placed, joints)
    vertices = skin(template, csr_matrix(weights), moves[:, :3, :3], moves[:, :3, 3])
    shift = np.array([0.0, SOLE_HEIGHT - vertices[:, 1].min(), 0.0])
    return vertices + shift, placed[:, :3, 3] + shift
