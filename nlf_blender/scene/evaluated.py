# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person's rig and body look like once posed, as arrays in the world, metres."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np

from ..body.arrays import Float64Array
from ..body.skeleton import mirrored_name
from .person.armature import bones_by_joint, joint_of_bone
from .person.shapes import Shape
from .take_people import PersonObjects


@dataclass(frozen=True)
class Segment:
    """A piece of a skeleton from start [3] to end [3]; side: -1 the person's right, 1 left."""

    start: Float64Array
    end: Float64Array
    side: int


@contextmanager
def _linked(scene: bpy.types.Scene, person: PersonObjects) -> Iterator[bpy.types.Depsgraph]:
    """The person in another scene, where it is evaluated even if the user has hidden it."""
    objects = scene.collection.objects
    pair = (person.rig, person.body)
    for obj in pair:
        objects.link(obj)
    try:
        layer = scene.view_layers[0]
        layer.update()
        yield layer.depsgraph
    finally:
        for obj in pair:
            objects.unlink(obj)


def body_shape(scene: bpy.types.Scene, person: PersonObjects) -> Shape:
    """The posed body; scene: one that the person is not in."""
    with _linked(scene, person) as depsgraph:
        body = person.body.evaluated_get(depsgraph)
        mesh = body.to_mesh()
        vertices = np.empty(3 * len(mesh.vertices), dtype=np.float32)
        mesh.vertices.foreach_get("co", vertices)
        faces = np.empty(len(mesh.loops), dtype=np.int32)
        mesh.loops.foreach_get("vertex_index", faces)
        matrix = np.array(body.matrix_world)
        body.to_mesh_clear()
    world = vertices.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
    return Shape(world, faces.reshape(-1, 3))


def skeleton_segments(scene: bpy.types.Scene, person: PersonObjects) -> list[Segment]:
    """From each joint to its children, and along the end bones; scene: as in `body_shape`."""
    with _linked(scene, person) as depsgraph:
        rig = person.rig.evaluated_get(depsgraph)
        by_joint = bones_by_joint(rig)
        segments = []
        for bone in rig.pose.bones:
            side = _side(rig.data.bones, by_joint, bone.bone)
            ends = [(bone.parent.head, bone.head)] if bone.parent else []
            ends += [(bone.head, bone.tail)] if not bone.children else []
            for start, end in ends:
                places = [np.array(rig.matrix_world @ place) for place in (start, end)]
                if np.linalg.norm(places[1] - places[0]) > 0:
                    segments.append(Segment(places[0], places[1], side))
    return segments


def _side(bones: bpy.types.ArmatureBones, by_joint: Mapping[str, str], bone: bpy.types.Bone) -> int:
    other = by_joint.get(mirrored_name(joint_of_bone(bone)), bone.name)
    if other == bone.name:
        return 0
    return 1 if bone.head_local.x > bones[other].head_local.x else -1
