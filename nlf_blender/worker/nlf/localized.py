# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of localizing one person, and how it is gathered from the variations of the crop."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .augmentation import combine
from .camera import Camera


@dataclass(frozen=True)
class PointsBeside:
    """What was localized of one person beside the body, K points, as a LocalizedPerson's. Their
    pixels are not kept, for there may be very many points."""

    points: NDArray[np.float32]
    uncertainty: NDArray[np.float32]


@dataclass(frozen=True)
class LocalizedPerson:
    """One person's N points, in the order of the point set.

    points: [N,3] metres, camera space (x right, y down, z forward). uncertainty: [N] metres, the
    expected error. points_2d: [N,2] pixels of the image, NaN for a point behind the camera.
    beside: what was localized beside the body.
    """

    points: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    points_2d: NDArray[np.float32]
    beside: PointsBeside | None = None


@dataclass
class Variations:
    """What a readout gave for crops, until all variations of a person are there."""

    points: list[Tensor] = field(default_factory=list)
    uncertainty: list[Tensor] = field(default_factory=list)

    def add(self, points: Tensor, uncertainty: Tensor) -> None:
        """Points [P,N,3] and uncertainty [P,N] of a batch."""
        self.points.extend(points)
        self.uncertainty.extend(uncertainty)

    def take(self, count: int) -> tuple[Tensor, Tensor]:
        """The first ones, points [1,A,N,3] and uncertainty [1,A,N], which are given away."""
        taken = torch.stack(self.points[:count])[None], torch.stack(self.uncertainty[:count])[None]
        del self.points[:count], self.uncertainty[:count]
        return taken


def localized_person(variations: list[tuple[Tensor, Tensor]], camera: Camera) -> LocalizedPerson:
    """One person from what each readout gave for all variations: points [1,A,N,3], uncertainty
    [1,A,N]. The first readout is the body, which decides how large the others are."""
    body = variations[0][0]
    found: list[PointsBeside] = []
    for points, uncertainty in variations:
        merged, doubt = combine(points, uncertainty, like=body)
        found.append(PointsBeside(merged[0].cpu().numpy(), doubt[0].cpu().numpy()))
    first = found[0]
    pixels = camera.project(first.points).astype(np.float32)
    return LocalizedPerson(first.points, first.uncertainty, pixels, *found[1:])
