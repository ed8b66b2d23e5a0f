# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops of people who are made of dots, and what is seen in them."""

from __future__ import annotations

import numpy as np
from crop_examples import (
    SIDES,
    DotPoints,
)

from nlf_blender.worker.training.crops.batch import CropBatch
from nlf_blender.worker.training.crops.collate import collate
from nlf_blender.worker.training.crops.example_crop import CropMaker, ExampleCrop
from nlf_blender.worker.training.crops.picture_bank import PictureBank
from nlf_blender.worker.training.crops.settings import CropSettings
from nlf_blender.worker.training.crops.truth import BodySamples
from nlf_blender.worker.training.datasets.example import Example
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue

SIDE = 256
CATALOGUE = JointCatalogue()
MIDDLE = SIDE / 2  # where a crop's camera looks, in pixels


def new_samples(points: int = 2 * SIDES) -> BodySamples:
    return BodySamples({"dots": DotPoints()}, (0,), points)


def maker(settings: CropSettings, aligned: bool, bank: PictureBank | None = None) -> CropMaker:
    return CropMaker(settings, SIDE, aligned, CATALOGUE, bank or PictureBank())


def made(
    example: Example, settings: CropSettings, aligned: bool = True, seed: int = 0
) -> tuple[ExampleCrop, CropBatch]:
    samples = new_samples()
    crop = maker(settings, aligned).crop(example, example.people[0], samples, (seed,))
    return crop, collate([crop], [0], samples, CATALOGUE)


def redness(image: np.ndarray, place: np.ndarray, reach: int = 6) -> tuple[float, np.ndarray]:
    """How red rather than blue a crop [3,S,S] is about a place, and where the middle of that colour
    is."""
    ys, xs = np.mgrid[0:SIDE, 0:SIDE]
    near = np.hypot(xs - place[0], ys - place[1]) <= reach
    red = image[0].astype(float) - image[2]
    total = red[near].sum()
    weight = np.clip(red * np.sign(total), 0, None) * near
    weight = np.where(weight > 0.5 * weight.max(), weight, 0)
    middle = np.array([(weight * xs).sum(), (weight * ys).sum()]) / max(weight.sum(), 1e-9)
    return float(total / near.sum()), middle


def joint_names(batch: CropBatch) -> list[str]:
    numbers = batch.queries.joints[batch.columns[0]].tolist()
    return [CATALOGUE.labels[number].partition("/")[2] for number in numbers]
