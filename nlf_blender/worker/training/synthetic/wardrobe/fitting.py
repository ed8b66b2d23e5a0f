# SPDX-License-Identifier: GPL-3.0-or-later
"""Garments on posed people, in torch, all people that wear the same one at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .....body.arrays import Float64Array
from ..normals import rings
from ..stage import People
from .garment import Garment

FARTHEST_PUSH = 0.04  # metres
GUARDED = 0.15  # metres from its guard: farther off, the guard's skin tells nothing


@dataclass(frozen=True, eq=False)
class Fabric:
    """A garment's arrays as tensors on a device; names and shapes as in Garment. rings: see
    normals.rings; covers: [V] bool; lengths [R]: of the references on the body's template."""

    garment: Garment
    faces: Tensor
    rings: Tensor
    corners: Tensor
    weights: Tensor
    offsets: Tensor
    joint_weights: Tensor
    guards: Tensor
    rest: Tensor
    covers: Tensor
    references: Tensor
    lengths: Tensor


def fabric_of(garment: Garment, template: Float64Array, device: torch.device) -> Fabric:
    """The garment's tensors; template [V,3]: the body's mean shape at rest."""

    def floats(values: Float64Array) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=device)

    covers = torch.zeros(len(template), dtype=torch.bool)
    covers[torch.from_numpy(garment.covers)] = True
    first, second = template[garment.references[:, 0]], template[garment.references[:, 1]]
    return Fabric(
        garment=garment,
        faces=torch.as_tensor(garment.faces, device=device),
        rings=rings(garment.faces, len(garment.rest)).to(device),
        corners=torch.as_tensor(garment.corners, device=device),
        weights=floats(garment.weights),
        offsets=floats(garment.offsets),
        joint_weights=floats(garment.joint_weights),
        guards=torch.as_tensor(garment.guards, device=device),
        rest=floats(garment.rest),
        covers=covers.to(device),
        references=torch.as_tensor(garment.references, device=device),
        lengths=floats(((first - second) ** 2).sum(axis=1) ** 0.5),
    )


def fitted(fabric: Fabric, people: People, normals: Tensor, rows: Tensor) -> Tensor:
    """Vertices [N,G,3] of a garment on the people of `rows` [N], in the cameras.

    A vertex goes with its anchor on the posed skin; its offset, scaled by the person's size, turns
    with the joints. normals [people,V,3] of the posed skin: nothing stays under the guards' skin.
    """
    posed = people.vertices[rows]
    anchors = (_gathered(posed, fabric.corners) * fabric.weights[..., None]).sum(dim=2)
    linear = people.transforms[rows][..., :3].flatten(2)
    turns = (fabric.joint_weights @ linear).unflatten(2, (3, 3))
    size = _size(fabric, people.shaped[rows])
    offsets = fabric.offsets * size[:, None, None]
    vertices = anchors + (turns @ offsets[..., None])[..., 0]
    guards, outward = posed[:, fabric.guards], normals[rows][:, fabric.guards]
    layer = fabric.garment.layer * people.scale[rows, None]
    out = pushed_out(vertices, guards, outward, layer)
    return torch.where(fabric.covers[fabric.guards, None], vertices, out)


def pushed_out(vertices: Tensor, guards: Tensor, outward: Tensor, layer: Tensor) -> Tensor:
    """Vertices [N,G,3] moved along the normals `outward` of the skin at `guards` until they are
    `layer` [N,1] metres above it."""
    apart = vertices - guards
    lack = (layer - (apart * outward).sum(dim=-1)).clamp(0, FARTHEST_PUSH)
    near = apart.square().sum(dim=-1) < GUARDED**2
    return vertices + outward * (lack * near)[..., None]


def _gathered(values: Tensor, index: Tensor) -> Tensor:
    """values [N,V,3] at index [G,K] -> [N,G,K,3]."""
    return values[:, index.reshape(-1)].unflatten(1, tuple(index.shape))


def _size(fabric: Fabric, shaped: Tensor) -> Tensor:
    """How much larger [N] the people are than the template where the garment is measured."""
    if not len(fabric.references):
        return shaped.new_ones(len(shaped))
    ends = _gathered(shaped, fabric.references)
    return ((ends[:, :, 0] - ends[:, :, 1]).norm(dim=-1) / fabric.lengths).mean(dim=1)
