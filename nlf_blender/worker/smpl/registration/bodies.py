# SPDX-License-Identifier: GPL-3.0-or-later
"""A body's points, fewer and more, that the stages of a registration move."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree

from ..body_model import BodyModel
from ..surface_normals import vertex_normals
from ..vertex_subset import choose_vertices, vertex_areas
from .body_points import BodyPoints, outer_vertices
from .coarse import WeighedPoints
from .fine import Surface
from .solve import PosePrior

FINE_POINTS = 800


class Bodies:
    """The body's points, fewer and more, that the stages move."""

    def __init__(self, model: BodyModel, beta_count: int) -> None:
        self.model = model
        self.beta_count = min(beta_count, model.beta_count)
        self.prior = PosePrior.of(model)
        body = model.body
        self.normals = torch.from_numpy(vertex_normals(body.v_template, body.faces)).to(
            model.v_template
        )
        self.outer = np.flatnonzero(outer_vertices(body))
        self.areas = vertex_areas(body)[self.outer]

    def points(self, indices: np.ndarray) -> BodyPoints:
        """Those vertices as points."""
        return BodyPoints(self.model, torch.from_numpy(indices), self.normals, self.beta_count)

    def weighed(self, count: int) -> WeighedPoints:
        """About `count` spread vertices with their share of the outer surface."""
        chosen = np.intersect1d(choose_vertices(self.model.body, count), self.outer)
        template = self.model.body.v_template
        nearest = cKDTree(template[chosen]).query(template[self.outer])[1]
        weights = np.bincount(nearest, self.areas, minlength=len(chosen))
        weights = torch.from_numpy(weights / weights.sum()).float()
        return WeighedPoints(self.points(chosen), weights)

    def surface(self) -> Surface:
        """The whole outer surface, moved by FINE_POINTS points."""
        points = self.weighed(FINE_POINTS).points
        return Surface(self.points(self.outer), points, self.areas)
