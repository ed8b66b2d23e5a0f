# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulls of nearest points, body to scan and scan to body, for the fine stages.

Distances are measured at all vertices of the body, and handed to the nearest of the fewer points
whose derivatives are computed: the residuals are exact, the derivatives a neighbour's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from .correspond import Pull


@dataclass(frozen=True)
class ScanTarget:
    """A scan's points [M,3] and unit normals [M,3], float32, with their tree; signed: normals
    point outward; sample [K]: indices of the points that look for the body."""

    points: np.ndarray
    normals: np.ndarray
    signed: bool
    tree: cKDTree
    sample: np.ndarray


@dataclass(frozen=True)
class NearestSettings:
    """plane: 1 draws to tangent planes alone, 0 to points; partial: only scan points look for the
    body; spread: distances weigh half at about this many times their median; least: metres, the
    median is taken to be at least this."""

    plane: float = 0.9
    partial: bool = False
    spread: float = 4.0
    least: float = 0.002


def nearest_pull(
    points: np.ndarray,
    normals: np.ndarray,
    weights: np.ndarray,
    owners: np.ndarray,
    scan: ScanTarget,
    settings: NearestSettings,
) -> Pull:
    """The pull on one body's N points, of its vertices' points [V,3] and normals [V,3].

    weights [V] sum to 1; owners [V]: which of the N points answers for a vertex.
    """
    owner_count = int(owners.max()) + 1
    distance, found = cKDTree(points).query(scan.points[scan.sample])
    mass = np.full(len(found), 1 / len(found))
    parts = [_weighed(points, normals, found, scan, scan.sample, distance, mass, owners, settings)]
    if not settings.partial:
        distance, hit = scan.tree.query(points)
        own = np.arange(len(points))
        parts.append(_weighed(points, normals, own, scan, hit, distance, weights, owners, settings))
    share = 1 / len(parts)
    information, pull, cost = np.zeros((owner_count, 9)), np.zeros((owner_count, 3)), 0.0
    for index, part_information, part_pull, part_cost in parts:
        for column in range(9):
            information[:, column] += share * np.bincount(
                index, part_information[:, column], owner_count
            )
        for column in range(3):
            pull[:, column] += share * np.bincount(index, part_pull[:, column], owner_count)
        cost += share * part_cost
    return Pull(_tensor(information.reshape(1, -1, 3, 3)), _tensor(pull[None]), _tensor([cost]))


def _tensor(values: object) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float32))


def _weighed(
    points: np.ndarray,
    normals: np.ndarray,
    vertex: np.ndarray,
    scan: ScanTarget,
    target: np.ndarray,
    distance: np.ndarray,
    mass: np.ndarray,
    owners: np.ndarray,
    settings: NearestSettings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Owners [K], information [K,9], pull [K,3] and mean distance of pairs of body vertices and
    scan points; Geman-McClure weights on distance, squared cosine of the normals."""
    normal = scan.normals[target]
    agreement = np.einsum("nc,nc->n", normals[vertex], normal)
    agreement = np.abs(agreement) if not scan.signed else np.maximum(agreement, 0)
    scale = (settings.spread * max(float(np.median(distance)), settings.least)) ** 2
    weight = mass * (scale / (scale + distance**2)) ** 2 * agreement**2
    offset = scan.points[target] - points[vertex]
    outer = (normal[:, :, None] * normal[:, None, :]).reshape(-1, 9) * settings.plane
    outer += np.eye(3).reshape(9) * (1 - settings.plane)
    pull = settings.plane * normal * np.einsum("nc,nc->n", normal, offset)[:, None]
    pull += (1 - settings.plane) * offset
    cost = float(mass @ np.minimum(distance, 0.2))
    return owners[vertex], outer * weight[:, None], pull * weight[:, None], cost
