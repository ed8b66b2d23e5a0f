# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor as a robust plane through standing feet, held by what is likely of cameras and people.

The plane is up . x + height = 0 in camera space. Three things are weighed, all robustly (Cauchy's
loss, iteratively reweighted least squares): points that stand lie in the plane; cameras are seldom
rolled and not much pitched; trunks are upright, with some lean to the front. Where feet stand in
few places the last two decide, and they fade where feet stand in many. Each person may be too near
or too far by one factor, for nothing in a picture tells how large people are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .contacts import point_speeds
from .motion import Float64Array

LEVEL_UP = np.array([0.0, -1.0, 0.0])  # of a level camera
LEVEL_UP.setflags(write=False)
PLACE_SIGMA = 0.03  # metres; of a standing point, beside its own uncertainty
INDEPENDENT_SECONDS = 0.3  # errors of frames nearer than this go together
SIZE_SIGMA = 0.06  # of a person's size, and so of all their distances, as a share
PLACE_SIZE, MOST_PER_PLACE = 0.25, 2.0  # metres; standing there for long tells no more than this
ROLL_SIGMA, PITCH_SIGMA = np.radians(3.0), np.radians(10.0)  # of cameras
ASIDE_SIGMA, AHEAD_SIGMA = np.radians(2.5), np.radians(6.0)  # of trunks
UPRIGHT = np.cos(np.radians(60.0))  # whoever leans more is lying or bending
SLOW = 0.3  # metres per second
LOW = 0.04  # metres over the lowest point of both feet
ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Seen:
    """What one person's n sightings tell, in camera axes: time [n]; feet [n,4,3]: the sole points;
    sigma [n]: uncertainty of the place, metres; root [n,3,3]: orientation of the root; trunk [n,3]:
    from the root to the neck."""

    time: Float64Array
    feet: Float64Array
    sigma: Float64Array
    root: Float64Array
    trunk: Float64Array


@dataclass(frozen=True, eq=False)
class Plane:
    """up [3]: a unit vector; height: of the camera over the plane, metres; standing: in how many
    places feet were seen standing on it."""

    up: Float64Array
    height: float
    standing: int = 0


def standing_points(feet: Float64Array, time: Float64Array, z: Float64Array) -> NDArray[np.bool_]:
    """Which points [n,4] of feet [n,4,3] seem to stand, by speed and by height z [n,4]."""
    low = z < z.min(axis=1, keepdims=True) + LOW
    if len(time) < 2:
        return low
    speeds = point_speeds(feet, time)
    of_lowest = np.where(low, speeds, np.inf).min(axis=1)
    return low & (speeds <= max(SLOW, float(np.median(of_lowest))))


def fit_height(seen: Sequence[Seen], up: Float64Array) -> float:
    """The camera's height over the floor if this [3] is up, metres."""
    stand = _standing(seen, up)
    z = stand.points @ up
    height = -float(np.median(z))
    for _ in range(ROUNDS):
        weights = _cauchy((z + height) / stand.sigma) / stand.sigma**2
        height = -float(np.sum(weights * z) / np.sum(weights))
    return height


def fit_plane(seen: Sequence[Seen]) -> Plane:
    """The floor under at least one person who was seen."""
    up = _mean_trunk(seen)
    height, farther, standing = fit_height(seen, up), np.zeros(len(seen)), 0
    trunk_rows, trunk_weights = _trunk_rows(seen)
    prior_rows = np.vstack([[1 / ROLL_SIGMA, 0, 0], [0, 0, 1 / PITCH_SIGMA], trunk_rows])
    for _ in range(ROUNDS):
        stand = _standing(seen, up)
        standing = round(float(stand.share.sum()))
        z = stand.points @ up
        of_person = (stand.owner[:, None] == np.arange(len(seen))) * z[:, None]
        residuals = z + of_person @ farther + height
        weights = stand.share * _cauchy(residuals / stand.sigma) / stand.sigma**2
        tangents = _tangents(up)  # [2,3]
        rows = np.column_stack([stand.points @ tangents.T, np.ones(len(z)), of_person])
        prior = prior_rows @ up
        prior_weights = np.concatenate([np.ones(2), trunk_weights]) * _cauchy(prior)
        turned = prior_rows @ tangents.T
        normal = rows.T @ (weights[:, None] * rows)
        normal[:2, :2] += turned.T @ (prior_weights[:, None] * turned)
        normal[3:, 3:] += np.eye(len(seen)) / SIZE_SIGMA**2
        right = rows.T @ (weights * residuals)
        right[:2] += turned.T @ (prior_weights * prior)
        right[3:] += farther / SIZE_SIGMA**2
        step = np.linalg.solve(normal, right)
        up = _directions(up - step[:2] @ tangents)
        height -= float(step[2])
        farther = farther - step[3:]
    return Plane(up, fit_height(seen, up), standing)


