# SPDX-License-Identifier: GPL-3.0-or-later
"""The linear shape space: area-weighted principal components of T-posed, symmetric samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import Array, symmetrized, vertex_areas
from .t_pose import PosedSamples

COMPONENTS = 16


@dataclass(frozen=True)
class ShapeSpace:
    """mean [V,3] and directions [V,3,B] in metres per standard deviation; areas [V] sum to 1,
    the weights of the components; explained [B] shares of the variance, cumulated."""

    mean: Array
    directions: Array
    areas: Array
    explained: Array

    def betas(self, vertices: Array, count: int) -> Array:
        """Betas [S,count] of bodies [S,V,3]: their weighted projection."""
        flat = _weighted(vertices - self.mean.astype(np.float32), self.areas)
        basis = _weighted(np.moveaxis(self.directions, -1, 0)[:count], self.areas).T
        return flat @ (basis / np.sum(np.square(basis), axis=0)).astype(np.float32)

    def bodies(self, betas: Array) -> Array:
        """Bodies [S,V,3] with these betas [S,count]."""
        directions = self.directions[..., : betas.shape[1]].astype(np.float32)
        flat = betas.astype(np.float32) @ directions.reshape(-1, betas.shape[1]).T
        return self.mean.astype(np.float32) + flat.reshape(len(betas), *self.mean.shape)


def centred_and_symmetric(
    samples: PosedSamples, faces: Array, mirror_vertices: Array, mirror_joints: Array
) -> PosedSamples:
    """Samples moved to their surface's centroid and averaged with their mirror images."""
    areas = vertex_areas(samples.vertices.mean(0, dtype=np.float64), faces)
    vertices, joints = samples.vertices, samples.joints
    for index in range(len(vertices)):
        centroid = areas @ vertices[index].astype(np.float64)
        vertices[index] = symmetrized(vertices[index] - centroid, mirror_vertices)
        joints[index] = symmetrized(joints[index] - centroid, mirror_joints)
    return PosedSamples(vertices, joints)


def fit_shape_space(
    vertices: Array, faces: Array, mirror: Array, components: int = COMPONENTS
) -> ShapeSpace:
    """Principal components of bodies [S,V,3], weighted by area; positive betas make taller.

    More vertices than samples: the S x S matrix of inner products has the same eigenvalues as the
    covariance and is far smaller.
    """
    mean = symmetrized(vertices.mean(0, dtype=np.float64), mirror)
    areas = vertex_areas(mean, faces)
    data = _weighted(vertices - mean.astype(np.float32), areas)
    variance, factors = np.linalg.eigh((data @ data.T).astype(np.float64))
    variance, factors = variance[::-1], factors[:, ::-1]
    # data^T u has length sqrt(variance): over sqrt(S - 1) it is one standard deviation
    scores = factors[:, :components].astype(np.float32) / np.sqrt(len(vertices) - 1)
    basis = (data.T @ scores).astype(np.float64) / _root(areas)[:, None]
    directions = basis.reshape(*mean.shape, components)
    directions = np.moveaxis(symmetrized(np.moveaxis(directions, -1, 0), mirror), 0, -1)
    directions *= _tall_sign(mean, directions)
    explained = np.cumsum(variance)[:components] / variance.sum()
    return ShapeSpace(mean, directions, areas, explained)


def _tall_sign(mean: Array, directions: Array) -> Array:
    """Sign [B] with which each component lifts the crown over the soles."""
    crown, sole = np.argmax(mean[:, 1]), np.argmin(mean[:, 1])
    growth = directions[crown, 1] - directions[sole, 1]
    return np.where(growth < 0, -1.0, 1.0)


def _root(areas: Array) -> Array:
    """Square roots [3V] of the areas, on a scale where their squares' mean is 1."""
    return np.sqrt(np.repeat(areas, 3) * len(areas))


def _weighted(bodies: Array, areas: Array) -> Array:
    """Bodies [S,V,3] -> rows [S,3V] whose plain inner product is the area-weighted one."""
    return bodies.reshape(len(bodies), -1) * _root(areas).astype(np.float32)
