# SPDX-License-Identifier: GPL-3.0-or-later
"""Second chances: where scan and body are far apart, limbs or all below the head start anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from ..rotations import matrix_from_rotvec
from .body_points import BodyPoints, State, join
from .starts import START_POSES, start_pose

LIMB_ROOTS = ("shoulder", "hip")  # parts of joints' names
CROSSED_LEGS = {"hip": (0.0, 0.0, -0.6)}
RESTART_POSES = (*START_POSES, CROSSED_LEGS)
FAR = 0.03  # metres between body and scan
LOST_SHARE = 0.003  # of the surface, that far: a hand is 0.02 of it


def limb_restarts(points: BodyPoints, state: State) -> State | None:
    """The one body of `state` with one limb, or both of a kind, in each of the start poses.

    None if the body's joints are not named as SMPL's are.
    """
    variants = []
    for limbs in _limbs(points):
        seen: list[torch.Tensor] = []
        moved = points.subtree[:, limbs].sum(1) > 0
        for pose in RESTART_POSES:
            turns = matrix_from_rotvec(start_pose(points.model, pose))[moved]
            if any(torch.equal(turns, before) for before in seen):
                continue
            seen.append(turns)
            rotations = state.rotations.clone()
            rotations[0, moved] = turns.to(rotations)
            variants.append(replace(state, rotations=rotations))
    return join(variants) if variants else None


def trunk_restarts(points: BodyPoints, state: State) -> State | None:
    """The one body of `state` anew in each of the start poses, with its head where it was, facing
    as its hips do and as its chest does: legs that were swapped leave the trunk twisted.

    None if no joint is named a spine's or a head's.
    """
    names = [name.lower() for name in points.model.body.skeleton.joint_names]
    spine = [joint for joint, name in enumerate(names) if "spine" in name]
    head = next((joint for joint, name in enumerate(names) if "head" in name), None)
    if not spine or head is None:
        return None
    posed = points.pose(state)
    root = points.model.body.skeleton.root
    variants = []
    for facing in (root, spine[-1]):
        for pose in RESTART_POSES:
            rotations = matrix_from_rotvec(start_pose(points.model, pose)).to(state.rotations)[None]
            rotations[:, root] = posed.orientations[:, facing]
            moved = replace(state, rotations=rotations)
            offset = posed.positions[:, head] - points.pose(moved).positions[:, head]
            variants.append(replace(moved, translation=state.translation + offset))
    return join(variants)


def _limbs(points: BodyPoints) -> Iterator[list[int]]:
    """The roots of each limb, and of each pair."""
    names = [name.lower() for name in points.model.body.skeleton.joint_names]
    for part in LIMB_ROOTS:
        roots = [joint for joint, name in enumerate(names) if part in name]
        yield from ([root] for root in roots)
        if len(roots) > 1:
            yield roots
