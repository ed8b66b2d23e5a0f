# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the landmarks of a network that is tuned where the untuned network puts them.

They come from real pictures; tuning sees drawn ones for the most part. The same crops go through
both, and the tuned one pays for every landmark's distance from the other's.
"""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor

from ...nlf.backbones.blazepose import CROP_SIDE, BlazePoseOutput
from ...nlf.backbones.neck import DRAWN_LANDMARKS
from ...nlf.head import BOX_SIZE_M

METRES_PER_PIXEL = BOX_SIZE_M / CROP_SIDE
FREE_M = 0.02  # distances well below are nearly free, so that tuning is not held by its own noise
CONFIDENCE_SHARE = 0.1  # metres that a nat counts for


def landmark_distance(tuned: BlazePoseOutput, untuned: BlazePoseOutput) -> Tensor:
    """A scalar about in metres: mean distances in the crop (its side 2.2 m) and about the hips, and
    how differently sure the two are of visibility, presence and of there being a person."""
    drawn = slice(0, DRAWN_LANDMARKS)
    first, second = tuned.landmarks[:, drawn].float(), untuned.landmarks[:, drawn].float()
    in_crop = _price((first[..., :3] - second[..., :3]) * METRES_PER_PIXEL)
    world = _price(tuned.world.float() - untuned.world.float())
    confidence = _divergence(first[..., 3:], second[..., 3:])
    confidence = confidence + (tuned.score.float() - untuned.score.float()).abs().mean()
    return in_crop + world + CONFIDENCE_SHARE * confidence


def _price(moves: Tensor) -> Tensor:
    """Mean of the lengths of moves [...,3], metres; of short ones, about of their squares."""
    return ((moves.square().sum(dim=-1) + FREE_M**2).sqrt() - FREE_M).mean()


def _divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of yes-or-no answers given as logits."""
    share = target.sigmoid()
    cross = functional.binary_cross_entropy_with_logits(logits, share)
    return cross - functional.binary_cross_entropy_with_logits(target, share)
