# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist's rig as a point set: its joints and its surface, as they stand in a canonical body.

The pose that the rig has now is its canonical pose, so that no rest pose needs to be changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.conventions import BLENDER_FROM_SMPL
from ...errors import UserError
from ...protocol.point_set import RIG, PointSet, RigInfo
from ..markers.canonical_body import canonical_gender, canonical_kind
from .bone_choice import (
    FAR,
    BoneEnds,
    ChosenBones,
    bone_ends,
    choose_bones,
)
from .rig_surface import bound_meshes, surface_of_body, surface_of_meshes
from .uniform import axes_of, even_scale

FEWEST_POINTS = 100  # of the meshes' in the body; with fewer, the canonical body's skin is taken


@dataclass(frozen=True, eq=False)
class CollectedRig:
    """A rig's point set, and what the user should know."""

    points: PointSet
    notes: tuple[str, ...]


def collect_rig(
    rig: bpy.types.Object,
    body: bpy.types.Object,
    scene: bpy.types.Scene,
    *,
    fingers: bool = False,
) -> CollectedRig:
    """The point set of an armature that stands in a canonical body. Nothing is changed.
    fingers: small bones of hands and feet are solved, too.

    UserError if it does not stand there, or its scale or the body's is uneven.
    """
    _check(rig, body)
    size = even_scale(rig) / even_scale(body)
    ends = bone_ends(rig, body)
    chosen = choose_bones(rig, body, ends, fingers)
    if not len(chosen.index):
        raise UserError(
            "No bones to solve",
            f"No deforming bone of {rig.name} lies in a limb of {body.name}.",
            "Move the rig into the canonical body; switch on its fingers if it has nothing else.",
        )
    joints = ends.heads[chosen.index]
    carriers = _carriers(ends, chosen)
    skin, weights, note = _surface(rig, body, scene, ends, chosen, carriers, fingers)
    leaves = np.setdiff1d(np.flatnonzero(~chosen.held), chosen.parents)
    leaves = leaves[ends.outside[chosen.index[leaves]] < FAR]
    identity = np.eye(len(joints))
    info = RigInfo(
        joint_names=tuple(ends.bones[bone].name for bone in chosen.index),
        parents=chosen.parents.astype(np.int64),
        joints=joints,
        weights=np.concatenate([identity, identity[leaves], weights]).astype(np.float32),
        held=chosen.held,
        bone_axes=_axes(rig, body, [ends.bones[bone].name for bone in chosen.index]),
        size=size,
    )
    places = np.concatenate([joints, ends.tails[chosen.index[leaves]], skin])
    kind, gender = canonical_kind(body), canonical_gender(body)
    points = PointSet(rig.name, RIG, kind, places, rig=info, gender=gender)
    return CollectedRig(points, (*_notes(ends, chosen), note))


def _check(rig: bpy.types.Object, body: bpy.types.Object) -> None:
    if rig is None or rig.type != "ARMATURE":
        raise UserError(
            "No armature",
            "A rig is an armature object." if rig is None else f"{rig.name} is no armature.",
            "Choose the armature of the rig.",
        )
    if not canonical_kind(body):
        raise UserError(
            "No canonical body",
            f"{rig.name} needs a canonical body to stand in.",
            "Add one: Add > Mesh > NLF Canonical Body, and put the rig into it.",
        )


def _carriers(ends: BoneEnds, chosen: ChosenBones) -> dict[str, int]:
    """The joint that each bone at or below one goes with, by the bone's name."""
    number = {ends.bones[bone].name: joint for joint, bone in enumerate(chosen.index)}
    carriers: dict[str, int] = {}
    for bone in ends.bones:
        above = bone
        while above is not None and above.name not in number:
            above = above.parent
        if above is not None:
            carriers[bone.name] = number[above.name]
    return carriers


def _surface(
    rig: bpy.types.Object,
    body: bpy.types.Object,
    scene: bpy.types.Scene,
    ends: BoneEnds,
    chosen: ChosenBones,
    carriers: dict[str, int],
    fingers: bool,
) -> tuple[Float64Array, Float64Array, str]:
    """Points [K,3] of the surface, their weights [K,J], and what surface that is."""
    count, meshes = len(chosen.index), bound_meshes(rig, scene)
    if meshes:
        skin, weights = surface_of_meshes(meshes, body, carriers, count, fingers)
        if len(skin) >= FEWEST_POINTS:
            names = ", ".join(obj.name for obj in meshes)
            return skin, weights, f"The surface of {names} tells how the bones are turned."
    # held bones are not evidence of their own, but they keep the skin near them from others
    used = [
        index
        for index, bone in enumerate(ends.bones)
        if bone.name in carriers and bone.bone.use_deform and ends.outside[index] < FAR
    ]
    joints = np.array([carriers[ends.bones[index].name] for index in used])
    skin, weights = surface_of_body(
        body, ends.heads[used], ends.tails[used], joints, count, fingers
    )
    return skin, weights, f"The skin of {body.name} tells how the bones are turned."


def _axes(rig: bpy.types.Object, body: bpy.types.Object, names: list[str]) -> Float64Array:
    """Axes of bones [J,3,3] in columns, canonical space."""
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    into = body.matrix_world.inverted_safe() @ evaluated.matrix_world
    bones = evaluated.pose.bones
    axes = axes_of(np.array([(into @ bones[name].matrix).to_3x3() for name in names]))
    return BLENDER_FROM_SMPL.T @ axes


def _notes(ends: BoneEnds, chosen: ChosenBones) -> list[str]:
    deform = sum(bone.bone.use_deform for bone in ends.bones)
    free = int((~chosen.held).sum())
    return [f"{free} of {deform} deforming bones are solved; the others keep their pose."]
