# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages into pictures: what each sample sees, shaded and put over the background."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from .raster import EMPTY, Corners, rasterize, shares_at
from .shading import Seen
from .soup import Soup
from .stage import NOTHING, Cameras

SAMPLES = 2  # per pixel along each axis
_MIDDLE = (SAMPLES - 1) / 2  # of a pixel, in samples from its first
_JUMP = 1.02  # ratio of depths within a pixel beyond which it holds an edge


@dataclass(frozen=True, eq=False)
class Sight:
    """What the samples [P,H*SAMPLES,W*SAMPLES] of P pictures see: the number of the triangle, EMPTY
    for the background, and nearness, one by metres, 0 for the background."""

    corners: Corners
    face: Tensor
    nearness: Tensor

    def owners(self, soup: Soup) -> Tensor:
        """Whose surface each sample sees, NOTHING for the background."""
        return _of_faces(soup.owner.short(), self.face, NOTHING)

    def is_even(self, soup: Soup) -> Tensor:
        """Which pixels [P,H,W] see one surface: one shaded point serves all their samples."""
        # Nobody shares a look with another, but things of one look may overlap: see the depth.
        labels = _of_pixels(_of_faces(soup.look.int(), self.face, EMPTY))
        near = _of_pixels(self.nearness)
        least, most = near[0], near[0]
        even = torch.ones_like(labels[0], dtype=torch.bool)
        for other, depth in zip(labels[1:], near[1:], strict=True):
            even &= other == labels[0]
            least, most = torch.minimum(least, depth), torch.maximum(most, depth)
        return even & (most <= least * _JUMP)


def _of_faces(values: Tensor, face: Tensor, background: int) -> Tensor:
    """Values [F] of the triangles at samples."""
    table = torch.cat([values.new_full((1,), background), values])
    return table.index_select(0, (face + 1).view(-1)).view(face.shape)


def _of_pixels(values: Tensor) -> list[Tensor]:
    """The samples of each pixel: SAMPLES^2 views [P,H,W], line by line."""
    steps = range(SAMPLES)
    return [values[:, line::SAMPLES, column::SAMPLES] for line in steps for column in steps]


def sight(soup: Soup, cameras: Cameras) -> Sight:
    """The nearest triangles before the cameras."""
    width, height = cameras.size
    nearness = 1 / soup.vertices[:, 2]
    rays = soup.vertices * nearness[:, None]
    pixels = (cameras.intrinsics[:, :2].index_select(0, soup.of_picture) * rays[:, None]).sum(-1)
    x, y = (pixels * SAMPLES + _MIDDLE).t().contiguous()
    corners = Corners.of(x, y, nearness, soup.faces)
    size = (width * SAMPLES, height * SAMPLES)
    hits = rasterize(corners, soup.picture, soup.two_sided, len(cameras.up), size)
    return Sight(corners, hits.face, hits.nearness.masked_fill(hits.face < 0, 0))


@dataclass(frozen=True, eq=False)
class Shaded:
    """Light of the meshes. whole [n]: numbers of pixels (over all pictures) that see one surface,
    with its light [n,3]; mixed [m]: pixels at edges, light of their samples [m,SAMPLES^2,3] and
    which of these miss every mesh [m,SAMPLES^2]."""

    whole: Tensor
    light: Tensor
    mixed: Tensor
    parts: Tensor
    missed: Tensor

    def over(self, background: Tensor) -> Tensor:
        """Pictures [P,H,W,3] of the meshes before a background [P,H,W,3]."""
        image = background.reshape(-1, 3).clone()
        image[self.whole] = self.light
        behind = image[self.mixed][:, None]
        image[self.mixed] = torch.where(self.missed[..., None], behind, self.parts).mean(1)
        return image.view(background.shape)


def seen_by(sight: Sight, soup: Soup, cameras: Cameras) -> tuple[Seen, Tensor, Tensor, Tensor]:
    """What is to be shaded: first one point for each of the pixels `whole` [n], then one for each
    sample of the pixels `mixed` [m]; and which of those samples see nothing [m,SAMPLES^2]."""
    even = sight.is_even(soup).reshape(-1)
    faces = _of_pixels(sight.face)
    first = faces[0].reshape(-1)
    whole = (even & (first >= 0)).nonzero()[:, 0]
    mixed = (~even).nonzero()[:, 0]
    parts = torch.stack([part.reshape(-1)[mixed] for part in faces], dim=1)
    missed = parts < 0
    shown = torch.cat([first[whole], parts.clamp(min=0).reshape(-1)])
    width, height = cameras.size
    steps = torch.arange(SAMPLES, device=shown.device)
    x, y = (
        torch.cat([middle * SAMPLES + _MIDDLE, (corner[:, None] * SAMPLES + step).reshape(-1)])
        for middle, corner, step in (
            (whole % width, mixed % width, steps.repeat(SAMPLES)),
            (
                whole // width % height,
                mixed // width % height,
                steps.repeat_interleave(SAMPLES),
            ),
        )
    )
    return _seen(sight.corners, soup, shown, x, y), whole, mixed, missed


def _seen(corners: Corners, soup: Soup, faces: Tensor, x: Tensor, y: Tensor) -> Seen:
    """The points of triangles `faces` [n] at samples x, y [n]."""
    shares, _ = shares_at(corners.take(faces), x, y)
    attributes = torch.cat([soup.vertices, soup.normals, soup.rest, soup.tint], dim=1)
    values = embedding_bag(
        soup.faces[faces], attributes, per_sample_weights=shares.t().contiguous(), mode="sum"
    )
    position, normal, rest, tint = values.t().contiguous().split(3)
    inside_out = ((normal * position).sum(0) > 0) & soup.two_sided[faces]
    normal = torch.where(inside_out, -normal, normal)
    return Seen(soup.picture[faces], soup.look[faces], position, normal, rest, tint)
