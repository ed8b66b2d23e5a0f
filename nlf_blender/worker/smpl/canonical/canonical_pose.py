# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical body of an SMPL-family file, as the official release makes it.

The mean person, hips turned 40 degrees outward, collars and shoulders 15 degrees upward each, with
pose correctives, then averaged with its mirror image; metres, y up, the root at its rest place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from ....body.forward import posed_body
from ....body.skeleton import Skeleton
from ..conversion.joint_matching import plain_name
from .mirror_map import MIRROR, MirrorMap, find_mirror, symmetrized

HIP_SPREAD = np.deg2rad(40.0)
ARM_RAISE = np.deg2rad(15.0)  # of the collar, and once more of the shoulder
SPREAD = {"hip": HIP_SPREAD, "collar": ARM_RAISE, "shoulder": ARM_RAISE}
SIGN = {"left": 1.0, "right": -1.0}


@dataclass(frozen=True)
class CanonicalPose:
    """vertices [V,3] and joints [J,3], metres; mirror: the map they were made symmetric by, or None
    where the mesh has none."""

    vertices: Float64Array
    joints: Float64Array
    mirror: MirrorMap | None


def canonical_turns(skeleton: Skeleton) -> Float64Array:
    """Rotation vectors [J,3] relative to the parent, all about z: left positive, right negative.

    ValueError if the skeleton lacks one of these joints.
    """
    vectors = np.zeros((skeleton.joint_count, 3))
    turned = 0
    for joint, name in enumerate(skeleton.joint_names):
        side, word = plain_name(name)
        if word in SPREAD and side in SIGN:
            vectors[joint, 2] = SIGN[side] * SPREAD[word]
            turned += 1
    if turned != len(SPREAD) * len(SIGN):
        raise ValueError(f"{turned} of the 6 joints that the canonical pose turns are there")
    return vectors


def canonical_pose(body: BodyData) -> CanonicalPose:
    """The body's mean person in the canonical pose, symmetric where its mesh is.

    The rest pose must be SMPL's: arms to the sides, legs down. ValueError as `canonical_turns`.
    """
    vectors = canonical_turns(body.skeleton)
    vertices, joints = posed_body(body, vectors, np.zeros(0), np.zeros(3))
    mirror = _mirror(body, vertices)
    if mirror is None:
        return CanonicalPose(vertices, joints, None)
    other = np.array(body.skeleton.mirrored())
    return CanonicalPose(symmetrized(vertices, mirror.index), symmetrized(joints, other), mirror)


def _mirror(body: BodyData, vertices: Float64Array) -> MirrorMap | None:
    if body.mirror_vertices is None:
        return find_mirror(vertices, body.faces)
    index = body.mirror_vertices.astype(np.int64)
    distances = np.linalg.norm(vertices * MIRROR - vertices[index], axis=1)
    return MirrorMap(index, float(distances.mean()), 1.0)
