# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig as it would stand in the canonical pose of one person, whose bones have other lengths.

Limbs of other proportions would otherwise bend the joints until the rig's ends meet the person's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from ...body.arrays import Float64Array
from ...body.forward import posed_body
from ...protocol.point_set import PointSet
from ..markers.attachment import Attachment, attached_body
from ..smpl.body_model import BodyModel
from ..smpl.canonical.own_canonical import own_canonical
from ..smpl.fitting.fit import FitSettings, fit

OWN_BETAS = 3  # the canonical person is nearly, but not quite, the mean one


@dataclass(frozen=True, eq=False)
class RigRest:
    """points [K,3] and joints [J,3] of a rig at rest, metres, canonical axes. size: how large it is
    relative to the rig as the user made it."""

    points: Float64Array
    joints: Float64Array
    size: float = 1.0


def unchanged(points: PointSet) -> RigRest:
    """The rig as the user made it."""
    assert points.rig is not None
    return RigRest(points.points, points.rig.joints)


class PersonalRests:
    """The rests of one rig on one body for any people."""

    def __init__(self, points: PointSet, body: BodyModel, attachment: Attachment) -> None:
        """attachment: of the set's points to the body."""
        assert points.rig is not None
        self._rest = unchanged(points)
        self._attached = attached_body(body.body, attachment)
        self._pose = _canonical_pose(body)
        self._mean = self._standing(np.zeros(0))
        # a joint goes with the point that marks it, or else the nearest
        self._nearest = cKDTree(points.points).query(points.rig.joints)[1]

    def of(self, betas: Float64Array) -> RigRest:
        """The rest for a person of betas [B]."""
        moves = self._standing(np.asarray(betas, dtype=np.float64)) - self._mean
        points, joints = self._rest.points + moves, self._rest.joints + moves[self._nearest]
        return RigRest(points, joints, _size(points, self._rest.points))

    def _standing(self, betas: Float64Array) -> Float64Array:
        return posed_body(self._attached, self._pose, betas, np.zeros(3)).vertices


def _size(points: Float64Array, like: Float64Array) -> float:
    """How large points [K,3] are relative to others, by least squares."""
    centered, other = points - points.mean(axis=0), like - like.mean(axis=0)
    return float((centered * other).sum() / max((other * other).sum(), np.finfo(float).tiny))


def _canonical_pose(body: BodyModel) -> Float64Array:
    """The turns [J,3] with which the body stands in its canonical pose."""
    vertices = torch.from_numpy(own_canonical(body.body).vertices)[None].to(body.v_template)
    used = body.spread_vertices
    settings = FitSettings(beta_count=OWN_BETAS)
    found = fit(vertices[:, used], body, vertex_indices=used, settings=settings)
    return found.pose[0].double().cpu().numpy()
