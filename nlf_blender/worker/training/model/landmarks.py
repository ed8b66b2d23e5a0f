# SPDX-License-Identifier: GPL-3.0-or-later
"""What training does to the landmarks that BlazePose's neck is given.

On synthetic crops the network errs more than on photos, and a model that only saw those errors
would trust the landmarks too little on photos. So for part of the crops the landmarks are moved
towards the truth, by a random share of their error; all get a little noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...nlf.backbones.neck import BODY_LANDMARKS
from ..losses.geometry import project
from .settings import LandmarkSettings

LEFT_HIP, RIGHT_HIP = 23, 24
BODY = slice(0, BODY_LANDMARKS)


def changed_landmarks(
    landmarks: Tensor,
    world: Tensor,
    truth: Tensor | None,
    intrinsics: Tensor,
    settings: LandmarkSettings,
    random: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Landmarks [P,39,5] (pixels, (0,0) a corner) and world [P,39,3] (metres), changed.

    truth: [P,33,3] in the crop's camera, NaN where unknown, as is every one of a crop whose hips
    are; None if no crop has any. intrinsics: [P,3,3]. random: on the CPU.
    """
    people = len(landmarks)
    amount = torch.rand(people, generator=random) * settings.largest
    amount = amount * (torch.rand(people, generator=random) < settings.corrected)
    noise = torch.randn(landmarks[..., :3].shape, generator=random) * settings.noise_px
    noise_world = torch.randn(world.shape, generator=random) * settings.noise_m
    landmarks, world = landmarks.clone(), world.clone()
    if truth is not None:
        amount = amount.to(world.device)[:, None, None]
        pixels = project(truth, intrinsics) + 0.5
        hips = truth[:, [LEFT_HIP, RIGHT_HIP]].mean(dim=1, keepdim=True)
        landmarks[:, BODY, :2] = _towards(landmarks[:, BODY, :2], pixels, amount)
        world[:, BODY] = _towards(world[:, BODY], truth - hips, amount)
    landmarks[..., :3] += noise.to(landmarks.device)
    return landmarks, world + noise_world.to(world.device)


def left_out(
    people: int, settings: LandmarkSettings, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Which of P crops keep their maps and which their landmarks, 0 or 1 [P] each; none loses
    both."""
    draw = torch.rand(people, generator=random)
    return (draw >= settings.drop_maps).float(), (draw < 1 - settings.drop_landmarks).float()


def _towards(values: Tensor, truth: Tensor, amount: Tensor) -> Tensor:
    known = torch.isfinite(truth)
    return torch.where(known, values + amount * (truth - values), values)
