# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitted body's mesh: shape keys for the betas, a vertex group per bone."""

from __future__ import annotations

import bpy
import numpy as np

from ..body.arrays import Float64Array
from ..body.body_data import BodyData
from ..body.conventions import blender_points_from_smpl
from .datablocks import NewDatablocks
from .meshes import Topology, make_mesh
from .posing import BodyFit

BETA_RANGE = 5.0  # of the sliders; a shape component has a spread of 1
CORRECTIVES_KEY = "Pose Correctives"


def make_body(
    new: NewDatablocks,
    name: str,
    body: BodyData,
    person: BodyFit,
    topology: Topology,
    correctives: Float64Array | None,
) -> bpy.types.Object:
    """The mesh that a rig deforms, at rest; correctives [V,3]: offsets of the pose, SMPL's axes.

    The rig's rest joints are those of the person's betas: moving a slider later changes the mesh,
    not the bones.
    """
    template = person.scale * blender_points_from_smpl(body.v_template)
    mesh = make_mesh(new, name, template, topology)
    obj = new.add(bpy.data.objects.new(name, mesh))
    _add_weights(obj, body)
    _add_shape_keys(obj, body, person, template, correctives)
    return obj


def attach(obj: bpy.types.Object, rig: bpy.types.Object) -> None:
    """Let the rig's bones deform the mesh."""
    obj.parent = rig
    modifier = obj.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    modifier.use_vertex_groups = True
    modifier.use_bone_envelopes = False


def _add_weights(obj: bpy.types.Object, body: BodyData) -> None:
    """A vertex group per joint, empty ones included: a retargeting tool expects them all."""
    for joint, joint_name in enumerate(body.skeleton.joint_names):
        group = obj.vertex_groups.new(name=joint_name)
        moved = np.flatnonzero(body.weights[:, joint])
        weights = body.weights[moved, joint].tolist()
        for vertex, weight in zip(moved.tolist(), weights, strict=True):
            group.add([vertex], weight, "REPLACE")


def _add_shape_keys(
    obj: bpy.types.Object,
    body: BodyData,
    person: BodyFit,
    template: Float64Array,
    correctives: Float64Array | None,
) -> None:
    obj.shape_key_add(name="Basis", from_mix=False)
    for index, beta in enumerate(person.betas.tolist()):
        offsets = person.scale * blender_points_from_smpl(body.shapedirs[:, :, index])
        key = _add_key(obj, f"Shape {index:03d}", template + offsets)
        # a fit beyond the usual range keeps its value
        key.slider_max = max(BETA_RANGE, abs(beta))
        key.slider_min = -key.slider_max
        key.value = beta
    if correctives is not None:
        key = _add_key(obj, CORRECTIVES_KEY, template + blender_points_from_smpl(correctives))
        key.value = 1.0


def _add_key(obj: bpy.types.Object, name: str, positions: Float64Array) -> bpy.types.ShapeKey:
    key = obj.shape_key_add(name=name, from_mix=False)
    key.points.foreach_set("co", positions.astype(np.float32).ravel())
    return key
