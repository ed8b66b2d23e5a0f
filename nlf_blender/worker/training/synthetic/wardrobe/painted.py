# SPDX-License-Identifier: GPL-3.0-or-later
"""Clothes and hair made of the body's own surface, lifted off the skin: tights to loose shirts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from .....body.arrays import Float64Array
from .....body.body_data import BodyData
from ..normals import rings
from ..skeleton import INDEX
from ..stage import Look, People
from .base_mesh import IntArray
from .binding import neighbour_average

BoolArray = NDArray[np.bool_]
_SIDES = ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist", "hand")
_REGION_PARTS = {
    "upper": ("hip", "pelvis", "spine1", "spine2", "spine3", "neck", "collar", "shoulder", "elbow"),
    "lower": ("pelvis", "spine1", "spine2", "hip", "knee", "ankle"),
    "feet": ("knee", "ankle", "foot"),
    "hands": ("elbow", "wrist", "hand"),
    "scalp": ("head", "neck"),
}
_PIT = np.array([0.0, 0.0, 0.03])  # of the neck, from the neck's joint


@dataclass(frozen=True, eq=False)
class Painted:
    """A piece of a region of the body that is covered.

    low, high: between which heights, and reach: how far from the middle sideways, metres on the
    body's template (T-pose: sleeves and gloves end in x). neckline: radius of the hole for the
    neck, 0 for none. thickness: metres off the skin. waves
    [K,4]: phases and directions of the folds.
    """

    region: str
    look: Look
    thickness: float
    low: float = -np.inf
    high: float = np.inf
    reach: tuple[float, float] = (-np.inf, np.inf)
    neckline: float = 0.0
    waves: Float64Array | None = None


@dataclass(frozen=True, eq=False)
class Patch:
    """A region as a mesh of its own. vertices [U]: numbers of the body's vertices; faces [E,3] in
    those; neighbours [U,K]: along an edge, padded with the vertex itself; rings: see
    normals.rings; rest, places [U,3]: where they are on the body's template. depth [U]: how far
    inside the region's own edge they are, where it has one; from_neck [U]: metres from the pit of
    the neck."""

    vertices: Tensor
    neighbours: Tensor
    faces: Tensor
    rings: Tensor
    rest: Tensor
    places: Float64Array
    depth: Float64Array
    from_neck: Float64Array


def patches_of(body: BodyData, device: torch.device) -> dict[str, Patch]:
    """The regions that clothes may cover."""
    everywhere = np.full(body.vertex_count, np.inf)
    return {
        name: _patch(
            _region(body, name), _scalp(body) if name == "scalp" else everywhere, body, device
        )
        for name in _REGION_PARTS
    }


def _region(body: BodyData, name: str) -> BoolArray:
    """Which vertices [V] of the body a region holds."""
    numbers = [
        INDEX[joint]
        for part in _REGION_PARTS[name]
        for joint in ((f"left_{part}", f"right_{part}") if part in _SIDES else (part,))
    ]
    return np.isin(body.weights.argmax(axis=1), numbers)


def _scalp(body: BodyData) -> Float64Array:
    """How far [V] each vertex is inside of where hair grows: above a line that falls from the
    forehead to the ears, and behind the ears down to the neck."""
    from_joint = body.v_template - body.joints_template[INDEX["head"]]
    above, ahead = from_joint[:, 1], from_joint[:, 2]
    crown = above - 0.06 - 0.5 * ahead.clip(0)
    return np.maximum(crown, np.minimum(-0.015 - ahead, above + 0.045))


def _patch(inside: BoolArray, depth: Float64Array, body: BodyData, device: torch.device) -> Patch:
    numbers = np.flatnonzero(inside)
    renumbered = np.cumsum(inside) - 1
    faces = renumbered[body.faces[inside[body.faces].all(axis=1)]].astype(np.int64)
    places = body.v_template[numbers]
    return Patch(
        vertices=torch.as_tensor(numbers, device=device),
        neighbours=torch.as_tensor(_neighbours(faces, len(numbers)), device=device),
        faces=torch.as_tensor(faces, device=device),
        rings=rings(faces, len(numbers)).to(device),
        rest=torch.as_tensor(places, dtype=torch.float32, device=device),
        places=places,
        depth=depth[numbers],
        from_neck=np.linalg.norm(places - body.joints_template[INDEX["neck"]] - _PIT, axis=1),
    )


def _neighbours(faces: IntArray, count: int) -> IntArray:
    """The vertices next to each [U,K], padded with the vertex itself."""
    graph = neighbour_average(faces, count)
    valence = np.diff(graph.indptr)
    table = np.repeat(np.arange(count)[:, None], valence.max(initial=1), axis=1)
    place = np.arange(len(graph.indices)) - np.repeat(graph.indptr[:-1], valence)
    table[np.repeat(np.arange(count), valence), place] = graph.indices
    return table.astype(np.int64)


def inside_by(patch: Patch, painted: Painted) -> Float64Array:
    """How far [U] each vertex of its patch is inside a piece's edges, metres, on the template;
    negative outside."""
    aside, height = np.abs(patch.places[:, 0]), patch.places[:, 1]
    near, far = painted.reach
    gaps = (height - painted.low, painted.high - height, aside - near, far - aside)
    neck = np.where(painted.neckline > 0, patch.from_neck - painted.neckline, np.inf)
    return np.minimum.reduce((*gaps, neck, patch.depth)).clip(-1, 1)


def stand_off(patch: Patch, painted: Painted) -> Float64Array:
    """How far [U] the cloth is off the skin, metres."""
    if painted.waves is None:
        return np.full(len(patch.places), painted.thickness)
    phases = patch.places @ painted.waves[:, 1:].T + painted.waves[:, 0]
    return painted.thickness * (0.7 + 0.3 * np.sin(phases).mean(axis=1))


def random_waves(random: Generator, fastest: float = 60.0) -> Float64Array:
    """Folds [3,4]: a phase and a direction, radians per metre, of each wave."""
    directions = random.normal(size=(3, 3)) * random.uniform(8, fastest, (3, 1))
    return np.concatenate([random.uniform(0, 6, (3, 1)), directions], axis=1)


def lifted(patch: Patch, people: People, normals: Tensor, rows: Tensor, heights: Tensor) -> Tensor:
    """Vertices [N,U,3] of a patch on the people of `rows` [N], `heights` [N,U] metres off the
    posed skin whose normals are [people,V,3]."""
    skin, outward = people.vertices[rows], normals[rows]
    high = heights * people.scale[rows, None]
    return skin[:, patch.vertices] + outward[:, patch.vertices] * high[..., None]


def hemmed(vertices: Tensor, depth: Tensor, patch: Patch) -> Tensor:
    """Vertices [N,U,3] of a patch, those just outside a piece drawn in to its edge.

    depth [N,U]: see inside_by. Triangles across the edge would make it a saw: an outer corner goes
    along the edge to its deepest neighbour, as far as to where the depth is zero.
    """
    depths, choice = depth[:, patch.neighbours].max(dim=2)
    chosen = patch.neighbours.expand(len(depth), -1, -1).gather(2, choice[..., None])
    deepest = vertices.gather(1, chosen.expand(-1, -1, 3))
    across = (depth < 0) & (depths > 0)
    share = torch.where(across, depth / (depth - depths - 1e-9), 0.0)
    return torch.lerp(vertices, deepest, share[..., None])


def inner(mask: Tensor, faces: Tensor) -> Tensor:
    """Vertices [N,U] of `mask` [N,U] that have no face [F,3] across its edge."""
    whole = mask[:, faces].all(dim=2, keepdim=True).expand(-1, -1, 3).flatten(1)
    outside = torch.zeros_like(mask, dtype=torch.int32)
    outside.scatter_add_(1, faces.flatten().expand(len(mask), -1), (~whole).to(torch.int32))
    return mask & (outside == 0)
