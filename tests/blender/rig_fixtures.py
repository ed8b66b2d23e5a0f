# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs of artists that stand in the canonical body, and motions of theirs that are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import addon_utils
import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion, Vector

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.body.conventions import blender_points_from_smpl
from nlf_blender.body.rotations import rotvec_from_matrix
from nlf_blender.protocol.point_set import RigInfo
from nlf_blender.scene.datablocks import NewDatablocks
from nlf_blender.scene.footage.time_map import TimeMap
from nlf_blender.scene.markers.canonical_body import canonical_from_world, make_canonical_body
from nlf_blender.scene.rigs.apply_rig import RigMotion
from nlf_blender.scene.rigs.uniform import axes_of

OPEN_BODY = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets" / "open_body.npz"
# bone of a Rigify metarig -> the joint that it starts from and the one that it points to
METARIG = {
    "shoulder.{}": ("Collar", "Shoulder"),
    "upper_arm.{}": ("Shoulder", "Elbow"),
    "forearm.{}": ("Elbow", "Wrist"),
    "hand.{}": ("Wrist", "Hand"),
    "thigh.{}": ("Hip", "Knee"),
    "shin.{}": ("Knee", "Ankle"),
    "foot.{}": ("Ankle", "Foot"),
}
# MakeHuman's names: from joint, to joint, parent
MPFB = {
    "root": ("Pelvis", "Spine1", None),
    "spine02": ("Spine1", "Spine3", "root"),
    "neck01": ("Neck", "Head", "spine02"),
    "head": ("Head", None, "neck01"),
    "clavicle.{}": ("Collar", "Shoulder", "spine02"),
    "upperarm01.{}": ("Shoulder", "Elbow", "clavicle.{}"),
    "lowerarm01.{}": ("Elbow", "Wrist", "upperarm01.{}"),
    "wrist.{}": ("Wrist", "Hand", "lowerarm01.{}"),
    "upperleg01.{}": ("Hip", "Knee", "root"),
    "lowerleg01.{}": ("Knee", "Ankle", "upperleg01.{}"),
    "foot.{}": ("Ankle", "Foot", "lowerleg01.{}"),
}
SIDES = {"L": "L_", "R": "R_"}


def add_body() -> bpy.types.Object:
    """The open canonical body in the scene."""
    obj = make_canonical_body(NewDatablocks(), load_body_npz(OPEN_BODY), "open")
    for block in (obj, *obj.children):
        bpy.context.scene.collection.objects.link(block)
    bpy.context.view_layer.update()
    return obj


def canonical_joints(body: bpy.types.Object) -> dict[str, Vector]:
    """Where the joints are in the world."""
    data = load_body_npz(OPEN_BODY)
    places = blender_points_from_smpl(data.canonical_joints)
    names = data.skeleton.joint_names
    return {n: body.matrix_world @ Vector(p) for n, p in zip(names, places, strict=True)}


def add_metarig(body: bpy.types.Object) -> bpy.types.Object:
    """Rigify's human metarig, scaled and posed until it stands in the body."""
    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    rig, joints = bpy.context.object, canonical_joints(body)
    tall = (joints["Neck"] - joints["Pelvis"]).length
    bones = rig.data.bones
    rig.scale *= tall / (bones["spine.004"].head_local - bones["spine"].head_local).length
    bpy.context.view_layer.update()
    rig.location += joints["Pelvis"] - rig.matrix_world @ bones["spine"].head_local
    rig.location += Vector((0.0, 0.0, 0.03))
    bpy.context.view_layer.update()
    for name, (_, end) in METARIG.items():
        for side, prefix in SIDES.items():
            bone = rig.pose.bones[name.format(side)]
            aim(rig, bone, joints[prefix + end])
    return rig


def aim(rig: bpy.types.Object, bone: bpy.types.PoseBone, target: Vector) -> None:
    """Turn a bone towards a point of the world, without twisting it."""
    at = rig.matrix_world.inverted() @ target
    turn = bone.vector.rotation_difference(at - bone.head)
    head = Matrix.Translation(bone.head)
    bone.matrix = head @ turn.to_matrix().to_4x4() @ head.inverted() @ bone.matrix
    bpy.context.view_layer.update()


def add_mpfb(body: bpy.types.Object) -> bpy.types.Object:
    """A rig with MakeHuman's names: rolls at random, disconnected bones, all rotation modes, bones
    that do not inherit rotation, a bone on the ground above all, a second root."""
    joints, rng = canonical_joints(body), np.random.default_rng(5)
    data = bpy.data.armatures.new("MPFB")
    rig = bpy.data.objects.new("MPFB", data)
    bpy.context.scene.collection.objects.link(rig)
    rig.location, rig.scale = (0.4, -0.2, 0.1), (0.1, 0.1, 0.1)
    rig.rotation_euler = Euler((0.0, 0.0, 1.1))
    bpy.context.view_layer.objects.active = rig
    bpy.context.view_layer.update()
    inverse = rig.matrix_world.inverted()
    bpy.ops.object.mode_set(mode="EDIT")
    ground = data.edit_bones.new("ground")
    ground.head, ground.tail = inverse @ Vector((0, 0, 0)), inverse @ Vector((0, -0.3, 0))
    ground.use_deform = False
    for name, (start, end, parent) in MPFB.items():
        for side, prefix in SIDES.items() if "{}" in name else (("", ""),):
            bone = data.edit_bones.new(name.format(side))
            first = joints[prefix + start if prefix else start]
            last = joints[prefix + end if prefix else end] if end else first + Vector((0, 0, 0.15))
            bone.head, bone.tail = inverse @ first, inverse @ last
            bone.roll = rng.uniform(-3, 3)
            bone.parent = data.edit_bones[parent.format(side)] if parent else ground
    data.edit_bones["lowerleg01.R"].use_inherit_rotation = False
    data.edit_bones["upperleg01.R"].use_inherit_rotation = False
    data.edit_bones["root"].use_local_location = False
    data.edit_bones["head"].parent = None
    bpy.ops.object.mode_set(mode="OBJECT")
    modes = ("QUATERNION", "XYZ", "AXIS_ANGLE", "ZYX", "YXZ")
    for number, bone in enumerate(rig.pose.bones):
        bone.rotation_mode = modes[number % len(modes)]
    return rig


