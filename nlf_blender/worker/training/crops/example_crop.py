# SPDX-License-Identifier: GPL-3.0-or-later
"""One person of an annotated picture as one crop, with the points that training asks it for.

The crop is what the localizer itself would cut out (`nlf.crops`, `nlf.warping`), lens included; all
that is varied in place is a change of its virtual camera, through which the truth goes as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ....body.arrays import Float64Array
from ....errors import UserError
from ...nlf.camera import Camera
from ...nlf.crop_plan import CropOptions, warp_style
from ...nlf.crops import CropView, crop_view
from ...nlf.image_cameras import default_intrinsics
from ...nlf.model import CropStyle
from ..datasets.example import BoolArray, Example, PersonTruth
from ..datasets.joint_sets import JointCatalogue
from .background import exchange_background
from .color import vary_colors
from .footprint import Footprint
from .geometry import GeometryChange, draw_geometry
from .occlusion import occlude
from .picture_bank import PictureBank
from .placement import BEYOND_JOINTS, BEYOND_LANDMARKS, Trunk, place_crop, trunk_of
from .settings import CropSettings
from .truncation import Cut, clipped_box, draw_cut
from .truth import (
    LEFT_HIP,
    LEFT_SHOULDER,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    BodySamples,
    KnownPerson,
    PointTruth,
    joint_pixels,
    know_person,
)

Image = NDArray[np.uint8]
UPRIGHT = (0.0, -1.0, 0.0)
SIDES = ("left", "right")


@dataclass(frozen=True, eq=False)
class ExampleCrop:
    """image: [3,S,S] uint8 RGB. view: its virtual camera, in the picture's camera's axes. known:
    the points in the picture. points [n,3] metres in the crop's camera and pixels [n,2] of the
    crop, NaN where unknown; inside [n]: within both crop and picture. landmarks [33,3]: in the
    crop's camera. flip: whether the crop is a mirror image, of which points and landmarks are not
    yet renamed. has_camera: whether the camera is known."""

    image: Image
    view: CropView
    known: KnownPerson
    points: Float64Array
    pixels: Float64Array
    inside: BoolArray
    landmarks: Float64Array
    flip: bool
    has_camera: bool


@dataclass(frozen=True, eq=False)
class CropMaker:
    """Makes the crops of a run. side: of the crops, pixels. aligned: whether the model wants hips
    to head upward, rather than the world."""

    settings: CropSettings
    side: int
    aligned: bool
    catalogue: JointCatalogue
    bank: PictureBank

    def crop(
        self, example: Example, person: PersonTruth, samples: BodySamples, seed: tuple[int, ...]
    ) -> ExampleCrop:
        """The crop of a person, varied by random numbers of a seed. UserError if the annotation
        does not allow one, which does not name the item."""
        place, look = (np.random.default_rng([*seed, role]) for role in range(2))
        change = draw_geometry(place, self.settings.geometry)
        camera = self._camera(example, change)
        has_camera = example.intrinsics is not None
        known = know_person(person, camera if has_camera else None, samples, self.catalogue)
        box = checked_box(person, known.truth, example.size)
        cut = draw_cut(place, self.settings.truncation, example.size, box)
        trunk = self._trunk(known, camera) if self.aligned else None
        cut_camera = _moved(camera, cut)
        spec, variation = place_crop(
            clipped_box(box, cut), _moved_trunk(trunk, cut), self.aligned, change
        )
        view = crop_view(cut_camera, spec, self.side, variation)
        points = known.truth.points @ view.rotation.T
        seen = camera.unproject(known.truth.pixels) @ view.rotation.T
        pixels = _projected(seen, view)
        in_picture = within(known.truth.pixels - cut.origin, cut.size)
        return ExampleCrop(
            image=self._pixels(look, example, cut, cut_camera, view),
            view=view,
            known=known,
            points=points,
            pixels=pixels,
            inside=within(pixels, (self.side, self.side)) & in_picture,
            landmarks=known.landmarks @ view.rotation.T,
            flip=change.flip,
            has_camera=has_camera,
        )

    def _camera(self, example: Example, change: GeometryChange) -> Camera:
        """The picture's camera, or one with the assumed field of view. Aligned crops are turned as
        the picture is, and not as the world."""
        known_up = example.up is not None and not self.aligned
        up = example.up if known_up else UPRIGHT
        if example.intrinsics is not None:
            return Camera.create(example.intrinsics, example.distortion, up)
        matrix = default_intrinsics(*example.size, self.settings.field_of_view)
        matrix[[0, 1], [0, 1]] *= change.focal
        return Camera.create(matrix, (), up)

    def _trunk(self, known: KnownPerson, camera: Camera) -> Trunk | None:
        truth = known.truth
        if np.isfinite(known.landmarks[[LEFT_HIP, RIGHT_HIP, LEFT_SHOULDER, RIGHT_SHOULDER]]).all():
            marks = camera.project(known.landmarks)
            hips, shoulders = marks[[LEFT_HIP, RIGHT_HIP]], marks[[LEFT_SHOULDER, RIGHT_SHOULDER]]
            return trunk_of(hips, shoulders, marks, BEYOND_LANDMARKS)
        hips, shoulders = (
            np.stack([joint_pixels(truth, self.catalogue, f"{side}_{joint}") for side in SIDES])
            for joint in ("hip", "shoulder")
        )
        return trunk_of(hips, shoulders, truth.pixels, BEYOND_JOINTS)

    def _pixels(
        self, random: Generator, example: Example, cut: Cut, camera: Camera, view: CropView
    ) -> Image:
        """The crop [3,S,S] of what is kept of the picture, varied. Beyond the picture it is black
        whatever is varied, as at run time."""
        settings = self.settings
        part = slice(cut.top, cut.bottom), slice(cut.left, cut.right)
        style = warp_style(CropStyle(False, (1.0, 1.0), self.aligned), CropOptions())
        footprint = Footprint.of(cut.size, camera, view, self.side, style)
        image = footprint.pixels(checked_image(example)[part])
        masks = [person.mask[part] for person in example.people if person.mask is not None]
        if masks and random.random() < settings.background.share:
            shown = footprint.shown(np.logical_or.reduce(masks))
            image = exchange_background(random, image, shown, settings.background, self.bank)
        image = occlude(random, image, settings.occlusion, self.bank)
        image = vary_colors(random, image, settings.color)
        dark = footprint.dark()
        if dark is not None:
            image[dark] = 0
        return np.ascontiguousarray(image.transpose(2, 0, 1))


def checked_box(person: PersonTruth, truth: PointTruth, size: tuple[int, int]) -> Float64Array:
    """The person's box [4], or that of the known pixels if it is unknown. UserError if it has no
    area, or is beyond the picture (width, height)."""
    box = np.asarray(person.box, dtype=np.float64)
    if not np.isfinite(box).all():
        pixels = truth.pixels[np.isfinite(truth.pixels).all(axis=1)]
        if len(pixels):
            first, last = pixels.min(axis=0), pixels.max(axis=0)
            box = np.concatenate([first, last - first])
    good = np.isfinite(box).all() and (box[2:] > 0).all()
    if not (good and (box[:2] + box[2:] > -0.5).all() and (box[:2] < np.array(size) - 0.5).all()):
        raise UserError(
            "Unusable person box",
            f"The person's box {box.tolist()} has no area, or none in the picture.",
            "Correct the box, or leave it unknown (NaN) where keypoints tell where the person is.",
        )
    return box


def checked_image(example: Example) -> Image:
    """The decoded picture. UserError if it is not as large as its annotation says."""
    image = example.image()
    if image.dtype != np.uint8 or image.shape != (*example.size[::-1], 3):
        raise UserError(
            "Wrong picture",
            f"It is {image.shape} {image.dtype}, annotated as {example.size[0]}x{example.size[1]}.",
            "Annotate the picture that is in the dataset.",
        )
    return image


def within(pixels: Float64Array, size: tuple[int, int]) -> BoolArray:
    """Whether pixels [n,2] are in a picture (width, height); NaN are not."""
    return ((pixels > -0.5) & (pixels < np.asarray(size) - 0.5)).all(axis=1)


def _moved(camera: Camera, cut: Cut) -> Camera:
    """The camera of what is kept of its picture."""
    matrix = camera.intrinsics.copy()
    matrix[:2, 2] -= cut.origin
    return replace(camera, intrinsics=matrix)


def _moved_trunk(trunk: Trunk | None, cut: Cut) -> Trunk | None:
    if trunk is None:
        return None
    return Trunk(trunk.hips - cut.origin, trunk.shoulders - cut.origin, trunk.reach)


def _projected(rays: Float64Array, view: CropView) -> Float64Array:
    """Pixels [n,2] of the crop to which rays [n,3] in its axes go, NaN for those behind it."""
    ahead = rays[:, 2:] > 0
    seen = rays @ view.intrinsics.T
    return np.where(ahead, seen[:, :2] / np.where(ahead, seen[:, 2:], 1.0), np.nan)
