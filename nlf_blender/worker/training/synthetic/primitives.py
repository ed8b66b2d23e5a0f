# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes, cylinders and balls: of these all things of a picture are made, many in one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .normals import rings
from .stage import THING, Look, MeshGroup

_ROUND = 20  # corners of a cylinder's circle
_BALL_RINGS = 10
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solid:
    """One thing, or part of one. shape: a key of SHAPES; picture: its place in the batch. turn
    [3,3] turns the solid's axes (y up) into the camera's; middle [3]: of its bottom, camera;
    size [3]: along its axes, metres."""

    shape: str
    picture: int
    turn: Float64Array
    middle: Float64Array
    size: Float64Array
    look: Look


def _box() -> tuple[Float64Array, NDArray[np.int64]]:
    vertices, faces = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            first, second = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            out = np.eye(3)[axis] * sign
            corners = [out + a * first + b * sign * second
                       for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]  # fmt: skip
            start = len(vertices)
            vertices += corners
            faces += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
    return np.array(vertices) / 2 + [0, 0.5, 0], np.array(faces)


def _cylinder() -> tuple[Float64Array, NDArray[np.int64]]:
    angles = np.arange(_ROUND) * (2 * np.pi / _ROUND)
    circle = np.stack([np.cos(angles), np.zeros(_ROUND), -np.sin(angles)], axis=1) / 2
    top = circle + np.array([0, 1, 0])
    vertices = np.concatenate([circle, top, circle, top])  # the caps have corners of their own
    here, following = np.arange(_ROUND), (np.arange(_ROUND) + 1) % _ROUND
    side = [here, following, following + _ROUND], [here, following + _ROUND, here + _ROUND]
    inner = np.arange(1, _ROUND - 1)
    zero = np.zeros_like(inner)
    caps = [[zero + 2 * _ROUND, inner + 1 + 2 * _ROUND, inner + 2 * _ROUND],
            [zero + 3 * _ROUND, inner + 3 * _ROUND, inner + 1 + 3 * _ROUND]]  # fmt: skip
    faces = np.concatenate([np.stack(part, axis=1) for part in (*side, *caps)])
    return vertices, faces


def _ball() -> tuple[Float64Array, NDArray[np.int64]]:
    down = np.linspace(np.pi, 0, _BALL_RINGS + 1)[:, None]
    around = np.arange(_ROUND) * (2 * np.pi / _ROUND)
    grid = np.stack(
        [np.sin(down) * np.cos(around), np.cos(down) + 0 * around, -np.sin(down) * np.sin(around)],
        axis=-1,
    )
    faces = []
    for line in range(_BALL_RINGS):
        here = line * _ROUND + np.arange(_ROUND)
        following = line * _ROUND + (np.arange(_ROUND) + 1) % _ROUND
        faces.append(np.stack([here, following, following + _ROUND], axis=1))
        faces.append(np.stack([here, following + _ROUND, here + _ROUND], axis=1))
    return grid.reshape(-1, 3) / 2 + [0, 0.5, 0], np.concatenate(faces)


SHAPES = {"box": _box, "cylinder": _cylinder, "ball": _ball}  # each of size 1, on its bottom


def groups_of(
    solids: Sequence[Solid], first_look: int, device: torch.device
) -> tuple[list[MeshGroup], list[Look]]:
    """Groups of all solids, with their looks numbered from `first_look` on."""
    groups, looks = [], []
    for shape, make in SHAPES.items():
        chosen = [solid for solid in solids if solid.shape == shape]
        if not chosen:
            continue
        vertices, faces = make()
        sizes = np.stack([solid.size for solid in chosen])
        rest = vertices * sizes[:, None]
        turns = np.stack([solid.turn for solid in chosen])
        posed = rest @ turns.transpose(0, 2, 1)
        posed += np.stack([solid.middle for solid in chosen])[:, None]
        start = first_look + len(looks)
        looks += [solid.look for solid in chosen]
        groups.append(
            MeshGroup(
                torch.from_numpy(posed.astype(np.float32)).to(device),
                torch.from_numpy(faces).to(device),
                rings(faces, len(vertices)).to(device),
                torch.from_numpy(rest.astype(np.float32)).to(device),
                torch.tensor([solid.picture for solid in chosen], device=device),
                torch.full((len(chosen),), THING, device=device),
                torch.arange(start, start + len(chosen), device=device),
            )
        )
    return groups, looks
