# SPDX-License-Identifier: GPL-3.0-or-later
"""Casts into pictures with their truth: the renderer as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from . import lens, objects
from .backdrop import random_backdrop
from .backgrounds import Backdrops, coarser
from .noise import Noise
from .normals import rings, vertex_normals
from .pictures import SAMPLES, Shaded, Sight, seen_by, sight
from .primitives import groups_of
from .shading import Seen, ShadowMap, shaded
from .soup import Soup, soup_of
from .stage import Cameras, Cast, Clothing, MeshGroup, chance, device_of
from .textures import Looks

_SOFT = 1.0  # pixels of blur from which a background is drawn coarsely
_THROUGH_CLOTH = 0.08  # metres that a person's own clothes may stand off a point that is seen
_THROUGH_OTHERS = 0.01


Lighting = Callable[[Seen, Cameras], Tensor]  # what points are, and by which cameras: their light


class Dresser(Protocol):
    """Who gives people their skin, hair and clothes."""

    def dress(self, cast: Cast) -> Clothing:
        """What the people of a cast are seen as."""
        ...


@dataclass(frozen=True, eq=False)
class Pictures:
    """images: [P,H,W,3] uint8 sRGB. owners: [P,H*SAMPLES,W*SAMPLES] int16, whose surface each
    sample sees; nearness: of the same samples, one by metres, 0 for the background."""

    cast: Cast
    images: Tensor
    owners: Tensor
    nearness: Tensor

    def mask(self, person: int) -> Tensor:
        """Pixels [H,W] of which at least half see a person; person: a row of the cast's people."""
        people = self.cast.people
        hit = self.owners[people.picture[person]] == people.owner[person]
        height, width = self.images.shape[1:3]
        counts = hit.view(height, SAMPLES, width, SAMPLES).sum((1, 3))
        return counts * 2 >= SAMPLES**2


