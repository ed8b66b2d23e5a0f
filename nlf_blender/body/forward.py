# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward pass of an SMPL-family body in numpy, in double precision.

Shape, expression and pose correctives are added to the template, which is then skinned linearly
(Loper et al., SMPL, 2015, section 3). Metres, SMPL's axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .arrays import Float64Array, FloatArray
from .body_data import BodyData
from .kinematics import (
    apply_transforms,
    blended_transforms,
    global_transforms,
    rest_joints,
    skinning_transforms,
)
from .rotations import matrix_from_rotvec


class UnposedBody(NamedTuple):
    """vertices [V,3] and joints [J,3] of a shape and expression, without pose correctives."""

    vertices: Float64Array
    joints: Float64Array


class PosedBody(NamedTuple):
    """vertices [V,3] and joints [J,3]."""

    vertices: Float64Array
    joints: Float64Array


def unposed_body(
    body: BodyData, betas: FloatArray, expression: FloatArray | None = None
) -> UnposedBody:
    """The unposed body of betas [B'], B' <= B, and expression [E'], E' <= E.

    ValueError for more of them than the body has.
    """
    joints = rest_joints(body.joints_template, body.joints_shapedirs, betas)
    vertices = body.v_template + body.shapedirs[..., : len(betas)] @ betas
    if expression is None:
        return UnposedBody(vertices, joints)
    dirs, joints_dirs = body.expression_dirs, body.joints_expression_dirs
    if dirs is None or joints_dirs is None or len(expression) > body.expression_count:
        raise ValueError(f"{len(expression)} expressions for a body with {body.expression_count}")
    return UnposedBody(
        vertices + dirs[..., : len(expression)] @ expression,
        rest_joints(joints, joints_dirs, expression),
    )


def pose_correctives(body: BodyData, rotations: FloatArray) -> Float64Array | None:
    """Offsets [V,3] that the pose, local rotations [J,3,3], adds to the unposed body.

    Linear in the entries of the rotations of all joints but the root, less identity; None for a
    body without pose correctives.
    """
    if body.posedirs is None:
        return None
    turned = np.delete(rotations, body.skeleton.root, axis=0) - np.eye(3)
    return np.asarray(body.posedirs @ turned.ravel(), dtype=np.float64)


def skinned(
    body: BodyData,
    unposed: UnposedBody,
    rotations: FloatArray,
    translation: FloatArray,
    scale: float = 1.0,
) -> PosedBody:
    """An unposed body, posed: local rotations [J,3,3], then a factor, then the translation [3]."""
    scaled = scale * unposed.joints
    transforms = global_transforms(rotations, scaled, body.skeleton.parents, translation)
    correctives = pose_correctives(body, rotations)
    added = unposed.vertices if correctives is None else unposed.vertices + correctives
    moves = blended_transforms(body.weights, skinning_transforms(transforms, scaled))
    return PosedBody(apply_transforms(moves, scale * added), transforms[:, :3, 3])


def posed_body(
    body: BodyData,
    pose: FloatArray,
    betas: FloatArray,
    translation: FloatArray,
    expression: FloatArray | None = None,
) -> PosedBody:
    """One person: pose [J,3] rotation vectors relative to the parent, radians; betas [B'];
    translation [3]; expression [E']. ValueError for more of them than the body has."""
    unposed = unposed_body(body, betas, expression)
    return skinned(body, unposed, matrix_from_rotvec(pose), translation)
