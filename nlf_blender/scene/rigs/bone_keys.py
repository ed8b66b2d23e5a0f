# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of an artist's bones from where these shall be, in every rotation mode."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion

from ...body.arrays import Float64Array
from ...body.rotations import continuous_quaternions, quaternion_from_matrix
from ..actions import Channel
from .uniform import axes_of


@dataclass(frozen=True, eq=False)
class BoneTargets:
    """Where J bones shall be over T moments, in the armature's space. names, parents [J]: -1 for
    those that no other of them carries; axes [T,J,3,3]: in columns; heads: places [T,3] of these,
    by their number; held [J]: bones whose turn to their parent is always the same."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    axes: Float64Array
    heads: dict[int, Float64Array]
    held: np.ndarray


def bone_channels(
    rig: bpy.types.Object, targets: BoneTargets, frames: Float64Array
) -> list[Channel]:
    """What moves a rig's bones at frames [T]. Bones above those with targets stay as they are."""
    channels: list[Channel] = []
    for joint, name in enumerate(targets.names):
        bone = rig.pose.bones[name]
        parent = targets.parents[joint]
        path = f'pose.bones["{bpy.utils.escape_identifier(name)}"]'
        if parent < 0:
            frame = _frame(bone, Matrix())
            turns = axes_of(np.array(frame.to_3x3())).T @ targets.axes[:, joint]
            if joint in targets.heads and not (bone.bone.use_connect and bone.parent):
                places = _locations(bone, targets.heads[joint])
                channels.append(Channel(f"{path}.location", frames, places, name))
        else:
            turns = _child_turns(bone, targets.axes[:, parent], targets.axes[:, joint])
        quaternions = continuous_quaternions(quaternion_from_matrix(turns))
        used = slice(0, 1) if targets.held[joint] else slice(None)
        channels.append(_rotation(bone, path, frames[used], quaternions[used]))
    return channels


def _frame(bone: bpy.types.PoseBone, basis: Matrix) -> Matrix:
    """A bone in the armature's space with this basis matrix, those above it as they are."""
    rest = bone.bone
    if bone.parent is None:
        return rest.convert_local_to_pose(basis, rest.matrix_local)
    return rest.convert_local_to_pose(
        basis,
        rest.matrix_local,
        parent_matrix=bone.parent.matrix,
        parent_matrix_local=bone.parent.bone.matrix_local,
    )


def _locations(bone: bpy.types.PoseBone, heads: Float64Array) -> Float64Array:
    """The locations [T,3] that bring a bone's head to places [T,3] of the armature's space."""
    origin = np.array(_frame(bone, Matrix()).translation)
    columns = [
        np.array(_frame(bone, Matrix.Translation(axis)).translation) - origin
        for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    return (heads - origin) @ np.linalg.inv(np.stack(columns, axis=1)).T


def _child_turns(
    bone: bpy.types.PoseBone, parent_axes: Float64Array, axes: Float64Array
) -> Float64Array:
    """What a bone's rotation is [T,3,3], that its axes be these [T,3,3], its parent's those."""
    rest = axes_of(np.array(bone.bone.matrix_local.to_3x3()))
    if not bone.bone.use_inherit_rotation:
        return rest.T @ axes
    above = axes_of(np.array(bone.parent.bone.matrix_local.to_3x3()))
    return rest.T @ above @ parent_axes.swapaxes(-1, -2) @ axes


def _rotation(
    bone: bpy.types.PoseBone, path: str, frames: Float64Array, quaternions: Float64Array
) -> Channel:
    """Rotation keys in the bone's own mode; quaternions [T,4], continuous."""
    mode = bone.rotation_mode
    if mode == "QUATERNION":
        values = f"{path}.rotation_quaternion", quaternions
    elif mode == "AXIS_ANGLE":
        values = f"{path}.rotation_axis_angle", _axis_angles(quaternions)
    else:
        values = f"{path}.rotation_euler", _eulers(quaternions, mode)
    return Channel(values[0], frames, values[1], bone.name, rotation=mode == "QUATERNION")


def _axis_angles(quaternions: Float64Array) -> Float64Array:
    """Angle and axis [T,4]: those of the continuous quaternions, which are continuous, too."""
    sine = np.linalg.norm(quaternions[:, 1:], axis=1)
    angle = 2 * np.arctan2(sine, quaternions[:, 0])
    still = sine < 1e-9
    axis = np.where(
        still[:, None], (0.0, 1.0, 0.0), quaternions[:, 1:] / np.where(still, 1.0, sine)[:, None]
    )
    return np.concatenate([np.where(still, 0.0, angle)[:, None], axis], axis=1)


def _eulers(quaternions: Float64Array, order: str) -> Float64Array:
    """Angles [T,3] of this order, each near to the one before."""
    result = np.empty((len(quaternions), 3))
    before: Euler | None = None
    for row, values in enumerate(quaternions):
        turn = Quaternion(values)
        before = turn.to_euler(order) if before is None else turn.to_euler(order, before)
        result[row] = before
    return result
