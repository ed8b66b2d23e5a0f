# SPDX-License-Identifier: GPL-3.0-or-later
"""Eigenfunctions of the Laplacian in a symmetric volume, by linear finite elements on its half."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree

from .volume import HalfVolume, signed_volumes

Array = NDArray[np.floating]
SHIFT = -1.0  # per square metre; below all eigenvalues, so that the shifted matrix is definite
START_SEED = 11


@dataclass(frozen=True)
class Eigenmodes:
    """values [K] per square metre, ascending, without the constant's zero; vectors [N,K] at the
    half's nodes, of unit square integral over the whole body; parity [K]: +1 for functions equal
    on both sides, -1 for those of opposite sign."""

    values: Array
    vectors: Array
    parity: NDArray[np.int8]


def stiffness_and_mass(
    nodes: Array, tetrahedra: NDArray[np.int64]
) -> tuple[csc_matrix, csc_matrix]:
    """Linear elements' matrices [N,N]: integrals of gradient products and of function products.

    The stiffness entries are the cotangent weights of the tetrahedra's dihedral angles.
    """
    corners = nodes[tetrahedra]
    volume = signed_volumes(corners)
    edges = np.linalg.inv(corners[:, 1:] - corners[:, :1])
    gradients = np.concatenate([-edges.sum(2)[:, :, None], edges], axis=2).transpose(0, 2, 1)
    stiffness = np.einsum("tac,tbc,t->tab", gradients, gradients, volume)
    mass = (np.ones((4, 4)) + np.eye(4)) * (volume / 20)[:, None, None]
    rows = np.repeat(tetrahedra, 4, axis=1).ravel()
    columns = np.tile(tetrahedra, (1, 4)).ravel()
    shape = (len(nodes), len(nodes))
    return tuple(
        coo_matrix((part.ravel(), (rows, columns)), shape=shape).tocsc()
        for part in (stiffness, mass)
    )


def eigenmodes(volume: HalfVolume, count: int) -> Eigenmodes:
    """The `count` smallest non-zero eigenvalues of the whole body and their functions.

    No flux through the skin. In the middle plane even functions have none either, odd ones are 0.
    Nodes without a tetrahedron take the value of the nearest one that has.
    """
    stiffness, mass = stiffness_and_mass(volume.nodes, volume.tetrahedra)
    # Even and odd functions come in nearly equal numbers.
    per_parity = int(count * 0.55) + 20
    even = _solve(stiffness, mass, volume.used, per_parity + 1)
    odd = _solve(stiffness, mass, volume.used & ~volume.on_middle, per_parity)
    values = np.concatenate([even[0][1:], odd[0]])
    vectors = np.concatenate([even[1][:, 1:], odd[1]], axis=1)
    parity = np.repeat(np.array([1, -1], np.int8), [per_parity, per_parity])
    order = np.argsort(values, kind="stable")[:count]
    if values[order[-1]] > min(even[0][-1], odd[0][-1]):
        raise RuntimeError("too few eigenvalues of one parity were asked for")
    # a unit integral over the half makes two over the whole
    vectors = _with_unused_nodes(volume, vectors[:, order]) / np.sqrt(2)
    return Eigenmodes(values[order], vectors, parity[order])


def _with_unused_nodes(volume: HalfVolume, vectors: Array) -> Array:
    """Vectors [N,K] with the nearest used node's row at nodes that no tetrahedron has."""
    used = np.flatnonzero(volume.used)
    _, nearest = cKDTree(volume.nodes[used]).query(volume.nodes[~volume.used])
    vectors[~volume.used] = vectors[used[nearest]]
    return vectors


def _solve(
    stiffness: csc_matrix, mass: csc_matrix, free: NDArray[np.bool_], count: int
) -> tuple[Array, Array]:
    """Smallest eigenvalues [K], ascending, and vectors [N,K], zero at nodes that are not free."""
    index = np.flatnonzero(free)
    k, m = stiffness[index][:, index], mass[index][:, index]
    start = np.random.default_rng(START_SEED).normal(size=len(index))
    values, vectors = eigsh(k, count, m, sigma=SHIFT, which="LM", v0=start, tol=1e-8)
    order = np.argsort(values)
    vectors = vectors[:, order]
    peak = np.abs(vectors).argmax(0)
    full = np.zeros((len(free), count))
    full[index] = vectors * np.sign(vectors[peak, np.arange(count)])
    return values[order], full
