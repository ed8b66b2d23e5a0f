# SPDX-License-Identifier: GPL-3.0-or-later
"""A body's points in SMPL's canonical space, the one of the official models."""

from __future__ import annotations

import numpy as np

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from ....body.skeleton import SKELETONS, SMPL_SKELETON
from ....errors import UserError
from ...nlf.canonical_space import CanonicalBody, CanonicalSpace
from ..conversion.correspondence import Correspondence
from ..conversion.joint_matching import same_joints
from .body_fit import FittedBody
from .carry import carried_points
from .cloud_fit import distance_of_cloud, fit_to_cloud, fit_to_surface
from .joint_fit import fit_to_joints
from .mean_joints import mean_canonical_joints, mean_rest_joints
from .other_joints import OtherJoints, rest_joints_of
from .own_canonical import OwnCanonical, in_smpl_family, own_canonical
from .placed import Placed
from .standing import within_bounds
from .surface_carry import carry_along_surface

SAME_MESH = {"smpl": ("smpl", "smplh"), "smplh": ("smplh", "smpl"), "smplx": ("smplx",)}
# Metres, mean. Of a model's own vertices from the body in canonical pose, and of its joints from
# the published ones: men, women and the neutral mean differ by centimetres, other things by more.
MOST_OFF_POSE = MOST_JOINTS_OFF = 0.06
MOST_OFF_CLOUD = 0.002  # of a model's own points from a surface that is the same
NOT_USED = " The points that the model's files list are no person's and were not used."


def in_smpl_space(
    own: OwnCanonical,
    space: CanonicalSpace,
    reference: BodyData | None,
    correspondence: Correspondence | None,
) -> Placed:
    """The best way that the given files allow. UserError for a reference of another family, and
    for a body with joints that nothing knows."""
    if not in_smpl_family(own.body):
        if reference is not None:
            return _from_reference(own, space, reference, correspondence)
        return _onto_cloud(own, space) or _by_mean_joints(own, space)
    kind = own.body.kind
    listed = next((space.bodies[kind] for kind in SAME_MESH[kind] if kind in space.bodies), None)
    if listed is not None and listed.whole and len(listed.vertices) == len(own.vertices):
        found = _as_listed(own, listed)
        if found is not None:
            return found
    if kind != "smplx" and _joints_off(own) <= MOST_JOINTS_OFF:
        return _smpl_alone(own, space)
    if reference is not None:  # SMPL-X, or a body that has SMPL's tree of joints and no more of it
        return _from_reference(own, space, reference, correspondence)
    alone = _smplx_alone if kind == "smplx" else _by_mean_joints
    return _onto_cloud(own, space) or alone(own, space)


def _as_listed(own: OwnCanonical, listed: CanonicalBody) -> Placed | None:
    """The vertices as the model's files list them, joints too where they are as many; None if
    these are not the body's."""
    off = listed.vertices - own.vertices
    off = float(np.linalg.norm(off - off.mean(axis=0), axis=1).mean())
    if off > MOST_OFF_POSE:
        return None
    points = carried_points(own, listed.vertices, np.ones(len(own.vertices)))
    points[: len(own.vertices)] = listed.vertices  # as they are, not made symmetric
    if len(listed.joints) == len(own.joints):
        points[len(own.vertices) :] = listed.joints
    return Placed(points, "The points that the model's files list.", {"off_canonical_pose": off})


def _smpl_alone(own: OwnCanonical, space: CanonicalSpace) -> Placed:
    """The file's mean person in canonical pose, or fitted to the model's points where it is not
    the one that they are of: a man or a woman, where the official release has the neutral one."""
    cloud = _cloud(own, space)
    figures = {"joints_off": _joints_off(own)}
    if cloud is None:
        unused = _unused(space)
        unsure = bool(unused) or own.body.gender != "neutral"
        placed = Placed(own.points, _pose_text(own) + unused, figures, unsure)
        return within_bounds(placed, len(own.vertices), space)
    pairs = np.array(same_joints(own.body.skeleton, SKELETONS[cloud[0]]))
    move = (cloud[1].joints[pairs[:, 1]] - own.joints[pairs[:, 0]]).mean(axis=0) * (0, 1, 1)
    figures["off_model_points"] = distance_of_cloud(own, own.points + move, cloud[1].vertices)
    if figures["off_model_points"] > MOST_OFF_CLOUD:
        how = _pose_text(own) + NOT_USED
        return _onto_cloud(own, space) or Placed(own.points, how, figures, True)
    return Placed(own.points + move, _pose_text(own), figures)


def _smplx_alone(own: OwnCanonical, space: CanonicalSpace) -> Placed:
    pairs = np.array(same_joints(own.body.skeleton, SMPL_SKELETON))
    gaps = mean_canonical_joints()[pairs[:, 1]] - own.joints[pairs[:, 0]]
    move = gaps.mean(axis=0) * (0, 1, 1)
    how = (
        f"{_pose_text(own)} Moved to where SMPL's mean joints are, for want of an SMPL file to "
        f"carry it over from.{_unused(space)}"
    )
    off = float(np.linalg.norm(gaps - move, axis=1).mean())
    if off > MOST_JOINTS_OFF:
        return _by_mean_joints(own, space)
    placed = Placed(own.points + move, how, {"joints_off": off}, True)
    return within_bounds(placed, len(own.vertices), space)


