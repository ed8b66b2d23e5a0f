# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops as one batch, whose points are looked up among as few canonical points as possible.

Crops of people whose bodies are known share one sample of the body's pool, so that the field is
asked for each canonical point once. Where a crop is a mirror image, its points and joints are given
the names of the other side here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....body.arrays import Float64Array, IntArray
from ....body.sides import mirrored
from ..datasets.joint_sets import JointCatalogue
from ..points.blazepose_landmarks import landmark_mirror
from .batch import FIXED, CropBatch, Queries
from .example_crop import ExampleCrop
from .truth import NO_ROW, BodySamples


@dataclass
class _QueryTable:
    """The canonical points of a batch, each once, and where they are in the list."""

    places: list[Float64Array] = field(default_factory=list)
    joints: list[int] = field(default_factory=list)
    known: dict[tuple[int, ...], int] = field(default_factory=dict)

    def add(self, place: Float64Array, joint: int = FIXED, key: tuple[int, ...] = ()) -> int:
        """The number of a point; of one with a key, the same each time."""
        if key and key in self.known:
            return self.known[key]
        number = len(self.places)
        if key:
            self.known[key] = number
        self.places.append(place)
        self.joints.append(joint)
        return number


def collate(
    crops: Sequence[ExampleCrop],
    datasets: Sequence[int],
    samples: BodySamples,
    catalogue: JointCatalogue,
) -> CropBatch:
    """A batch of P crops with the numbers [P] of their datasets.

    The samples of the pools are the first queries, in their order; the joints follow that the crops
    have, by number, then points that only one crop has.
    """
    table = _QueryTable()
    for number, (kind, rows) in enumerate(samples.rows.items()):
        places = samples.points(kind).pool.places
        for row in rows.tolist():
            table.add(places[row], key=(number, row))
    joints = [_joints(crop, catalogue) for crop in crops]
    for joint in sorted({int(j) for own in joints for j in own[own != FIXED]}):
        table.add(np.zeros(3), joint, (FIXED, joint))
    columns = [_columns(crop, own, samples, table) for crop, own in zip(crops, joints, strict=True)]
    count = max(len(own) for own in columns)
    points = _filled([crop.points for crop in crops], count)
    pixels = _filled([crop.pixels for crop in crops], count)
    inside = _padded([crop.inside for crop in crops], count)
    has_3d = np.isfinite(points).all(axis=-1)
    has_2d = np.isfinite(pixels).all(axis=-1)
    return CropBatch(
        images=torch.from_numpy(np.stack([crop.image for crop in crops])),
        intrinsics=_float32(np.stack([crop.view.intrinsics for crop in crops])),
        queries=Queries(_float32(np.stack(table.places)), torch.tensor(table.joints)),
        columns=torch.from_numpy(_padded(columns, count)),
        points_3d=_float32(np.where(has_3d[..., None], points, 0.0)),
        points_2d=_float32(np.where(has_2d[..., None], pixels, 0.0)),
        has_3d=torch.from_numpy(has_3d),
        has_2d=torch.from_numpy(has_2d),
        is_inside=torch.from_numpy(inside & has_2d),
        absolute=torch.tensor([crop.known.absolute for crop in crops]),
        has_camera=torch.tensor([crop.has_camera for crop in crops]),
        dataset=torch.tensor(list(datasets)),
        landmarks_3d=_float32(np.stack([_landmarks(crop) for crop in crops])),
    )


def _joints(crop: ExampleCrop, catalogue: JointCatalogue) -> IntArray:
    """The joints' numbers [n] in the crop, FIXED for other points."""
    joints = crop.known.truth.joints
    if not crop.flip:
        return joints
    return np.where(joints == FIXED, FIXED, catalogue.mirror[joints])


def _columns(
    crop: ExampleCrop, joints: IntArray, samples: BodySamples, table: _QueryTable
) -> IntArray:
    """The number of each of the crop's points [n] in the table."""
    truth = crop.known.truth
    kinds = list(samples.rows)
    columns = np.zeros(len(truth), np.int64)
    for index in range(len(truth)):
        row, joint, kind = int(truth.rows[index]), int(joints[index]), int(truth.kinds[index])
        if joint != FIXED:
            columns[index] = table.known[FIXED, joint]
        elif row != NO_ROW:
            pool = samples.points(kinds[kind]).pool
            if not crop.flip:
                columns[index] = table.known[kind, row]
            elif pool.mirror is None:  # a canonical point of its own, shared by mirrored crops
                place = mirrored(pool.places[row])
                columns[index] = table.add(place, key=(kind, row, 1))
            else:
                other = int(pool.mirror[row])
                columns[index] = table.add(pool.places[other], key=(kind, other))
        else:
            place = truth.places[index]
            columns[index] = table.add(mirrored(place) if crop.flip else place)
    return columns


def _landmarks(crop: ExampleCrop) -> Float64Array:
    return crop.landmarks[landmark_mirror] if crop.flip else crop.landmarks


def _filled(parts: Sequence[Float64Array], count: int) -> Float64Array:
    """Rows of each part, and NaN up to `count`: [P,count,C]."""
    result = np.full((len(parts), count, parts[0].shape[1]), np.nan)
    for target, part in zip(result, parts, strict=True):
        target[: len(part)] = part
    return result


def _padded(parts: Sequence[NDArray], count: int) -> NDArray:
    """Values of each part, and zeros up to `count`: [P,count]."""
    result = np.zeros((len(parts), count), parts[0].dtype)
    for target, part in zip(result, parts, strict=True):
        target[: len(part)] = part
    return result


def _float32(values: NDArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
