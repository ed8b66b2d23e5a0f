# SPDX-License-Identifier: GPL-3.0-or-later
"""A shape key that belongs to the imported pose and goes as the rig goes back to rest."""

from __future__ import annotations

import bpy

LEAST_TURN = 1e-3  # of all bones together, as 1 - cos(angle / 2); less is as good as at rest
FULL_BEFORE = 0.02  # of the way from the imported pose to rest; rounding must not start the fade


def fade_at_rest(keys: bpy.types.Key, name: str, rig: bpy.types.Object) -> None:
    """Drive a shape key by the posed rig: 1 in its present pose and beyond, 0 at rest.

    Between, it follows the sum over all bones but the root of 1 - cos(angle / 2), angle being a
    bone's turn from rest. The driver needs no Python, so it works where scripts may not run.
    """
    turning = [bone for bone in rig.pose.bones if bone.parent is not None]
    posed = sum(abs(bone.rotation_quaternion.w) for bone in turning)
    way = len(turning) - posed
    if way < LEAST_TURN:
        return
    curve = keys.key_blocks[name].driver_add("value")
    # a new driver's value is its input, by a modifier or by keys of its own, as the Blender is
    for modifier in list(curve.modifiers):
        curve.modifiers.remove(modifier)
    curve.keyframe_points.clear()
    curve.driver.type = "SUM"
    for bone in turning:
        variable = curve.driver.variables.new()
        variable.type = "TRANSFORMS"
        target = variable.targets[0]
        target.id = rig
        target.bone_target = bone.name
        target.transform_type = "ROT_W"
        target.transform_space = "LOCAL_SPACE"
        target.rotation_mode = "QUATERNION"
    curve.keyframe_points.add(2)
    ends = ((posed + FULL_BEFORE * way, 1.0), (float(len(turning)), 0.0))
    for point, place in zip(curve.keyframe_points, ends, strict=True):
        point.co = place
        point.interpolation = "LINEAR"
    curve.extrapolation = "CONSTANT"
    curve.update()
