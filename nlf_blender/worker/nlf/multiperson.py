# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python interface for people who script: images in, localized and fitted people out.

The methods and their options are those of the official multi-person model; README.md lists where
they differ. Lengths are metres (the official ones are millimetres), images RGB bytes [H,W,3],
boxes [n,4] left, top, width, height in pixels, or [n,5] with a score. Keyword options are the
fields of `PoseOptions`, and of `DetectOptions` where people are to be found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ...errors import UserError
from ..assets import ASSETS
from ..device import select_device
from ..fit_people import fit_localized
from ..people.find_boxes import BoxOptions, find_boxes, scored
from ..people.finder import PeopleFinder
from ..people.plausibility import plausible_people
from ..smpl.body_model import BodyModel
from ..smpl.canonical.placement import canonical_points
from ..smpl.fitting.fit import fitting_device
from .checkpoints import load_localizer
from .crops import CropSpec
from .head import PointWeights
from .image_cameras import ImageCamera
from .localized import LocalizedPerson
from .localizer import Localizer
from .multiperson_options import (
    DetectOptions,
    Float32Array,
    ParametricPoses,
    PoseOptions,
    Poses,
)

NUM_AUG = 5
Image = NDArray[np.uint8]
Boxes = list[NDArray[np.float64]]


class MultipersonLocalizer:
    """A localizer with a person finder. pad_white_pixels: white instead of black is seen beyond
    the image, as some models were trained."""

    def __init__(
        self,
        localizer: Localizer,
        finder: PeopleFinder | None = None,
        pad_white_pixels: bool = False,
    ) -> None:
        self.localizer = localizer
        self.finder = finder
        self.pad_white_pixels = pad_white_pixels
        self._body_points: dict[BodyModel, NDArray[np.float64]] = {}

    @classmethod
    def load(
        cls,
        model: str = "default",
        device: str = "auto",
        data_folder: Path | str | None = None,
        trusted: Collection[str] = (),
    ) -> MultipersonLocalizer:
        """The default model, or that of a file, as `load_localizer` loads it. UserError if it, or
        the device, cannot be used."""
        place = select_device(device)
        folder = None if data_folder is None else Path(data_folder)
        localizer = Localizer(load_localizer(model, place, ASSETS, folder, trusted))
        return cls(localizer, PeopleFinder(place, ASSETS))

    def get_weights_for_canonical_points(self, points: ArrayLike) -> PointWeights:
        """The readout of points [N,3] in the model's canonical space, metres; kept, so that the
        same points cost nothing the next time."""
        return self.localizer.point_weights(points)

    def estimate_poses(
        self,
        images: Sequence[Image],
        boxes: Sequence[ArrayLike],
        weights: PointWeights | ArrayLike,
        num_aug: int = NUM_AUG,
        **options: Any,
    ) -> Poses:
        """Localize the people in the given boxes, of which every image has a list.

        weights: a readout, or canonical points [N,3]. options: see `PoseOptions`.
        """
        how = PoseOptions(num_aug=num_aug, **options)
        cameras = how.cameras(images)
        return self._poses(images, [scored(part) for part in boxes], weights, cameras, how, False)

    def detect_poses(
        self, images: Sequence[Image], weights: PointWeights | ArrayLike, **options: Any
    ) -> Poses:
        """Find people and localize them. options: see `DetectOptions`."""
        how = DetectOptions(**options)
        cameras = how.cameras(images)
        boxes = self._found(images, cameras, how)
        return self._poses(images, boxes, weights, cameras, how, how.suppress_implausible_poses)

    def estimate_parametric(
        self,
        images: Sequence[Image],
        boxes: Sequence[ArrayLike],
        body: BodyModel,
        **options: Any,
    ) -> ParametricPoses:
        """Localize the people in the given boxes and fit a body to each. options: see
        `PoseOptions`. UserError if nothing tells where the body is in the model's canonical space.
        """
        how = PoseOptions(**options)
        cameras = how.cameras(images)
        given = [scored(part) for part in boxes]
        points = self._points_of(body)
        return _fitted(self._poses(images, given, points, cameras, how, False), body, cameras)

    def detect_parametric(
        self, images: Sequence[Image], body: BodyModel, **options: Any
    ) -> ParametricPoses:
        """Find people, localize them and fit a body to each. options: see `DetectOptions`."""
        how = DetectOptions(**options)
        cameras = how.cameras(images)
        boxes, points = self._found(images, cameras, how), self._points_of(body)
        suppress = how.suppress_implausible_poses
        return _fitted(self._poses(images, boxes, points, cameras, how, suppress), body, cameras)

    def _poses(
        self,
        images: Sequence[Image],
        boxes: Boxes,
        weights: PointWeights | ArrayLike,
        cameras: list[ImageCamera],
        how: PoseOptions,
        suppress: bool,
    ) -> Poses:
        if not isinstance(weights, PointWeights):
            weights = self.get_weights_for_canonical_points(weights)
        people = self.localizer.localize(
            images,
            [self._specs(image, part) for image, part in zip(images, boxes, strict=True)],
            [camera.lens for camera in cameras],
            weights,
            how.num_aug,
            how.internal_batch_size,
            options=how.crops(self.pad_white_pixels),
        )
        result = Poses([], [], [], [])
        for group, part, camera in zip(people, boxes, cameras, strict=True):
            points, pixels, spread = _stacked(group, len(weights))
            kept = list(range(len(group)))
            if suppress:
                corners = np.column_stack([part[:, :2], part[:, :2] + part[:, 2:4]])
                kept = plausible_people(points, pixels, spread, corners, part[:, 4])
            result.boxes.append(part[kept].astype(np.float32))
            result.poses3d.append(camera.to_world(points[kept]))
            result.poses2d.append(pixels[kept])
            result.uncertainties.append(spread[kept])
        return result

    def _specs(self, image: Image, boxes: NDArray[np.float64]) -> list[CropSpec]:
        """Where the localizer looks: at the boxes, or at the people in them if it wants those
        turned upright."""
        corners = [(x, y, x + width, y + height) for x, y, width, height in boxes[:, :4].tolist()]
        if self.localizer.model.style.aligned and self.finder is not None:
            return [person.crop for person in self.finder.people_in_boxes(image, corners)]
        return [CropSpec.from_box(*box) for box in corners]

    def _found(
        self, images: Sequence[Image], cameras: list[ImageCamera], how: DetectOptions
    ) -> Boxes:
        if self.finder is None:
            raise UserError(
                "Nobody to find people",
                "This localizer was made without a person finder.",
                "Give the boxes, or make it with MultipersonLocalizer.load().",
            )
        options = BoxOptions(
            how.detector_threshold,
            how.detector_nms_iou_threshold,
            how.max_detections,
            how.detector_flip_aug,
            how.detector_both_flip_aug,
        )
        extra = [None] * len(images) if how.extra_boxes is None else how.extra_boxes
        return [
            find_boxes(self.finder, image, camera.lens.up, options, more)
            for image, camera, more in zip(images, cameras, extra, strict=True)
        ]

    def _points_of(self, body: BodyModel) -> NDArray[np.float64]:
        """The body's vertices and joints [V+J,3] in the model's canonical space."""
        if body not in self._body_points:
            placement = canonical_points(body.body, self.localizer.model.space)
            self._body_points[body] = placement.points
        return self._body_points[body]


