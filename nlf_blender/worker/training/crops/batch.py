# SPDX-License-Identifier: GPL-3.0-or-later
"""What a step of training takes: crops, and points with whatever is known of each.

Datasets differ in what they annotate, so every point of every crop says for itself which truth it
has (paper section 3.5: no re-annotation). A point is a place in canonical space that is fixed, or a
joint of a dataset's own set, whose place in canonical space is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

FIXED = -1  # in Queries.joints


@dataclass(frozen=True)
class Queries:
    """M points of canonical space. places: [M,3] metres; joints: [M] numbers of the learnt joints
    (see the joint sets), FIXED where the place is fixed."""

    places: Tensor
    joints: Tensor


@dataclass(frozen=True)
class CropBatch:
    """P crops with N points each.

    images: [P,3,S,S] uint8 RGB. intrinsics: [P,3,3] of the crops. columns: [P,N], each point's row
    in `queries`. points_3d: [P,N,3] metres in the crop's camera; points_2d: [P,N,2] pixels of the
    crop. has_3d, has_2d, is_inside: [P,N] which truth holds, and whether the point is within both
    crop and picture. absolute: [P] whether points_3d are in the camera, not only up to a
    translation. has_camera: [P] whether intrinsics are known rather than assumed. dataset: [P]
    number of the dataset, for reports. landmarks_3d: [P,33,3] BlazePose's landmarks on the body, in
    the crop's camera, NaN where unknown; None if unknown in all. Crops are never mirrored copies
    with names left alone: where a crop shows its picture mirrored, points, joints and landmarks are
    already those of the mirror image.
    """

    images: Tensor
    intrinsics: Tensor
    queries: Queries
    columns: Tensor
    points_3d: Tensor
    points_2d: Tensor
    has_3d: Tensor
    has_2d: Tensor
    is_inside: Tensor
    absolute: Tensor
    has_camera: Tensor
    dataset: Tensor
    landmarks_3d: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, crops: slice) -> CropBatch:
        """Some of the crops, with all queries."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return CropBatch(**{n: v[crops] if isinstance(v, Tensor) else v for n, v in values.items()})

    def to(self, device: torch.device) -> CropBatch:
        """The same batch on another device, copied without waiting where memory is pinned."""

        def moved(value: Tensor | Queries | None) -> Tensor | Queries | None:
            if value is None:
                return None
            if isinstance(value, Queries):
                return Queries(moved(value.places), moved(value.joints))
            return value.to(device, non_blocking=True)

        return CropBatch(**{item.name: moved(getattr(self, item.name)) for item in fields(self)})
