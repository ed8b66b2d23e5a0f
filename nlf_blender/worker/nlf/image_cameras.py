# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras of a list of images, from the arguments that the official wrapper takes.

All conventions are OpenCV's: pixel (0,0) is the middle of the top-left pixel; extrinsics [4,4] take
world points to camera space, x right, y down, z forward. Metres throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ...errors import UserError
from .camera import Camera, Float64Array
from .crops import float32

DEFAULT_FOV_DEGREES = 55.0
WORLD_UP = (0.0, -1.0, 0.0)


@dataclass(frozen=True, eq=False)
class ImageCamera:
    """lens: from camera space to pixels. extrinsics: [4,4], from the world to camera space."""

    lens: Camera
    extrinsics: Float64Array

    def to_world(self, points: NDArray) -> NDArray[np.float32]:
        """Points [...,3] in camera space -> in the world."""
        rotation, shift = self.extrinsics[:3, :3], self.extrinsics[:3, 3]
        moved = np.asarray(points, dtype=np.float64) - shift
        return (moved @ np.linalg.inv(rotation).T).astype(np.float32)

    def project(self, points: NDArray) -> NDArray[np.float32]:
        """Points [...,3] in the world -> pixels [...,2], NaN behind the camera."""
        seen = np.asarray(points, dtype=np.float64) @ self.extrinsics[:3, :3].T
        return self.lens.project(seen + self.extrinsics[:3, 3]).astype(np.float32)


def image_cameras(
    images: Sequence[NDArray[np.uint8]],
    intrinsics: ArrayLike | None = None,
    distortion: ArrayLike | None = None,
    extrinsics: ArrayLike | None = None,
    world_up: ArrayLike = WORLD_UP,
    default_fov_degrees: float = DEFAULT_FOV_DEGREES,
) -> list[ImageCamera]:
    """A camera for each of n images [H,W,3].

    intrinsics: [3,3] or [n,3,3]; by default of a lens that sees `default_fov_degrees` along the
    larger side. distortion: [k] or [n,k], `Camera` says which; zeros are an ideal lens, however
    many. extrinsics: [4,4] or [n,4,4], where the camera is by default. world_up: [3], which way is
    up in the world. UserError if the numbers describe no camera, ValueError if they are for
    another number of images.
    """
    count = len(images)
    if count == 0:
        raise ValueError("at least one image is needed")
    given = None if intrinsics is None else _for_each(intrinsics, 2, count, "intrinsics")
    lenses = _for_each([] if distortion is None else distortion, 1, count, "distortion")
    places = _for_each(np.eye(4) if extrinsics is None else extrinsics, 2, count, "extrinsics")
    cameras = []
    for index, image in enumerate(images):
        if given is None:
            matrix = default_intrinsics(image.shape[1], image.shape[0], default_fov_degrees)
        else:
            matrix = given[index]
        place, lens = _checked(places[index]), lenses[index]
        up = torch.einsum("c,Cc->C", float32(world_up), float32(place[:3, :3]))
        camera = Camera.create(matrix, lens if lens.any() else (), up.double().numpy())
        cameras.append(ImageCamera(camera, place))
    return cameras


def default_intrinsics(width: int, height: int, fov_degrees: float) -> Float64Array:
    """Intrinsics [3,3] of a field of view over the larger side, with the official wrapper's
    roundings. UserError if it is no field of view of a flat picture."""
    if not 0 < fov_degrees < 180:
        raise UserError(
            "Unusable field of view",
            f"{fov_degrees} degrees are not the angle of a picture.",
            "Give an angle between 0 and 180 degrees; about 55 suits most photos.",
        )
    fov = fov_degrees * float32(math.pi / 180)
    focal = float(float32(max(width, height)) / (torch.tan(fov / 2) * 2))
    return np.array(
        [[focal, 0.0, (width - 1) / 2], [0.0, focal, (height - 1) / 2], [0.0, 0.0, 1.0]]
    )


def _for_each(values: ArrayLike, axes: int, count: int, what: str) -> list[Float64Array]:
    """Values for one image or all of them, or for each -> for each. ValueError if for others."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == axes + 1 and len(array) in (1, count):
        return list(array) if len(array) == count else [array[0]] * count
    if array.ndim != axes:
        raise ValueError(f"{what} {array.shape} are neither for one image nor for {count}")
    return [array] * count


def _checked(extrinsics: Float64Array) -> Float64Array:
    good = extrinsics.shape == (4, 4) and np.isfinite(extrinsics).all()
    if not good or abs(np.linalg.det(extrinsics[:3, :3])) < 1e-9:
        raise UserError(
            "Unusable extrinsics",
            f"{extrinsics.tolist()} does not place a camera.",
            "Give a 4x4 matrix from the world to camera space, in metres.",
        )
    return extrinsics
