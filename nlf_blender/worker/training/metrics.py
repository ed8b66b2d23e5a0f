# SPDX-License-Identifier: GPL-3.0-or-later
"""Error figures of localized points on held-out crops."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nlf.head import HeadOutput
from .data import JOINT_COUNT
from .losses import about_mean, crop_intrinsics, project
from .synthetic.skeleton import INDEX

LIMB_JOINTS = [
    INDEX[f"{side}_{joint}"]
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]
# BlazePose's numbers of the same joints.
BLAZEPOSE_LIMB_JOINTS = [11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]


def similarity_aligned(points: Tensor, target: Tensor) -> Tensor:
    """Points [P,N,3] turned, scaled and moved onto `target` (Procrustes), [P,N,3]."""
    mean, target_mean = points.mean(1, keepdim=True), target.mean(1, keepdim=True)
    centred, target_centred = points - mean, target - target_mean
    left, scales, right = torch.linalg.svd(centred.transpose(1, 2) @ target_centred)
    sign = torch.det(left @ right).sign()
    signs = torch.ones_like(scales)
    signs[:, 2] = sign
    rotation = left @ torch.diag_embed(signs) @ right
    scale = (scales * signs).sum(1) / centred.square().sum((1, 2)).clamp_min(1e-9)
    return scale[:, None, None] * (centred @ rotation) + target_mean


def crop_errors(output: HeadOutput, points: Tensor, focal: Tensor, side: int) -> dict[str, Tensor]:
    """Mean error of each of P crops: points [P,N,3], joints first, positions relative to the hips.

    Metres but for `pixels`; `limbs_aligned` is over 12 joints after Procrustes.
    """
    hips = [INDEX["left_hip"], INDEX["right_hip"]]

    def about_hips(value: Tensor) -> Tensor:
        return value - value[:, hips].mean(dim=1, keepdim=True)

    predicted, true = about_hips(output.points_3d), about_hips(points)
    limbs, true_limbs = predicted[:, LIMB_JOINTS], true[:, LIMB_JOINTS]
    surface, true_surface = predicted[:, JOINT_COUNT:], true[:, JOINT_COUNT:]
    pixels = project(points, crop_intrinsics(focal, side))
    joints = slice(0, JOINT_COUNT)
    return {
        "points": (surface - true_surface).norm(dim=-1).mean(1),
        "points_aligned": (
            (similarity_aligned(surface, true_surface) - true_surface).norm(dim=-1).mean(1)
        ),
        "joints": (predicted[:, joints] - true[:, joints]).norm(dim=-1).mean(1),
        "limbs_aligned": (similarity_aligned(limbs, true_limbs) - true_limbs).norm(dim=-1).mean(1),
        "pixels": (output.points_2d - pixels).norm(dim=-1).mean(1),
    }


def point_errors(output: HeadOutput, points: Tensor) -> tuple[Tensor, Tensor]:
    """Error [P,N] about the mean and the stated uncertainty [P,N], metres."""
    error = (about_mean(output.points_3d) - about_mean(points)).norm(dim=-1)
    return error, 3 * output.uncertainty


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's rank correlation of two equally long vectors."""
    ranks = torch.stack([first.argsort().argsort(), second.argsort().argsort()]).double()
    return float(torch.corrcoef(ranks)[0, 1])
