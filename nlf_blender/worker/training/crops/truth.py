# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a person as points to train on: which points, and where they are.

Every kind of truth becomes points of canonical space with places in the camera or in the picture.
Rows of a body's pool and joints of named sets keep their numbers, so that crops of a batch share
them; points of a DensePose-like pair stand for themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ....body.arrays import Float64Array, IntArray
from ....errors import UserError
from ...nlf.camera import Camera
from ..datasets.example import BodyTruth, Joints2D, Joints3D, MeshTruth, PersonTruth, SurfacePixels
from ..datasets.joint_sets import JointCatalogue
from ..points.body_files import no_body_file
from .batch import FIXED
from .sources import BodyPoints

NO_ROW = -1
LANDMARKS = 33
LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_HIP, RIGHT_HIP = 11, 12, 23, 24


@dataclass(frozen=True, eq=False)
class PointTruth:
    """n points. kinds [n]: number of the body kind whose pool's row `rows` [n] a point is, NO_ROW
    of what is in no pool. joints [n]: number of a learnt joint, else FIXED. places [n,3]: canonical
    places of what is neither. points [n,3]: metres in the picture's camera, NaN where unknown.
    pixels [n,2] of the picture, NaN where unknown."""

    kinds: IntArray
    rows: IntArray
    joints: IntArray
    places: Float64Array
    points: Float64Array
    pixels: Float64Array

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class KnownPerson:
    """truth: the points to train on. absolute: whether their places are in the camera, not only up
    to a translation. landmarks [33,3]: BlazePose's on the body, metres in the picture's camera, NaN
    where unknown."""

    truth: PointTruth
    absolute: bool
    landmarks: Float64Array


@dataclass
class BodySamples:
    """The points of bodies that all crops of a batch are trained on.

    bodies: what is known of bodies, by kind. count: of each kind's points. rows: those of the kinds
    met so far, whose order numbers them.
    """

    bodies: Mapping[str, BodyPoints]
    seed: tuple[int, ...]
    count: int
    rows: dict[str, IntArray] = field(default_factory=dict)

    def of(self, kind: str) -> IntArray:
        """The rows [n] of a kind's pool, which depend on the seed and the kind alone."""
        if kind not in self.rows:
            random = np.random.default_rng([*self.seed, *kind.encode()])
            self.rows[kind] = self.points(kind).pool.sample(random, self.count)
        return self.rows[kind]

    def points(self, kind: str) -> BodyPoints:
        """What is known of bodies of a kind. UserError if nothing is."""
        if kind not in self.bodies:
            raise no_body_file(kind, "neutral", self.bodies)
        return self.bodies[kind]

    def number(self, kind: str) -> int:
        """Which of the kinds met so far it is."""
        return list(self.rows).index(kind)


def know_person(
    person: PersonTruth, camera: Camera | None, samples: BodySamples, catalogue: JointCatalogue
) -> KnownPerson:
    """Everything of a person as points; only 2D truth if the camera is unknown (None).

    UserError for a joint set or a kind of body that is not at hand and that nothing else replaces,
    or if nothing is known at all.
    """
    parts: list[PointTruth] = []
    landmarks = np.full((LANDMARKS, 3), np.nan)
    absolute = True
    if camera is not None:
        body = _usable_body(person, samples)
        if body is not None:
            rows = samples.of(body.kind)
            points = samples.points(body.kind)
            placed = points.positions(body, np.append(rows, points.pool.landmark_rows))
            landmarks = placed[len(rows) :]
            parts.append(
                _part(len(rows), samples.number(body.kind), rows, points=placed[: len(rows)])
            )
        solid = [joints for joints in person.joints_3d if joints.absolute]
        if not solid and not parts:
            solid, absolute = list(person.joints_3d[:1]), not person.joints_3d
        parts += [_joints_3d(joints, catalogue) for joints in solid]
    parts += [_joints_2d(joints, catalogue) for joints in person.joints_2d]
    if person.surface is not None and len(person.surface.pixels):
        parts.append(_surface_pixels(person.surface, samples))
    truth = _merged(_joined(parts))
    if camera is not None and absolute:
        truth = _projected(truth, camera)
    known = np.isfinite(truth.points).all(axis=1) | np.isfinite(truth.pixels).all(axis=1)
    if not known.any():
        raise UserError(
            "Nothing to learn",
            "No point of the person is known in a form that the camera allows to be used.",
            "Add keypoints, a body or a camera to the annotation, or leave the person out.",
        )
    return KnownPerson(_chosen(truth, np.flatnonzero(known)), absolute, landmarks)


