# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the bones of a rest armature lie: tails, rolls and connections, in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...body.arrays import Float64Array
from ...body.body_data import BodyData
from ...body.bone_names import FACE_JOINTS, body_part, is_finger
from ...body.conventions import blender_points_from_smpl, blender_rotations_from_smpl
from ...body.rest_pose import RestPose
from ...body.skeleton import Skeleton
from .posing import UP, RestBody

FORWARD = np.array([0.0, -1.0, 0.0])
ALONG_FORWARD = 0.7  # cosine; bones closer to the forward axis take their roll from UP
SNAP_TO_AXIS = 0.8  # cosine; end bones closer to an axis than this point exactly along it
SHORTEST_BONE_METRES = 0.01  # Blender deletes bones without length
EYES = ("L_Eye", "R_Eye")
EYE_STRETCH = 2.5  # of their bones, which else hide in the eyes
MIDDLE_FINGERS = ("L_Middle1", "R_Middle1")
OWN_WEIGHT = 0.5  # a vertex with more than this belongs to the joint


@dataclass(frozen=True)
class BoneLayout:
    """Rest bones in an armature's axes, metres.

    heads, tails, z_axes [J,3]: each bone's roll brings its z axis closest to z_axes;
    connected [J]: the head is the parent's tail; left, right [J]: the side of the body.
    """

    heads: Float64Array
    tails: Float64Array
    z_axes: Float64Array
    connected: tuple[bool, ...]
    left: tuple[bool, ...]
    right: tuple[bool, ...]


def lay_out_bones(body: BodyData, rest: RestBody, pose: RestPose) -> BoneLayout:
    """Bones for a person's unposed body, in a rest pose.

    Which way a bone is rolled and where an end bone points is decided on the mean body in the
    template's pose, so that both sides decide alike even where the person's shape is not symmetric,
    and bones have the same axes within the body whatever the rest.
    """
    skeleton = body.skeleton
    heads = blender_points_from_smpl(rest.joints)
    vertices = blender_points_from_smpl(rest.vertices)
    mean_heads = blender_points_from_smpl(body.joints_template)
    tails, z_axes = np.empty_like(heads), np.empty_like(heads)
    connected = [False] * skeleton.joint_count
    for joint, name in enumerate(skeleton.joint_names):
        child = main_child(body, joint)
        if child is not None and np.linalg.norm(heads[child] - heads[joint]) > SHORTEST_BONE_METRES:
            direction = _unit(mean_heads[child] - mean_heads[joint], UP)
            tails[joint] = heads[child]
            connected[child] = True
        else:
            direction = _end_direction(body, joint, mean_heads)
            own = body.weights[:, joint] > OWN_WEIGHT
            reach = (vertices[own] - heads[joint]) @ direction
            length = float(reach.max(initial=0.0)) * (EYE_STRETCH if name in EYES else 1.0)
            tails[joint] = heads[joint] + max(length, SHORTEST_BONE_METRES) * direction
        # fingers bend about their x axis, which lies across them if z is the back of the hand
        level = body_part(name) != "BODY" or abs(direction @ FORWARD) > ALONG_FORWARD
        z_axes[joint] = UP if level else FORWARD
    turns = blender_rotations_from_smpl(pose.turns)
    moves = blender_points_from_smpl(pose.transforms[:, :3, 3])
    heads, tails = (_turned(turns, places) + moves for places in (heads, tails))
    left, right = _sides(skeleton, mean_heads)
    return BoneLayout(heads, tails, _turned(turns, z_axes), tuple(connected), left, right)


def _turned(turns: Float64Array, vectors: Float64Array) -> Float64Array:
    return (turns @ vectors[..., None])[..., 0]


def _sides(skeleton: Skeleton, heads: Float64Array) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """For each joint whether it is on the left, and on the right."""
    sided = [other != joint for joint, other in enumerate(skeleton.mirrored())]
    left = tuple(s and x > 0 for s, x in zip(sided, heads[:, 0], strict=True))
    right = tuple(s and x < 0 for s, x in zip(sided, heads[:, 0], strict=True))
    return left, right


def main_child(body: BodyData, joint: int) -> int | None:
    """The child that a bone points to: the only one, the middle finger, or the only one in the
    body's middle; none for the head, whose jaw is not where it goes on to."""
    children, names = body.skeleton.children(joint), body.skeleton.joint_names
    if len(children) == 1 and "jaw" not in names[children[0]].lower():
        return children[0]
    fingers = [child for child in children if names[child] in MIDDLE_FINGERS]
    mirrored = body.skeleton.mirrored()
    middle = [c for c in children if mirrored[c] == c and "jaw" not in names[c].lower()]
    candidates = fingers or middle
    return candidates[0] if len(candidates) == 1 else None


def _end_direction(body: BodyData, joint: int, heads: Float64Array) -> Float64Array:
    """Unit vector of a bone without a main child: an eye's forward, a jaw's to the chin, else on
    from its parent, along an axis if near one and no finger, which should stay straight."""
    name, parent = body.skeleton.joint_names[joint], body.skeleton.parents[joint]
    if name in EYES:
        return FORWARD
    if name in FACE_JOINTS:
        return _jaw_direction(body, joint, heads[joint])
    if parent < 0:
        return UP
    direction = _unit(heads[joint] - heads[parent], UP)
    axis = int(np.argmax(np.abs(direction)))
    if is_finger(name) or abs(direction[axis]) < SNAP_TO_AXIS:
        return direction
    snapped = np.zeros(3)
    snapped[axis] = np.sign(direction[axis])
    return snapped


def _jaw_direction(body: BodyData, joint: int, head: Float64Array) -> Float64Array:
    """From the jaw's joint to the middle of what it moves, without turning aside."""
    own = body.v_template[body.weights[:, joint] > OWN_WEIGHT]
    if not len(own):
        return FORWARD
    away = blender_points_from_smpl(own.mean(axis=0)) - head
    return _unit(away * (0.0, 1.0, 1.0), FORWARD)


def _unit(vector: Float64Array, fallback: Float64Array) -> Float64Array:
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-9 else fallback
