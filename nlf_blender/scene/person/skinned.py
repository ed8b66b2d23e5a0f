# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitted body's mesh: shape keys for betas and expressions, a vertex group per bone."""

from __future__ import annotations

from collections.abc import Mapping

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.body_data import BodyData
from ...body.conventions import blender_points_from_smpl
from ..datablocks import NewDatablocks
from ..fading import fade_at_rest
from ..meshes import Topology, make_mesh
from .armature import bones_by_joint
from .posing import Binding, BodyShape

BETA_RANGE = 5.0  # of the sliders; a component has a spread of 1
BASIS_KEY = "Basis"
CORRECTIVES_KEY = "Pose Correctives"


def make_body(
    new: NewDatablocks,
    name: str,
    body: BodyData,
    person: BodyShape,
    topology: Topology,
    binding: Binding,
    rig: bpy.types.Object,
) -> bpy.types.Object:
    """The mesh that a posed rig deforms, at rest.

    The rig's rest joints are those of the person's betas: moving a slider later changes the mesh,
    not the bones. So do the sliders of expressions, which in SMPL-X move joints a little too.
    """
    basis = _basis(body, person, binding)
    obj = new.add(
        bpy.data.objects.new(name, make_mesh(new, name, blender_points_from_smpl(basis), topology))
    )
    add_weights(obj, body, bones_by_joint(rig))
    _add_shape_keys(obj, body, person, basis, binding)
    _attach(obj, rig)
    if binding.correctives is not None:
        _add_key(obj, CORRECTIVES_KEY, basis + binding.correctives).value = 1.0
        fade_at_rest(obj.data.shape_keys, CORRECTIVES_KEY, rig)
    return obj


def _attach(obj: bpy.types.Object, rig: bpy.types.Object) -> None:
    """Let the rig's bones deform the mesh."""
    obj.parent = rig
    modifier = obj.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    modifier.use_vertex_groups = True
    modifier.use_bone_envelopes = False


def add_weights(obj: bpy.types.Object, body: BodyData, bones: Mapping[str, str]) -> None:
    """A vertex group per bone (of bones: by joint), empty ones included: a retargeting tool expects
    them all."""
    for joint, joint_name in enumerate(body.skeleton.joint_names):
        group = obj.vertex_groups.new(name=bones[joint_name])
        moved = np.flatnonzero(body.weights[:, joint])
        weights = body.weights[moved, joint].tolist()
        for vertex, weight in zip(moved.tolist(), weights, strict=True):
            group.add([vertex], weight, "REPLACE")


def _add_shape_keys(
    obj: bpy.types.Object,
    body: BodyData,
    person: BodyShape,
    basis: Float64Array,
    binding: Binding,
) -> None:
    """A slider per shape component, at the person's beta, and per facial expression, at 0."""
    obj.shape_key_add(name=BASIS_KEY, from_mix=False)
    for name, directions, value in _sliders(body, person):
        offsets = binding.rest.carried_offsets(person.scale * directions)
        key = _add_key(obj, name, basis + offsets)
        # a fit beyond the usual range keeps its value
        key.slider_max = max(BETA_RANGE, abs(value))
        key.slider_min = -key.slider_max
        key.value = value


def _basis(body: BodyData, person: BodyShape, binding: Binding) -> Float64Array:
    """The mean body [V,3] in the person's rest, SMPL's axes."""
    template = person.scale * body.v_template
    if binding.rest_correctives is not None:
        template = template + binding.rest_correctives
    return binding.rest.carried_points(template)


def _sliders(body: BodyData, person: BodyShape) -> list[tuple[str, Float64Array, float]]:
    """Names, directions [V,3] and values of the shape keys."""
    sliders = [
        (f"Shape {index:03d}", body.shapedirs[:, :, index], beta)
        for index, beta in enumerate(person.betas.tolist())
    ]
    if body.expression_dirs is not None:
        sliders += [
            (f"Expression {index:03d}", body.expression_dirs[:, :, index], 0.0)
            for index in range(body.expression_dirs.shape[2])
        ]
    return sliders


def reshape_body(
    obj: bpy.types.Object, body: BodyData, person: BodyShape, binding: Binding
) -> None:
    """Give the mesh of `make_body` another person's shape; what else it has stays."""
    keys = obj.data.shape_keys.key_blocks
    basis = _basis(body, person, binding)
    targets = [(BASIS_KEY, basis, None)]
    for name, directions, value in _sliders(body, person):
        offsets = binding.rest.carried_offsets(person.scale * directions)
        targets.append((name, basis + offsets, value if name.startswith("Shape") else None))
    for name, positions, value in targets:
        key = keys.get(name)
        if key is None:
            continue
        _set_places(key, positions)
        if value is not None:
            key.slider_max = max(key.slider_max, abs(value))
            key.slider_min = -key.slider_max
            key.value = value
    places = blender_points_from_smpl(basis).astype(np.float32)
    obj.data.vertices.foreach_set("co", places.ravel())
    obj.data.update()


def _add_key(obj: bpy.types.Object, name: str, positions: Float64Array) -> bpy.types.ShapeKey:
    """A shape key with these positions [V,3] in SMPL's axes."""
    key = obj.shape_key_add(name=name, from_mix=False)
    _set_places(key, positions)
    return key


def _set_places(key: bpy.types.ShapeKey, positions: Float64Array) -> None:
    places = blender_points_from_smpl(positions).astype(np.float32)
    key.points.foreach_set("co", places.ravel())
