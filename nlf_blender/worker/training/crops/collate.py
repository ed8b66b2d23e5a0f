# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops as one batch, whose points are looked up among as few canonical points as possible.

Crops of people whose bodies are known share one sample of the body's pool, so that the field is
asked for each canonical point once. Where a crop is a mirror image, its points and joints are given
the names of the other side here.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from .truth import NO_ROW, BodySamples, PointTruth

MISSING = -1


class _QueryTable:
    """The canonical points of a batch, each once, and where they are in the list."""

    def __init__(self, samples: BodySamples) -> None:
        """Begun with the samples of the pools."""
        self.places: list[Float64Array] = []
        self.joints: list[IntArray] = []
        self._count = 0
        self._joint_columns = np.zeros(0, np.int64)
        self._pool_columns: list[IntArray] = []
        self._pools = [samples.points(kind).pool for kind in samples.rows]
        for kind, rows in enumerate(samples.rows.values()):
            self._pool_columns.append(np.full(len(self._pools[kind].places), MISSING))
            self._pool_columns[kind][rows] = self._add(self._pools[kind].places[rows])

    def add_joints(self, numbers: IntArray, count: int) -> None:
        """Take in learnt joints, each once, of `count` that there are."""
        self._joint_columns = np.full(count, MISSING)
        self._joint_columns[numbers] = self._add(np.zeros((len(numbers), 3)), numbers)

    def columns(self, truth: PointTruth, joints: IntArray, flip: bool) -> IntArray:
        """The number of each of a crop's points [n], of which some are joints [n]."""
        columns = np.full(len(truth), MISSING)
        learnt = joints != FIXED
        columns[learnt] = self._joint_columns[joints[learnt]]
        for kind in range(len(self._pools)):
            own = np.flatnonzero((truth.rows != NO_ROW) & (truth.kinds == kind))
            columns[own] = self._of_pool(kind, truth.rows[own], flip)
        free = columns == MISSING
        places = truth.places[free]
        columns[free] = self._add(mirrored(places) if flip else places)
        return columns

    def queries(self) -> Queries:
        """All points so far."""
        joints = torch.from_numpy(np.concatenate(self.joints))
        return Queries(_float32(np.concatenate(self.places)), joints)

    def _of_pool(self, kind: int, rows: IntArray, flip: bool) -> IntArray:
        """The numbers of rows of a pool, or of their mirror images."""
        pool, known = self._pools[kind], self._pool_columns[kind]
        if flip and pool.mirror is None:  # points of the crop's own
            return self._add(mirrored(pool.places[rows]))
        rows = pool.mirror[rows] if flip else rows
        new = rows[known[rows] == MISSING]
        known[new] = self._add(pool.places[new])
        return known[rows]

    def _add(self, places: Float64Array, joints: IntArray | None = None) -> IntArray:
        """The numbers of further points [n,3]."""
        count = len(places)
        self.places.append(places)
        self.joints.append(np.full(count, FIXED) if joints is None else joints)
        self._count += count
        return np.arange(self._count - count, self._count)


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
    table = _QueryTable(samples)
    joints = [_joints(crop, catalogue) for crop in crops]
    learnt = np.unique(np.concatenate(joints))
    table.add_joints(learnt[learnt != FIXED], len(catalogue))
    columns = [
        table.columns(crop.known.truth, own, crop.flip)
        for crop, own in zip(crops, joints, strict=True)
    ]
    count = max(len(own) for own in columns)
    points = _filled([crop.points for crop in crops], count)
    pixels = _filled([crop.pixels for crop in crops], count)
    inside = _padded([crop.inside for crop in crops], count)
    has_3d, has_2d = (np.isfinite(values).all(axis=-1) for values in (points, pixels))
    return CropBatch(
        images=torch.from_numpy(np.stack([crop.image for crop in crops])),
        intrinsics=_float32(np.stack([crop.view.intrinsics for crop in crops])),
        queries=table.queries(),
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
