# SPDX-License-Identifier: GPL-3.0-or-later
"""A solved rig's motion as a new action of the artist's rig.

No action is overwritten: the one before is kept with a fake user. No bone but those of the set gets
keys, and of these only the main root and other roots get locations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ...body.rotations import matrix_from_quaternion, matrix_from_rotvec, quaternion_from_matrix
from ...errors import UserError
from ...protocol.point_set import RigInfo
from ..actions import new_action
from ..datablocks import NewDatablocks
from ..footage.time_map import Samples
from .bone_keys import BoneTargets, bone_channels
from .motion_origin import MotionOrigin, remember_origin
from .uniform import axes_of, even_scale

# PERSON: the object is scaled until the rig is as large as the person, so that it lies over the
# picture. RIG: the rig keeps its size, and the travel is as much smaller or larger, about the
# world's origin, so that the feet still reach the ground.
Size = Literal["PERSON", "RIG"]
NAMED = 5  # bones that a note names


@dataclass(frozen=True, eq=False)
class RigMotion:
    """What was solved of a rig. motion: RIG_FIELDS; samples: at which scene frames to key it;
    placement [4,4]: from the motion's axes into the scene's, of even scale; name: of the action;
    origin: where footage keeps it."""

    rig: RigInfo
    motion: Mapping[str, NDArray[Any]]
    samples: Samples
    placement: Float64Array
    name: str
    origin: MotionOrigin | None = None


@dataclass(frozen=True, eq=False)
class AppliedRig:
    """The new action, and what the user should know."""

    action: bpy.types.Action
    notes: tuple[str, ...]


def apply_rig(rig: bpy.types.Object, solved: RigMotion, size: Size = "PERSON") -> AppliedRig:
    """Give a rig the motion that was solved for it as a new action.

    UserError if the rig has not the bones of the set, or its scale is uneven; then nothing is
    changed.
    """
    bone_axes, now = _bone_axes(rig, solved.rig), even_scale(rig)
    unit = float(np.linalg.norm(solved.placement[:3, 0]))
    wanted = solved.rig.size * float(np.median(solved.motion["scale"])) * unit
    object_axes = axes_of(np.array(rig.matrix_world, dtype=np.float64)[:3, :3])
    origin = np.array(rig.matrix_world.translation, dtype=np.float64)
    factor = 1.0 if size == "PERSON" else now / wanted
    scale = wanted if size == "PERSON" else now
    axes, heads = _in_scene(bone_axes, solved, factor)
    heads = {j: (place - origin) @ object_axes / scale for j, place in heads.items()}
    targets = BoneTargets(
        names=solved.rig.joint_names,
        parents=tuple(int(parent) for parent in solved.rig.parents),
        axes=object_axes.T @ axes,
        heads=heads,
        held=solved.rig.held,
    )
    channels = bone_channels(rig, targets, solved.samples.frames)
    if size == "PERSON":
        rig.scale = rig.scale * (wanted / now)
    before = None if rig.animation_data is None else rig.animation_data.action
    action = new_action(NewDatablocks(), solved.name, rig, channels)
    action.use_fake_user = True
    if solved.origin is not None:
        remember_origin(action, solved.origin)
    if before is not None:
        before.use_fake_user = True
    rig.update_tag(refresh={"OBJECT", "DATA", "TIME"})
    return AppliedRig(action, tuple(_notes(rig, solved.rig, before)))


def _bone_axes(rig: bpy.types.Object, info: RigInfo) -> Float64Array:
    """The set's bone axes. UserError if it has none, or the rig has not its bones."""
    if info.bone_axes is None:
        raise UserError(
            "Rig without axes",
            "The point set of this rig does not tell how its bones are turned.",
            "Add the rig to the take again, in Blender.",
        )
    gone = [name for name in info.joint_names if name not in rig.pose.bones]
    if gone:
        raise UserError(
            "Bones are missing",
            f"{rig.name} has no bones {', '.join(gone[:NAMED])}, which were solved.",
            "Choose the armature that was added, or add this one to the take.",
        )
    return info.bone_axes


def _in_scene(
    bone_axes: Float64Array, solved: RigMotion, factor: float
) -> tuple[Float64Array, dict[int, Float64Array]]:
    """Axes of the bones [T,J,3,3] and places of roots [T,3] in the scene; factor: on the travel."""
    motion, samples, rig = solved.motion, solved.samples, solved.rig
    local = matrix_from_rotvec(motion["pose"])
    if not samples.exact:
        local = matrix_from_quaternion(samples.turned(quaternion_from_matrix(local)))
    else:
        local = local[samples.low]
    turns = _in_space(local, rig.parents)
    into = axes_of(solved.placement[:3, :3])
    axes = into @ turns @ bone_axes
    first = samples.linear(np.asarray(motion["root"], dtype=np.float64))
    sizes = samples.linear(np.asarray(motion["scale"], dtype=np.float64))
    heads: dict[int, Float64Array] = {}
    for joint in np.flatnonzero(rig.parents < 0):  # roots go with the first
        bone = rig.joints[joint] - rig.joints[0]
        place = first + sizes[:, None] * (turns[:, 0] @ bone)
        placed = place @ solved.placement[:3, :3].T + solved.placement[:3, 3]
        heads[int(joint)] = factor * placed
    return axes, heads


def _in_space(local: Float64Array, parents: NDArray[np.int64]) -> Float64Array:
    """Turns in space [T,J,3,3] of local ones, parents first; roots' are in space already."""
    turns = local.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            turns[:, joint] = turns[:, parent] @ turns[:, joint]
    return turns


def _notes(rig: bpy.types.Object, info: RigInfo, before: bpy.types.Action | None) -> list[str]:
    notes: list[str] = []
    if before is not None:
        notes.append(f"The action {before.name} is kept; choose it to have it back.")
    driven = [
        name
        for name in info.joint_names
        if any(c.enabled and c.influence > 0 for c in rig.pose.bones[name].constraints)
    ]
    if driven:
        more = f" and {len(driven) - NAMED} more" if len(driven) > NAMED else ""
        notes.append(
            f"Constraints still act on {', '.join(driven[:NAMED])}{more}: switch them off to see "
            "the solved motion alone."
        )
    if rig.animation_data.use_nla and any(
        not track.mute for track in rig.animation_data.nla_tracks
    ):
        notes.append(f"The NLA tracks of {rig.name} still play under the new action.")
    return notes
