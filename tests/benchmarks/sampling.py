# SPDX-License-Identifier: GPL-3.0-or-later
"""People whose parameters are known, what is seen of them, and how far a fit is from the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.rotations import matrix_from_rotvec, rotvec_from_matrix

BETAS = 10
MEAN_TURN = 30.0  # degrees, of every joint but the root
TOES = (10, 11)  # in SMPL's order of joints; left out of the rotation error

Range = tuple[float, float]  # from, to


class Solution(NamedTuple):
    """A fit: pose [P,J,3], rotation vectors relative to the parent; betas [P,B]; translation."""

    pose: Tensor
    betas: Tensor
    translation: Tensor

    @classmethod
    def join(cls, parts: list[Solution]) -> Solution:
        """The people of all parts."""
        return cls(*(torch.cat(values) for values in zip(*parts, strict=True)))


@dataclass(frozen=True)
class People:
    """P people: what they are, and all their vertices [P,V,3] and joints [P,J,3], metres."""

    truth: Solution
    vertices: Tensor
    joints: Tensor

    def __len__(self) -> int:
        return len(self.vertices)

    def first(self, count: int) -> People:
        """The first people only."""
        truth = Solution(*(part[:count] for part in self.truth))
        return People(truth, self.vertices[:count], self.joints[:count])


@dataclass(frozen=True)
class Seen:
    """What both fitters are given of P people; metres.

    vertices [P,Nv,3] are the body's `vertex_indices` [Nv], all V if None; joints [P,J,3] or None;
    sigmas [P,Nv] and [P,J]: each point's noise along an axis, None if the fitters are not told.
    """

    vertices: Tensor
    joints: Tensor | None
    vertex_indices: Tensor | None = None
    vertex_sigmas: Tensor | None = None
    joint_sigmas: Tensor | None = None

    def __len__(self) -> int:
        return len(self.vertices)

    def split(self, count: int, device: str = "cpu") -> list[Seen]:
        """These people, so many at a time, on a device; the indices stay where they are."""
        names = ("vertices", "joints", "vertex_sigmas", "joint_sigmas")
        values = {name: getattr(self, name) for name in names}
        parts = {
            name: value.to(device).split(count)
            for name, value in values.items()
            if value is not None
        }
        batches = zip(*parts.values(), strict=True)
        return [replace(self, **dict(zip(parts, batch, strict=True))) for batch in batches]


class Errors(NamedTuple):
    """Mean distances of all vertices and of the joints from the truth, and mean turn from it."""

    vertex_mm: float
    joint_mm: float
    rotation_deg: float


def draw_people(model: BodyModel, count: int, seed: int) -> People:
    """People with normal betas, in random poses, a few metres from the origin.

    Rotation vectors of the joints are normal, with the same spread about every axis such that
    their lengths, which have Maxwell's distribution, are MEAN_TURN on average. The root's
    orientation is uniform over all rotations.
    """
    random = torch.Generator().manual_seed(seed)
    joints = len(model.parents)
    spread = math.radians(MEAN_TURN) / math.sqrt(8 / math.pi)
    pose = torch.randn(count, joints, 3, generator=random) * spread
    pose[:, model.parents.index(-1)] = _uniform_rotations(count, random)
    betas = torch.randn(count, BETAS, generator=random)
    translation = torch.randn(count, 3, generator=random) + torch.tensor([0.0, 0.0, 4.0])
    posed = model(pose, betas, translation)
    return People(Solution(pose, betas, translation), posed.vertices, posed.joints)


def see(
    people: People,
    vertex_indices: Tensor | None = None,
    with_joints: bool = True,
    vertex_noise: Range = (0.0, 0.0),
    joint_noise: Range = (0.0, 0.0),
    seed: int = 0,
) -> Seen:
    """These vertices, all if None, and the joints, each point with normal noise along each axis.

    The noises: sigmas are drawn uniformly from and to, metres. Where one varies, all are told.
    """
    random = torch.Generator().manual_seed(seed)
    vertices = people.vertices if vertex_indices is None else people.vertices[:, vertex_indices]
    vertices, vertex_sigmas = _add_noise(vertices, vertex_noise, random)
    joints, joint_sigmas = _add_noise(people.joints, joint_noise, random)
    if vertex_noise[0] == vertex_noise[1] and joint_noise[0] == joint_noise[1]:
        vertex_sigmas = joint_sigmas = None
    if not with_joints:
        joints = joint_sigmas = None
    return Seen(vertices, joints, vertex_indices, vertex_sigmas, joint_sigmas)


def errors_of(model: BodyModel, people: People, found: Solution) -> Errors:
    """How far a fit is from the people without noise: whole mesh, joints, rotations but the toes'.

    Rotations are relative to the parent, the root's to the axes of the points.
    """
    pose, betas, translation = (part.cpu() for part in found)
    posed = model(pose, betas, translation)
    kept = [joint for joint in range(pose.shape[1]) if joint not in TOES]
    turns = (matrix_from_rotvec(part[:, kept].double()) for part in (pose, people.truth.pose))
    found_turn, true_turn = turns
    angles = rotvec_from_matrix(found_turn.transpose(-1, -2) @ true_turn).norm(dim=-1)
    return Errors(
        1000 * float((posed.vertices - people.vertices).norm(dim=-1).mean()),
        1000 * float((posed.joints - people.joints).norm(dim=-1).mean()),
        math.degrees(float(angles.mean())),
    )


def _uniform_rotations(count: int, random: torch.Generator) -> Tensor:
    """Rotation vectors [count,3] of unit quaternions that are uniform on their sphere."""
    quaternions = torch.randn(count, 4, generator=random)
    quaternions = quaternions / quaternions.norm(dim=-1, keepdim=True)
    real, imaginary = quaternions[:, :1].abs(), quaternions[:, 1:]
    sine = imaginary.norm(dim=-1, keepdim=True)
    return imaginary / sine * 2 * torch.atan2(sine, real)


def _add_noise(points: Tensor, noise: Range, random: torch.Generator) -> tuple[Tensor, Tensor]:
    low, high = noise
    sigmas = low + (high - low) * torch.rand(points.shape[:-1], generator=random)
    return points + torch.randn(points.shape, generator=random) * sigmas[..., None], sigmas
