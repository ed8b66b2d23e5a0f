# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions from arrays: curves in bulk, linear, one group a bone, keys marked as generated.

Blender keeps a key's type when an artist gives it another value. So a generated key also remembers
the frame and value that it was made with, in two numbers that only easings use, Back and Elastic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..body.arrays import Float64Array
from .compat import assign_action, curve_owner, new_curve
from .datablocks import NewDatablocks

# values of Keyframe's enums, which bulk access wants as numbers
CONSTANT, LINEAR = 0, 1
VECTOR_HANDLES = 2  # straight ones: changing a key to Bezier later changes no value between keys
GENERATED = 5  # the type of keys that no hand has set
MADE_FRAME, MADE_VALUE = "back", "period"  # where a generated key remembers what it was made with


@dataclass(frozen=True, eq=False)
class Channel:
    """The keys of one animated property. path: from its owner; values [K,C]: a column an index;
    group: the curves' in the editors, or ""; constant: hold each value until the next key;
    rotation: the values are quaternions."""

    path: str
    frames: Float64Array
    values: Float64Array
    group: str = ""
    constant: bool = False
    rotation: bool = False


def new_action(
    new: NewDatablocks, name: str, owner: bpy.types.ID, channels: Sequence[Channel]
) -> bpy.types.Action:
    """A new action with these channels, which moves its owner from now on."""
    action = new.add(bpy.data.actions.new(name))
    write_channels(action, owner.id_type, channels)
    assign_action(owner, action)
    return action


def write_channels(action: bpy.types.Action, kind: str, channels: Sequence[Channel]) -> None:
    """Give an action these channels; their former keys go, other channels stay."""
    owner = curve_owner(action, kind)
    curves = {(curve.data_path, curve.array_index): curve for curve in owner.fcurves}
    groups = {group.name: group for group in owner.groups}
    for channel in channels:
        if channel.group and channel.group not in groups:
            groups[channel.group] = owner.groups.new(channel.group)
        for index in range(channel.values.shape[1]):
            curve = curves.get((channel.path, index))
            if curve is None:
                curve = new_curve(owner, channel.path, index, groups.get(channel.group))
            _set_keys(curve, channel, index)


def _set_keys(curve: bpy.types.FCurve, channel: Channel, index: int) -> None:
    points, count = curve.keyframe_points, len(channel.frames)
    if len(points) != count:
        points.clear()
        points.add(count)
    places = np.empty((count, 2), dtype=np.float32)
    places[:, 0], places[:, 1] = channel.frames, channel.values[:, index]
    points.foreach_set("co", places.ravel())
    for name, value in (
        ("interpolation", CONSTANT if channel.constant else LINEAR),
        ("handle_left_type", VECTOR_HANDLES),
        ("handle_right_type", VECTOR_HANDLES),
        ("type", GENERATED),
    ):
        points.foreach_set(name, np.full(count, value, dtype=np.int32))
    for name, column in ((MADE_FRAME, 0), (MADE_VALUE, 1)):
        points.foreach_set(name, np.ascontiguousarray(places[:, column]))
    curve.update()


def curves_of(action: bpy.types.Action, kind: str) -> dict[tuple[str, int], bpy.types.FCurve]:
    """An action's curves by path and index."""
    return {(c.data_path, c.array_index): c for c in curve_owner(action, kind).fcurves}
