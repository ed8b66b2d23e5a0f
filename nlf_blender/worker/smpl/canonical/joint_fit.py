# SPDX-License-Identifier: GPL-3.0-or-later
"""A body brought to where joints of another body are, as far as both mean the same by a joint.

Joints that two bodies define alike (the hinges of the limbs) draw the body to themselves; others
(hips, pelvis, spine, collars), which lie centimetres apart in the same person, hardly count. First
pose and shape are fitted, then a smooth displacement brings the hinges to where they shall be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator

from ....body.arrays import Float64Array, IntArray
from ....body.skeleton import Skeleton
from ....errors import UserError
from ..body_model import BodyModel
from ..conversion.body_regions import FEWEST_JOINTS
from ..conversion.joint_matching import known_names, plain_name, same_joints
from ..fitting.fit import Fit, FitSettings, fit
from ..fitting.start import FitStart
from .own_canonical import OwnCanonical

# How much a joint counts by its name without the side.
TRUST = {
    "knee": 1.0, "ankle": 1.0, "elbow": 1.0, "wrist": 1.0,
    "neck": 0.5, "foot": 0.5, "hand": 0.5,
    "shoulder": 0.3, "hip": 0.1,
}  # fmt: skip
LEAST_TRUST = 0.03  # of all others
TRUST_OF_HINGES = 0.5  # joints that count as much or more are met exactly
START_BETAS, BETAS = 3, 10


@dataclass(frozen=True, eq=False)
class JointFit:
    """points [V+J,3], metres; distance: mean metres that the hinges were off before the smooth
    displacement; all_distance: that of all joints from their namesakes at the end."""

    points: Float64Array
    distance: float
    all_distance: float


def fit_to_joints(own: OwnCanonical, skeleton: Skeleton, joints: Float64Array) -> JointFit:
    """The body's canonical points, drawn to joints [Jt,3] of a skeleton by their names; metres.

    UserError if the skeletons share too few joint names.
    """
    pairs = np.array(same_joints(own.body.skeleton, skeleton), dtype=np.int64).reshape(-1, 2)
    trust = _trust(own.body.skeleton, pairs)
    hinges = trust >= TRUST_OF_HINGES
    if hinges.sum() < FEWEST_JOINTS:
        raise UserError(
            "A body without known joints",
            f"{own.body.name or 'The body'} shares {int(hinges.sum())} names of knees, ankles, "
            "elbows and wrists with SMPL, so that nothing tells where it is in canonical space.",
            "Add joint_names to the body file, or choose an SMPL file as the reference body.",
        )
    targets = joints[pairs[:, 1]]
    points = own.points + _fitted_moves(own, pairs[:, 0], targets, trust)
    at = len(own.vertices) + pairs[:, 0]
    gaps = targets - points[at]
    # displacements of the hinges, between them linear in the distance
    field = RBFInterpolator(points[at][hinges], gaps[hinges], kernel="linear", degree=0)
    points = own.symmetrized(points + field(points))
    return JointFit(
        points,
        float(np.linalg.norm(gaps[hinges], axis=1).mean()),
        float(np.linalg.norm(targets - points[at], axis=1).mean()),
    )


def _trust(skeleton: Skeleton, pairs: IntArray) -> Float64Array:
    words = [plain_name(name)[1] for name in known_names(skeleton)]
    return np.array([TRUST.get(words[joint], LEAST_TRUST) for joint in pairs[:, 0]])


@torch.no_grad()
def _fitted_moves(
    own: OwnCanonical, indices: IntArray, targets: Float64Array, trust: Float64Array
) -> Float64Array:
    """How the body's points [V+J,3] move when its joints are fitted to targets [N,3].

    Taken between two fits, that to its own points and that to the targets, so that what its
    parameters cannot express of its own points is kept.
    """
    model = BodyModel(own.body)
    like = model.v_template
    vertices = torch.from_numpy(own.vertices).to(like)[None]
    first = fit(vertices, model, settings=FitSettings(beta_count=min(START_BETAS, model.beta_count)))
    second = fit(
        torch.from_numpy(targets).to(like)[None],
        model,
        torch.from_numpy(trust).to(like),
        joint_indices=torch.from_numpy(indices),
        settings=FitSettings(beta_count=min(BETAS, model.beta_count)),
        start=FitStart(first.pose, first.betas),
        expected_pose=first.pose,  # joints leave open how limbs are twisted
    )
    return _points(model, second) - _points(model, first)


def _points(model: BodyModel, found: Fit) -> Float64Array:
    posed = model(found.pose, found.betas, found.translation)
    return torch.cat([posed.vertices[0], posed.joints[0]]).double().numpy()
