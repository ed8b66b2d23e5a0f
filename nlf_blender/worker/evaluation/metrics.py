# SPDX-License-Identifier: GPL-3.0-or-later
"""Error metrics of localized points; the evaluation command and training's validation share them.

P people (or crops) with N points each: points [P,N,3] metres, pixels [P,N,2], known [P,N] which
points have truth (all if None; the others may hold anything, NaN too). What has a value per person
is [P], NaN for a person of whom nothing is known. Any device, any floating type. README.md says
where each definition is from.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PCK_METRES = 0.150
AUC_STEPS = 31  # thresholds from 0 to PCK_METRES: every 5 mm, as MPI-INF-3DHP's


def all_known(points: Tensor, known: Tensor | None) -> Tensor:
    """`known`, or that all N points of points [P,N,...] are: [P,N]."""
    if known is not None:
        return known
    return torch.ones(points.shape[:2], dtype=torch.bool, device=points.device)


def mean_known(values: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean over the known of values [P,N]: [P]."""
    known = all_known(values, known)
    total = values.where(known, torch.zeros_like(values)).sum(dim=1)
    return total / known.sum(dim=1)  # 0 / 0 is NaN: nothing known


def distances(points: Tensor, target: Tensor) -> Tensor:
    """Euclidean distances [P,N] of points from target, [P,N,2] or [P,N,3]."""
    return (points - target).norm(dim=-1)


def about_root(points: Tensor, roots: Sequence[int]) -> Tensor:
    """Points [P,N,3] about the mean of those with the numbers `roots`."""
    return points - points[:, list(roots)].mean(dim=1, keepdim=True)


def about_mean(points: Tensor, known: Tensor | None = None) -> Tensor:
    """Points [P,N,3] about the mean of the known ones."""
    return points - _mean_point(points, all_known(points, known))


def similarity_aligned(points: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Points [P,N,3] turned, scaled and moved so that the known ones fit `target` best in the
    least squares sense, without reflection (Umeyama 1991), [P,N,3]."""
    known = all_known(points, known)
    mean, target_mean = _mean_point(points, known), _mean_point(target, known)
    centred, target_centred = (
        (part - middle).where(known[..., None], torch.zeros_like(part))
        for part, middle in ((points, mean), (target, target_mean))
    )
    left, scales, right = torch.linalg.svd(centred.transpose(1, 2) @ target_centred)
    signs = torch.ones_like(scales)
    signs[:, 2] = torch.det(left @ right).sign()
    rotation = left @ torch.diag_embed(signs) @ right
    scale = (scales * signs).sum(dim=1) / centred.square().sum(dim=(1, 2)).clamp_min(1e-9)
    return scale[:, None, None] * ((points - mean) @ rotation) + target_mean


def scale_aligned(points: Tensor, target: Tensor) -> Tensor:
    """Points [P,N,3] moved and scaled to the mean and the root mean square radius of `target`,
    not turned (the "scale correction" of Sengupta et al. 2020), [P,N,3]."""
    centred, middle = about_mean(points), target.mean(dim=1, keepdim=True)
    radius, target_radius = (
        part.square().sum(dim=-1).mean(dim=1).sqrt() for part in (centred, target - middle)
    )
    return centred * (target_radius / radius.clamp_min(1e-9))[:, None, None] + middle


def mpjpe(
    points: Tensor, target: Tensor, roots: Sequence[int], known: Tensor | None = None
) -> Tensor:
    """Mean per joint position error about the root, metres: [P]."""
    return mean_known(distances(about_root(points, roots), about_root(target, roots)), known)


def p_mpjpe(points: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean per joint position error after `similarity_aligned` (Procrustes), metres: [P]."""
    return mean_known(distances(similarity_aligned(points, target, known), target), known)


def pck(
    errors: Tensor, known: Tensor | None = None, threshold: float | Tensor = PCK_METRES
) -> Tensor:
    """Share of errors [P,N] that are within the threshold (3DPCK): [P], 0 to 1."""
    return mean_known((errors <= threshold).to(errors.dtype), known)


def auc(errors: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean of `pck` over thresholds from 0 to PCK_METRES, of errors [P,N]: [P], 0 to 1."""
    limits = torch.linspace(0, PCK_METRES, AUC_STEPS, dtype=torch.float64).tolist()
    return torch.stack([pck(errors, known, limit) for limit in limits]).mean(dim=0)


def box_share(pixels: Tensor, target: Tensor, sides: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean distance of pixels [P,N,2] from target as a share of the boxes' sides [P]: [P]."""
    return mean_known(distances(pixels, target), known) / sides


def mask_iou(mask: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of masks [P,H,W] with target's: [P], NaN where both are empty."""
    shared, either = ((part).sum(dim=(1, 2)) for part in (mask & target, mask | target))
    return shared / either


def pearson(first: Tensor, second: Tensor) -> float:
    """Linear correlation of two equally long vectors; NaN if one of them does not vary."""
    if len(first) < 2:
        return float("nan")
    return float(torch.corrcoef(torch.stack([first.double(), second.double()]))[0, 1])


def spearman(first: Tensor, second: Tensor) -> float:
    """Rank correlation of two equally long vectors; equal values share their mean rank."""
    return pearson(_ranks(first), _ranks(second))


def bootstrap_interval(
    values: Tensor, samples: int = 1000, share: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Between which values the mean of `values` [P] lies with a probability of `share`, by the
    percentiles of means of resampled values (Efron 1979); the same for the same seed."""
    random = torch.Generator().manual_seed(seed)
    values = values.detach().double().cpu()
    means = torch.stack(
        [
            values[torch.randint(len(values), (len(values),), generator=random)].mean()
            for _ in range(samples)
        ]
    )
    outside = (1 - share) / 2
    low, high = torch.quantile(means, torch.tensor([outside, 1 - outside], dtype=means.dtype))
    return float(low), float(high)


def _mean_point(points: Tensor, known: Tensor) -> Tensor:
    """Mean [P,1,3] of the known of points [P,N,3]."""
    total = points.where(known[..., None], torch.zeros_like(points)).sum(dim=1, keepdim=True)
    return total / known.sum(dim=1)[:, None, None]


def _ranks(values: Tensor) -> Tensor:
    """Ranks from 0 of a vector's values, equal ones sharing their mean rank."""
    _, place, counts = torch.unique(values, return_inverse=True, return_counts=True)
    counts = counts.double()
    return (counts.cumsum(0) - (counts + 1) / 2)[place]