@dataclass(frozen=True, eq=False)
class _Standing:
    """Points [m,3] that seem to stand, their sigma [m], what share [m] of an independent
    observation each is, and whose [m] they are."""

    points: Float64Array
    sigma: Float64Array
    share: Float64Array
    owner: NDArray[np.int64]


def _standing(seen: Sequence[Seen], up: Float64Array) -> _Standing:
    points: list[Float64Array] = []
    sigmas: list[Float64Array] = []
    shares: list[Float64Array] = []
    owners: list[NDArray[np.int64]] = []
    for person, one in enumerate(seen):
        stands = standing_points(one.feet, one.time, one.feet @ up)
        step = float(np.median(np.diff(one.time))) if len(one.time) > 1 else INDEPENDENT_SECONDS
        share = min(1.0, step / INDEPENDENT_SECONDS) / np.maximum(stands.sum(axis=1), 1)
        rows = np.nonzero(stands)[0]
        points.append(one.feet[stands])
        sigmas.append(np.hypot(PLACE_SIGMA, one.sigma.clip(0.0, 1.0))[rows])
        shares.append(share[rows])
        owners.append(np.full(len(rows), person))
    every, share = np.concatenate(points), np.concatenate(shares)
    return _Standing(every, np.concatenate(sigmas), _shared(every, share), np.concatenate(owners))


def _shared(points: Float64Array, shares: Float64Array) -> Float64Array:
    """Shares [m] of points [m,3], lowered where many lie in one place."""
    cells = np.floor(points / PLACE_SIZE).astype(np.int64)
    _, which = np.unique(cells, axis=0, return_inverse=True)
    which = which.ravel()
    totals = np.bincount(which, weights=shares)
    return shares * np.minimum(1.0, MOST_PER_PLACE / totals)[which]


def _mean_trunk(seen: Sequence[Seen]) -> Float64Array:
    """The mean direction [3] of upright trunks, or the level camera's up."""
    trunks = np.concatenate([_directions(one.trunk) for one in seen])
    upright = trunks[trunks @ LEVEL_UP > UPRIGHT]
    return _directions(upright.mean(axis=0)) if len(upright) else LEVEL_UP


def _trunk_rows(seen: Sequence[Seen]) -> tuple[Float64Array, Float64Array]:
    """Rows [m,3] whose product with up is how far a trunk leans aside or ahead, in sigmas, and
    their weights [m]. All sightings of a person count as one observation: people have habits."""
    rows: list[Float64Array] = [np.zeros((0, 3))]
    weights: list[Float64Array] = [np.zeros(0)]
    for one in seen:
        trunk = _directions(one.trunk)
        upright = trunk @ LEVEL_UP > UPRIGHT
        trunk = trunk[upright]
        ahead = one.root[upright][:, :, 2]
        aside = _directions(np.cross(ahead, trunk))
        rows += [aside / ASIDE_SIGMA, np.cross(trunk, aside) / AHEAD_SIGMA]
        weights += [np.full(len(trunk), 1 / max(len(trunk), 1))] * 2
    return np.concatenate(rows), np.concatenate(weights)


def _tangents(up: Float64Array) -> Float64Array:
    """Two unit vectors [2,3] perpendicular to up [3] and to one another."""
    first = _directions(np.cross(up, np.eye(3)[np.argmin(np.abs(up))]))
    return np.stack([first, np.cross(up, first)])


def _cauchy(residuals: Float64Array) -> Float64Array:
    """Weights of residuals that are in sigmas (Cauchy's loss, 95 % efficient for normal errors)."""
    return 1.0 / (1.0 + (residuals / 2.385) ** 2)


def _directions(vectors: Float64Array) -> Float64Array:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-9)
