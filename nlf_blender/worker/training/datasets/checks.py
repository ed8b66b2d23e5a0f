# SPDX-License-Identifier: GPL-3.0-or-later
"""What an annotation must hold to be used, whether it was imported, drawn or read.

An example without a usable camera or size is refused. A person whose truth is wrong is left out,
and so is a keypoint that is not finite or, where it was seen in the picture, not in it; both are
counted by name. An unknown joint is no fault: it is NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ....body.skeleton import SKELETONS
from .example import BodyTruth, Example, Joints2D, Joints3D, MeshTruth, PersonTruth, SurfacePixels
from .joint_sets import JointCatalogue
from .report import Unusable

JOINT_COUNTS = {"open": 24} | {kind: found.joint_count for kind, found in SKELETONS.items()}
OUTSIDE, NOT_FINITE = "keypoints outside the picture", "keypoints not finite"
OUTSIDE_SURFACE = "surface points outside the picture"
ON_NO_FACE = "surface points on no face"
NOTHING_KNOWN = "person of whom nothing is known"
ROTATION_TOLERANCE = 1e-3  # float32, and files with few digits
WEIGHTS_TOLERANCE = 1e-3

# Called with the reason and how many parts were left out for it.
OnMend = Callable[[str, int], None]


def checked(example: Example, catalogue: JointCatalogue, on_mend: OnMend) -> Example:
    """The example without what cannot be used. Unusable if nothing is left of it, or its camera or
    a joint set is wrong; UserError names an unknown joint set."""
    _check_camera(example)
    people, reasons = [], []
    for number, person in enumerate(example.people):
        try:
            people.append(_checked_person(person, example.size, catalogue, on_mend))
        except Unusable as error:
            reasons.append(error)
            on_mend(f"person left out: {error.reason}", 1)
            if error.more:
                reasons[-1] = Unusable(error.reason, f"person {number}, {error.more}")
    if not people:
        raise reasons[0] if reasons else Unusable("nobody in it")
    return replace(example, people=tuple(people))


def _check_camera(example: Example) -> None:
    if min(example.size) < 1:
        raise Unusable("image without pixels")
    if not np.isfinite(example.distortion).all():
        raise Unusable("camera not finite", "distortion")
    up = example.up
    if up is not None and not (np.isfinite(up).all() and up.shape == (3,) and up.any()):
        raise Unusable("camera not finite", "the direction upwards")
    camera = example.intrinsics
    if camera is None:
        return
    if camera.shape != (3, 3) or not np.isfinite(camera).all():
        raise Unusable("camera not finite", "intrinsics")
    if not (camera[0, 0] > 0 and camera[1, 1] > 0):
        raise Unusable("camera without focal length", f"{camera[0, 0]:g}, {camera[1, 1]:g} px")


def _checked_person(
    person: PersonTruth, size: tuple[int, int], catalogue: JointCatalogue, on_mend: OnMend
) -> PersonTruth:
    _check_box(person.box, size)
    if person.body is not None:
        _check_body(person.body)
    if person.mesh is not None:
        _check_mesh(person.mesh)
    if person.mask is not None and person.mask.shape != size[::-1]:
        raise Unusable("mask of another size than its picture")
    joints_3d = (_checked_3d(joints, catalogue, on_mend) for joints in person.joints_3d)
    joints_2d = (_checked_2d(joints, size, catalogue, on_mend) for joints in person.joints_2d)
    found = replace(
        person,
        joints_3d=tuple(joints for joints in joints_3d if joints is not None),
        joints_2d=tuple(joints for joints in joints_2d if joints is not None),
        surface=_checked_surface(person.surface, size, on_mend),
    )
    truths = (found.body, found.mesh, found.surface)
    if not (found.joints_3d or found.joints_2d or any(truth is not None for truth in truths)):
        raise Unusable(NOTHING_KNOWN)
    return found


def _check_box(box: np.ndarray, size: tuple[int, int]) -> None:
    if box.shape != (4,) or not np.isfinite(box).all():
        raise Unusable("box not finite")
    left, top, width, height = box
    if width <= 0 or height <= 0:
        raise Unusable("box without width or height")
    if left >= size[0] or top >= size[1] or left + width <= 0 or top + height <= 0:
        raise Unusable("box outside the picture")


def _check_body(body: BodyTruth) -> None:
    joints = JOINT_COUNTS.get(body.kind)
    if joints is None:
        raise Unusable("unknown kind of body", body.kind)
    if body.rotations.shape != (joints, 3, 3):
        raise Unusable("body of another kind", f"{body.kind} with {body.rotations.shape}")
    for name in ("betas", "rotations", "translation", "scale"):
        if not np.isfinite(getattr(body, name)).all():
            raise Unusable("body not finite", name)
    if body.betas.ndim != 1 or body.translation.shape != (3,) or body.scale <= 0:
        raise Unusable("body without shape, place or size")
    off = body.rotations @ body.rotations.transpose(0, 2, 1) - np.eye(3)
    if np.abs(off).max() > ROTATION_TOLERANCE or np.linalg.det(body.rotations).min() < 0:
        raise Unusable("body's rotations are none")


def _check_mesh(mesh: MeshTruth) -> None:
    if mesh.kind not in JOINT_COUNTS:
        raise Unusable("unknown kind of body", mesh.kind)
    if mesh.vertices.ndim != 2 or mesh.vertices.shape[1] != 3 or not len(mesh.vertices):
        raise Unusable("mesh without vertices")
    if not np.isfinite(mesh.vertices).all():
        raise Unusable("mesh not finite")


def _check_count(
    positions: np.ndarray, joint_set: str, width: int, catalogue: JointCatalogue
) -> None:
    """Unusable if the set has another number of joints."""
    count = len(catalogue.get(joint_set).joints)
    if positions.shape != (count, width):
        shape = "x".join(map(str, positions.shape))
        raise Unusable("joints of another set", f"{shape} numbers for {joint_set}")


def _without(positions: np.ndarray, rows: np.ndarray, reason: str, on_mend: OnMend) -> np.ndarray:
    """The positions with these rows unknown."""
    if rows.any():
        on_mend(reason, int(rows.sum()))
    return np.where(rows[:, None], np.nan, positions)


def _checked_3d(joints: Joints3D, catalogue: JointCatalogue, on_mend: OnMend) -> Joints3D | None:
    _check_count(joints.positions, joints.joint_set, 3, catalogue)
    finite = np.isfinite(joints.positions).all(axis=1)
    odd = ~finite & ~np.isnan(joints.positions).all(axis=1)
    positions = _without(joints.positions, odd, NOT_FINITE, on_mend)
    return replace(joints, positions=positions) if finite.any() else None


def _checked_2d(
    joints: Joints2D, size: tuple[int, int], catalogue: JointCatalogue, on_mend: OnMend
) -> Joints2D | None:
    _check_count(joints.pixels, joints.joint_set, 2, catalogue)
    finite = np.isfinite(joints.pixels).all(axis=1)
    odd = ~finite & ~np.isnan(joints.pixels).all(axis=1)
    pixels = _without(joints.pixels, odd, NOT_FINITE, on_mend)
    outside = finite & ~_inside(pixels, size)
    pixels = _without(pixels, outside, OUTSIDE, on_mend)
    return replace(joints, pixels=pixels) if (finite & ~outside).any() else None


def _checked_surface(
    surface: SurfacePixels | None, size: tuple[int, int], on_mend: OnMend
) -> SurfacePixels | None:
    if surface is None:
        return None
    count = len(surface.pixels)
    shapes = (surface.pixels.shape, surface.corners.shape, surface.weights.shape)
    if shapes != ((count, 2), (count, 3), (count, 3)) or surface.kind not in JOINT_COUNTS:
        raise Unusable("surface points that do not fit each other")
    sums = np.abs(surface.weights.sum(axis=1) - 1)
    on_face = (sums <= WEIGHTS_TOLERANCE) & (surface.corners >= 0).all(axis=1)  # not if NaN
    inside = _inside(surface.pixels, size)
    for wrong, reason in ((~on_face, ON_NO_FACE), (on_face & ~inside, OUTSIDE_SURFACE)):
        if wrong.any():
            on_mend(reason, int(wrong.sum()))
    kept = on_face & inside
    if not kept.any():
        return None
    chosen = (getattr(surface, name)[kept] for name in ("pixels", "corners", "weights"))
    return SurfacePixels(surface.kind, *chosen)


def _inside(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which pixels [K,2] are in a picture of this size; those not finite are not."""
    return ((pixels >= -0.5) & (pixels <= np.array(size) - 0.5)).all(axis=1)
