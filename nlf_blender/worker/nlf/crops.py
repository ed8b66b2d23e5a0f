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
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ...errors import UserError
from .camera import Camera, Float64Array
from .lens32 import unbend_roughly

ROUGH_ENOUGH = 0.1  # of the box's smaller side, by which a roughly undone lens may miss
LEAST_COSINE = 0.1
NEARLY_VERTICAL = 1e-6


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


def look_at(forward: Tensor, up: Tensor) -> Tensor:
    """The rotation [3,3] whose rows are right, down and forward of a camera held upright."""
    forward = forward / torch.linalg.norm(forward)
    right = torch.linalg.cross(forward, up)
    if torch.linalg.norm(right) <= NEARLY_VERTICAL * torch.linalg.norm(up):
        right = torch.stack([forward[2], torch.zeros_like(forward[2]), -forward[0]])
        if not right.any():
            right[0] = 1.0
    right = right / torch.linalg.norm(right)
    return torch.stack([right, torch.linalg.cross(forward, right), forward])


def crop_view(
    camera: Camera, spec: CropSpec, crop_side: int, augmentation: Augmentation | None = None
) -> CropView:
    """The virtual camera that looks at a person. UserError if the lens sees nothing there.

    Single precision, and the lens undone roughly where that is near enough: so the official
    wrapper places its crops, and any other crop nearby would be as good.
    """
    augmentation = augmentation or Augmentation()
    rays, reach = _box_rays(camera, spec)
    if not (torch.isfinite(rays).all() and min(spec.size) > 0):
        raise UserError(
            "Unusable person box",
            f"The box around {tuple(round(x) for x in spec.center)} has no area, or lies where "
            "the lens distortion maps no light.",
            "Check the box, and the distortion coefficients of the camera.",
        )
    matrix = float32(camera.intrinsics)
    upright = look_at(rays[0], float32(camera.up))
    seen = rays[1:] @ (matrix @ upright).T
    top, right, bottom, left = seen[:, :2] / seen[:, 2:]
    sizes = [torch.linalg.norm(top - bottom), torch.linalg.norm(right - left)]
    scale = augmentation.scale * (crop_side / (torch.maximum(*sizes) / reach))
    intrinsics = torch.eye(3)
    intrinsics[:2, :2] = matrix[:2, :2] * scale
    intrinsics[:2, 2] = crop_side / 2
    rotation = _turned(-(spec.roll + augmentation.roll), augmentation.flip) @ upright
    return CropView(rotation.double().numpy(), intrinsics.double().numpy(), float(scale))


def _turned(angle: float, flip: bool) -> Tensor:
    cos, sin = float32(angle).cos(), float32(angle).sin()
    turn = torch.eye(3)
    turn[:2, :2] = torch.stack([cos, -sin, sin, cos]).reshape(2, 2)
    return turn.new_tensor([-1.0 if flip else 1.0, 1.0, 1.0]).diag() @ turn


def _box_rays(camera: Camera, spec: CropSpec) -> tuple[Tensor, float]:
    """Rays [5,3] to the middle of the box and to those of its top, right, bottom and left side,
    and the share of the way from the middle at which the sides were measured: less than 1 where
    they reach beyond what the lens can see."""
    half_width = 0.5 * spec.size[0] * np.array([math.cos(spec.roll), math.sin(spec.roll)])
    half_height = 0.5 * spec.size[1] * np.array([-math.sin(spec.roll), math.cos(spec.roll)])
    offsets = np.stack([np.zeros(2), -half_height, half_width, half_height, -half_width])
    pixels = spec.center + offsets
    rays = _rough_rays(camera, pixels)
    missed = np.abs(camera.project(rays.double().numpy()) - pixels).max()
    if missed < ROUGH_ENOUGH * min(spec.size) and _in_front(rays):
        return rays, 1.0
    for reach in (1.0, 0.5, 0.25, 0.125, 0.01):
        rays = float32(camera.unproject(spec.center + offsets * reach))
        if _in_front(rays):
            break
    return rays, reach


def _rough_rays(camera: Camera, pixels: Float64Array) -> Tensor:
    """Rays [K,3] to pixels [K,2]."""
    flat = homogeneous(float32(pixels))
    plane = torch.einsum("pc,Cc->pC", flat, torch.linalg.inv(float32(camera.intrinsics)))
    return homogeneous(unbend_roughly(plane[:, :2], float32(camera.distortion)))


def _in_front(rays: Tensor) -> bool:
    """Whether a camera that looks along the first of rays [K,3] has all well before it."""
    unit = rays / torch.linalg.norm(rays, dim=-1, keepdim=True)
    return bool((unit @ unit[0] > LEAST_COSINE).all())


def float32(values: ArrayLike) -> Tensor:
    """Numbers in single precision."""
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def homogeneous(plane: Tensor) -> Tensor:
    """[...,2] -> [...,3], with ones."""
    return torch.cat([plane, torch.ones_like(plane[..., :1])], dim=-1)
