# SPDX-License-Identifier: GPL-3.0-or-later
"""How the user wants rigs: bone names, rest pose, fingers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...body.bone_names import Naming
from ...body.rest_pose import RestKind

Hands = Literal["FITTED", "FLAT", "RELAXED"]


@dataclass(frozen=True)
class RigOptions:
    """naming: of bones and vertex groups; rest_pose: of bones and mesh, T being the body
    template's; hands: as fitted, as in the template, or the mean hand of the body's file."""

    naming: Naming = "SMPL"
    rest_pose: RestKind = "T"
    hands: Hands = "FITTED"
