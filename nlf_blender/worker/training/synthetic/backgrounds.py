# SPDX-License-Identifier: GPL-3.0-or-later
"""What is behind everything: rooms, open country, painted backdrops, photos.

A room or the open ground is met by each pixel's ray, and is then a surface as any other: it has a
texture, is lit by the same lamps, and takes the shadows of people and things.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .backdrop import OPEN, PAINTED, PLANES, ROOM, Backdrop
from .noise import Noise
from .shading import Seen
from .stage import Cameras

_FAR = 60.0  # metres; the open ground beyond is the horizon's


@dataclass(frozen=True, eq=False)
class Backdrops:
    """The backdrops of P pictures as tensors on one device, looks numbered from `first_look`."""

    kind: Tensor
    axes: Tensor
    bounds: Tensor
    sky: Tensor
    paint: Tensor
    seed: Tensor
    first_look: int

    @classmethod
    def of(cls, drawn: Sequence[Backdrop], cameras: Cameras, first_look: int) -> Backdrops:
        """Their looks must follow one another, picture by picture, from `first_look` on."""
        device = cameras.up.device
        heading = torch.tensor([one.heading for one in drawn], device=device)
        stacked = [
            torch.from_numpy(np.stack([getattr(one, name) for one in drawn])).to(device)
            for name in ("bounds", "sky", "paint")
        ]
        kind = torch.tensor([one.kind for one in drawn], device=device)
        seed = torch.tensor([one.seed for one in drawn], device=device)
        return cls(kind, _room_axes(cameras.up, heading), *stacked, seed, first_look)

    def planes(self, cameras: Cameras, rows: Tensor, wanted: Tensor) -> tuple[Seen, Tensor]:
        """The planes of rooms and open ground that pixels of pictures `rows` [R] see, and these
        pixels' numbers [n] over those pictures; of the pixels `wanted` [R,H*W] alone."""
        solid = (self.kind[rows] != PAINTED).nonzero()[:, 0]
        rows, wanted = rows[solid], wanted[solid]
        rays = pixel_rays(cameras, rows)
        within = rays @ self.axes[rows].transpose(1, 2)
        bounds = self.bounds[rows].view(-1, 1, 3, 2)
        met = torch.where(within > 0, bounds[..., 1], bounds[..., 0]) / within
        depth, axis = met.masked_fill_(within == 0, torch.inf).min(dim=2)
        near = (self.kind[rows] == ROOM)[:, None] | (depth < _FAR)
        row, pixel = (near & (depth > 0) & wanted).nonzero().unbind(1)
        picture = rows[row]
        depth, axis, within = depth[row, pixel, None], axis[row, pixel], within[row, pixel]
        ahead = within.gather(1, axis[:, None])[:, 0] > 0
        sign = torch.where(ahead, -1.0, 1.0)
        normal = self.axes[picture, axis] * sign[:, None]
        place = within * depth
        look = self.first_look + picture * PLANES + axis * 2 + ahead
        tint = self._corners(place, picture, axis)
        vectors = (rays[row, pixel] * depth, normal, place, tint)
        seen = Seen(picture, look, *(vector.t().contiguous() for vector in vectors))
        return seen, solid[row] * rays.shape[1] + pixel

    def _corners(self, place: Tensor, picture: Tensor, axis: Tensor) -> Tensor:
        """Less light in the corners of rooms: [n,3], to multiply."""
        gaps = (self.bounds[picture].view(-1, 3, 2) - place[..., None]).abs().amin(-1)
        gaps = gaps.scatter(1, axis[:, None], torch.inf)
        return (1 - 0.45 * torch.exp(-gaps.amin(1) / 0.35))[:, None].expand(-1, 3)

    def emitted(self, cameras: Cameras, rows: Tensor, noise: Noise) -> Tensor:
        """Sky and painted backdrops [R,H*W,3] of pictures `rows` [R]: light that no lamp has part
        in."""
        width, height = cameras.size
        image = cameras.up.new_zeros(len(rows), height * width, 3)
        for kind, paint in ((OPEN, self._sky_light), (PAINTED, self._painted)):
            found = (self.kind[rows] == kind).nonzero()[:, 0]
            if len(found):
                image[found] = paint(rows[found], cameras, noise)
        return image

    def _sky_light(self, rows: Tensor, cameras: Cameras, noise: Noise) -> Tensor:
        rays = pixel_rays(cameras, rows)
        toward = rays @ self.axes[rows].transpose(1, 2)
        toward = torch.nn.functional.normalize(toward, dim=-1)
        rise = toward[..., 1].clamp(min=0)
        horizon, overhead, hills = self.sky[rows].unbind(1)
        light = torch.lerp(horizon[:, None], overhead[:, None], (rise**0.5)[..., None])
        seed = self.seed[rows, None].expand_as(rise)
        flat = toward[..., [0, 2]] / (rise[..., None] + 0.15)
        cloud = self._cloud(noise, torch.stack([flat[..., 0], seed, flat[..., 1]], -1) * 0.25)
        light = light + (0.25 * cloud.clamp(min=0) * horizon.mean(1)[:, None])[..., None]
        around = torch.atan2(toward[..., 0], toward[..., 2])
        ridge = self._cloud(noise, torch.stack([around * 0.3, seed, seed], -1))
        ridge = 0.06 + 0.05 * ridge + 0.15 * seed
        hidden = rise < ridge
        leaves = self._cloud(noise, torch.stack([around * 3, rise * 3, seed], -1))
        shade = (1 + 0.35 * leaves).clamp(min=0.1)
        return torch.where(hidden[..., None], hills[:, None] * shade[..., None], light)

    def _painted(self, rows: Tensor, cameras: Cameras, noise: Noise) -> Tensor:
        width, height = cameras.size
        device = rows.device
        line = (torch.arange(height, device=device) / height)[:, None].expand(height, width)
        column = (torch.arange(width, device=device) / width).expand(height, width)
        x, y = column.reshape(1, -1), line.reshape(1, -1)
        paint = self.paint[rows]
        first = paint[:, 0]
        along = first[:, 4:5] * (x - 0.5) + first[:, 5:6] * (y - 0.5)
        light = first[:, None, 8:11] * (1 + first[:, None, 7:8] * along[..., None])
        for shape in range(1, paint.shape[1]):
            row = paint[:, shape, :, None]
            right = (x - row[:, 0]) * row[:, 4] + (y - row[:, 1]) * row[:, 5]
            down = (y - row[:, 1]) * row[:, 4] - (x - row[:, 0]) * row[:, 5]
            reach = (right / row[:, 2]).abs() ** row[:, 6] + (down / row[:, 3]).abs() ** row[:, 6]
            cover = ((reach < 1) * row[:, 11])[..., None]
            shaded = row[:, 8:11].transpose(1, 2) * (
                1 + row[:, 7:8].transpose(1, 2) * right[..., None]
            )
            light = torch.lerp(light, shaded, cover)
        seed = self.seed[rows, None].expand(-1, x.shape[1])
        for scale, strength in ((0.35, 0.15), (2.0, 0.08)):
            cloud = self._cloud(noise, torch.stack([x * scale + seed, y * scale - seed, seed], -1))
            light = light * (1 + first[:, None, 11:12] * strength * cloud[..., None])
        return light.clamp(0, 1.5)

    @staticmethod
    def _cloud(noise: Noise, places: Tensor) -> Tensor:
        return noise.smooth_cloud_at(places.reshape(-1, 3).t()).view(places.shape[:-1])


