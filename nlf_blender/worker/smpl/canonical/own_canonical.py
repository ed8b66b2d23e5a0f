# SPDX-License-Identifier: GPL-3.0-or-later
"""A body in its own canonical space: where its markers are placed, before any model is chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ....body.arrays import Float64Array, IntArray
from ....body.body_data import BodyData

SMPL_FAMILY = ("smpl", "smplh", "smplx")


@dataclass(frozen=True, eq=False)
class OwnCanonical:
    """A body's vertices [V,3] and joints [J,3] in its own canonical space, metres.

    mirror [V]: each vertex's other side, None where the mesh has none. posed: False for a body
    that neither has canonical points in its file nor is of the SMPL family, and stands at rest.
    """

    body: BodyData
    vertices: Float64Array
    joints: Float64Array
    mirror: IntArray | None
    posed: bool

    @property
    def points(self) -> Float64Array:
        """Vertices, then joints [V+J,3]."""
        return np.concatenate([self.vertices, self.joints])

    @property
    def mirror_points(self) -> IntArray | None:
        """Each of the V+J points' other side, or None."""
        if self.mirror is None:
            return None
        joints = np.array(self.body.skeleton.mirrored())
        return np.concatenate([self.mirror, joints + len(self.mirror)])

    def symmetrized(self, points: Float64Array) -> Float64Array:
        """Points [V+J,3] made as symmetric as the body."""
        mirror = self.mirror_points
        if mirror is None:
            return points
        from .mirror_map import symmetrized

        return symmetrized(points, mirror)

    def at_rest(self) -> OwnCanonical:
        """The same body with the points of its rest pose."""
        return replace(self, vertices=self.body.v_template, joints=self.body.joints_template)


def in_smpl_family(body: BodyData) -> bool:
    """Whether the body comes from a file of SMPL, SMPL-H or SMPL-X: these hold no canonical points,
    and rest with the arms to the sides."""
    return body.kind in SMPL_FAMILY and not body.has_canonical_points


def own_canonical(body: BodyData) -> OwnCanonical:
    """The file's own canonical points; else SMPL's canonical pose for its family; else at rest."""
    if in_smpl_family(body):
        from .canonical_pose import canonical_pose  # loads scipy, which the open body can spare

        pose = canonical_pose(body)
        mirror = None if pose.mirror is None else pose.mirror.index
        return OwnCanonical(body, pose.vertices, pose.joints, mirror, posed=True)
    posed = body.has_canonical_points
    vertices = body.canonical_vertices if posed else body.v_template
    joints = body.canonical_joints if posed else body.joints_template
    assert vertices is not None and joints is not None
    mirror = body.mirror_vertices
    if mirror is None:
        from .mirror_map import find_mirror  # loads scipy, too

        found = find_mirror(vertices, body.faces)
        mirror = None if found is None else found.index
    return OwnCanonical(body, vertices, joints, mirror, posed)
