# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of a rig are solved, which are held, and which are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

from ...body.arrays import Float64Array, IntArray
from ...body.conventions import smpl_points_from_blender
from ...errors import UserError
from ..markers.canonical_body import canonical_from_world, joints_of

FAR = 0.10  # metres outside of the skin; a bone with an end farther out is left alone
STANDS_IN = 0.03  # metres outside of the skin: what still stands in the body
LEAST_INSIDE = 0.6  # of the deforming bones, by their length
SAME_JOINT = 0.06  # metres: of bones that begin this near to each other, one begins the hand
# What a bone is of, by the joint of the canonical body that it begins nearest to.
FACE = ("head", "jaw", "eye")
TORSO = ("pelvis", "spine", "collar")
SIDES = ("L", "R")


@dataclass(frozen=True, eq=False)
class BoneEnds:
    """A pose as it stands in the canonical body: heads and tails [B,3] of all bones, metres,
    canonical space; outside [B]: how far the farther end is outside of the skin, below 0 inside."""

    bones: tuple[bpy.types.PoseBone, ...]
    heads: Float64Array
    tails: Float64Array
    outside: Float64Array

    @property
    def lengths(self) -> Float64Array:
        """How long the bones are [B], metres."""
        return np.linalg.norm(self.tails - self.heads, axis=1)


@dataclass(frozen=True, eq=False)
class ChosenBones:
    """index [J]: which of a rig's bones are joints of the set, parents first, the main root first
    of all; parents [J]: among these, -1 for roots; held [J]."""

    index: IntArray
    parents: IntArray
    held: np.ndarray


def bone_ends(rig: bpy.types.Object, body: bpy.types.Object) -> BoneEnds:
    """Where the bones of a rig stand now, in the space of a canonical body."""
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    bones = tuple(evaluated.pose.bones)
    matrix = evaluated.matrix_world
    heads = np.array([matrix @ bone.head for bone in bones]).reshape(-1, 3)
    tails = np.array([matrix @ bone.tail for bone in bones]).reshape(-1, 3)
    heights = heights_above(body, np.concatenate([heads, tails])).reshape(2, -1)
    return BoneEnds(
        tuple(rig.pose.bones),
        canonical_from_world(body, heads),
        canonical_from_world(body, tails),
        heights.max(axis=0),
    )


def heights_above(body: bpy.types.Object, points: Float64Array) -> Float64Array:
    """How far world points [K,3] are outside of a canonical body's skin [K], below 0 inside; metres
    of canonical space."""
    mesh = body.data
    tree = BVHTree.FromPolygons(
        [vertex.co for vertex in mesh.vertices], [polygon.vertices for polygon in mesh.polygons]
    )
    inverse = body.matrix_world.inverted_safe()
    heights = np.empty(len(points))
    for row, point in enumerate(points):
        place = inverse @ Vector(point)
        nearest, normal, _, distance = tree.find_nearest(place)
        heights[row] = distance if (place - nearest).dot(normal) > 0 else -distance
    return heights


def choose_bones(
    rig: bpy.types.Object, body: bpy.types.Object, ends: BoneEnds, fingers: bool
) -> ChosenBones:
    """The bones that a set has; fingers: small bones of hands and feet are solved, too. UserError
    if the rig does not stand in the body."""
    deform = np.array([bone.bone.use_deform for bone in ends.bones], dtype=bool)
    if not deform.any():
        raise UserError(
            "No bones that deform",
            f"None of the bones of {rig.name} is set to deform.",
            "Switch on Deform in the bones' properties, or choose another armature.",
        )
    lengths = ends.lengths * deform
    inside = float((lengths * (ends.outside < STANDS_IN)).sum() / max(lengths.sum(), 1e-9))
    if inside < LEAST_INSIDE:
        worst = int(np.where(deform, ends.outside, -np.inf).argmax())
        raise UserError(
            "The rig does not stand in the canonical body",
            f"Of {rig.name}, {100 * inside:.0f} % of the deforming bones are inside of "
            f"{body.name}; {ends.bones[worst].name} is {100 * ends.outside[worst]:.0f} cm outside.",
            "Scale, move and pose the rig until its bones lie in the limbs of the canonical body.",
        )
    free = deform & (ends.outside < FAR)
    parents = _parents(ends.bones)
    free &= ~_small(body, ends, parents, free, fingers)
    return _tree(parents, free, ends.lengths)


