# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the shipped network stands for the eigenfunctions, and how its features are scaled."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...nlf.field import WeightField
from .samples import INSIDE, OUTSIDE, SKIN, Sampler, Samples

SEED = 77
COUNT = 20000
BANDS = (0, 16, 64, 256, 1024)


@torch.no_grad()
def held_out_figures(field: WeightField, sampler: Sampler, parity: np.ndarray) -> dict[str, Any]:
    """Relative errors of the field's signature on new points, both sides of the body.

    All are root sums of squared errors over root sums of squares; weighted as in the signature
    but for those by band of eigenfunctions.
    """
    samples = sampler.draw(COUNT, np.random.default_rng(SEED))
    scale = field.r_sqrt_eigva * 0.1
    # every second point as its mirror image, where odd functions change sign
    points, wanted = torch.from_numpy(samples.points), torch.from_numpy(samples.values) * scale
    points[::2, 0] *= -1
    wanted[::2] *= torch.from_numpy(parity.astype(np.float32))
    found = torch.cat([field.signature(part) for part in points.split(2000)])
    error = found - wanted
    sizes = found.square().mean(0).sqrt()
    return {
        "weighted_error": _ratio(error, wanted),
        "weighted_error_by_kind": _by_kind(error, wanted, samples),
        "error_by_band": {
            f"{low}-{high - 1}": _ratio((error / scale)[:, low:high], (wanted / scale)[:, low:high])
            for low, high in pairwise(BANDS)
        },
        "feature_rms_first": round(float(sizes[0]), 4),
        "feature_rms_last": round(float(sizes[-1]), 4),
        "signature_length_mean": round(float(found.norm(dim=1).mean()), 4),
    }


def _by_kind(error: Tensor, wanted: Tensor, samples: Samples) -> dict[str, float]:
    kinds = {"inside": INSIDE, "skin": SKIN, "outside": OUTSIDE}
    chosen = {name: torch.from_numpy(samples.kind == kind) for name, kind in kinds.items()}
    return {name: _ratio(error[which], wanted[which]) for name, which in chosen.items()}


def _ratio(error: Tensor, wanted: Tensor) -> float:
    return round(float((error.square().sum() / wanted.square().sum()).sqrt()), 4)
