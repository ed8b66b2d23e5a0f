# SPDX-License-Identifier: GPL-3.0-or-later
"""A body deformed onto points of another body's canonical surface, whose triangles are not known.

Each point of the cloud pulls at the closest place of the body's surface. Between these places the
displacement is interpolated (a radial basis that is linear in the distance, in three dimensions
the smoothest one), stiff at first and soft at last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from ....body.arrays import Float64Array
from ..closest_surface import ClosestSurface
from ..vertex_subset import morton_codes
from .joint_fit import JointFit
from .own_canonical import OwnCanonical

# Metres within which a point pulls, and how much the displacement may smooth what points say.
ROUNDS = ((0.06, 1.0), (0.03, 0.1), (0.02, 0.01))
MOST_POINTS = 1400  # more, evenly thinned to this, tell no more
# A body that starts from its joints is centimetres away from the points of a person.
LEAST_SHARE_IN_REACH = 0.8
MOST_DISTANCE = 0.006  # metres, mean, at the end; nothing smooth comes near points at random


@dataclass(frozen=True, eq=False)
class CloudFit:
    """points [V+J,3], metres; before, after: mean metres of the cloud from the surface; share: of
    the cloud within reach at first."""

    points: Float64Array
    before: float
    after: float
    share: float

    @property
    def plausible(self) -> bool:
        """Whether the cloud can be a person's surface."""
        return self.share >= LEAST_SHARE_IN_REACH and self.after <= MOST_DISTANCE


def fit_to_surface(start: JointFit, cloud: Float64Array) -> CloudFit:
    """A body fitted to joints brought onto points [N,3] of the surface, by its parameters, then
    deformed; metres."""
    fitted = start.fitted
    cloud = _thinned(cloud)
    slid = fitted.points(fitted.to_surface(start.fit, cloud))
    return fit_to_cloud(fitted.own, fitted.own.symmetrized(slid), cloud)


def fit_to_cloud(own: OwnCanonical, start: Float64Array, cloud: Float64Array) -> CloudFit:
    """The body's points [V+J,3], from where they start, deformed onto a cloud [N,3]; metres."""
    points = start.copy()
    cloud = _thinned(cloud)
    first = _surface(own, points).query(cloud).distances
    for reach, smoothing in ROUNDS:
        near = _surface(own, points).query(cloud)
        pulling = near.distances < reach
        if not pulling.any():
            break
        places = near.positions[pulling]
        field = RBFInterpolator(
            places, cloud[pulling] - places, kernel="linear", degree=0, smoothing=smoothing
        )
        points = own.symmetrized(points + field(points))
    after = distance_of_cloud(own, points, cloud)
    return CloudFit(points, float(first.mean()), after, float((first < ROUNDS[0][0]).mean()))


def distance_of_cloud(own: OwnCanonical, points: Float64Array, cloud: Float64Array) -> float:
    """Mean metres of a cloud [N,3] from the body's surface with its points at [V+J,3]."""
    return float(_surface(own, points).query(_thinned(cloud)).distances.mean())


def _surface(own: OwnCanonical, points: Float64Array) -> ClosestSurface:
    return ClosestSurface(points[: len(own.vertices)], own.body.faces)


def _thinned(cloud: Float64Array) -> Float64Array:
    """At most MOST_POINTS of the cloud, evenly along a space-filling curve."""
    if len(cloud) <= MOST_POINTS:
        return cloud
    order = np.argsort(morton_codes(cloud), kind="stable")
    return cloud[order[np.linspace(0, len(cloud) - 1, MOST_POINTS).round().astype(np.int64)]]
