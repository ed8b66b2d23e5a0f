# SPDX-License-Identifier: GPL-3.0-or-later
"""What training does to the frozen network's landmarks.

On synthetic crops that network errs more than on photos, and a model that only saw those errors
would trust the landmarks too little on photos. So for part of the crops the landmarks are moved
towards the truth, by a random share of their error; all get a little noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..evaluation.limbs import BLAZEPOSE_LIMBS, LIMB_NAMES
from ..nlf.backbones.blazepose import CROP_SIDE
from ..nlf.backbones.neck import BODY_LANDMARKS
from .data import CropSet
from .losses import crop_intrinsics, project
from .synthetic.skeleton import INDEX

MATCHED_CROPS = 1500
LEFT_HIP, RIGHT_HIP = 23, 24


@dataclass(frozen=True)
class LandmarkChanges:
    """share: of crops whose landmarks are corrected; largest: share of the error taken away."""

    share: float = 0.5
    largest: float = 0.8
    noise_px: float = 1.5
    noise_m: float = 0.01


def matching_points(crops: CropSet) -> Tensor:
    """The pool's point [33] at which each landmark is usually seen.

    It is the point whose projection has the least median distance over the better half of crops.
    """
    count = min(len(crops), MATCHED_CROPS)
    intrinsics = crop_intrinsics(crops.focal[:count], CROP_SIDE)
    seen = project(crops.points[:count], intrinsics)
    landmarks = crops.landmarks[:count, :BODY_LANDMARKS, :2].float() - 0.5
    limbs = [INDEX[name] for name in LIMB_NAMES]
    limb_errors = seen[:, limbs] - landmarks[:, list(BLAZEPOSE_LIMBS)]
    off = limb_errors.norm(dim=-1).mean(dim=1)
    better = off <= off.median()
    seen, landmarks = seen[better], landmarks[better]
    nearest = [
        (seen - landmarks[:, index, None]).norm(dim=-1).median(dim=0).values.argmin()
        for index in range(BODY_LANDMARKS)
    ]
    return torch.stack(nearest)


def changed_landmarks(
    landmarks: Tensor,
    world: Tensor,
    truth: Tensor,
    focal: Tensor,
    changes: LandmarkChanges,
    random: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Landmarks [P,39,5] and world [P,39,3], changed; truth [P,33,3] in the crop's camera."""
    people = len(landmarks)
    amount = torch.rand(people, generator=random) * changes.largest
    amount = amount * (torch.rand(people, generator=random) < changes.share)
    pixels = project(truth, crop_intrinsics(focal, CROP_SIDE)) + 0.5
    hips = truth[:, [LEFT_HIP, RIGHT_HIP]].mean(dim=1, keepdim=True)
    body = slice(0, BODY_LANDMARKS)
    landmarks, world = landmarks.clone(), world.clone()
    landmarks[:, body, :2] = landmarks[:, body, :2].lerp(pixels, amount[:, None, None])
    world[:, body] = world[:, body].lerp(truth - hips, amount[:, None, None])
    landmarks[..., :3] += torch.randn(landmarks[..., :3].shape, generator=random) * changes.noise_px
    world += torch.randn(world.shape, generator=random) * changes.noise_m
    return landmarks, world
