# SPDX-License-Identifier: GPL-3.0-or-later
"""A z-buffer in torch: the nearest triangle at every sample of many pictures at once.

There is no loop over triangles or pictures. Triangles are sorted by the size of the box of samples
that they may cover; all of one size take a few operations on a block of samples each. Large ones
are cut into tiles first, and tiles beside the triangle are dropped. A sample's nearest triangle is
found by one scatter with maximum of inverse depth and triangle number packed into one integer, so
the result is the same in whichever order the samples come.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

EMPTY = -1
TILE = 16  # samples; the largest block
_SIDES = (1, 2, 4, 8, TILE)
# Samples tried in one go, on a GPU and on a CPU: bounds the memory, and fits a CPU's cache.
_AT_ONCE = (1 << 23, 1 << 17)
_EDGE = 1e-5  # how far outside a triangle, as a share of it, counts as inside: no cracks
_FACE_BITS = 32


@dataclass(frozen=True, eq=False)
class Hits:
    """The nearest triangle at each sample: face [P,H,W] int32, EMPTY for none; nearness there
    [P,H,W], as the corners give it (not a number for none)."""

    face: Tensor
    nearness: Tensor


@dataclass(frozen=True, eq=False)
class Corners:
    """Where F triangles are on screen. x, y: [3,F] samples; nearness: [3,F] > 0, one by metres or
    anything else that grows towards the camera and is linear on screen."""

    x: Tensor
    y: Tensor
    nearness: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, nearness: Tensor, faces: Tensor) -> Corners:
        """From vertices: x, y, nearness [S], faces [F,3]."""
        flat = faces.t().reshape(-1)
        return cls(*(values.index_select(0, flat).view(3, -1) for values in (x, y, nearness)))

    def take(self, rows: Tensor) -> Corners:
        """Some of the triangles."""
        return Corners(*(v.index_select(1, rows) for v in (self.x, self.y, self.nearness)))

    def doubled_area(self) -> Tensor:
        """[F], positive where the front is seen (counter-clockwise from outside, y down)."""
        x, y = self.x, self.y
        return (x[2] - x[0]) * (y[1] - y[0]) - (x[1] - x[0]) * (y[2] - y[0])


def rasterize(
    corners: Corners,
    picture: Tensor,
    two_sided: Tensor,
    pictures: int,
    size: tuple[int, int],
) -> Hits:
    """The triangles of P pictures seen at their samples.

    picture: [F] int64; two_sided: [F] bool, others are seen from the front only; size: width and
    height in samples; samples are at whole numbers. All corners must be before the camera.
    """
    width, height = size
    found, low, high = _on_screen(corners, two_sided, size)
    planes = _planes(corners.take(found))
    stride = width + TILE  # blocks may reach over the border
    buffer = torch.full(
        (pictures * (height + TILE) * stride,), EMPTY, dtype=torch.int64, device=picture.device
    )
    start = picture.index_select(0, found) * (height + TILE) * stride
    for rows, left, top, columns, lines in _blocks(planes, low, high):
        faces = found.index_select(0, rows)
        keys = _keys(planes.index_select(1, rows), left, top, columns, lines, faces)
        at = start.index_select(0, rows) + top * stride + left
        across = torch.arange(columns, device=at.device)[:, None]
        at = at + torch.arange(lines, device=at.device)[:, None, None] * stride + across
        buffer.scatter_reduce_(0, at.view(-1), keys.view(-1), "amax")
    seen = buffer.view(pictures, height + TILE, stride)[:, :height, :width]
    # The halves of a packed integer as they lie in memory, the lower first: nothing is copied.
    low, high = seen.unsqueeze(-1).view(torch.int32).unbind(-1)
    return Hits(low, high.view(torch.float32))


def _on_screen(
    corners: Corners, two_sided: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Triangles that may cover a sample [f], the first and last samples of their boxes [2,f]."""
    last = torch.tensor(size, device=two_sided.device)[:, None] - 1
    near = torch.stack([corners.x.amin(0), corners.y.amin(0)])
    far = torch.stack([corners.x.amax(0), corners.y.amax(0)])
    low = near.ceil().clamp_(min=0)
    high = torch.minimum(far.floor(), last)
    area = corners.doubled_area()
    seen = (area > 0) | (two_sided & (area < 0))
    found = (seen & (low <= high).all(dim=0)).nonzero()[:, 0]
    return found, low.index_select(1, found).long(), high.index_select(1, found).long()


