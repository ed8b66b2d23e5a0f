# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras for people in the world: crops of one person, whole pictures of several; tele to wide.

The principal point is in the middle of the picture, whose first pixel's middle is (0,0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ....body.arrays import Float64Array
from .headings import View, camera_axes, draw_view, toward_camera
from .placing import Placed
from .skeleton import INDEX
from .turns import unit

FIELDS_OF_VIEW = (8.0, 100.0)  # degrees over the larger side of a whole picture
CROP_DISTANCES = (1.0, 16.0)  # metres from camera to person, evenly in their logarithm
WIDEST_CROP = 105.0  # degrees
PERSON_HEIGHTS = (0.12, 1.7)  # shares of a whole picture's height
NEAREST = 0.2  # metres before the camera, of whatever is drawn
LOWEST = 0.08  # metres of the camera above the ground
CLOSE_UPS, SMALL = 0.16, 0.10  # shares of the crops that cut the person, or show it small
_AIMS = [INDEX[name] for name in ("head", "spine3", "pelvis", "left_shoulder", "right_hip")]


@dataclass(frozen=True, eq=False)
class WorldCamera:
    """axes [3,3]: rows are right, down and forward in the world; place [3]; intrinsics [3,3];
    size: width, height in pixels."""

    axes: Float64Array
    place: Float64Array
    intrinsics: Float64Array
    size: tuple[int, int]

    def seen(self, points: Float64Array) -> Float64Array:
        """Points [...,3] of the world in the camera's axes."""
        return (points - self.place) @ self.axes.T

    def shows(self, points: Float64Array) -> bool:
        """Whether any of the points [S,3] is in the picture, and all are before the camera."""
        seen = self.seen(points)
        if seen[:, 2].min() < NEAREST:
            return False
        pixels = (seen @ self.intrinsics.T)[:, :2] / seen[:, 2:]
        return bool(((pixels >= 0) & (pixels < self.size)).all(axis=1).any())


def crop_camera(random: Generator, person: Placed, side: int) -> WorldCamera:
    """A camera whose square picture the person mostly fills, as a detector's box would."""
    view, points = draw_view(random), person.points
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    distance = np.exp(random.uniform(*np.log(CROP_DISTANCES))) * max(radius, 0.5)
    kind = random.random()
    share, aim = random.uniform(0.6, 0.98), centre
    if kind < CLOSE_UPS:
        share = random.uniform(1.05, 1.8)
        joint = person.posed.joints[_AIMS[random.integers(len(_AIMS))]] + person.pelvis
        aim = joint + random.normal(size=3) * 0.1
    elif kind < CLOSE_UPS + SMALL:
        share = random.uniform(0.3, 0.6)
    place = _before(centre, view, max(distance, radius + NEAREST + 0.1))
    axes = _aimed(place, points if aim is centre else aim[None], view)
    seen = (points - place) @ axes.T
    spread = np.ptp(seen[:, :2] / np.maximum(seen[:, 2:], NEAREST), axis=0).max()
    focal = max(share / spread, 0.5 / np.tan(np.radians(WIDEST_CROP / 2))) * side
    axes = _turned_aside(axes, random.normal(size=2) * 0.035 * side / focal)
    return WorldCamera(axes, place, intrinsics_of(focal, (side, side)), (side, side))


def scene_camera(random: Generator, people: list[Placed], size: tuple[int, int]) -> WorldCamera:
    """A camera that shows the first person somewhere in the picture, the others as it comes."""
    view, points = draw_view(random), people[0].points
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    everyone = np.concatenate([person.points for person in people])
    around = (everyone.min(axis=0) + everyone.max(axis=0)) / 2
    centre = middle + random.uniform(0, 1) * (around - middle)
    angle = np.exp(random.uniform(*np.log(FIELDS_OF_VIEW)))
    focal = max(size) / 2 / np.tan(np.radians(angle / 2))
    share = np.exp(random.uniform(*np.log(PERSON_HEIGHTS)))
    extent = 2 * float(np.linalg.norm(points - middle, axis=1).max())
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    distance = max(focal * extent / (share * size[1]), radius + NEAREST + 0.1)
    place = _before(centre, view, distance)
    axes = camera_axes(unit(centre - place), view.roll)
    aside = random.uniform(-0.3, 0.3, 2) * size / focal * min(1.0, 1.3 - share / 2)
    aimed = WorldCamera(_turned_aside(axes, aside), place, intrinsics_of(focal, size), size)
    if aimed.shows(points):
        return aimed
    return WorldCamera(_aimed(place, points, view), place, aimed.intrinsics, size)


def intrinsics_of(focal: float, size: tuple[int, int]) -> Float64Array:
    """The matrix [3,3] of a focal length in pixels, the principal point in the middle."""
    middle = (size[0] - 1) / 2, (size[1] - 1) / 2
    return np.array([[focal, 0.0, middle[0]], [0.0, focal, middle[1]], [0.0, 0.0, 1.0]])


def _before(centre: Float64Array, view: View, distance: float) -> Float64Array:
    """The camera's place [3] at a distance from the centre, above the ground."""
    place = centre + distance * toward_camera(view)
    if place[1] < LOWEST:  # as far away, level with the ground
        level = (place - centre) * [1.0, 0.0, 1.0]
        drop = centre[1] - LOWEST
        reach = np.sqrt(max(distance**2 - drop**2, (0.5 * distance) ** 2))
        place = centre + unit(level) * reach - [0.0, drop, 0.0]
    return place


def _aimed(place: Float64Array, points: Float64Array, view: View) -> Float64Array:
    """The axes [3,3] of a camera in whose middle the points [S,3] are."""
    forward = unit(points.mean(axis=0) - place)
    for _ in range(2):
        axes = camera_axes(forward, view.roll)
        seen = (points - place) @ axes.T
        slopes = seen[:, :2] / np.maximum(seen[:, 2:], NEAREST)
        middle = (slopes.min(axis=0) + slopes.max(axis=0)) / 2
        forward = axes.T @ unit(np.array([*middle, 1.0]))
    return camera_axes(forward, view.roll)


def _turned_aside(axes: Float64Array, slope: Float64Array) -> Float64Array:
    """The camera turned so that what was in its middle is `slope` [2] (x/z, y/z) from there."""
    forward = unit(np.array([*-slope, 1.0]))
    right = unit(np.array([1.0, 0.0, 0.0]) - forward[0] * forward)
    return np.stack([right, np.cross(forward, right), forward]) @ axes
