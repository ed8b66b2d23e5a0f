# SPDX-License-Identifier: GPL-3.0-or-later
"""A body brought to where joints of another body are, as far as both mean the same by a joint.

Joints that two bodies define alike (the hinges of the limbs) draw the body to themselves; others
(hips, pelvis, spine, collars), which lie centimetres apart in the same person, hardly count. First
pose and shape are fitted, then a smooth displacement brings the hinges to where they shall be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from ....body.arrays import Float64Array, IntArray
from ....body.skeleton import Skeleton
from ....errors import UserError
from ..conversion.body_regions import FEWEST_JOINTS
from ..conversion.joint_matching import plain_name, same_joints
from ..fitting.fit import Fit
from .body_fit import FittedBody

# How much a joint counts by its name without the side.
TRUST = {
    "knee": 1.0, "ankle": 1.0, "elbow": 1.0, "wrist": 1.0,
    "neck": 0.5, "foot": 0.5, "hand": 0.5,
    "shoulder": 0.3, "hip": 0.1,
}  # fmt: skip
LEAST_TRUST = 0.03  # of all others
TRUST_OF_HINGES = 0.5  # joints that count as much or more are met exactly


@dataclass(frozen=True, eq=False)
class JointFit:
    """fitted, fit: the body and its parameters. points [V+J,3]: with hinges at their targets;
    distance: how far these were off by the parameters alone, mean; metres."""

    fitted: FittedBody
    fit: Fit
    points: Float64Array
    distance: float


def fit_to_joints(fitted: FittedBody, skeleton: Skeleton, joints: Float64Array) -> JointFit:
    """The body drawn to joints [Jt,3] of a skeleton by their names; metres.

    UserError if the skeletons share too few joint names.
    """
    own = fitted.own
    pairs = np.array(same_joints(own.body.skeleton, skeleton), dtype=np.int64).reshape(-1, 2)
    trust = _trust(own.body.skeleton, pairs)
    hinges = trust >= TRUST_OF_HINGES
    if hinges.sum() < FEWEST_JOINTS:
        raise UserError(
            "A body without known joints",
            f"{own.body.name or 'The body'} shares {int(hinges.sum())} names of knees, ankles, "
            "elbows and wrists with SMPL, so that nothing tells where it is in canonical space.",
            "Add joint_names to the body file, with names like L_Knee.",
        )
    targets = joints[pairs[:, 1]]
    found = fitted.to_joints(pairs[:, 0], targets, trust)
    points = fitted.points(found)
    at = len(own.vertices) + pairs[hinges, 0]
    gaps = targets[hinges] - points[at]
    # displacements of the hinges, between them linear in the distance
    field = RBFInterpolator(points[at], gaps, kernel="linear", degree=0)
    points = own.symmetrized(points + field(points))
    return JointFit(fitted, found, points, float(np.linalg.norm(gaps, axis=1).mean()))


def _trust(skeleton: Skeleton, pairs: IntArray) -> Float64Array:
    words = [plain_name(name)[1] for name in skeleton.joint_names]
    return np.array([TRUST.get(words[joint], LEAST_TRUST) for joint in pairs[:, 0]])
