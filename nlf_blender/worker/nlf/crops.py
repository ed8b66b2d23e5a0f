# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops seen by a virtual camera turned to the person (paper section 3, as the official release).

A crop is what a pinhole camera at the same place would see, looking at the middle of the person's
box and zoomed until the box fills the square. That takes the perspective distortion out of people
at the side of the picture, and the lens distortion with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .camera import Camera, Float64Array

# A lens is undone roughly, as the official wrapper does it, where that misses by less than this
# share of the box.
ROUGH_ENOUGH = 0.1


@dataclass(frozen=True)
class CropSpec:
    """Where a person is: a turned box. Pixels of the image and radians.

    center: (x, y). size: (width, height) along the box's own axes. roll: the box's x axis points
    to (cos roll, sin roll) in the image, so a positive roll is clockwise as seen.
    """

    center: tuple[float, float]
    size: tuple[float, float]
    roll: float = 0.0

    @classmethod
    def square(cls, center: tuple[float, float], side: float, roll: float = 0.0) -> CropSpec:
        """A square around `center`."""
        return cls((float(center[0]), float(center[1])), (float(side), float(side)), float(roll))

    @classmethod
    def from_box(cls, left: float, top: float, right: float, bottom: float) -> CropSpec:
        """An upright box given by its sides."""
        return cls(((left + right) / 2, (top + bottom) / 2), (right - left, bottom - top))


@dataclass(frozen=True)
class Augmentation:
    """One variation of a crop at test time. gamma: exponent on the crop's sRGB values."""

    roll: float = 0.0
    scale: float = 1.0
    flip: bool = False
    gamma: float = 1.0


@dataclass(frozen=True)
class CropView:
    """The virtual camera of one crop.

    rotation: [3,3], rows are the crop's axes in camera space; it contains the reflection of a
    flipped crop. intrinsics: [3,3]. scale: crop pixels per image pixel in the middle.
    """

    rotation: Float64Array
    intrinsics: Float64Array
    scale: float

    def project(self, points: NDArray) -> Float64Array:
        """Points [...,3] in camera space -> pixels [...,2] of the crop."""
        seen = np.asarray(points, dtype=np.float64) @ self.rotation.T @ self.intrinsics.T
        return seen[..., :2] / seen[..., 2:]

    def unproject(self, pixels: NDArray) -> Float64Array:
        """Pixels [...,2] of the crop -> rays [...,3] in camera space, of any length."""
        flat = np.asarray(pixels, dtype=np.float64)
        rays = np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)
        return rays @ np.linalg.inv(self.intrinsics).T @ self.rotation


def look_at(forward: Float64Array, up: Float64Array) -> Float64Array:
    """The rotation [3,3] whose rows are right, down and forward of a camera held upright."""
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-6 * np.linalg.norm(up):  # straight up or down
        right = np.array([forward[2], 0.0, -forward[0]])
        if not right.any():
            right[0] = 1.0
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def crop_view(
    camera: Camera,
    spec: CropSpec,
    crop_side: int,
    augmentation: Augmentation | None = None,
    as_official: bool = False,
) -> CropView:
    """The virtual camera that looks at a person. UserError if the lens sees nothing there.

    as_official: place it exactly where the official wrapper does, which undoes a lens only
    roughly. That takes a slightly other crop, not a wrong one.
    """
    augmentation = augmentation or Augmentation()
    forward, sides, reach = _box_rays(camera, spec, as_official)
    if not (np.isfinite(forward).all() and np.isfinite(sides).all() and min(spec.size) > 0):
        raise UserError(
            "Unusable person box",
            f"The box around {tuple(round(x) for x in spec.center)} has no area, or lies where "
            "the lens distortion maps no light.",
            "Check the box, and the distortion coefficients of the camera.",
        )
    upright = look_at(forward, camera.up)
    sides = sides @ upright.T
    seen = (sides[:, :2] / sides[:, 2:]) @ camera.intrinsics[:2, :2].T
    box_size = max(math.dist(seen[0], seen[1]), math.dist(seen[2], seen[3])) / reach
    scale = augmentation.scale * crop_side / box_size
    intrinsics = np.eye(3)
    intrinsics[:2, :2] = camera.intrinsics[:2, :2] * scale
    intrinsics[:2, 2] = crop_side / 2
    turn = _turned(-(spec.roll + augmentation.roll))
    mirror = np.diag([-1.0 if augmentation.flip else 1.0, 1.0, 1.0])
    return CropView(mirror @ turn @ upright, intrinsics, scale)


def _turned(angle: float) -> Float64Array:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _box_rays(
    camera: Camera, spec: CropSpec, as_official: bool
) -> tuple[Float64Array, Float64Array, float]:
    """Rays to the middle of the box [3] and to the middles of its sides [4,3], and the share of
    the way from the middle at which the sides were measured: less than 1 where they reach beyond
    what the lens can see."""
    half_width = 0.5 * spec.size[0] * np.array([math.cos(spec.roll), math.sin(spec.roll)])
    half_height = 0.5 * spec.size[1] * np.array([-math.sin(spec.roll), math.cos(spec.roll)])
    offsets = np.stack([np.zeros(2), -half_width, half_width, -half_height, half_height])
    if as_official:
        pixels = spec.center + offsets
        rays = camera.unproject_roughly(pixels)
        missed = np.abs(camera.project(rays) - pixels).max()
        if missed < ROUGH_ENOUGH * min(spec.size) and _in_front(rays):
            return rays[0], rays[1:], 1.0
    for reach in (1.0, 0.5, 0.25, 0.125, 0.01):
        rays = camera.unproject(spec.center + offsets * reach)
        if _in_front(rays):
            break
    return rays[0], rays[1:], reach


def _in_front(rays: Float64Array) -> bool:
    """Whether a camera that looks along the first of unit rays [K,3] has all before it."""
    return bool((rays @ rays[0] > 0.1).all())