def _room_axes(up: Tensor, heading: Tensor) -> Tensor:
    """Axes [P,3,3], rows aside, up, ahead: ahead is where the camera looks, turned by heading."""
    view = torch.tensor([0.0, 0.0, 1.0], device=up.device).expand_as(up)
    level = view - up * (view * up).sum(-1, keepdim=True)
    steep = level.norm(dim=-1, keepdim=True) < 1e-3
    level = torch.where(steep, torch.linalg.cross(up, view.roll(1, 1)), level)
    level = torch.nn.functional.normalize(level, dim=-1)
    aside = torch.linalg.cross(up, level)
    cosine, sine = heading.cos()[:, None], heading.sin()[:, None]
    ahead = cosine * level + sine * aside
    return torch.stack([torch.linalg.cross(up, ahead), up, ahead], dim=1)


def coarser(cameras: Cameras, step: int) -> Cameras:
    """The same cameras with pixels `step` times as large."""
    intrinsics = cameras.intrinsics.clone()
    intrinsics[:, :2, 2] -= (step - 1) / 2
    intrinsics[:, :2] /= step
    width, height = cameras.size
    return replace(cameras, size=(-(-width // step), -(-height // step)), intrinsics=intrinsics)


def pixel_rays(cameras: Cameras, rows: Tensor) -> Tensor:
    """Rays [R,H*W,3] through the middles of the pixels of some of the pictures, z = 1."""
    width, height = cameras.size
    device = cameras.up.device
    line = torch.arange(height, device=device, dtype=torch.float32)[:, None].expand(height, width)
    column = torch.arange(width, device=device, dtype=torch.float32).expand(height, width)
    pixels = torch.stack([column, line, torch.ones_like(line)], dim=-1).view(-1, 3)
    return pixels @ torch.linalg.inv(cameras.intrinsics[rows]).transpose(1, 2)