def joint_pixels(truth: PointTruth, catalogue: JointCatalogue, joint: str) -> Float64Array:
    """Where a joint of this name is in the picture by the first set that knows it, [2] or NaN."""
    for row in np.flatnonzero(truth.joints != FIXED):
        named = catalogue.labels[truth.joints[row]].partition("/")[2] == joint
        if named and np.isfinite(truth.pixels[row]).all():
            return truth.pixels[row]
    return np.full(2, np.nan)


def _usable_body(person: PersonTruth, samples: BodySamples) -> BodyTruth | MeshTruth | None:
    """The person's body or mesh, None if there is none, or if its kind of body is not at hand and
    other truth is. UserError if there is no other truth."""
    body = person.body or person.mesh
    if body is None or body.kind in samples.bodies:
        return body
    if person.joints_3d or person.joints_2d or person.surface:
        return None
    gender = body.gender if isinstance(body, BodyTruth) else "neutral"
    raise no_body_file(body.kind, gender, samples.bodies)


def _part(
    count: int,
    kind: int = NO_ROW,
    rows: IntArray | None = None,
    joints: IntArray | None = None,
    places: Float64Array | None = None,
    points: Float64Array | None = None,
    pixels: Float64Array | None = None,
) -> PointTruth:
    """Points of one kind of truth, all else being unknown."""
    return PointTruth(
        np.full(count, kind, np.int64),
        np.full(count, NO_ROW, np.int64) if rows is None else rows,
        np.full(count, FIXED, np.int64) if joints is None else joints,
        np.zeros((count, 3)) if places is None else places,
        np.full((count, 3), np.nan) if points is None else points,
        np.full((count, 2), np.nan) if pixels is None else pixels,
    )


def _joints_3d(joints: Joints3D, catalogue: JointCatalogue) -> PointTruth:
    numbers = catalogue.numbers(joints.joint_set)
    return _part(len(numbers), joints=numbers, points=joints.positions)


def _joints_2d(joints: Joints2D, catalogue: JointCatalogue) -> PointTruth:
    numbers = catalogue.numbers(joints.joint_set)
    return _part(len(numbers), joints=numbers, pixels=joints.pixels)


def _surface_pixels(surface: SurfacePixels, samples: BodySamples) -> PointTruth:
    points = samples.points(surface.kind)
    places = points.surface_places(surface.corners, surface.weights)
    return _part(len(places), places=places, pixels=surface.pixels)


def _joined(parts: list[PointTruth]) -> PointTruth:
    parts = parts or [_part(0)]
    return PointTruth(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in PointTruth.__dataclass_fields__
        )
    )


def _merged(truth: PointTruth) -> PointTruth:
    """A joint of which several sets or kinds of truth tell becomes one point, in the place of the
    first that names it; of several places or pixels the first holds."""
    first: dict[int, int] = {}
    kept = np.ones(len(truth), bool)
    points, pixels = truth.points.copy(), truth.pixels.copy()
    for row in np.flatnonzero(truth.joints != FIXED).tolist():
        target = first.setdefault(int(truth.joints[row]), row)
        if target == row:
            continue
        kept[row] = False
        for values in (points, pixels):
            if not np.isfinite(values[target]).all():
                values[target] = values[row]
    return _chosen(replace(truth, points=points, pixels=pixels), np.flatnonzero(kept))


def _projected(truth: PointTruth, camera: Camera) -> PointTruth:
    """With the pixels of all points whose place in the camera is known."""
    seen = camera.project(truth.points)
    known = np.isfinite(truth.points).all(axis=1, keepdims=True)
    return replace(truth, pixels=np.where(known, seen, truth.pixels))


def _chosen(truth: PointTruth, rows: IntArray) -> PointTruth:
    return PointTruth(*(getattr(truth, name)[rows] for name in PointTruth.__dataclass_fields__))
