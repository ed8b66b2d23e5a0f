# SPDX-License-Identifier: GPL-3.0-or-later
"""Light on surfaces: light from everywhere, far lamps with highlights, and one lamp's shadows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from .noise import Noise
from .raster import Corners, rasterize
from .soup import Soup
from .stage import Cameras, Lights
from .textures import Looks, surface_colors

_REACH = 2.6  # metres about the middle of the people that the map of shadows covers
_SIDE = 256  # samples of that map
_SCALE, _MIDDLE = _SIDE / 2 / _REACH, (_SIDE - 1) / 2
_BIAS = 0.015  # metres: what is no farther behind a surface is not in its shadow
_SPREAD = 0.03  # metres: how far the softest shadow's samples lie apart
_ASLANT = 0.05  # least cosine: pixels see more of surfaces that turn away
_AT_ONCE = (1 << 22, 1 << 15)  # points, on a GPU and on a CPU
_TAPS = ((0.0, 0.0), (1.0, 0.3), (-0.3, 1.0), (-1.0, -0.3), (0.3, -1.0))


@dataclass(frozen=True, eq=False)
class Seen:
    """What n shaded points are: picture, look [n] int64; position, normal, rest, tint [3,n]."""

    picture: Tensor
    look: Tensor
    position: Tensor
    normal: Tensor
    rest: Tensor
    tint: Tensor

    def parts(self) -> Iterator[Seen]:
        """The same points, as many at a time as keep the memory small (and a CPU's cache warm)."""
        count = _AT_ONCE[self.position.device.type == "cpu"]
        columns = (column.split(count, dim=-1) for column in vars(self).values())
        for values in zip(*columns, strict=True):
            yield Seen(*values)


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """The surface nearest to each picture's first lamp. axes [9,P]: rows of the map's x, y and the
    way the light goes; center [3,P]; depth [P,S,S] metres along the light from the centre, infinite
    for nothing and at the border."""

    axes: Tensor
    center: Tensor
    depth: Tensor

    @classmethod
    def of(cls, soup: Soup, lights: Lights, centers: Tensor) -> ShadowMap:
        """The shadows of pictures with centres [P,3] of what casts them."""
        casts = lights.softness >= 0
        axes = _lamp_axes(lights.directions[:, 0]).view(-1, 9).t().contiguous()
        center = centers.t().contiguous()
        away = soup.vertices.t() - center.index_select(1, soup.of_picture)
        x, y, depth = _turned(axes.index_select(1, soup.of_picture), away)
        # Parallel light: depth itself is linear on the map, so it can stand for nearness.
        placed = (x * _SCALE + _MIDDLE, y * _SCALE + _MIDDLE, 2 * _REACH - depth)
        cast = soup.take(casts[soup.picture].nonzero()[:, 0])
        hits = rasterize(
            Corners.of(*placed, cast.faces),
            cast.picture,
            cast.two_sided,
            len(centers),
            (_SIDE, _SIDE),
        )
        depth = 2 * _REACH - hits.nearness
        depth = depth.masked_fill_(hits.face < 0, torch.inf)
        depth[:, [0, -1]], depth[:, :, [0, -1]] = torch.inf, torch.inf
        return cls(axes, center, depth)

    def light(self, seen: Seen, softness: Tensor) -> Tensor:
        """How much of the lamp reaches each point [n], 0 to 1."""
        away = seen.position + seen.normal * _BIAS - self.center.index_select(1, seen.picture)
        x, y, depth = _turned(self.axes.index_select(1, seen.picture), away)
        softness = softness.index_select(0, seen.picture)
        spread = softness.clamp(min=0) * (_SPREAD * _SCALE)
        x, y, depth = x * _SCALE + _SIDE / 2, y * _SCALE + _SIDE / 2, depth - _BIAS
        first = seen.picture.int() * _SIDE**2
        lit = torch.zeros_like(x)
        for right, down in _TAPS:
            column = (x + right * spread).clamp_(0, _SIDE - 1).int()
            line = (y + down * spread).clamp_(0, _SIDE - 1).int()
            nearest = self.depth.view(-1).index_select(0, first + line * _SIDE + column)
            lit += depth < nearest
        return torch.where(softness < 0, 1.0, lit / len(_TAPS))


def shaded(
    seen: Seen, looks: Looks, lights: Lights, cameras: Cameras, shadows: ShadowMap, noise: Noise
) -> Tensor:
    """The light [n,3] that comes to the cameras."""
    parts = [_shaded(part, looks, lights, cameras, shadows, noise) for part in seen.parts()]
    return torch.cat(parts, dim=1).t()


def _shaded(
    seen: Seen, looks: Looks, lights: Lights, cameras: Cameras, shadows: ShadowMap, noise: Noise
) -> Tensor:
    def of_picture(values: Tensor) -> Tensor:
        return values.t().contiguous().index_select(1, seen.picture)

    to_camera = -_unit(seen.position)
    focal = cameras.intrinsics[:, 0, 0].index_select(0, seen.picture)
    aslant = _dot(seen.normal, to_camera).abs_().clamp_(min=_ASLANT).sqrt_()
    footprint = seen.position[2] / (focal * aslant)
    colors, tilt = surface_colors(looks, seen.look, seen.rest, footprint, noise)
    normal = _unit(tilt.add_(seen.normal))
    upward = 0.5 + 0.5 * _dot(normal, of_picture(cameras.up))
    diffuse = torch.lerp(of_picture(lights.ground), of_picture(lights.sky), upward)
    gloss = looks.gloss.index_select(0, seen.look)
    shininess = looks.shininess.index_select(0, seen.look)
    shine = torch.zeros_like(diffuse)
    reaches = shadows.light(seen, lights.softness)
    for lamp in range(lights.directions.shape[1]):
        toward, color = of_picture(lights.directions[:, lamp]), of_picture(lights.colors[:, lamp])
        lit = _dot(normal, toward).clamp_(min=0)
        if lamp == 0:
            lit = lit * reaches
        diffuse += lit * color
        strength = _dot(normal, _unit(toward + to_camera)).clamp_(min=0) ** shininess
        shine += strength.mul_(gloss).mul_(lit > 0) * color
    return colors * seen.tint * diffuse + shine


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum(0)


def _unit(vectors: Tensor) -> Tensor:
    return vectors * _dot(vectors, vectors).clamp_(min=1e-12).rsqrt_()


def _turned(axes: Tensor, vectors: Tensor) -> tuple[Tensor, ...]:
    """Coordinates [n] of vectors [3,n] along the axes [9,n]."""
    return tuple(_dot(axes[row : row + 3], vectors) for row in (0, 3, 6))


def _lamp_axes(toward: Tensor) -> Tensor:
    """Axes [P,3,3] of maps seen from lamps in directions `toward` [P,3]."""
    forward = -toward
    least = toward.abs().argmin(dim=1)
    right = normalize(torch.linalg.cross(forward, torch.eye(3, device=toward.device)[least]), dim=1)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], dim=1)
