# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the ground of a photo is, from the people on it."""

from __future__ import annotations

from dataclasses import dataclass

from ..body.conventions import blender_points_from_camera
from .person.posing import RestBody, posed_vertices, rest_body
from .take_people import Take

FIRST_FRAME = 0


@dataclass(frozen=True)
class Ground:
    """Where the world's ground is. height: of the camera over it, metres; rests: one a person."""

    height: float
    farthest: float
    rests: tuple[RestBody, ...]


def find_ground(take: Take) -> Ground:
    """The ground is level and touches the lowest vertex of all fits."""
    rests = tuple(rest_body(take.body, person) for person in take.people)
    lowest, farthest = float("inf"), 0.0
    for person in take.people:
        world = blender_points_from_camera(posed_vertices(take.body, person, FIRST_FRAME))
        lowest = min(lowest, float(world[:, 2].min()))
        farthest = max(farthest, float(world[:, 1].max()))
    return Ground(-lowest, farthest, rests)
