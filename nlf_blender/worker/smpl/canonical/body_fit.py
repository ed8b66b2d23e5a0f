# SPDX-License-Identifier: GPL-3.0-or-later
"""A body posed and shaped by its own parameters, first by joints, then onto another's surface."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

from ....body.arrays import Float64Array, IntArray
from ..body_model import BodyModel
from ..closest_surface import ClosestSurface
from ..fitting.fit import Fit, FitSettings, fit
from ..fitting.start import FitStart
from ..surface_normals import vertex_normals
from .own_canonical import OwnCanonical

OWN_BETAS, BETAS = 3, 10
# Metres: in each round, vertices this far from the other surface pull with a third of the weight of
# those on it. The body slides along the surface between the rounds.
ROUNDS = (0.06, 0.04, 0.03, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02)
REACH = 3.0  # times a round's distance, beyond which the other surface's points say nothing
NEIGHBOURS = 4  # points of the other surface that tell how high it is above a vertex
COVERED = 0.05  # metres; a vertex without points of the other surface this near hardly counts
SOFTEST = 1e-3  # metres, so that a point right at a vertex does not silence the others


class FittedBody:
    """A body's parameters, fitted.

    Points are told by the difference to a first fit, that to the body's own points: what parameters
    cannot express of these is kept.
    """

    def __init__(self, own: OwnCanonical) -> None:
        self.own = own
        self.model = BodyModel(own.body)
        vertices = self._tensor(own.vertices)[None]
        self.first = fit(vertices, self.model, settings=self._settings(OWN_BETAS))
        self._kept = own.points - self._posed(self.first)

    def points(self, found: Fit) -> Float64Array:
        """The V+J points [V+J,3] of a fit."""
        return self._posed(found) + self._kept

    def to_joints(self, indices: IntArray, targets: Float64Array, trust: Float64Array) -> Fit:
        """Joints `indices` [N] fitted to targets [N,3], each as much as it is trusted [N]."""
        return fit(
            self._tensor(targets)[None],
            self.model,
            self._tensor(trust),
            joint_indices=torch.from_numpy(indices),
            settings=self._settings(BETAS),
            start=FitStart(self.first.pose, self.first.betas),
            expected_pose=self.first.pose,  # joints leave open how limbs are twisted
        )

    def to_surface(self, found: Fit, cloud: Float64Array) -> Fit:
        """The body from a fit on slid onto points [N,3] of a surface, by their distances from the
        tangent planes of its own surface (Chen and Medioni, 1992)."""
        chosen = self.model.spread_vertices
        index = chosen.numpy()
        for reach in ROUNDS:
            vertices = self.points(found)[: len(self.own.vertices)]
            heights, gaps, normals = self._heights(vertices, index, cloud, REACH * reach)
            targets = vertices[index] + heights[:, None] * normals - self._kept[index]
            weights = np.exp(-((heights / reach) ** 2) - (gaps / COVERED) ** 2)
            found = fit(
                self._tensor(targets)[None],
                self.model,
                self._tensor(weights),
                vertex_indices=chosen,
                settings=self._settings(BETAS),
                start=FitStart(found.pose, found.betas),
            )
        return found

    def _heights(
        self, vertices: Float64Array, index: IntArray, cloud: Float64Array, reach: float
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """How high [K] the cloud is above vertices `index` [K], how far [K] its nearest foot is
        from each, and the vertices' normals [K,3]."""
        faces = self.own.body.faces
        near = ClosestSurface(vertices, faces).query(cloud)
        there = near.distances < reach
        normals = vertex_normals(vertices, faces)
        if there.sum() < NEIGHBOURS:
            return np.zeros(len(index)), np.full(len(index), np.inf), normals[index]
        corners = normals[faces[near.face[there]]]
        at_feet = np.einsum("nk,nkc->nc", near.barycentric[there], corners)
        above = np.einsum("nc,nc->n", (cloud - near.positions)[there], at_feet)
        tree = cKDTree(near.positions[there])
        gaps, feet = tree.query(vertices[index], k=range(1, NEIGHBOURS + 1))
        shares = 1 / (gaps + SOFTEST) ** 2
        heights = (shares * above[feet]).sum(axis=1) / shares.sum(axis=1)
        return heights, gaps[:, 0], normals[index]

    @torch.no_grad()
    def _posed(self, found: Fit) -> Float64Array:
        posed = self.model(found.pose, found.betas, found.translation)
        return torch.cat([posed.vertices[0], posed.joints[0]]).double().numpy()

    def _settings(self, betas: int) -> FitSettings:
        return FitSettings(beta_count=min(betas, self.model.beta_count))

    def _tensor(self, array: Float64Array) -> torch.Tensor:
        return torch.from_numpy(array).to(self.model.v_template)
