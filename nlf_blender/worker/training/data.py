# SPDX-License-Identifier: GPL-3.0-or-later
"""Cached features and true points of rendered crops, in memory, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .body import INTERIOR_POINTS, SURFACE_POINTS, PointPool, RenderBody
from .synthetic.skeleton import JOINT_NAMES

JOINT_COUNT = len(JOINT_NAMES)


@dataclass
class Batch:
    """maps, landmarks, world: the frozen network's output for P crops (float32).

    points: [P,N,3] true positions in the crop's camera, metres. focal: [P] pixels.
    """

    maps: dict[str, Tensor]
    landmarks: Tensor
    world: Tensor
    points: Tensor
    focal: Tensor


class CropSet:
    """Everything of a folder of shards; features stay in half precision."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        features: dict[str, list[Tensor]] = {}
        points, focal, count = [], [], 0
        for path in sorted(folder.glob("features_??????.npz")):
            if limit is not None and count >= limit:
                break
            for name, array in np.load(path).items():
                features.setdefault(name, []).append(torch.from_numpy(array))
            truth = np.load(path.with_name(path.name.replace("features", "crops")))
            points.append(torch.from_numpy(truth["points"]))
            focal.append(torch.from_numpy(truth["focal"]))
            count += len(focal[-1])
        if not count:
            raise FileNotFoundError(f"no features in {folder}; render and cache them first")
        joined = {name: _join(parts) for name, parts in features.items()}
        self.landmarks, self.world = joined.pop("landmarks"), joined.pop("world")
        self.maps = joined
        self.points, self.focal = _join(points), _join(focal)

    def __len__(self) -> int:
        return len(self.focal)

    def batch(self, rows: Tensor, columns: Tensor) -> Batch:
        """Crops `rows` with points `columns` of the pool."""
        maps = {name: value[rows].float() for name, value in self.maps.items()}
        points = self.points[rows[:, None], columns[None]]
        landmarks, world = self.landmarks[rows].float(), self.world[rows].float()
        return Batch(maps, landmarks, world, points, self.focal[rows])


def _join(parts: list[Tensor]) -> Tensor:
    """Concatenation that frees each part once it is copied."""
    total = sum(len(part) for part in parts)
    joined = torch.empty((total, *parts[0].shape[1:]), dtype=parts[0].dtype)
    start = 0
    while parts:
        part = parts.pop(0)
        joined[start : start + len(part)] = part
        start += len(part)
    return joined


def sample_columns(random: torch.Generator, count: int) -> Tensor:
    """All joints and `count` other points of the pool."""
    others = torch.randperm(SURFACE_POINTS + INTERIOR_POINTS, generator=random)[:count]
    return torch.cat([torch.arange(JOINT_COUNT), others + JOINT_COUNT])


def canonical_samples(body: RenderBody) -> Tensor:
    """All canonical vertices and as many points [2V,3] between them and their joints."""
    if body.canonical is None or body.canonical_joints is None:
        raise ValueError("the body file has no canonical body")
    share = np.random.default_rng(3).random((len(body.canonical), 1))
    joints = body.canonical_joints[body.part]
    inside = joints + (body.canonical - joints) * share
    return torch.from_numpy(np.concatenate([body.canonical, inside]).astype(np.float32))


def canonical_pool(body: RenderBody, pool: PointPool) -> Tensor:
    """The pool's places [N,3] on the canonical body of the body file, metres."""
    if body.canonical is None or body.canonical_joints is None:
        raise ValueError("the body file has no canonical body")
    points = pool.gather(body.canonical, body.canonical_joints)
    return torch.from_numpy(points.astype(np.float32))
