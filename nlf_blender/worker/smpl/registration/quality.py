# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a registered body lies on its scan, and what of it the scan does not show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from ....body.arrays import FloatArray
from ..body_model import BodyModel
from ..closest_surface import ClosestSurface
from ..fitting.points import make_tree
from ..surface_normals import vertex_normals
from ..vertex_subset import vertex_areas
from .body_points import State, outer_vertices

SEEN_WITHIN = 0.02  # metres, or thrice the median distance: a vertex with a scan point that near
SEEN_SHARE = 0.2  # a joint is determined if so much of its part or of those below it is seen
TRUNCATION = 0.5  # metres


@dataclass(frozen=True)
class Quality:
    """distances [M], metres, of scan points to the body; body_distance: the mean of the body's
    surface to the scan, NaN for a partial scan; undetermined [J]."""

    distances: FloatArray
    body_distance: float
    undetermined: np.ndarray


def measure(
    model: BodyModel,
    state: State,
    points: FloatArray,
    normals: FloatArray,
    signed: bool,
    partial: bool,
) -> Quality:
    """The quality of a state of one body on scan points [M,3] with normals [M,3]."""
    vertices = model(state.rotations, state.betas, state.translation, state.scale).vertices[0]
    vertices = vertices.numpy().astype(np.float64)
    body = model.body
    distances = ClosestSurface(vertices, body.faces).query(points).distances
    found, nearest = cKDTree(points).query(vertices)
    across = np.einsum("vc,vc->v", points[nearest] - vertices, normals[nearest])
    own = vertex_normals(vertices, body.faces)
    agreement = np.einsum("vc,vc->v", own, normals[nearest])
    agreement = agreement if signed else np.abs(agreement)
    near = max(SEEN_WITHIN, 3 * float(np.median(distances)))
    seen = (found < near) & (agreement > 0)
    areas = vertex_areas(body) * outer_vertices(body)
    # On a scan of points the plane through the nearest is nearer to its surface than the point.
    to_scan = np.where(found < near, np.abs(across), found)
    mean = float(areas @ np.minimum(to_scan, TRUNCATION) / areas.sum())
    undetermined = _undetermined(model, seen, areas)
    return Quality(distances, float("nan") if partial else mean, undetermined)


def _undetermined(model: BodyModel, seen: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Joints [J] whose part, and all parts below it, are hardly seen; seen and areas [V]."""
    part = model.weights.argmax(1).numpy()
    joints = len(model.parents)
    total = np.bincount(part, areas, minlength=joints)
    share = np.bincount(part, areas * seen, minlength=joints) / np.maximum(total, 1e-12)
    below = make_tree(model).ancestors.numpy() > 0
    return ~((share >= SEEN_SHARE)[:, None] & below).any(0)
