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
CROP_DISTANCES = (1.8, 20.0)  # of the camera, in radii of the person, evenly in their logarithm
WIDEST_CROP = 105.0  # degrees
PERSON_HEIGHTS = (0.12, 1.7)  # shares of a whole picture's height
NEAREST = 0.2  # metres before the camera, of whatever is drawn
LOWEST = 0.08  # metres of the camera above the ground
FRAME_MARGIN = 1.25  # of the finder's square about the circle that holds the body
BORDER = 1.25  # of the picture about that square, so that crops of it can be turned and moved
ROLL_ERROR = 2.0  # degrees
CLOSE_UPS = 0.05  # share of the crops that cut the person
GRID = 16  # cells over a person, to find who hides whom
_BOTH_HIPS = [INDEX["left_hip"], INDEX["right_hip"]]
_BOTH_SHOULDERS = [INDEX["left_shoulder"], INDEX["right_shoulder"]]
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
        pixels = self.pixels(seen)
        return bool(((pixels >= 0) & (pixels < self.size)).all(axis=1).any())

    def pixels(self, seen: Float64Array) -> Float64Array:
        """Pixels [S,2] of points [S,3] in the camera's axes, before it."""
        return (seen @ self.intrinsics.T)[:, :2] / seen[:, 2:]

    def hidden(self, points: Float64Array, others: Float64Array) -> float:
        """The share of the points [S,3] of a person that somebody else, by points [S,3], hides,
        roughly: by the cells of a grid over the first in which the other is nearer."""
        mine, theirs = self.seen(points), self.seen(others)
        pixels = self.pixels(mine)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        cell = float((high - low).max()) / GRID
        nearest = np.full((GRID + 1, GRID + 1), np.inf)
        rows = np.floor((self.pixels(theirs) - low) / cell).astype(int)
        inside = ((rows >= 0) & (rows <= GRID)).all(axis=1)
        np.minimum.at(nearest, tuple(rows[inside].T), theirs[inside, 2])
        own = np.floor((pixels - low) / cell).astype(int)
        return float((nearest[tuple(own.T)] < mine[:, 2]).mean())


def crop_camera(random: Generator, person: Placed, side: int) -> WorldCamera:
    """A camera whose square picture is what the people finder frames, and a border about it.

    It looks at the middle of the hips, is rolled so that hips to shoulders point up, and holds the
    circle about the hips that holds the body. Some are close-ups of a part instead.
    """
    view, points = draw_view(random), person.points
    joints = person.posed.joints + person.pelvis
    hips, shoulders = joints[_BOTH_HIPS].mean(axis=0), joints[_BOTH_SHOULDERS].mean(axis=0)
    radius = float(np.linalg.norm(points - hips, axis=1).max())
    distance = np.exp(random.uniform(*np.log(CROP_DISTANCES))) * radius
    place = _before(hips, view, max(distance, radius + NEAREST + 0.1))
    level = camera_axes(unit(hips - place), 0.0)
    trunk = _slopes(level, shoulders - place)
    lean = np.degrees(np.arctan2(trunk[0], -trunk[1]))  # clockwise from upright
    axes = camera_axes(unit(hips - place), lean + random.normal() * ROLL_ERROR)
    reach = float(np.linalg.norm(_slopes(axes, points - place), axis=1).max())
    span = 2 * reach * FRAME_MARGIN * BORDER
    if random.random() < CLOSE_UPS:
        span *= random.uniform(0.4, 0.75)
        part = joints[_AIMS[random.integers(len(_AIMS))]]
        axes = _turned_aside(axes, -_slopes(axes, part - place) * random.uniform(0.4, 1.0))
    focal = side / min(span, 2 * np.tan(np.radians(WIDEST_CROP / 2)))
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


def _slopes(axes: Float64Array, offsets: Float64Array) -> Float64Array:
    """x/z and y/z [...,2] of what is `offsets` [...,3] from a camera with these axes."""
    seen = offsets @ axes.T
    return seen[..., :2] / np.maximum(seen[..., 2:], NEAREST)


def _aimed(place: Float64Array, points: Float64Array, view: View) -> Float64Array:
    """The axes [3,3] of a camera in whose middle the points [S,3] are."""
    forward = unit(points.mean(axis=0) - place)
    for _ in range(2):
        axes = camera_axes(forward, view.roll)
        slopes = _slopes(axes, points - place)
        middle = (slopes.min(axis=0) + slopes.max(axis=0)) / 2
        forward = axes.T @ unit(np.array([*middle, 1.0]))
    return camera_axes(forward, view.roll)


def _turned_aside(axes: Float64Array, slope: Float64Array) -> Float64Array:
    """The camera turned so that what was in its middle is `slope` [2] (x/z, y/z) from there."""
    forward = unit(np.array([*-slope, 1.0]))
    right = unit(np.array([1.0, 0.0, 0.0]) - forward[0] * forward)
    return np.stack([right, np.cross(forward, right), forward]) @ axes
