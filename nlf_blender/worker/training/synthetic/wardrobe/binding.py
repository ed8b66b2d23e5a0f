# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries clothes from MakeHuman's base mesh over to the open body.

A vertex bound to a helper is bound to the skin's vertex nearest that helper, in MakeHuman's rest
pose; its offset is then turned into the open body's rest pose. So a garment fits every shape that
the open body takes, and in a pose its offsets turn with the skin, smoothly: far from the skin
neighbours share their turning, or a loose cloth would tear where the skin folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial import cKDTree

from .....body.arrays import Float64Array
from .....body.body_data import BodyData
from ..skeleton import INDEX
from .base_mesh import BaseMesh, IntArray
from .mhclo import Clothes

SMOOTHING = 12  # rounds
FAR = 0.05  # metres from the anchor where neighbours share their turning entirely
_CANDIDATES = 12
_ALIKE = 0.4  # of skinning: a guard must move with what it guards


@dataclass(frozen=True, eq=False)
class Bound:
    """The arrays of a Garment of these names, for all vertices of a clothes file."""

    corners: IntArray
    weights: Float64Array
    offsets: Float64Array
    joint_weights: Float64Array
    guards: IntArray
    rest: Float64Array


def bind(clothes: Clothes, base: BaseMesh, body: BodyData, is_hair: bool) -> Bound:
    """Bind clothes to the open body; hair hangs on the head alone."""
    on_base = clothes.on_base(base.vertices)
    # a weight below zero would make a pose's creases into spikes; the offset makes up for it
    corners, weights = base.nearest[clothes.corners], clothes.weights.clip(1e-6)
    weights = weights / weights.sum(axis=1, keepdims=True)
    if is_hair:
        corners, weights = _scalp_anchors(on_base, base, body)
    skinning = _weighted(body.weights, corners, weights)
    anchors = _weighted(base.vertices[base.kept], corners, weights)
    turns = np.tensordot(skinning, base.rotations, axes=1)
    offsets = (turns @ (on_base - anchors)[..., None])[..., 0]
    rest = _weighted(body.v_template, corners, weights) + offsets
    skinning = _hanging(rest, body) if is_hair else smoothed(skinning, clothes.faces, offsets)
    guards = guards_of(rest, skinning, corners[np.arange(len(weights)), weights.argmax(1)], body)
    return Bound(corners, weights, offsets, skinning, guards, rest)


def _weighted(values: Float64Array, corners: IntArray, weights: Float64Array) -> Float64Array:
    return (values[corners] * weights[..., None]).sum(axis=1)


def _scalp_anchors(
    on_base: Float64Array, base: BaseMesh, body: BodyData
) -> tuple[IntArray, Float64Array]:
    """For each hair vertex [G,3] the nearest three of the head's vertices, by distance."""
    head = np.flatnonzero(body.weights[:, INDEX["head"]] > 0.9)
    distance, index = cKDTree(base.vertices[base.kept][head]).query(on_base, k=3)
    near = 1 / (distance + 0.01)
    return head[index].astype(np.int64), near / near.sum(axis=1, keepdims=True)


def _hanging(rest: Float64Array, body: BodyData) -> Float64Array:
    """Hair turns with the head, what hangs over the back and shoulders half with these."""
    head, chest = INDEX["head"], INDEX["spine3"]
    below = (body.joints_template[head, 1] - rest[:, 1]) / 0.25
    chest_share = 0.5 * np.clip(below, 0, 1)
    weights = np.zeros((len(rest), body.joint_count))
    weights[:, head], weights[:, chest] = 1 - chest_share, chest_share
    return weights


def smoothed(skinning: Float64Array, faces: IntArray, offsets: Float64Array) -> Float64Array:
    """Skinning weights [G,J] averaged with the neighbours', the more the farther from the skin."""
    average = neighbour_average(faces, len(skinning))
    share = np.clip(np.linalg.norm(offsets, axis=1) / FAR, 0.1, 1)[:, None]
    for _ in range(SMOOTHING):
        skinning = (1 - share) * skinning + share * (average @ skinning)
    return skinning


def neighbour_average(faces: IntArray, count: int) -> csr_matrix:
    """The matrix [G,G] that averages over each vertex and its neighbours."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], np.arange(count)])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], np.arange(count)])
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count)).tocsr()
    graph.data[:] = 1.0
    return csr_matrix(graph.multiply(1 / graph.sum(axis=1)))


def guards_of(
    rest: Float64Array, skinning: Float64Array, fallback: IntArray, body: BodyData
) -> IntArray:
    """The nearest vertex [G] of the body that moves alike, or the main corner."""
    _, index = cKDTree(body.v_template).query(rest, k=_CANDIDATES)
    alike = np.einsum("gj,gkj->gk", skinning, body.weights[index]) > _ALIKE
    first = alike.argmax(axis=1)
    chosen = index[np.arange(len(rest)), first]
    return np.where(alike.any(axis=1), chosen, fallback).astype(np.int64)
