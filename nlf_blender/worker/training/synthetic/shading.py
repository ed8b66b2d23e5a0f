# SPDX-License-Identifier: GPL-3.0-or-later
"""Light on surfaces: light from everywhere, far lamps with highlights, and one lamp's shadows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .noise import Noise
from .raster import Corners, rasterize
from .soup import Soup
from .stage import Lights
from .textures import Looks, surface_colors

_SHADOW_REACH = 2.6  # metres about the middle of the people
_SHADOW_SIDE = 256  # samples
_BIAS = 0.015  # metres: what is no farther behind a surface is not in its shadow
_SPREAD = 0.03  # metres: how far the softest shadow's samples lie apart
_TAPS = ((0.0, 0.0), (1.0, 0.3), (-0.3, 1.0), (-1.0, -0.3), (0.3, -1.0))


@dataclass(frozen=True, eq=False)
class Seen:
    """What n shaded points are: picture, look [n] int64; position, normal, rest, tint [n,3]."""

    picture: Tensor
    look: Tensor
    position: Tensor
    normal: Tensor
    rest: Tensor
    tint: Tensor


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """The surface nearest to each picture's first lamp. axes [P,3,3]: rows are the map's x, y and
    the way the light goes; center [P,3]; depth [P,S,S] metres along the light from the centre,
    infinite for nothing."""

    axes: Tensor
    center: Tensor
    depth: Tensor

    @classmethod
    def of(cls, soup: Soup, lights: Lights, centers: Tensor) -> ShadowMap:
        """The shadows of pictures with centres [P,3] of what casts them."""
        casts = lights.softness >= 0
        axes = _lamp_axes(lights.directions[:, 0])
        away = soup.vertices - centers[soup.of_picture]
        x, y, depth = (axes[soup.of_picture] * away[:, None]).sum(-1).t().contiguous()
        middle, scale = (_SHADOW_SIDE - 1) / 2, _SHADOW_SIDE / 2 / _SHADOW_REACH
        # Parallel light: depth itself is linear on the map, so it can stand for nearness.
        placed = (x * scale + middle, y * scale + middle, 2 * _SHADOW_REACH - depth)
        cast = soup.take(casts[soup.picture].nonzero()[:, 0])
        hits = rasterize(
            Corners.of(*placed, cast.faces),
            cast.picture,
            torch.ones_like(cast.two_sided),
            len(centers),
            (_SHADOW_SIDE, _SHADOW_SIDE),
        )
        depth = 2 * _SHADOW_REACH - hits.nearness
        return cls(axes, centers, torch.where(hits.face < 0, torch.inf, depth))

    def light(self, seen: Seen, softness: Tensor) -> Tensor:
        """How much of the lamp reaches each point [n], 0 to 1."""
        away = seen.position + seen.normal * _BIAS - self.center[seen.picture]
        x, y, depth = (self.axes[seen.picture] * away[:, None]).sum(-1).unbind(1)
        scale = _SHADOW_SIDE / 2 / _SHADOW_REACH
        spread = softness[seen.picture].clamp(min=0) * _SPREAD
        lit = torch.zeros_like(x)
        for right, down in _TAPS:
            column = ((x + right * spread) * scale + _SHADOW_SIDE / 2).floor()
            line = ((y + down * spread) * scale + _SHADOW_SIDE / 2).floor()
            inside = (column >= 0) & (column < _SHADOW_SIDE) & (line >= 0) & (line < _SHADOW_SIDE)
            cell = (seen.picture * _SHADOW_SIDE + line.long()) * _SHADOW_SIDE + column.long()
            nearest = self.depth.view(-1)[cell.clamp(0, self.depth.numel() - 1)]
            lit += (~inside | (depth < nearest + _BIAS)).float()
        lit = lit / len(_TAPS)
        return torch.where(softness[seen.picture] < 0, 1.0, lit)


def shaded(
    seen: Seen, looks: Looks, lights: Lights, up: Tensor, shadows: ShadowMap, noise: Noise
) -> Tensor:
    """The light [n,3] that comes to the camera. up: [P,3]."""
    colors, tilt = surface_colors(looks, seen.look, seen.rest, noise)
    colors = colors * seen.tint
    to_camera = -normalize(seen.position, dim=-1)
    normal = normalize(seen.normal + tilt, dim=-1)
    upward = 0.5 + 0.5 * (normal * up[seen.picture]).sum(-1, keepdim=True)
    diffuse = torch.lerp(lights.ground[seen.picture], lights.sky[seen.picture], upward)
    gloss, shininess = looks.gloss[seen.look], looks.shininess[seen.look]
    shine = torch.zeros_like(diffuse)
    reaches = shadows.light(seen, lights.softness)
    for lamp in range(lights.directions.shape[1]):
        toward = lights.directions[seen.picture, lamp]
        color = lights.colors[seen.picture, lamp]
        lit = (normal * toward).sum(-1).clamp(min=0)
        if lamp == 0:
            lit = lit * reaches
        diffuse = diffuse + lit[:, None] * color
        half = normalize(toward + to_camera, dim=-1)
        strength = (normal * half).sum(-1).clamp(min=0) ** shininess * gloss
        shine = shine + (strength * (lit > 0))[:, None] * color
    return colors * diffuse + shine


def _lamp_axes(toward: Tensor) -> Tensor:
    """Axes [P,3,3] of maps seen from lamps in directions `toward` [P,3]."""
    forward = -toward
    least = toward.abs().argmin(dim=1)
    right = normalize(torch.linalg.cross(forward, torch.eye(3, device=toward.device)[least]), dim=1)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], dim=1)
