# SPDX-License-Identifier: GPL-3.0-or-later
"""The open body for rendering: shapes, poses, and the points whose positions are recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .synthetic.skeleton import PARENTS, to_world

SURFACE_POINTS = 2048
INTERIOR_POINTS = 384
_BETAS = 16


@dataclass(frozen=True)
class PointPool:
    """Recorded points: joints first, then surface vertices, then points inside.

    An interior point lies between a vertex and a point of the bone under it.
    """

    vertices: np.ndarray
    interior_vertices: np.ndarray
    interior_joints: np.ndarray
    interior_along: np.ndarray
    interior_outward: np.ndarray

    def gather(self, vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
        """Positions [N,3] of the pool on a body with `vertices` [V,3] and `joints` [24,3]."""
        start, end = joints[self.interior_joints[:, 0]], joints[self.interior_joints[:, 1]]
        axis = start + (end - start) * self.interior_along[:, None]
        surface = vertices[self.interior_vertices]
        inside = axis + (surface - axis) * self.interior_outward[:, None]
        return np.concatenate([joints, vertices[self.vertices], inside])


class RenderBody:
    """The body file's arrays in float32, skinning, and the pool."""

    def __init__(self, path: Path) -> None:
        data = np.load(path)
        load = {name: np.asarray(data[name], np.float32) for name in data.files if name != "f"
                and data[name].dtype.kind == "f"}  # fmt: skip
        self.template, self.shapes = load["v_template"], load["shapedirs"][..., :_BETAS]
        self.correctives, self.weights = load["posedirs"], load["weights"]
        self.regressor = load["J_regressor"]
        self.faces = np.asarray(data["f"], np.int32)
        self.part = self.weights.argmax(axis=1)
        self.joints = self.regressor @ self.template
        self.pool = self._make_pool()
        self.canonical = load.get("canonical_vertices")
        self.canonical_joints = load.get("canonical_joints")

    def shape(self, betas: np.ndarray) -> np.ndarray:
        """Vertices at rest [V,3] of shape `betas` [B]."""
        return self.template + self.shapes[..., : len(betas)] @ betas.astype(np.float32)

    def pose(
        self, shaped: np.ndarray, local: np.ndarray, worn: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Posed skin [V,3], joints [24,3] and drawn surface [V,3] (`worn` at rest, or the skin)."""
        joints = self.regressor @ shaped
        bend = (local[1:] - np.eye(3)).reshape(-1).astype(np.float32)
        corrective = self.correctives @ bend
        world = to_world(local)
        placed = np.zeros((len(joints), 3))
        for joint, parent in enumerate(PARENTS):
            if parent >= 0:
                placed[joint] = placed[parent] + world[parent] @ (joints[joint] - joints[parent])
        shift = placed - np.einsum("jab,jb->ja", world, joints)
        transforms = np.concatenate([world, shift[:, :, None]], axis=2).astype(np.float32)
        blended = (self.weights @ transforms.reshape(len(joints), 12)).reshape(-1, 3, 4)
        skin = _apply(blended, shaped + corrective)
        drawn = skin if worn is None else _apply(blended, worn + corrective)
        return skin, placed.astype(np.float32), drawn

    def _make_pool(self) -> PointPool:
        random = np.random.default_rng(7)
        area = _vertex_areas(self.template, self.faces)
        chance = area / area.sum()
        surface = np.sort(random.choice(len(area), SURFACE_POINTS, replace=False, p=chance))
        deep = random.choice(len(area), INTERIOR_POINTS, replace=False, p=chance)
        children = {parent: joint for joint, parent in enumerate(PARENTS) if parent >= 0}
        children.update({0: 3, 9: 12})  # the trunk goes on upwards
        bones = np.array([[self.part[v], children.get(self.part[v], self.part[v])] for v in deep])
        return PointPool(
            vertices=surface,
            interior_vertices=deep,
            interior_joints=bones,
            interior_along=random.random(INTERIOR_POINTS).astype(np.float32),
            interior_outward=random.uniform(0.1, 0.9, INTERIOR_POINTS).astype(np.float32),
        )


def _apply(blended: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.einsum("vab,vb->va", blended[..., :3], points) + blended[..., 3]


def _vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.zeros(len(vertices))
    np.add.at(area, faces.reshape(-1), np.repeat(np.linalg.norm(cross, axis=1) / 6, 3))
    return area
