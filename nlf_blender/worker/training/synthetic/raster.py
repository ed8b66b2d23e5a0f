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
_AT_ONCE = 1 << 23  # samples tried in one go: bounds the memory
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
        return Corners(self.x[:, rows], self.y[:, rows], self.nearness[:, rows])

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
    planes = _Planes.of(corners.take(found))
    stride = width + TILE  # blocks may reach over the border
    buffer = torch.full(
        (pictures * (height + TILE) * stride,), EMPTY, dtype=torch.int64, device=picture.device
    )
    start = picture[found] * (height + TILE) * stride
    for rows, left, top, columns, lines in _blocks(planes, low, high):
        keys = planes.keys(rows, left, top, columns, lines, found)
        at = (start[rows] + top * stride + left)[:, None, None]
        grid = torch.arange(lines, device=at.device)[:, None] * stride
        at = at + (grid + torch.arange(columns, device=at.device))
        buffer.scatter_reduce_(0, at.reshape(-1), keys.reshape(-1), "amax")
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
    return found, low[:, found].long(), high[:, found].long()


@dataclass(frozen=True, eq=False)
class _Planes:
    """What is linear on screen over each triangle, as value at the origin and slopes [3,f]: the
    shares of the second and third corner, and the inverse depth."""

    second: Tensor
    third: Tensor
    nearness: Tensor
    origin: Tensor  # [2,f], the first corner

    @classmethod
    def of(cls, corners: Corners) -> _Planes:
        x, y, near = corners.x, corners.y, corners.nearness
        scale = 1 / -corners.doubled_area()
        second = torch.stack([(y[2] - y[0]) * scale, (x[0] - x[2]) * scale])
        third = torch.stack([(y[0] - y[1]) * scale, (x[1] - x[0]) * scale])
        slope = second * (near[1] - near[0]) + third * (near[2] - near[0])
        nearness = torch.cat([near[:1], slope])
        return cls(second, third, nearness, torch.stack([x[0], y[0]]))

    def keys(
        self, rows: Tensor, left: Tensor, top: Tensor, columns: int, lines: int, faces: Tensor
    ) -> Tensor:
        """Packed nearness and triangle number [n,lines,columns], EMPTY outside the triangles."""
        x = torch.arange(columns, device=left.device, dtype=torch.float32)
        y = torch.arange(lines, device=left.device, dtype=torch.float32)
        x = ((left - self.origin[0, rows])[:, None] + x)[:, None, :]
        y = ((top - self.origin[1, rows])[:, None] + y)[:, :, None]

        def over(slopes: Tensor) -> Tensor:
            slopes = slopes[:, rows, None, None]
            return slopes[0] * x + slopes[1] * y

        second, third = over(self.second), over(self.third)
        least = torch.minimum(torch.minimum(second, third), 1 - (second + third))
        nearness = over(self.nearness[1:]).add_(self.nearness[0, rows, None, None])
        bits = nearness.clamp_(min=1e-9).view(torch.int32).to(torch.int64)
        keys = (bits << _FACE_BITS).add_(faces[rows, None, None])
        return keys.masked_fill_(least < -_EDGE, EMPTY)


def _blocks(
    planes: _Planes, low: Tensor, high: Tensor
) -> Iterator[tuple[Tensor, Tensor, Tensor, int, int]]:
    """Blocks of samples to try: rows of triangles [n], left and top [n], columns and lines."""
    extent = high - low + 1
    small = extent.amax(0) <= TILE
    sides = torch.tensor(_SIDES, device=low.device)
    kinds = torch.bucketize(extent.clamp(max=TILE), sides)
    code = torch.where(small, kinds[0] * len(_SIDES) + kinds[1], -1)
    order = torch.argsort(code, stable=True)
    counts = torch.bincount(code + 1, minlength=len(_SIDES) ** 2 + 1).tolist()
    groups = torch.split(order, counts)
    for number, rows in enumerate(groups[1:]):
        columns, lines = _SIDES[number // len(_SIDES)], _SIDES[number % len(_SIDES)]
        for part in rows.split(max(_AT_ONCE // (columns * lines), 1)) if len(rows) else ():
            yield part, low[0, part], low[1, part], columns, lines
    for part in groups[0].split(1024) if len(groups[0]) else ():
        rows, left, top = _tiles(planes, part, low[:, part], extent[:, part])
        for chosen in torch.arange(len(rows), device=rows.device).split(_AT_ONCE // TILE**2):
            if len(chosen):
                yield rows[chosen], left[chosen], top[chosen], TILE, TILE


def _tiles(
    planes: _Planes, rows: Tensor, low: Tensor, extent: Tensor
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
    x, y = left - planes.origin[0, rows], top - planes.origin[1, rows]
    shares = [planes.second[:, rows], planes.third[:, rows]]
    shares.append(-(shares[0] + shares[1]))
    kept = torch.ones_like(rows, dtype=torch.bool)
    for slopes, constant in zip(shares, (0.0, 0.0, 1.0), strict=True):
        most = (slopes * (TILE - 1)).clamp(min=0).sum(0)  # how much more in the tile's best corner
        kept &= constant + slopes[0] * x + slopes[1] * y + most >= -_EDGE
    return rows[kept], left[kept], top[kept]


def shares_at(corners: Corners, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct weights [3,n] of the corners (of n triangles) at points [n] on screen,
    and the depths [n] there, metres. Just outside a triangle the nearest of its edge is taken."""
    planes = _Planes.of(corners)
    x, y = x - planes.origin[0], y - planes.origin[1]
    second = planes.second[0] * x + planes.second[1] * y
    third = planes.third[0] * x + planes.third[1] * y
    shares = torch.stack([1 - second - third, second, third]).clamp_(0, 1)
    shares = shares / shares.sum(0) * corners.nearness
    nearness = shares.sum(0)
    return shares / nearness, 1 / nearness
