# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins BlazePose's feature maps and its landmarks into one map for the head.

Landmarks are drawn as soft spots: where they are in the crop, where they are in the metric x-y
heatmap, and in the crop again times their depth. All coordinates also go through a small MLP whose
code is the same everywhere. What feature maps learnt on synthetic pictures may fail on real ones;
landmarks come from real pictures, so training drops the maps now and then.
"""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

GRID = 8
CROP_SIDE = 256
METRIC_SPAN_M = 2.2
DRAWN_LANDMARKS = 35
BODY_LANDMARKS = 33
SPOT_RADIUS_CELLS = 0.9
_COORDINATES = DRAWN_LANDMARKS * 5 + BODY_LANDMARKS * 3
_DRAWINGS = DRAWN_LANDMARKS + 2 * BODY_LANDMARKS


class MixingBlock(nn.Module):
    """Residual: depthwise 5x5, then an MLP per cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.norm = nn.GroupNorm(8, channels)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, value: Tensor) -> Tensor:
        mixed = self.norm(self.spatial(value))
        return value + self.narrow(functional.gelu(self.widen(mixed)))


class LandmarkNeck(nn.Module):
    """Feature maps and landmarks of P crops -> [P,channels,8,8]."""

    def __init__(self, map_channels: dict[str, int], channels: int = 256, blocks: int = 2) -> None:
        super().__init__()
        self.channels = channels
        self.norms = nn.ModuleDict(
            {name: nn.BatchNorm2d(count, affine=False) for name, count in map_channels.items()}
        )
        self.projections = nn.ModuleDict(
            {name: nn.Conv2d(count, channels, 1) for name, count in map_channels.items()}
        )
        self.drawing = nn.Conv2d(_DRAWINGS, channels, 1)
        self.coordinate_norm = nn.BatchNorm1d(_COORDINATES, affine=False)
        self.code = nn.Sequential(nn.Linear(_COORDINATES, 384), nn.GELU(), nn.Linear(384, channels))
        self.place = nn.Parameter(torch.randn(channels, GRID, GRID) * 0.1)
        self.blocks = nn.Sequential(*(MixingBlock(channels) for _ in range(blocks)))
        self.norm = nn.GroupNorm(8, channels)

    def forward(
        self,
        maps: dict[str, Tensor],
        landmarks: Tensor,
        world: Tensor,
        keep_maps: Tensor | None = None,
        keep_landmarks: Tensor | None = None,
    ) -> Tensor:
        """maps: as the encoder names them; landmarks [P,39,5] crop pixels; world [P,39,3] metres.

        keep_maps, keep_landmarks: [P] 0 or 1, what training leaves out.
        """
        seen = self._project(maps)
        known = self.drawing(draw_landmarks(landmarks, world))
        coordinates = self.coordinate_norm(landmark_coordinates(landmarks, world))
        known = known + self.code(coordinates)[:, :, None, None]
        if keep_maps is not None:
            seen = seen * keep_maps[:, None, None, None]
        if keep_landmarks is not None:
            known = known * keep_landmarks[:, None, None, None]
        return self.norm(self.blocks(seen + known + self.place))

    def _project(self, maps: dict[str, Tensor]) -> Tensor:
        total = torch.zeros((), device=self.place.device)
        for name, projection in self.projections.items():
            projected = projection(self.norms[name](maps[name]))
            total = total + functional.interpolate(projected, size=(GRID, GRID), mode="nearest")
        return total


def landmark_coordinates(landmarks: Tensor, world: Tensor) -> Tensor:
    """All numbers of the landmarks about on the scale of one: [P,_]."""
    drawn = landmarks[:, :DRAWN_LANDMARKS]
    position = drawn[..., :3] / (CROP_SIDE / 2)
    confidence = drawn[..., 3:].sigmoid()
    body = world[:, :BODY_LANDMARKS]
    return torch.cat([position.flatten(1), confidence.flatten(1), body.flatten(1)], dim=1)


def draw_landmarks(landmarks: Tensor, world: Tensor) -> Tensor:
    """Landmarks as spots on the 8x8 grid: [P,_,8,8]."""
    in_crop = landmarks[:, :DRAWN_LANDMARKS, :2] * (GRID / CROP_SIDE)
    body = world[:, :BODY_LANDMARKS]
    in_metric = (body[..., :2] / METRIC_SPAN_M + 0.5) * GRID
    spots = _spots(in_crop)
    deep = spots[:, :BODY_LANDMARKS] * body[..., 2, None, None] * 2.0
    return torch.cat([spots, _spots(in_metric), deep], dim=1)


def _spots(places: Tensor) -> Tensor:
    """Gaussians around places [P,K,2] in cells, the first cell reaching from 0 to 1."""
    centres = torch.arange(GRID, device=places.device, dtype=places.dtype) + 0.5
    distance = (places[..., None] - centres) / SPOT_RADIUS_CELLS
    across = torch.exp(-0.5 * distance.square())
    return across[:, :, 1, :, None] * across[:, :, 0, None, :]
