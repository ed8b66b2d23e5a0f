# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops seen by a virtual camera turned to the person (paper section 3, as the official release).

A crop is what a pinhole camera at the same place would see, looking at the middle of the person's
box and zoomed until the box fills the square. That takes the perspective distortion out of people
at the side of the picture, and the lens distortion with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .camera import Camera, Float64Array

Float32Array = NDArray[np.float32]
LINEAR_GAMMA = 2.2
STRIP_ROWS = 512
COARSEST_LEVEL = 6


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
    if np.linalg.norm(right) < 1e-6 * np.linalg.norm(up):
        right = np.array([1.0, 0.0, 0.0])  # straight up or down: no direction is upright
        right = right - forward * (right @ forward)
    right = right / np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def crop_view(
    camera: Camera, spec: CropSpec, crop_side: int, augmentation: Augmentation | None = None
) -> CropView:
    """The virtual camera that looks at a person. UserError if the lens sees nothing there."""
    augmentation = augmentation or Augmentation()
    forward = camera.unproject(np.array(spec.center))
    if not (np.isfinite(forward).all() and min(spec.size) > 0):
        raise UserError(
            "Unusable person box",
            f"The box around {tuple(round(x) for x in spec.center)} has no area, or lies where "
            "the lens distortion maps no light.",
            "Check the box, and the distortion coefficients of the camera.",
        )
    upright = look_at(forward, camera.up)
    scale = augmentation.scale * crop_side / _box_size(camera, spec, upright)
    intrinsics = np.eye(3)
    intrinsics[:2, :2] = camera.intrinsics[:2, :2] * scale
    intrinsics[:2, 2] = crop_side / 2
    turn = _turned(-(spec.roll + augmentation.roll))
    mirror = np.diag([-1.0 if augmentation.flip else 1.0, 1.0, 1.0])
    return CropView(mirror @ turn @ upright, intrinsics, scale)


def _turned(angle: float) -> Float64Array:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _box_size(camera: Camera, spec: CropSpec, upright: Float64Array) -> float:
    """The longer side of the box in pixels as the turned, unzoomed camera sees it.

    Sides that reach beyond what the lens can see are measured closer to the centre and scaled up.
    """
    half_width = 0.5 * spec.size[0] * np.array([math.cos(spec.roll), math.sin(spec.roll)])
    half_height = 0.5 * spec.size[1] * np.array([-math.sin(spec.roll), math.cos(spec.roll)])
    offsets = np.stack([-half_width, half_width, -half_height, half_height])
    for reach in (1.0, 0.5, 0.25, 0.125, 0.01):
        rays = camera.unproject(spec.center + offsets * reach) @ upright.T
        if np.isfinite(rays).all() and (rays[:, 2] > 0.1).all():
            break
    seen = (rays[:, :2] / rays[:, 2:]) @ camera.intrinsics[:2, :2].T
    return max(math.dist(seen[0], seen[1]), math.dist(seen[2], seen[3])) / reach


def tone_table(linear_light: bool) -> Float32Array:
    """[256]: what a byte is worth when pixels are mixed, its sRGB value or about its light."""
    values = np.arange(256, dtype=np.float64) / 255
    return (values**LINEAR_GAMMA if linear_light else values).astype(np.float32)


def warp_crop(
    image: NDArray[np.uint8],
    camera: Camera,
    view: CropView,
    crop_side: int,
    linear_light: bool,
    gamma: float = 1.0,
) -> Float32Array:
    """The crop [3,S,S] of an image [H,W,3], RGB 0..1, black outside of the image.

    linear_light: whether pixels are mixed by their light, as the official models were trained,
    or by their sRGB values. gamma: exponent on the resulting sRGB values.
    """
    pixels = _image_positions(camera, view, crop_side)
    level = min(max(0, math.floor(-math.log2(view.scale))), COARSEST_LEVEL)
    tile, origin = _shrunk_region(image, pixels, 2**level, tone_table(linear_light))
    if tile is None:
        return np.zeros((3, crop_side, crop_side), dtype=np.float32)
    places = ((pixels + 0.5) / 2**level - 0.5 - origin).astype(np.float32)
    crop = cv2.remap(tile, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    exponent = gamma / LINEAR_GAMMA if linear_light else gamma
    if exponent != 1.0:
        cv2.pow(crop, exponent, crop)
    return np.ascontiguousarray(crop.transpose(2, 0, 1))


def _image_positions(camera: Camera, view: CropView, crop_side: int) -> Float64Array:
    """Where in the image each crop pixel comes from: [S,S,2], far outside where it cannot."""
    to_ray = np.linalg.inv(view.intrinsics @ view.rotation)
    steps = np.arange(crop_side, dtype=np.float64)
    rays = steps[None, :, None] * to_ray[:, 0] + steps[:, None, None] * to_ray[:, 1] + to_ray[:, 2]
    return np.nan_to_num(camera.project(rays), nan=-1e4).clip(-1e4, 1e6)


def _shrunk_region(
    image: NDArray[np.uint8], pixels: Float64Array, factor: int, tone: Float32Array
) -> tuple[Float32Array | None, Float64Array]:
    """The part of the image that `pixels` [...,2] touch, toned and shrunk by `factor`.

    Only that part becomes floats, in strips, so that a huge picture needs no huge copies. Returns
    None if nothing is touched, and the region's corner in shrunk pixels.
    """
    limits = np.array([image.shape[1], image.shape[0]])
    columns_rows = np.ascontiguousarray(pixels.reshape(-1, 2).T)  # reduces ten times faster
    lowest, highest = columns_rows.min(axis=1), columns_rows.max(axis=1)
    if (highest <= -factor).any() or (lowest >= limits - 1 + factor).any():
        return None, np.zeros(2)
    blocks = np.ceil(limits / factor)
    first = np.clip(np.floor(lowest / factor) - 1, 0, blocks - 1).astype(int)
    last = np.clip(np.ceil(highest / factor) + 1, first + 1, blocks).astype(int)
    columns = slice(first[0] * factor, min(last[0] * factor, limits[0]))
    strips = []
    for row in range(first[1], last[1], max(1, STRIP_ROWS // factor)):
        row_end = min(row + max(1, STRIP_ROWS // factor), last[1])
        strip = cv2.LUT(image[row * factor : row_end * factor, columns], tone)
        strips.append(_shrink(strip, factor, last[0] - first[0], row_end - row))
    return np.concatenate(strips), first.astype(np.float64)


def _shrink(strip: Float32Array, factor: int, width: int, height: int) -> Float32Array:
    """Box filter by an integer factor; blocks cut off by the image edge repeat its last pixels."""
    if factor == 1:
        return strip
    missing_rows = height * factor - strip.shape[0]
    missing_columns = width * factor - strip.shape[1]
    if missing_rows or missing_columns:
        strip = cv2.copyMakeBorder(strip, 0, missing_rows, 0, missing_columns, cv2.BORDER_REPLICATE)
    return cv2.resize(strip, (width, height), interpolation=cv2.INTER_AREA)