def _stacked(
    people: list[LocalizedPerson], count: int
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Points [n,N,3], pixels [n,N,2] and uncertainties [n,N] of n people, who may be none."""
    points, pixels, spread = (
        np.array([getattr(person, name) for person in people], dtype=np.float32)
        for name in ("points", "points_2d", "uncertainty")
    )
    shape = (len(people), count)
    return points.reshape(*shape, 3), pixels.reshape(*shape, 2), spread.reshape(shape)


def _fitted(poses: Poses, body: BodyModel, cameras: list[ImageCamera]) -> ParametricPoses:
    """The body fitted to localized vertices and joints, all people at once."""
    body = body.to(fitting_device(body.v_template.device))
    points, spread = (
        torch.from_numpy(np.concatenate(parts)).to(body.v_template)
        for parts in (poses.poses3d, poses.uncertainties)
    )
    counts, vertices = [len(part) for part in poses.boxes], body.body.vertex_count
    fit = fit_localized(points, spread, body)
    posed = body(fit.pose, fit.betas, fit.translation)
    pose, betas, trans, vertices3d, joints3d = (
        [part.float().cpu().numpy() for part in values.split(counts)]
        for values in (fit.pose, fit.betas, fit.translation, posed.vertices, posed.joints)
    )
    pairs = list(zip(cameras, vertices3d, joints3d, strict=True))
    return ParametricPoses(
        boxes=poses.boxes,
        pose=pose,
        betas=betas,
        trans=trans,
        vertices3d=vertices3d,
        joints3d=joints3d,
        vertices2d=[camera.project(shape) for camera, shape, _ in pairs],
        joints2d=[camera.project(joints) for camera, _, joints in pairs],
        vertices3d_nonparam=[part[:, :vertices] for part in poses.poses3d],
        joints3d_nonparam=[part[:, vertices:] for part in poses.poses3d],
        vertices2d_nonparam=[part[:, :vertices] for part in poses.poses2d],
        joints2d_nonparam=[part[:, vertices:] for part in poses.poses2d],
        vertex_uncertainties=[part[:, :vertices] for part in poses.uncertainties],
        joint_uncertainties=[part[:, vertices:] for part in poses.uncertainties],
    )
