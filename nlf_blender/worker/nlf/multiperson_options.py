# SPDX-License-Identifier: GPL-3.0-or-later
"""What `MultipersonLocalizer` is asked for and what it answers. Metres and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .crop_plan import CropOptions
from .image_cameras import DEFAULT_FOV_DEGREES, WORLD_UP, ImageCamera, image_cameras

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class PoseOptions:
    """How people in boxes are localized.

    intrinsics [3,3], distortion [k] (4 coefficients are a fisheye's) and extrinsics [4,4]: for all
    images, or with one more axis for each; world_up [3]; default_fov_degrees: of images without
    intrinsics. `image_cameras` tells more. num_aug: variations of each person's crop, and
    rot_aug_max_degrees: how far they are turned (25 by default, 5 for models that turn people
    upright). antialias_factor: samples per crop pixel along each axis, 1 to 8; 2 or 4 where people
    fill much of a 4k frame. internal_batch_size: crops at a time, all at once if 0.
    """

    intrinsics: ArrayLike | None = None
    distortion: ArrayLike | None = None
    extrinsics: ArrayLike | None = None
    world_up: ArrayLike = WORLD_UP
    default_fov_degrees: float = DEFAULT_FOV_DEGREES
    num_aug: int = 1
    rot_aug_max_degrees: float | None = None
    antialias_factor: int = 1
    internal_batch_size: int = 64

    def cameras(self, images: Sequence[NDArray[np.uint8]]) -> list[ImageCamera]:
        """The camera of each image."""
        return image_cameras(
            images,
            self.intrinsics,
            self.distortion,
            self.extrinsics,
            self.world_up,
            self.default_fov_degrees,
        )

    def crops(self, pad_white: bool) -> CropOptions:
        """How crops are made."""
        return CropOptions(self.antialias_factor, self.rot_aug_max_degrees, pad_white)


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectOptions(PoseOptions):
    """How people are found, too.

    detector_threshold: boxes of lower scores are dropped (our finder is strict: below 0.5 it lets
    through no more). detector_nms_iou_threshold: of boxes that overlap more, the surest stays.
    detector_flip_aug: look at mirrored images too; detector_both_flip_aug: also at images turned
    upside down. extra_boxes: per image [n,4] or [n,5], which compete with those found.
    suppress_implausible_poses: leave out people as `plausible_people` judges.
    """

    detector_threshold: float = 0.3
    detector_nms_iou_threshold: float = 0.7
    max_detections: int = 150
    detector_flip_aug: bool = False
    detector_both_flip_aug: bool = False
    extra_boxes: Sequence[ArrayLike] | None = None
    suppress_implausible_poses: bool = True


@dataclass(frozen=True, eq=False)
class Poses:
    """Lists with an entry per image, of its n people and the N points asked for.

    boxes [n,5]: left, top, width, height, score. poses3d [n,N,3]: metres, in the world where
    extrinsics were given, else in camera space. poses2d [n,N,2]: pixels, NaN behind the camera.
    uncertainties [n,N]: metres.
    """

    boxes: list[Float32Array]
    poses3d: list[Float32Array]
    poses2d: list[Float32Array]
    uncertainties: list[Float32Array]


@dataclass(frozen=True, eq=False)
class ParametricPoses:
    """Lists with an entry per image, of its n people; a body of V vertices, J joints, B betas.

    boxes [n,5]. pose [n,J,3]: rotation vectors relative to the parent joint; betas [n,B]; trans
    [n,3]. vertices3d [n,V,3], joints3d [n,J,3] and their pixels vertices2d, joints2d: of the fitted
    body. The same with `_nonparam`: as localized, each point on its own, with
    vertex_uncertainties [n,V] and joint_uncertainties [n,J]. 3D is metres, as in `Poses`.
    """

    boxes: list[Float32Array]
    pose: list[Float32Array]
    betas: list[Float32Array]
    trans: list[Float32Array]
    vertices3d: list[Float32Array]
    joints3d: list[Float32Array]
    vertices2d: list[Float32Array]
    joints2d: list[Float32Array]
    vertices3d_nonparam: list[Float32Array]
    joints3d_nonparam: list[Float32Array]
    vertices2d_nonparam: list[Float32Array]
    joints2d_nonparam: list[Float32Array]
    vertex_uncertainties: list[Float32Array]
    joint_uncertainties: list[Float32Array]
