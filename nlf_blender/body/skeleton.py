# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints, their names and their tree."""

from __future__ import annotations

from dataclasses import dataclass

from .sides import mirror_name

SMPL_JOINT_NAMES = (
    "Pelvis",
    "L_Hip",
    "R_Hip",
    "Spine1",
    "L_Knee",
    "R_Knee",
    "Spine2",
    "L_Ankle",
    "R_Ankle",
    "Spine3",
    "L_Foot",
    "R_Foot",
    "Neck",
    "L_Collar",
    "R_Collar",
    "Head",
    "L_Shoulder",
    "R_Shoulder",
    "L_Elbow",
    "R_Elbow",
    "L_Wrist",
    "R_Wrist",
    "L_Hand",
    "R_Hand",
)
SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

# The joints of SMPL-H and SMPL-X, in the order of their files: the body's without L_Hand and
# R_Hand, the head's, then each hand's, every finger from its root outward.
HAND_JOINTS = tuple(
    f"{finger}{number}"
    for finger in ("Index", "Middle", "Pinky", "Ring", "Thumb")
    for number in (1, 2, 3)
)
HAND_NAMES = tuple(f"{side}_{joint}" for side in "LR" for joint in HAND_JOINTS)
SMPLH_JOINT_NAMES = (*SMPL_JOINT_NAMES[:22], *HAND_NAMES)
SMPLX_JOINT_NAMES = (*SMPL_JOINT_NAMES[:22], "Jaw", "L_Eye", "R_Eye", *HAND_NAMES)


@dataclass(frozen=True)
class Skeleton:
    """A tree of named joints; the root's parent is -1. ValueError if it is not one tree."""

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.joint_names) != len(self.parents):
            raise ValueError(f"{len(self.joint_names)} joint names, {len(self.parents)} parents")
        if len(set(self.joint_names)) != len(self.joint_names):
            raise ValueError("two joints have the same name")
        levels_of(self.parents)

    @property
    def joint_count(self) -> int:
        """The number of joints J."""
        return len(self.parents)

    @property
    def root(self) -> int:
        """The joint without a parent."""
        return self.parents.index(-1)

    def index(self, name: str) -> int:
        """The joint with this name; ValueError if there is none."""
        return self.joint_names.index(name)

    def children(self, joint: int) -> tuple[int, ...]:
        """The joints whose parent is this one."""
        return tuple(child for child, parent in enumerate(self.parents) if parent == joint)

    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Joints by their distance from the root: the root, its children, theirs, and so on."""
        return levels_of(self.parents)

    def depth_order(self) -> tuple[int, ...]:
        """All joints, every parent before its children."""
        return tuple(joint for level in self.levels() for joint in level)

    def mirrored(self) -> tuple[int, ...]:
        """For each joint the one with the other side's name, or itself where there is none."""
        index_of = {name: joint for joint, name in enumerate(self.joint_names)}
        return tuple(
            index_of.get(mirrored_name(name), joint) for joint, name in enumerate(self.joint_names)
        )


def levels_of(parents: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Joints by their distance from the root; ValueError unless the parents form one tree."""
    if parents.count(-1) != 1:
        raise ValueError(f"{parents.count(-1)} joints have no parent; a body has one root")
    levels: list[tuple[int, ...]] = [(parents.index(-1),)]
    while True:
        above = set(levels[-1])
        below = tuple(joint for joint, parent in enumerate(parents) if parent in above)
        if not below:
            break
        levels.append(below)
    if sum(len(level) for level in levels) != len(parents):
        raise ValueError("some joints do not hang from the root")
    return tuple(levels)


def mirrored_name(name: str) -> str:
    """The name with left and right exchanged; the same name if it has no side."""
    return mirror_name(name) or name


def _hand_parents(first: int) -> tuple[int, ...]:
    """Parents of both hands' joints, the first of which has this index: wrist or joint before."""
    return tuple(
        wrist if joint % 3 == 0 else first + hand * len(HAND_JOINTS) + joint - 1
        for hand, wrist in enumerate((20, 21))
        for joint in range(len(HAND_JOINTS))
    )


SMPLH_PARENTS = (*SMPL_PARENTS[:22], *_hand_parents(22))
SMPLX_PARENTS = (*SMPL_PARENTS[:22], 15, 15, 15, *_hand_parents(25))
SMPL_SKELETON = Skeleton(SMPL_JOINT_NAMES, SMPL_PARENTS)
SMPLH_SKELETON = Skeleton(SMPLH_JOINT_NAMES, SMPLH_PARENTS)
SMPLX_SKELETON = Skeleton(SMPLX_JOINT_NAMES, SMPLX_PARENTS)
SKELETONS = {"smpl": SMPL_SKELETON, "smplh": SMPLH_SKELETON, "smplx": SMPLX_SKELETON}


def kind_of(parents: tuple[int, ...]) -> str:
    """The SMPL-family layout, a key of SKELETONS, that joints with these parents have, or ""."""
    return next((kind for kind, known in SKELETONS.items() if known.parents == parents), "")
