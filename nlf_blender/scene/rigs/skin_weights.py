# SPDX-License-Identifier: GPL-3.0-or-later
"""How a canonical body's skin follows a rig's bones, where the artist bound no mesh to them.

The body's own skinning weights (its vertex groups) say how much each vertex follows each of its
joints. Each joint's share goes to the rig's bones that lie in its limb, by how near they are.
"""

from __future__ import annotations

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.conventions import smpl_points_from_blender
from ..markers.canonical_body import joints_of

SOFT = 0.015  # metres: how gradually a surface goes from bone to bone of one limb
LEAST_WEIGHT = 0.05  # beside the strongest bone: less is left out
WRISTS = ("L_Wrist", "R_Wrist")
ALONG = (0.25, 0.5, 0.75)  # of a bone: where it is looked up in the body
NEAR_JOINT = 0.15  # of a limb: what tells of a limb in which no bone has its middle


def skin_weights(
    body: bpy.types.Object, points: Float64Array, heads: Float64Array, tails: Float64Array
) -> Float64Array:
    """Weights [V,B], rows summing to 1, of all V vertices of a canonical body, which lie at points
    [V,3], for bones from heads [B,3] to tails [B,3]; canonical space."""
    distances = np.stack(
        [distance_from_bone(points, *ends) for ends in zip(heads, tails, strict=True)], 1
    )
    shares = _of_joints(body, len(points))
    if shares is None:  # then nearness alone decides
        shares, inside = np.ones((len(points), 1)), np.ones((1, len(heads)), dtype=bool)
    else:
        inside = _bones_of_joints(body, heads, tails)
    weights = np.zeros_like(distances)
    for share, bones in zip(shares.T, inside, strict=True):
        rows = np.flatnonzero(share)
        near = distances[rows][:, bones]
        nearness = np.exp(-(near - near.min(axis=1, keepdims=True)) / SOFT)
        nearness *= (share[rows] / nearness.sum(axis=1))[:, None]
        weights[np.ix_(rows, np.flatnonzero(bones))] += nearness
    weights[weights < LEAST_WEIGHT * weights.max(axis=1, keepdims=True)] = 0.0
    return weights / weights.sum(axis=1, keepdims=True)


def finger_share(body: bpy.types.Object) -> Float64Array:
    """How much each of a canonical body's vertices follows joints below its wrists [V]."""
    names, _, edges = joints_of(body)
    shares = _of_joints(body, len(body.data.vertices))
    if shares is None:
        return np.zeros(len(body.data.vertices))
    below = {joint for joint, name in enumerate(names) if name in WRISTS}
    fingers: set[int] = set()
    for parent, child in edges:  # parents come first
        if parent in below:
            below.add(child)
            fingers.add(child)
    return shares[:, sorted(fingers)].sum(axis=1)


def distance_from_bone(
    points: Float64Array, head: Float64Array, tail: Float64Array
) -> Float64Array:
    """How far points [N,3] are from a bone from head [3] to tail [3], metres [N]."""
    along = tail - head
    share = (points - head) @ along / max(float(along @ along), 1e-12)
    return np.linalg.norm(points - head - np.clip(share, 0.0, 1.0)[:, None] * along, axis=1)


def _of_joints(body: bpy.types.Object, count: int) -> Float64Array | None:
    """How much each of a canonical body's vertices follows each of its joints [V,J]; rows sum to 1.
    None where the artist took its vertex groups, or the display of its joints, away."""
    number = {name: joint for joint, name in enumerate(joints_of(body)[0])}
    joint_of = {g.index: number[g.name] for g in body.vertex_groups if g.name in number}
    weights = np.zeros((count, len(number)))
    for row, vertex in enumerate(body.data.vertices):
        for group in vertex.groups:
            if group.group in joint_of:
                weights[row, joint_of[group.group]] = group.weight
    total = weights.sum(axis=1, keepdims=True)
    return weights / total if (total > 0).all() else None


def _bones_of_joints(
    body: bpy.types.Object, heads: Float64Array, tails: Float64Array
) -> np.ndarray:
    """Which of B bones [J,B] share what follows a joint of the body: those whose middles lie in its
    limbs; without any, those where its limbs begin."""
    owners, starts, ends = _limbs(body)
    places = np.stack([heads + share * (tails - heads) for share in ALONG], axis=1)  # [B,3,3]
    from_limbs = np.stack(
        [
            distance_from_bone(places.reshape(-1, 3), *limb).reshape(places.shape[:2]).mean(axis=1)
            for limb in zip(starts, ends, strict=True)
        ],
        axis=1,
    )
    own = owners[from_limbs.argmin(axis=1)]
    joints = np.arange(owners.max() + 1)
    inside = own[None] == joints[:, None]
    beginnings = starts + NEAR_JOINT * (ends - starts)
    from_bones = [distance_from_bone(beginnings, *b) for b in zip(heads, tails, strict=True)]
    nearest = np.argmin(from_bones, axis=0)
    for joint in np.flatnonzero(~inside.any(axis=1)):
        inside[joint, nearest[owners == joint]] = True
    return inside


def _limbs(body: bpy.types.Object) -> tuple[np.ndarray, Float64Array, Float64Array]:
    """The body's limbs: which joint turns each [L], where they start and end [L,3]. The last ones
    go on as far as the limb before them."""
    _, places, edges = joints_of(body)
    joints = smpl_points_from_blender(places)
    parent = {child: above for above, child in edges}
    above = [joint for joint, _ in edges]
    last = [joint for joint in range(len(joints)) if joint not in above]
    ends = [joints[child] for _, child in edges]
    ends += [2 * joints[joint] - joints[parent.get(joint, joint)] for joint in last]
    owners = np.array(above + last)
    return owners, joints[owners], np.array(ends)