def _parents(bones: Sequence[bpy.types.PoseBone]) -> IntArray:
    number = {bone.name: index for index, bone in enumerate(bones)}
    return np.array([-1 if bone.parent is None else number[bone.parent.name] for bone in bones])


def _small(
    body: bpy.types.Object, ends: BoneEnds, parents: IntArray, free: np.ndarray, fingers: bool
) -> np.ndarray:
    """Bones [B] that are held since a localizer does not see them turn: those of the face, leaves
    of the torso, such as breasts, and unless wanted the small ones of hands and feet."""
    names, places, _ = joints_of(body)
    small = np.zeros(len(ends.bones), dtype=bool)
    if not names:
        return small
    joints = smpl_points_from_blender(places)
    distances = np.linalg.norm(ends.heads[:, None] - joints, axis=2)
    at = {name: distances[:, joint] for joint, name in enumerate(names)}
    nearest = np.array([name.lower() for name in names])[distances.argmin(axis=1)]
    face = free & _of(nearest, FACE)
    if face.any():
        skull = int(np.where(face, ends.lengths, 0.0).argmax())
        small |= (face | _below(parents, skull)) & ~_above(parents, skull)
    for side in SIDES if free.any() and not fingers else ():
        if f"{side}_Wrist" in at:
            small |= _below(parents, _beginning(at[f"{side}_Wrist"], parents, free))
        if f"{side}_Ankle" in at and f"{side}_Foot" in at:
            below = free & _below(parents, _beginning(at[f"{side}_Ankle"], parents, free))
            if below.any():
                below[np.where(below, at[f"{side}_Foot"], np.inf).argmin()] = False
            small |= below
    leaf = np.ones(len(parents), dtype=bool)
    leaf[parents[(parents >= 0) & free & ~small]] = False
    return small | (leaf & _of(nearest, TORSO))


def _of(names: np.ndarray, words: Sequence[str]) -> np.ndarray:
    return np.array([any(word in name for word in words) for name in names], dtype=bool)


def _beginning(distance: Float64Array, parents: IntArray, free: np.ndarray) -> int:
    """The free bone that begins at a joint, by the distances [B] from it; of those that do, the one
    above the others."""
    near = np.where(free, distance, np.inf)
    there = np.flatnonzero(near <= near.min() + SAME_JOINT)
    return int(there[_depths(parents)[there].argmin()])


def _below(parents: IntArray, bone: int) -> np.ndarray:
    """Which bones [B] are below one."""
    found = np.array([bone in _upwards(parents, other) for other in range(len(parents))])
    found[bone] = False
    return found


def _above(parents: IntArray, bone: int) -> np.ndarray:
    """Which bones [B] are one, or above it."""
    return np.isin(np.arange(len(parents)), _upwards(parents, bone))


def _upwards(parents: IntArray, bone: int) -> list[int]:
    """A bone and all those above it."""
    found = [bone]
    while parents[found[-1]] >= 0:
        found.append(int(parents[found[-1]]))
    return found


def _tree(parents: IntArray, free: np.ndarray, lengths: Float64Array) -> ChosenBones:
    """Free bones and those between them, the tree with most of their length first."""
    below = free.copy()
    for bone in _deepest_first(parents):
        if parents[bone] >= 0:
            below[parents[bone]] |= below[bone]
    above = free.copy()  # whether a bone or one above it is free
    for bone in reversed(_deepest_first(parents)):
        if parents[bone] >= 0:
            above[bone] |= above[parents[bone]]
    taken = below & above
    top = np.arange(len(parents))
    for bone in reversed(_deepest_first(parents)):
        if parents[bone] >= 0 and taken[parents[bone]]:
            top[bone] = top[parents[bone]]
    weight = np.bincount(top[taken], lengths[taken] * free[taken], minlength=len(parents))
    depth = _depths(parents)
    index = np.flatnonzero(taken)
    index = index[np.lexsort((index, depth[index], top[index], -weight[top[index]]))]
    number = np.full(len(parents), -1)
    number[index] = np.arange(len(index))
    own = parents[index]
    return ChosenBones(index, np.where(own < 0, -1, number[np.maximum(own, 0)]), ~free[index])


def _depths(parents: IntArray) -> IntArray:
    return np.array([len(_upwards(parents, bone)) for bone in range(len(parents))])


def _deepest_first(parents: IntArray) -> list[int]:
    return [int(bone) for bone in np.argsort(-_depths(parents), kind="stable")]