def bind_skin(rig: bpy.types.Object, body: bpy.types.Object) -> bpy.types.Object:
    """A mesh over the body that the rig deforms, bound by distance."""
    mesh = bpy.data.objects.new("Skin", body.data.copy())
    bpy.context.scene.collection.objects.link(mesh)
    mesh.matrix_world = body.matrix_world
    places = np.array([mesh.matrix_world @ v.co for v in mesh.data.vertices])
    middles = np.array([rig.matrix_world @ ((b.head + b.tail) / 2) for b in rig.pose.bones])
    nearest = np.linalg.norm(places[:, None] - middles, axis=2).argmin(axis=1)
    for number, bone in enumerate(rig.pose.bones):
        group = mesh.vertex_groups.new(name=bone.name)
        chosen = np.flatnonzero(nearest == number)
        if len(chosen):
            group.add(chosen.tolist(), 1.0, "REPLACE")
    modifier = mesh.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    return mesh


@dataclass(frozen=True, eq=False)
class KnownMotion:
    """What a solve would have found, and where the bones are then: [T,J,4,4] in the world."""

    motion: dict[str, np.ndarray]
    matrices: np.ndarray


def bone_matrices(rig: bpy.types.Object, names: tuple[str, ...]) -> np.ndarray:
    """Where bones are now [J,4,4], world."""
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    bones = evaluated.pose.bones
    return np.array([evaluated.matrix_world @ bones[name].matrix for name in names])


def known_motion(
    rig: bpy.types.Object, body: bpy.types.Object, info: RigInfo, frames: int, scale: float
) -> KnownMotion:
    """Pose the rig at random, read off what a solve of a person `scale` times as large would say,
    and put the rig back. Blender's own evaluation is the truth."""
    rng, names = np.random.default_rng(6), info.joint_names
    before = {name: rig.pose.bones[name].matrix_basis.copy() for name in names}
    into = np.array(body.matrix_world.inverted())
    rest = axes_of((into @ bone_matrices(rig, names))[:, :3, :3])
    matrices = []
    for _ in range(frames):
        for joint, name in enumerate(names):
            turn = Quaternion(rng.normal(0, 1, 3), rng.normal(0, 0.5))
            if not info.held[joint]:
                rig.pose.bones[name].matrix_basis = before[name] @ turn.to_matrix().to_4x4()
        bpy.context.view_layer.update()
        found, turn = bone_matrices(rig, names), np.array(Euler(rng.normal(0, 1, 3)).to_matrix())
        from_root = found[:, :3, 3] - found[0, :3, 3]
        found[:, :3, 3] = scale * from_root @ turn.T + rng.normal(0, 1, 3)
        found[:, :3, :3] = turn @ axes_of(found[:, :3, :3])
        matrices.append(found)
    for name, basis in before.items():
        rig.pose.bones[name].matrix_basis = basis
    bpy.context.view_layer.update()
    return KnownMotion(_as_fields(info, np.array(matrices), rest, scale), np.array(matrices))


def _as_fields(
    info: RigInfo, matrices: np.ndarray, rest: np.ndarray, scale: float
) -> dict[str, np.ndarray]:
    """RIG_FIELDS of bones [T,J,4,4] in the world; rest [J,3,3]: their axes in Blender's."""
    from_blender = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=float)  # to SMPL's axes
    space = matrices[:, :, :3, :3] @ rest.transpose(0, 2, 1) @ from_blender.T
    above = space[:, np.maximum(info.parents, 0)].copy()
    above[:, info.parents < 0] = np.eye(3)
    frames = len(matrices)
    return {
        "frame": np.arange(frames),
        "time": np.arange(frames) / 25.0,
        "root": matrices[:, 0, :3, 3],
        "pose": rotvec_from_matrix(above.swapaxes(-1, -2) @ space),
        "scale": np.full(frames, scale),
        "error": np.zeros(frames, dtype=np.float32),
        "turn_sigma": np.zeros(space.shape[:2], dtype=np.float32),
    }


def as_solved(info: RigInfo, known: KnownMotion, *, start: float = 11.0) -> RigMotion:
    """A known motion as it is applied: from the scene frame `start`, at 25 frames a second."""
    times = TimeMap(start, 0.0, 25.0, resample=False)
    samples = times.samples(known.motion["time"])
    return RigMotion(info, known.motion, samples, np.eye(4), "Motion")


def canonical_heads(
    rig: bpy.types.Object, body: bpy.types.Object, names: tuple[str, ...]
) -> np.ndarray:
    """Where bones begin [J,3], canonical space."""
    return canonical_from_world(body, bone_matrices(rig, names)[:, :3, 3])