class Studio:
    """Draws casts. A cast's pictures are the same whenever they are drawn on one device."""

    def __init__(self, faces: Tensor, dresser: Dresser, device: torch.device) -> None:
        """faces: [F,3] int64, of the body."""
        self.device = device
        self.dresser = dresser
        self.noise = Noise.on(device)
        self.faces = faces.to(device)
        self.rings = rings(faces.cpu().numpy(), int(faces.max()) + 1).to(device)

    @torch.no_grad()
    def draw(self, cast: Cast) -> Pictures:
        """The pictures of a cast."""
        clothing = self.dresser.dress(cast)
        looks = list(clothing.looks)
        groups: list[MeshGroup] = list(clothing.groups)
        more, their_looks = groups_of(_things(cast), len(looks), self.device)
        groups += more
        looks += their_looks
        drawn = _drawn_backdrops(cast)
        backdrops = Backdrops.of(drawn, cast.cameras, len(looks))
        looks += [look for backdrop in drawn for look in backdrop.looks]
        soup = soup_of(groups)
        seen = sight(soup, cast.cameras)
        light = self._light(cast, soup, seen, backdrops, Looks.of(looks, self.device))
        lenses = _lenses(cast)
        images = lens.developed(light, lenses, self.noise)
        return Pictures(cast, images, seen.owners(soup), seen.nearness)

    def _light(
        self, cast: Cast, soup: Soup, seen: Sight, backdrops: Backdrops, looks: Looks
    ) -> Tensor:
        """What comes to the cameras [P,H,W,3]."""
        cameras = cast.cameras
        shadows = ShadowMap.of(soup, cast.lights, _middles(cast))

        def lit(points: Seen, view: Cameras) -> Tensor:
            return shaded(points, looks, cast.lights, view, shadows, self.noise)

        points, whole, mixed, missed = seen_by(seen, soup, cameras)
        light = lit(points, cameras)
        parts = light[len(whole) :].view(len(mixed), SAMPLES**2, 3)
        meshes = Shaded(whole, light[: len(whole)], mixed, parts, missed)
        return meshes.over(self._background(cast, backdrops, whole, lit))

    def _background(
        self,
        cast: Cast,
        backdrops: Backdrops,
        hidden: Tensor,
        lit: Callable[[Seen, Cameras], Tensor],
    ) -> Tensor:
        """What is behind the meshes [P,H,W,3]; undefined at pixels `hidden` [n] of sharp ones.

        What is out of focus is drawn at half the size: a quarter of the work, and nobody sees it.
        """
        cameras, lenses = cast.cameras, _lenses(cast)
        width, height = cameras.size
        seen = torch.ones(len(lenses) * height * width, dtype=torch.bool, device=self.device)
        seen[hidden] = False
        seen = seen.view(len(lenses), -1)
        behind = seen.new_zeros((len(lenses), height, width, 3), dtype=torch.float32)
        for step in (1, 2):
            chosen = [row for row, one in enumerate(lenses) if (one.behind > _SOFT) == (step == 2)]
            if not chosen:
                continue
            rows = torch.tensor(chosen, device=self.device)
            view = coarser(cameras, step)
            image = backdrops.emitted(view, rows, self.noise)
            wanted = seen[rows] if step == 1 else image.new_ones(image.shape[:2]).bool()
            planes, pixels = backdrops.planes(view, rows, wanted)
            image.view(-1, 3)[pixels] = lit(planes, view)
            image = image.view(len(chosen), view.size[1], view.size[0], 3)
            soft = lens.defocused(image, [lenses[row] for row in chosen], cameras.size)
            behind[rows] = soft
        return behind

    @torch.no_grad()
    def visible(self, pictures: Pictures, persons: Tensor | None = None) -> Tensor:
        """Which points of people's skin are seen [K,V]: they face the camera, lie within the
        picture, and nothing is before them but the person's own clothes. persons: [K] rows of the
        cast's people, None for all."""
        people, cameras = pictures.cast.people, pictures.cast.cameras
        rows = torch.arange(len(people.owner), device=self.device) if persons is None else persons
        vertices, picture = people.vertices[rows], people.picture[rows]
        depth = vertices[..., 2]
        rays = vertices / depth.clamp(min=1e-6)[..., None]
        pixels = torch.einsum("nij,nvj->nvi", cameras.intrinsics[picture, :2], rays)
        sample = (pixels * SAMPLES + (SAMPLES - 1) / 2).round().clamp(-1e6, 1e6).long()
        height, width = pictures.owners.shape[1:]
        x, y = sample.unbind(-1)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (depth > 0)
        at = (picture[:, None] * height + y.clamp(0, height - 1)) * width
        at = at + x.clamp(0, width - 1)
        before = 1 / pictures.nearness.reshape(-1)[at]
        own = pictures.owners.reshape(-1)[at] == people.owner[rows, None]
        slack = torch.where(own, _THROUGH_CLOTH, _THROUGH_OTHERS)
        normals = vertex_normals(vertices, self.faces, self.rings)
        facing = (normals * vertices).sum(-1) < 0
        return inside & facing & (depth < before + slack)


def _things(cast: Cast) -> list:
    people, cameras = cast.people, cast.cameras
    joints = people.joints.double().cpu().numpy()
    picture = people.picture.tolist()
    up, height = cameras.up.double().cpu().numpy(), cameras.height.tolist()
    solids = []
    for row, number in enumerate(cast.numbers):
        present = tuple(joints[person] for person, its in enumerate(picture) if its == row)
        place = objects.Place(row, up[row], height[row], present)
        solids += objects.things(chance(cast.seed, number, "things"), place)
        for prop in cast.props[row] if cast.props else ():
            solids += objects.prop_solids(row, prop)
    return solids


def _drawn_backdrops(cast: Cast) -> list:
    depth = cast.people.joints[..., 2].amax(1)
    farthest = torch.zeros(len(cast.numbers), device=device_of(cast))
    farthest = farthest.scatter_reduce(0, cast.people.picture, depth, "amax").tolist()
    height = cast.cameras.height.tolist()
    return [
        random_backdrop(chance(cast.seed, number, "background"), height[row], farthest[row])
        for row, number in enumerate(cast.numbers)
    ]


def _lenses(cast: Cast) -> list[lens.Lens]:
    return [lens.random_lens(chance(cast.seed, number, "lens")) for number in cast.numbers]


def _middles(cast: Cast) -> Tensor:
    """The middle of the people of each picture [P,3]."""
    people = cast.people
    middles = people.joints.mean(1)
    count = len(cast.numbers)
    index = people.picture[:, None].expand(-1, 3)
    low = middles.new_full((count, 3), torch.inf).scatter_reduce(0, index, middles, "amin")
    high = middles.new_full((count, 3), -torch.inf).scatter_reduce(0, index, middles, "amax")
    return (low + high) / 2
