# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2 and 5.2; the only file that asks for Blender's version."""

from __future__ import annotations

from typing import Any

import bpy


def node_tree(owner: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    """The node tree of a new material or world, which has one by itself only since 5.0."""
    if bpy.app.version < (5, 0, 0):
        owner.use_nodes = True
    return owner.node_tree


def _has_slots() -> bool:
    return bpy.app.version >= (4, 4, 0)


def curve_owner(action: bpy.types.Action, kind: str) -> Any:
    """What holds the curves (`fcurves`) and groups (`groups`) of an action: itself, or since 4.4
    the channelbag of its one slot, which is made, with layer and strip, if it is not there.

    kind: the ID type that the slot is for, as "OBJECT".
    """
    if not _has_slots():
        return action
    slot = next(iter(action.slots), None) or action.slots.new(id_type=kind, name=action.name)
    layer = next(iter(action.layers), None) or action.layers.new("Layer")
    strip = next(iter(layer.strips), None) or layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def new_curve(owner: Any, path: str, index: int, group: Any) -> bpy.types.FCurve:
    """A new curve in what `curve_owner` gave; group: one of its groups, or None."""
    curve = owner.fcurves.new(path, index=index)
    if group is not None:
        curve.group = group
    return curve


def assign_action(owner: bpy.types.ID, action: bpy.types.Action) -> None:
    """Let an action with one slot, made by `curve_owner`, move a datablock."""
    data = owner.animation_data_create()
    data.action = action
    if _has_slots():
        data.action_slot = action.slots[0]


def assign_strip_slot(strip: bpy.types.NlaStrip, action: bpy.types.Action) -> None:
    """Let an NLA strip play the one slot of its action."""
    if _has_slots():
        strip.action_slot = action.slots[0]
