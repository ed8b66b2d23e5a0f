# SPDX-License-Identifier: GPL-3.0-or-later
"""The head (paper section 3): backbone features and point codes in, localized points out.

Each point reads an uncertainty map, a 2D heatmap of metric x-y and a 2.5D heatmap (`depth` slices
of pixel x-y against metric z) out of the features by its own 1x1 convolution; soft-argmax turns
the maps into positions. All of it is differentiable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .field import FieldConfig, WeightField

BOX_SIZE_M = 2.2
UNCERTAINTY_FLOOR = 0.001
MAP_VALUES_PER_CHUNK = 16_000_000


@dataclass(frozen=True)
class PointWeights:
    """The field's readout of N canonical points, made once and used for every crop.

    codes, mirrored_codes: [N,code_dim]; the mirrored ones belong to the points with x negated and
    serve crops that are flipped left to right.
    """

    codes: Tensor
    mirrored_codes: Tensor

    def __len__(self) -> int:
        return self.codes.shape[0]

    def to(self, device: torch.device | str) -> PointWeights:
        """The same readout on another device."""
        return PointWeights(self.codes.to(device), self.mirrored_codes.to(device))


@dataclass(frozen=True)
class HeadOutput:
    """What the head says about N points in P crops.

    points_2d: pixels of the crop [P,N,2], (0,0) the middle of the first pixel.
    points_3d: metres [P,N,3], axes of the crop's camera, up to one translation per crop.
    uncertainty: [P,N], roughly metres, before the official output scale.
    """

    points_2d: Tensor
    points_3d: Tensor
    uncertainty: Tensor

    def __getitem__(self, index: Tensor | slice) -> HeadOutput:
        return HeadOutput(*(getattr(self, field.name)[index] for field in fields(self)))


def mirror_points(canonical_points: Tensor) -> Tensor:
    """Canonical points [N,3] with left and right exchanged."""
    return canonical_points * canonical_points.new_tensor([-1.0, 1.0, 1.0])


def concatenate_outputs(outputs: list[HeadOutput], dim: int) -> HeadOutput:
    """Outputs joined along people (`dim` 0) or points (1)."""
    parts = ([getattr(output, field.name) for output in outputs] for field in fields(HeadOutput))
    return HeadOutput(*(torch.cat(part, dim=dim) for part in parts))


class HeatmapHead(nn.Module):
    """1x1 convolution, batch norm and SiLU on the backbone's map, then one readout per point.

    crop_side: side in pixels of the square crops that the backbone sees. stride: crop pixels per
    cell of its feature map. box_size_m: metres that the metric maps span on each axis.
    """

    def __init__(
        self,
        in_channels: int,
        crop_side: int,
        stride: int = 32,
        config: FieldConfig | None = None,
        box_size_m: float = BOX_SIZE_M,
    ) -> None:
        super().__init__()
        config = config or FieldConfig()
        self.crop_side = crop_side
        self.stride = stride
        self.box_size_m = box_size_m
        self.layer = nn.Sequential(
            nn.Conv2d(in_channels, config.feature_dim, 1, bias=False),
            nn.BatchNorm2d(config.feature_dim, eps=1e-3),
            nn.SiLU(),
        )
        self.weight_field = WeightField(config)

    def point_weights(self, canonical_points: Tensor) -> PointWeights:
        """The readout of canonical points [N,3] metres and of their mirror images.

        A point that is another one's mirror image, as in a symmetric body, is read only once.
        """
        both = torch.cat([canonical_points, mirror_points(canonical_points)])
        unique, place = torch.unique(both.cpu(), dim=0, return_inverse=True)
        codes = self.weight_field.point_codes(unique.to(both.device))
        plain, mirrored = codes[place.to(both.device)].chunk(2)
        return PointWeights(plain.contiguous(), mirrored.contiguous())

    def forward(self, backbone_map: Tensor, codes: Tensor) -> HeadOutput:
        """Backbone map [P,C,H,W] and codes [N,code_dim] -> the N points in each crop."""
        return self._decode_all(self._maps(backbone_map), codes)

    def read(
        self, backbone_map: Tensor, readouts: Sequence[PointWeights], flips: Sequence[bool]
    ) -> list[HeadOutput]:
        """Each readout's points in each crop, the mirrored ones where a crop is flipped (`flips`,
        P long). What one readout gives does not depend on the others."""
        flipped = torch.tensor(flips, device=backbone_map.device)
        parts: list[list[HeadOutput]] = []
        for chosen, mirrored in ((~flipped, False), (flipped, True)):
            if not chosen.any():
                continue
            maps = self._maps(backbone_map if chosen.all() else backbone_map[chosen])
            codes = [w.mirrored_codes if mirrored else w.codes for w in readouts]
            parts.append([self._decode_all(maps, code) for code in codes])
        if len(parts) == 1:
            return parts[0]
        order = torch.cat([torch.nonzero(~flipped), torch.nonzero(flipped)])[:, 0].argsort()
        return [concatenate_outputs(list(pair), dim=0)[order] for pair in zip(*parts, strict=True)]

    def _maps(self, backbone_map: Tensor) -> Tensor:
        return self.basis_maps(self.layer(backbone_map).float())

    def _decode_all(self, basis_maps: Tensor, codes: Tensor) -> HeadOutput:
        """As `decode`; large outputs are worked off in chunks of points, which bounds the memory
        of inference."""
        people, _, channels, height, width = basis_maps.shape
        chunk = max(1, MAP_VALUES_PER_CHUNK // (people * channels * height * width))
        parts = [self.decode(basis_maps, part) for part in codes.float().split(chunk)]
        return parts[0] if len(parts) == 1 else concatenate_outputs(parts, dim=1)

    def basis_maps(self, features: Tensor) -> Tensor:
        """Features [P,feature_dim,H,W] -> maps [P,code_dim+1,channels,H,W].

        A point's logits are the products of its code (and a constant one) with these maps.
        """
        matrix, bias = self.weight_field.readout_basis()
        flat = features.flatten(2)
        maps = torch.matmul(matrix.flatten(0, 1), flat) + bias.reshape(-1, 1)
        return maps.reshape(features.shape[0], *bias.shape, *features.shape[2:])

    def decode(self, basis_maps: Tensor, codes: Tensor) -> HeadOutput:
        """Basis maps [P,K+1,channels,H,W] and codes [N,K] -> points, by soft-argmax."""
        people, _, channels, height, width = basis_maps.shape
        flat = basis_maps.flatten(2)
        logits = torch.matmul(codes, flat[:, :-1]) + flat[:, -1:]
        logits = logits.reshape(people, codes.shape[0], channels, height, width)
        return decode_logits(logits, self.crop_side, self.stride, self.box_size_m)


def decode_logits(
    logits: Tensor, crop_side: int, stride: int = 32, box_size_m: float = BOX_SIZE_M
) -> HeadOutput:
    """Logits [P,N,2+depth,H,W] -> points by soft-argmax; pixels of a crop of side `crop_side`."""
    depth, height, width = logits.shape[2] - 2, logits.shape[3], logits.shape[4]
    grid = _cell_grid(depth, height, width, logits)
    spread_3d = logits[:, :, 2:].flatten(2).softmax(dim=-1)
    spread_2d = logits[:, :, 1].flatten(2).softmax(dim=-1)
    pixel_spread = spread_3d.unflatten(-1, (depth, height * width)).sum(dim=2)
    raw_uncertainty = (pixel_spread * logits[:, :, 0].flatten(2)).sum(dim=-1)

    last_centre = crop_side - 1 - (crop_side - 1) % stride
    position = spread_3d @ grid
    points_2d = position[..., :2] * last_centre + stride / 2
    metric_px = (spread_2d @ grid[: height * width, :2]) * last_centre + stride / 2
    metric_xy = metric_px * (box_size_m / crop_side)
    points_3d = torch.cat([metric_xy, position[..., 2:] * box_size_m], dim=-1)
    return HeadOutput(points_2d, points_3d, F.softplus(raw_uncertainty) + UNCERTAINTY_FLOOR)


def _cell_grid(depth: int, height: int, width: int, like: Tensor) -> Tensor:
    """Normalized x, y, z of every cell [depth*height*width,3], 0 the first and 1 the last."""
    axes = [
        torch.linspace(0.0, 1.0, count, device=like.device, dtype=like.dtype)
        for count in (depth, height, width)
    ]
    z, y, x = torch.meshgrid(*axes, indexing="ij")
    return torch.stack([x, y, z], dim=-1).reshape(-1, 3)