def _planes(corners: Corners) -> Tensor:
    """What is linear on screen over each triangle [11,F]: the first corner's x and y, and for each
    of the shares of the first, second and third corner and of nearness its slopes along x and y;
    the shares there are 1, 0 and 0, and nearness is the last row."""
    x, y, near = corners.x, corners.y, corners.nearness
    scale = -1 / corners.doubled_area()
    second = (y[2] - y[0]) * scale, (x[0] - x[2]) * scale
    third = (y[0] - y[1]) * scale, (x[1] - x[0]) * scale
    first = -(second[0] + third[0]), -(second[1] + third[1])
    rise = near[1] - near[0], near[2] - near[0]
    slope = (second[axis] * rise[0] + third[axis] * rise[1] for axis in (0, 1))
    return torch.stack([x[0], y[0], *first, *second, *third, *slope, near[0]])


def _keys(
    planes: Tensor, left: Tensor, top: Tensor, columns: int, lines: int, faces: Tensor
) -> Tensor:
    """Packed nearness and triangle number [lines,columns,n], EMPTY outside the triangles.

    Triangles come last: a CPU is ten times as quick along a long last axis as along a short one.
    """
    right = left - planes[0] + torch.arange(columns, device=left.device)[:, None]
    down = top - planes[1] + torch.arange(lines, device=left.device)[:, None]

    def over(slope: int, constant: Tensor | float) -> Tensor:
        return (planes[slope + 1] * down + constant)[:, None] + planes[slope] * right

    least = torch.minimum(torch.minimum(over(2, 1.0), over(4, 0.0)), over(6, 0.0))
    bits = over(8, planes[10]).view(torch.int32).to(torch.int64)
    keys = (bits << _FACE_BITS).add_(faces)
    return keys.masked_fill_(least < -_EDGE, EMPTY)


def _blocks(
    planes: Tensor, low: Tensor, high: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor, int, int]]:
    """Blocks of samples to try: rows of triangles [n], left and top [n], columns and lines."""
    extent = high - low + 1
    most = _AT_ONCE[low.device.type == "cpu"]
    small = (extent[0] <= TILE) & (extent[1] <= TILE)
    sides = torch.tensor(_SIDES, device=low.device)
    kinds = torch.bucketize(extent.clamp(max=TILE), sides)
    code = torch.where(small, kinds[0] * len(_SIDES) + kinds[1], -1)
    order = torch.argsort(code, stable=True)
    counts = torch.bincount(code + 1, minlength=len(_SIDES) ** 2 + 1).tolist()
    groups = torch.split(order, counts)
    for number, rows in enumerate(groups[1:]):
        columns, lines = _SIDES[number // len(_SIDES)], _SIDES[number % len(_SIDES)]
        for part in rows.split(most // (columns * lines)) if len(rows) else ():
            left, top = low.index_select(1, part)
            yield part, left, top, columns, lines
    for part in groups[0].split(1024) if len(groups[0]) else ():
        tiles = _tiles(planes, part, low[:, part], extent[:, part])
        for rows, left, top in zip(*(v.split(most // TILE**2) for v in tiles), strict=True):
            yield rows, left, top, TILE, TILE


def _tiles(
    planes: Tensor, rows: Tensor, low: Tensor, extent: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The tiles of large triangles that are not wholly beside them: rows, left, top [n]."""
    across = (extent + TILE - 1) // TILE
    counts = across[0] * across[1]
    owner = torch.repeat_interleave(counts)
    first = (counts.cumsum(0) - counts)[owner]
    place = torch.arange(len(owner), device=rows.device) - first
    left = low[0, owner] + place % across[0, owner] * TILE
    top = low[1, owner] + place // across[0, owner] * TILE
    rows = rows[owner]
    mine = planes.index_select(1, rows)
    x, y = left - mine[0], top - mine[1]
    kept = torch.ones_like(rows, dtype=torch.bool)
    for slope, constant in ((2, 1.0), (4, 0.0), (6, 0.0)):
        slopes = mine[slope : slope + 2]
        most = (slopes * (TILE - 1)).clamp(min=0).sum(0)  # how much more in the tile's best corner
        kept &= constant + slopes[0] * x + slopes[1] * y + most >= -_EDGE
    return rows[kept], left[kept], top[kept]


def shares_at(corners: Corners, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct weights [3,n] of the corners (of n triangles) at points [n] on screen,
    and the depths [n] there, metres. Just outside a triangle the nearest of its edge is taken."""
    planes = _planes(corners)
    x, y = x - planes[0], y - planes[1]
    second, third = planes[4] * x + planes[5] * y, planes[6] * x + planes[7] * y
    shares = torch.stack([1 - second - third, second, third]).clamp_(0, 1)
    shares = shares / shares.sum(0) * corners.nearness
    nearness = shares.sum(0)
    return shares / nearness, 1 / nearness