def _pose_text(own: OwnCanonical) -> str:
    sides = "made symmetric" if own.mirror is not None else "not symmetric, as its mesh is not"
    text = f"The {own.body.gender} mean person of the body's file in the canonical pose, {sides}."
    if own.body.gender != "neutral":
        text += " The official release poses the neutral one."
    return text


def _from_reference(
    own: OwnCanonical,
    space: CanonicalSpace,
    reference: BodyData,
    correspondence: Correspondence | None,
) -> Placed:
    if not in_smpl_family(reference):
        raise UserError(
            "Reference body of another family",
            f"{reference.name or 'The reference'} is not a body of SMPL, SMPL-H or SMPL-X.",
            "Choose an SMPL file as the reference body, or none.",
        )
    known = own_canonical(reference)
    placed = in_smpl_space(known, space, None, None)
    found = carry_along_surface(own, known, placed.points[: len(known.vertices)], correspondence)
    by = "the closest surface" if correspondence is None else "the published correspondence"
    how = f"Carried over from {reference.name or 'the reference body'} by {by}. {placed.how}"
    figures = {**placed.figures, "share_with_counterpart": found.share}
    return Placed(found.points, how, figures, placed.approximate)


def _onto_cloud(own: OwnCanonical, space: CanonicalSpace) -> Placed | None:
    """Onto the points that the model's files list; None without any, or if they are no person's."""
    cloud = _cloud(own, space)
    if cloud is None:
        return None
    kind, listed = cloud
    skeleton = SKELETONS[kind]
    rest = rest_joints_of(skeleton, listed.joints)
    start = fit_to_joints(FittedBody(own.at_rest()), skeleton, rest)
    posing = OtherJoints(own, skeleton, rest)
    count = len(own.vertices)
    found = fit_to_surface(start, posing.unposed(listed.vertices, start.points[:count]))
    if not found.plausible:
        return None
    posed = posing.posed(found.points[:count])
    points = carried_points(own, posed, np.ones(count))
    found = fit_to_cloud(own, points, listed.vertices)
    how = (
        f"Fitted to {len(listed.vertices)} points of {kind.upper()}'s surface that the model's "
        f"files list, on average {1000 * found.after:.1f} mm from them."
    )
    figures = {"hinges_off_before": start.distance, "off_model_points": found.after}
    points = carried_points(own, found.points[:count], np.ones(count))
    return Placed(points, how, figures)


def _by_mean_joints(own: OwnCanonical, space: CanonicalSpace) -> Placed:
    placed = place_by_joints(own, mean_rest_joints())
    how = (
        "Matched to the published mean joints of SMPL, for want of an SMPL file: points of the "
        f"surface may be off by centimetres.{_unused(space)}"
    )
    placed = Placed(placed.points, how, placed.figures, True)
    return within_bounds(placed, len(own.vertices), space)


def place_by_joints(own: OwnCanonical, rest: Float64Array) -> Placed:
    """The body where SMPL's joints at rest [24,3] put it."""
    start = fit_to_joints(FittedBody(own.at_rest()), SMPL_SKELETON, rest)
    posing = OtherJoints(own, SMPL_SKELETON, rest)
    vertices = posing.posed(start.points[: len(own.vertices)])
    points = carried_points(own, vertices, np.ones(len(vertices)))
    return Placed(points, "", {"hinges_off_before": start.distance})


def _cloud(own: OwnCanonical, space: CanonicalSpace) -> tuple[str, CanonicalBody] | None:
    """What the model's files list, with its kind: of the body's own kind, if it is of the family,
    else the first whose joints are a person's."""
    first = (own.body.kind,) if in_smpl_family(own.body) else ()
    for kind in (*first, *SAME_MESH):
        listed = space.bodies.get(kind)
        if listed is None or len(listed.joints) != SKELETONS[kind].joint_count:
            continue
        pairs = np.array(same_joints(SKELETONS[kind], SMPL_SKELETON))
        gaps = listed.joints[pairs[:, 0]] - mean_canonical_joints()[pairs[:, 1]]
        # wherever the model's origin is
        if np.linalg.norm(gaps - gaps.mean(axis=0), axis=1).mean() <= MOST_JOINTS_OFF:
            return kind, listed
    return None


def _unused(space: CanonicalSpace) -> str:
    return NOT_USED if space.bodies else ""


def _joints_off(own: OwnCanonical) -> float:
    """Mean metres of a body's joints from the published mean ones."""
    pairs = np.array(same_joints(own.body.skeleton, SMPL_SKELETON))
    gaps = own.joints[pairs[:, 0]] - mean_canonical_joints()[pairs[:, 1]]
    return float(np.linalg.norm(gaps, axis=1).mean())
