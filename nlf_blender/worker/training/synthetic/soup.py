# SPDX-License-Identifier: GPL-3.0-or-later
"""All triangles of a batch of pictures in one list, cut off where they come too near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .normals import vertex_normals
from .stage import MeshGroup

NEAR = 0.1  # metres: what is nearer to the camera is not seen


@dataclass(frozen=True, eq=False)
class Soup:
    """S vertices [S,3] in the cameras' axes with smooth normals [S,3], places at rest [S,3],
    tints [S,3] and numbers of their pictures [S]; F triangles: faces [F,3], and each one's picture,
    owner, look [F] int64 and two_sided [F] bool."""

    vertices: Tensor
    normals: Tensor
    rest: Tensor
    tint: Tensor
    of_picture: Tensor
    faces: Tensor
    picture: Tensor
    owner: Tensor
    look: Tensor
    two_sided: Tensor

    def take(self, rows: Tensor) -> Soup:
        """The same vertices, some of the triangles."""
        faces = (self.faces, self.picture, self.owner, self.look, self.two_sided)
        vertices = (self.vertices, self.normals, self.rest, self.tint, self.of_picture)
        return Soup(*vertices, *(values[rows] for values in faces))


def soup_of(groups: Sequence[MeshGroup]) -> Soup:
    """The triangles of all groups that are shown and before the camera."""
    parts = [_triangles(group) for group in groups if len(group.vertices)]
    starts = torch.tensor([0, *(len(part.vertices) for part in parts[:-1])]).cumsum(0).tolist()
    columns = [list(vars(part).values()) for part in parts]
    for values, start in zip(columns, starts, strict=True):
        values[5] = values[5] + start  # faces
    return _clipped(Soup(*(torch.cat(values) for values in zip(*columns, strict=True))))


def _triangles(group: MeshGroup) -> Soup:
    copies, vertices = group.vertices.shape[:2]
    every = group.vertices.shape
    normals = vertex_normals(group.vertices, group.faces, group.rings)
    tint = group.vertices.new_ones(3) if group.tint is None else group.tint
    start = torch.arange(copies, device=group.faces.device) * vertices
    faces = (group.faces + start[:, None, None]).reshape(-1, 3)
    copy = torch.arange(copies, device=faces.device).repeat_interleave(len(group.faces))
    if group.shown is not None:
        rows = group.shown.reshape(-1).nonzero()[:, 0]
        faces, copy = faces[rows], copy[rows]
    two_sided = torch.full_like(copy, group.two_sided, dtype=torch.bool)
    return Soup(
        *(values.expand(every).reshape(-1, 3)
          for values in (group.vertices, normals, group.rest, tint)),
        group.picture.repeat_interleave(vertices), faces,
        *(values[copy] for values in (group.picture, group.owner, group.look)), two_sided,
    )  # fmt: skip


def _clipped(soup: Soup) -> Soup:
    """The soup before the near plane: triangles across it lose what is nearer."""
    depths = soup.vertices[:, 2].contiguous()
    if not len(depths) or depths.min() >= NEAR:
        return soup
    ahead = (depths >= NEAR)[soup.faces]
    counts = ahead.sum(dim=1)
    whole = soup.take((counts == 3).nonzero()[:, 0])
    cut = ((counts == 1) | (counts == 2)).nonzero()[:, 0]
    if not len(cut):
        return whole
    return _joined(whole, soup.take(cut), ahead[cut], counts[cut])


def _joined(whole: Soup, cut: Soup, ahead: Tensor, counts: Tensor) -> Soup:
    """`whole` and what is left of the triangles that are cut, as new vertices and triangles.

    Turned so that the odd corner out comes first: alone before the plane it leaves one triangle,
    alone behind it two.
    """
    alone = torch.where(counts[:, None] == 1, ahead, ~ahead).long().argmax(dim=1)
    turned = (alone[:, None] + torch.arange(3, device=alone.device)) % 3
    first, second, third = cut.faces.gather(1, turned).unbind(1)
    start, number = len(whole.vertices), len(first)
    on_second, on_third = (
        start + offset + torch.arange(number, device=alone.device) for offset in (0, number)
    )
    keeps_one = counts == 1
    one = torch.stack([first, on_second, on_third], dim=1)
    two = torch.stack([on_second, second, third], dim=1)
    more = torch.stack([on_second, third, on_third], dim=1)
    faces = torch.cat([torch.where(keeps_one[:, None], one, two), more[~keeps_one]])
    source = torch.cat([torch.arange(number, device=alone.device), (~keeps_one).nonzero()[:, 0]])
    depths = whole.vertices[:, 2]

    def between(values: Tensor) -> Tensor:
        cuts = []
        for other in (second, third):
            share = (depths[first] - NEAR) / (depths[first] - depths[other])
            cuts.append(torch.lerp(values[first], values[other], share[:, None]))
        return torch.cat([values, *cuts])

    vertices = between(whole.vertices)
    vertices[start:, 2] = NEAR  # exactly, whatever rounding made of it
    return Soup(
        vertices, between(whole.normals), between(whole.rest), between(whole.tint),
        torch.cat([whole.of_picture, cut.picture, cut.picture]),
        torch.cat([whole.faces, faces]),
        *(torch.cat([getattr(whole, name), getattr(cut, name)[source]])
          for name in ("picture", "owner", "look", "two_sided")),
    )  # fmt: skip
