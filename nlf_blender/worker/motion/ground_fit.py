# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor as a robust plane through places where feet stood, held by what is likely of cameras
and people.

The plane is up . x + height = 0 in camera space. Three things are weighed, all robustly (Cauchy's
loss, iteratively reweighted least squares): places where feet stood lie in the plane; cameras are
seldom rolled and not much pitched; trunks are upright, with some lean to the front. Where feet
stood in few places the last two decide, and they fade where feet stood in many. Each person may be
too small or too large by one factor, and so too near or too far, for nothing in a picture tells how
large people are; and each sole point of theirs may be too high or too low by one offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .foot_points import POINTS
from .motion import Float64Array
from .stances import Stances, joined, stances_of

LEVEL_UP = np.array([0.0, -1.0, 0.0])  # of a level camera
LEVEL_UP.setflags(write=False)
SIZE_SIGMA = 0.04  # of a person's size, and so of all their distances, as a share
OFFSET_SIGMA = 0.02  # metres; of a sole point as the model always sees it
PLACE_SIZE, MOST_PER_PLACE = 0.25, 2.0  # metres; standing there for long tells no more than this
ROLL_SIGMA, PITCH_SIGMA = np.radians(3.0), np.radians(10.0)  # of cameras
ASIDE_SIGMA, AHEAD_SIGMA = np.radians(2.5), np.radians(6.0)  # of trunks
UPRIGHT = np.cos(np.radians(60.0))  # whoever leans more is lying or bending
SEARCHES = 3
ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Seen:
    """What one person's n sightings tell, in camera axes: time [n]; feet [n,4,3]: the sole points,
    smoothed; sigma [n]: uncertainty of the place, metres; root [n,3,3]: orientation of the root;
    trunk [n,3]: from the root to the neck."""

    time: Float64Array
    feet: Float64Array
    sigma: Float64Array
    root: Float64Array
    trunk: Float64Array


@dataclass(frozen=True, eq=False)
class Plane:
    """up [3]: a unit vector; height: of the camera over the plane, metres; sizes [n]: what the size
    of each of n people has to be multiplied by so that all stand on it; standing: in how many
    places feet were seen standing on it."""

    up: Float64Array
    height: float
    sizes: Float64Array
    standing: int = 0


def fit_height(seen: Sequence[Seen], up: Float64Array) -> float:
    """The camera's height over the floor if this [3] is up, metres."""
    stood = joined([_stances(one, up) for one in seen])
    z = stood.points @ up
    height = -float(np.median(z))
    for _ in range(ROUNDS):
        weights = stood.share * _cauchy((z + height) / stood.sigma) / stood.sigma**2
        height = -float(np.sum(weights * z) / np.sum(weights))
    return height


def fit_plane(seen: Sequence[Seen]) -> Plane:
    """The floor under at least one person who was seen."""
    up = _mean_trunk(seen)
    height = fit_height(seen, up)
    prior = _prior(seen)
    for _ in range(SEARCHES):  # what stands depends a little on what is up
        each = [_stances(one, up) for one in seen]
        stood = joined(each)
        standing = round(float(stood.share.sum()))
        owner = np.repeat(np.arange(len(each)), [len(one.points) for one in each])
        up, height, sizes = _fit(stood, owner, len(seen), prior, up, height)
    return Plane(up, height, sizes, standing)


def _fit(
    stood: Stances,
    owner: NDArray[np.int64],
    people: int,
    prior: tuple[Float64Array, Float64Array],
    up: Float64Array,
    height: float,
) -> tuple[Float64Array, float, Float64Array]:
    """Up [3], the camera's height and people's sizes, from places of owners [m] and rows [k,3] with
    weights [k] whose products with up should be small.

    Every person has a factor: whoever is thought too small is seen from too low. Every sole point
    of theirs has an offset: feet that are thought to point down are always thought so.
    """
    share = stood.share * _share_of_place(stood.points, stood.share)
    points = len(POINTS)
    whose = np.equal.outer(owner, np.arange(people)).astype(np.float64)
    which = np.equal.outer(points * owner + stood.point, np.arange(points * people))
    habits = np.zeros(people * (1 + points))
    stiff = np.repeat([SIZE_SIGMA**-2, OFFSET_SIGMA**-2], [people, points * people])
    prior_rows, prior_weights = prior
    for _ in range(ROUNDS):
        tangents = _tangents(up)  # [2,3]
        own = np.column_stack([whose * abs(height), which])
        residuals = stood.points @ up + own @ habits + height
        weights = share * _cauchy(residuals / stood.sigma) / stood.sigma**2
        rows = np.column_stack([stood.points @ tangents.T, np.ones(len(owner)), own])
        lean = prior_rows @ up
        lean_weights = prior_weights * _cauchy(lean)
        turned = prior_rows @ tangents.T
        normal = rows.T @ (weights[:, None] * rows)
        normal[:2, :2] += turned.T @ (lean_weights[:, None] * turned)
        normal[3:, 3:] += np.diag(stiff)
        right = rows.T @ (weights * residuals)
        right[:2] += turned.T @ (lean_weights * lean)
        right[3:] += stiff * habits
        step = np.linalg.solve(normal, right)
        up = _directions(up - step[:2] @ tangents)
        height -= float(step[2])
        habits = habits - step[3:]
    return up, height, 1.0 / (1.0 + habits[:people])


def _stances(one: Seen, up: Float64Array) -> Stances:
    """Where one person's feet stood, in camera axes, if this [3] is up."""
    turn = np.vstack([_tangents(up), up])
    stood = stances_of(one.feet @ turn.T, one.time, one.sigma, np.zeros((len(one.time), 3)))
    return replace(stood, points=stood.points @ turn)


def _share_of_place(points: Float64Array, shares: Float64Array) -> Float64Array:
    """Factors [m] of the shares of points [m,3]: less than 1 where many lie in one place."""
    cells = np.floor(points / PLACE_SIZE).astype(np.int64)
    _, which = np.unique(cells, axis=0, return_inverse=True)
    which = which.ravel()
    totals = np.bincount(which, weights=shares)
    return np.minimum(1.0, MOST_PER_PLACE / totals)[which]


def _mean_trunk(seen: Sequence[Seen]) -> Float64Array:
    """The mean direction [3] of upright trunks, or the level camera's up."""
    trunks = np.concatenate([_directions(one.trunk) for one in seen])
    upright = trunks[trunks @ LEVEL_UP > UPRIGHT]
    return _directions(upright.mean(axis=0)) if len(upright) else LEVEL_UP


def _prior(seen: Sequence[Seen]) -> tuple[Float64Array, Float64Array]:
    """Rows [k,3] whose product with up is how far a camera is rolled or pitched, or a trunk leans
    aside or ahead, in sigmas, and their weights [k]. All sightings of a person count as one
    observation: people have habits."""
    rows = [np.array([[1 / ROLL_SIGMA, 0, 0], [0, 0, 1 / PITCH_SIGMA]])]
    weights = [np.ones(2)]
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
