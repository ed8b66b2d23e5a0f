# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a fit is of every joint's turn."""

from __future__ import annotations

import torch
from torch import Tensor

from .linear_system import Factors

# A turn is open where the points leave more than this of what was expected before: the share of
# the expectation's variance that is left.
OPEN_SHARE = 0.5


# Points are not believed to less than this when it is said what is open: no body fits a person any
# better, and a few points that follow a joint by a hundredth do not show how it is turned.
LEAST_BELIEVED = 1e-3  # metres


def turn_uncertainty(
    factors: Factors, doubt: Tensor, evidence: Tensor, shape_covariance: Tensor, free: Tensor
) -> tuple[Tensor, Tensor]:
    """Standard deviations [P,J] of the joints' turns relative to the parent, radians, and [P,J]:
    True where the points leave a turn open in some direction.

    From the diagonal blocks of the inverse of the whole matrix, shape included. doubt [P]: what the
    residuals have shown since of the variance that the matrix was made for, m^2; evidence [P]: how
    many points that is the mean of; free [P,J]: joints that are not held fixed (those have 0, and
    are not open).
    """
    joints = free.shape[1]
    blocks = (
        torch.cholesky_inverse(factors.turns).unflatten(2, (joints, 3)).unflatten(1, (joints, 3))
    )
    blocks = blocks.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2)  # [P,J,3,3]
    slopes = factors.solved.unflatten(1, (joints, 3))
    shaped = slopes @ shape_covariance[:, None] @ slopes.transpose(-1, -2)
    covariance = blocks * factors.doubt[:, None, None, None] + shaped
    least = factors.least[:, : 3 * joints].unflatten(1, (joints, 3))[..., :1]
    expected = (factors.doubt[:, None, None] / least)[..., None]
    left = (covariance / expected).norm(dim=(-2, -1))
    # what is expected of an open turn fades no more than that it is open
    faded = (doubt / factors.doubt)[:, None]
    faded = faded + (1 - faded) * left.clamp_max(1)
    covariance = covariance * faded[..., None, None]
    sigma = covariance.diagonal(dim1=-2, dim2=-1).sum(-1).clamp_min(0).sqrt()
    zero = torch.zeros_like(sigma)
    believed = (doubt * evidence / LEAST_BELIEVED**2).clamp_max(1)[:, None]
    known = (1 / left.clamp(1e-12, 1) - 1) * believed * factors.doubt[:, None] / doubt[:, None]
    return torch.where(free, sigma, zero).float(), free & (1 / (1 + known) > OPEN_SHARE)
