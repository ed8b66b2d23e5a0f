# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig as a body that can be fitted: its free joints, and its points as vertices.

Joints that are held go with the next free one above them, which makes the system as small as what
is looked for. The first joint is the main root; other roots go with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...body.arrays import Float64Array, IntArray
from ...body.body_data import BodyData
from ...body.skeleton import Skeleton
from ...protocol.point_set import RigInfo
from .personal_rest import RigRest

SAME = 1e-5  # metres; a point this near to a joint is that joint
WHOLE = 0.99  # of its weight that follows the joint


@dataclass(frozen=True, eq=False)
class RigBody:
    """body: of the F free joints, which are `free` [F] of the rig's J; carrier [J]: the free joint
    that each of the rig's goes with (a free one with itself). joint_rows, joint_numbers: which
    points are joints, and which of the F; vertex_rows: all others."""

    body: BodyData
    free: IntArray
    carrier: IntArray
    joint_rows: IntArray
    joint_numbers: IntArray
    vertex_rows: IntArray


def rig_body(rig: RigInfo, rest: RigRest) -> RigBody:
    """The body of a rig at rest. ValueError if it has no joints."""
    if not len(rig.joints):
        raise ValueError("the rig has no joints")
    free = ~rig.held | (rig.parents < 0)
    carrier = np.arange(len(free))
    for joint in np.flatnonzero(~free):  # parents come first
        carrier[joint] = carrier[rig.parents[joint]]
    chosen = np.flatnonzero(free)
    number = np.cumsum(free) - 1
    weights = np.zeros((len(rest.points), len(chosen)))
    for joint, column in enumerate(number[carrier]):
        weights[:, column] += rig.weights[:, joint]
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    above = rig.parents[chosen]
    parents = np.where(above < 0, -1, number[carrier[np.maximum(above, 0)]])
    parents[1:] = np.maximum(parents[1:], 0)  # other roots go with the first
    joints = rest.joints[chosen]
    rows, numbers = _joint_points(rest.points, joints, weights)
    body = BodyData(
        v_template=rest.points,
        shapedirs=np.zeros((len(rest.points), 3, 0), dtype=np.float32),
        weights=weights,
        faces=np.zeros((0, 3), dtype=np.int64),
        skeleton=Skeleton(
            tuple(rig.joint_names[joint] for joint in chosen), tuple(int(p) for p in parents)
        ),
        joints_template=joints,
        joints_shapedirs=np.zeros((len(joints), 3, 0)),
        name="rig",
    )
    others = np.setdiff1d(np.arange(len(rest.points)), rows)
    return RigBody(body, chosen, carrier, rows, numbers, others)


def _joint_points(
    points: Float64Array, joints: Float64Array, weights: Float64Array
) -> tuple[IntArray, IntArray]:
    """Rows of points [K,3] that mark joints [F,3], and the number of the joint of each."""
    rows, numbers = [], []
    for number, joint in enumerate(joints):
        near = (np.abs(points - joint) < SAME).all(axis=1) & (weights[:, number] > WHOLE)
        if near.any():
            rows.append(int(near.argmax()))
            numbers.append(number)
    return np.array(rows, dtype=np.int64), np.array(numbers, dtype=np.int64)


def whole_pose(rig: RigInfo, body: RigBody, turned: Float64Array) -> Float64Array:
    """Local rotations [T,J,3,3] of all of the rig's joints from those of the body's in space
    [T,F,3,3]: roots relative to the canonical axes, others to their parents."""
    number = np.full(len(rig.parents), -1)
    number[body.free] = np.arange(len(body.free))
    whole = turned[:, number[body.carrier]]
    above = whole[:, np.maximum(rig.parents, 0)].copy()
    above[:, rig.parents < 0] = np.eye(3)
    return above.swapaxes(-1, -2) @ whole
