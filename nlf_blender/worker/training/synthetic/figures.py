# SPDX-License-Identifier: GPL-3.0-or-later
"""People in outline: joints, some points of the skin, and capsules for the parts of the body.

Quick enough to try many poses of one person: whether parts run into each other, where the feet and
the seat touch, what a picture of the person spans. Pose correctives are left out (millimetres).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ....body.arrays import Float64Array
from ...smpl.body_model import BodyModel
from .skeleton import INDEX, PARENTS, to_world

# Parts that are capsules from a joint to a point beyond the next one, as a share of the way.
LIMBS = {
    "upper_arm": ("shoulder", "elbow", 0.35, 1.0),
    "forearm": ("elbow", "wrist", 0.1, 1.0),
    "hand": ("wrist", "hand", 0.3, 1.5),
    "thigh": ("hip", "knee", 0.45, 1.0),
    "shin": ("knee", "ankle", 0.1, 1.0),
    "foot": ("ankle", "foot", 0.0, 1.3),
}
TRUNK = {
    "pelvis": (("pelvis",), "pelvis"),
    "belly": (("spine1", "spine2"), "spine2"),
    "chest": (("spine3", "left_collar", "right_collar"), "spine3"),
    "head": (("head",), "head"),
}
CAPSULES = (*TRUNK, *(f"{side}_{limb}" for side in ("left", "right") for limb in LIMBS))
_ROW = {name: row for row, name in enumerate(CAPSULES)}
# Which parts are tried against which; those that meet in a joint are left out.
_AGAINST = {
    "hand": ("head", "chest", "belly", "pelvis", "thigh", "shin", "foot"),
    "forearm": ("head", "chest", "belly", "pelvis", "thigh", "shin"),
    "upper_arm": ("head", "belly", "thigh"),
    "thigh": ("chest", "belly"),
    "shin": ("head", "chest", "belly", "pelvis"),
    "foot": ("head", "chest", "belly", "pelvis"),
}
_ACROSS = (
    *((limb, limb) for limb in LIMBS),
    ("hand", "forearm"),
    ("hand", "upper_arm"),
    ("forearm", "upper_arm"),
    ("foot", "shin"),
    ("foot", "thigh"),
    ("shin", "thigh"),
)


def _pairs() -> tuple[np.ndarray, np.ndarray]:
    """Rows of CAPSULES that are tried against each other, [C] and [C]."""
    names = set()
    for limb, others in _AGAINST.items():
        for other in others:
            for side in ("left", "right"):
                mine = f"{side}_{limb}"
                if other in TRUNK:
                    names.add((mine, other))
                else:
                    names |= {(mine, f"left_{other}"), (mine, f"right_{other}")}
    for first, second in _ACROSS:
        names |= {(f"left_{first}", f"right_{second}"), (f"right_{first}", f"left_{second}")}
    rows = sorted({(min(_ROW[a], _ROW[b]), max(_ROW[a], _ROW[b])) for a, b in names})
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


PAIRS = _pairs()


@dataclass(frozen=True, eq=False)
class Figure:
    """A person at rest. joints [24,3] and points [S,3], metres; weights [S,24] of skinning; part
    [S]: the joint that moves each point most. Capsules: bone [C] in whose frame each moves, ends
    [C,2,3] at rest, radii [C]."""

    joints: Float64Array
    points: Float64Array
    weights: Float64Array
    part: np.ndarray
    bone: np.ndarray
    ends: Float64Array
    radii: Float64Array

    @property
    def stature(self) -> float:
        """From the lowest to the highest point at rest, metres."""
        return float(np.ptp(self.points[:, 1]))

    @cached_property
    def rest_overlaps(self) -> Float64Array:
        """How deep the pairs of parts are in each other at rest [C], at least 0: that is flesh."""
        at_rest = np.broadcast_to(np.eye(3), (len(self.joints), 3, 3))
        return np.maximum(_depths(Posed(self, at_rest, self.joints)), 0.0)


@dataclass(frozen=True, eq=False)
class Posed:
    """A figure in a pose. world [24,3,3]: orientations; joints [24,3]."""

    figure: Figure
    world: Float64Array
    joints: Float64Array

    def points(self) -> Float64Array:
        """The skin's points [S,3]."""
        shifts = self.joints - np.einsum("jab,jb->ja", self.world, self.figure.joints)
        moves = np.concatenate([self.world, shifts[..., None]], axis=-1).reshape(-1, 12)
        blended = (self.figure.weights @ moves).reshape(-1, 3, 4)
        rest = self.figure.points
        return np.einsum("sab,sb->sa", blended[..., :3], rest) + blended[..., 3]

    def capsule_ends(self) -> Float64Array:
        """The capsules' ends [C,2,3]."""
        bone = self.figure.bone
        offsets = self.figure.ends - self.figure.joints[bone][:, None]
        return np.einsum("cab,ceb->cea", self.world[bone], offsets) + self.joints[bone][:, None]

    def overlap(self) -> float:
        """How deep the worst pair of parts is in each other, beyond what it is at rest; metres."""
        return float((_depths(self) - self.figure.rest_overlaps).max())

    def overlaps(self) -> dict[tuple[str, str], float]:
        """The same of every pair of CAPSULES that touches."""
        depths = _depths(self) - self.figure.rest_overlaps
        rows = np.flatnonzero(depths > 0)
        return {(CAPSULES[PAIRS[0][k]], CAPSULES[PAIRS[1][k]]): float(depths[k]) for k in rows}


def pose_figure(figure: Figure, local: Float64Array) -> Posed:
    """The figure with rotations [24,3,3] relative to the parent, the pelvis at the origin."""
    world = to_world(local)
    placed = np.zeros((len(PARENTS), 3))
    bones = figure.joints - figure.joints[list(PARENTS)]
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            placed[joint] = placed[parent] + world[parent] @ bones[joint]
    return Posed(figure, world, placed)


class FigureModel:
    """Makes figures of the open body's shapes."""

    def __init__(self, body: BodyModel) -> None:
        chosen = body.spread_vertices
        self.template = body.v_template[chosen].cpu().numpy().astype(np.float64)
        self.shapes = body.shapedirs[chosen].cpu().numpy().astype(np.float64)
        self.weights = body.weights[chosen].cpu().numpy().astype(np.float64)
        self.joints = body.joints_template.cpu().numpy().astype(np.float64)
        self.joint_shapes = body.joints_shapedirs.cpu().numpy().astype(np.float64)
        self.part = self.weights.argmax(axis=1)
        self.rows = {
            name: np.flatnonzero(np.isin(self.part, [INDEX[part] for part in parts]))
            for name, (parts, _) in TRUNK.items()
        }
        self.rows |= {name: np.flatnonzero(self.part == INDEX[name]) for name in INDEX}

    def figure(self, betas: Float64Array, scale: float = 1.0) -> Figure:
        """The person of betas [B] at a scale."""
        points = scale * (self.template + self.shapes[..., : len(betas)] @ betas)
        joints = scale * (self.joints + self.joint_shapes[..., : len(betas)] @ betas)
        bone, ends, radii = zip(
            *(self._trunk(points, name) for name in TRUNK),
            *(
                self._limb(points, joints, side, limb)
                for side in ("left", "right")
                for limb in LIMBS
            ),
            strict=True,
        )
        thick = np.array(radii)
        limbs = thick[len(TRUNK) :].reshape(2, -1)
        limbs[:] = limbs.mean(axis=0)  # bodies are symmetric; the chosen points are not quite
        return Figure(
            joints, points, self.weights, self.part, np.array(bone), np.array(ends), thick
        )

    def _trunk(self, points: Float64Array, name: str) -> tuple[int, Float64Array, float]:
        """A capsule across the body that spans most of the parts' width and depth."""
        bone = TRUNK[name][1]
        own = np.sort(points[self.rows[name]], axis=0)
        low, high = own[round(0.08 * (len(own) - 1))], own[round(0.92 * (len(own) - 1))]
        middle = (low + high) / 2 * [0.0, 1.0, 1.0]
        radius = (high[2] - low[2]) / 2
        axis = 1 if bone == "head" else 0
        reach = np.zeros(3)
        reach[axis] = max((high[axis] - low[axis]) / 2 - radius, 0.0)
        return INDEX[bone], np.stack([middle - reach, middle + reach]), float(radius)

    def _limb(
        self, points: Float64Array, joints: Float64Array, side: str, limb: str
    ) -> tuple[int, Float64Array, float]:
        """A capsule along a bone, as thick as the part's points mostly are."""
        first, second, start, end = LIMBS[limb]
        row = INDEX[f"{side}_{first}"]
        here, there = joints[row], joints[INDEX[f"{side}_{second}"]]
        along = there - here
        own = points[self.rows[f"{side}_{first}"]] - here
        share = (own @ (along / (along @ along))).clip(start, end)
        away = own - share[:, None] * along
        radius = np.sqrt(np.sort((away * away).sum(axis=1))[len(own) // 2])
        ends = np.stack([here + start * along, here + end * along])
        return row, ends, float(radius)


def _depths(posed: Posed) -> Float64Array:
    """How deep each pair of PAIRS is in each other, metres; negative: how far apart."""
    ends = posed.capsule_ends()
    first, second = PAIRS
    radii = posed.figure.radii
    return radii[first] + radii[second] - segment_distances(ends[first], ends[second])


def segment_distances(first: Float64Array, second: Float64Array) -> Float64Array:
    """Distances [C] of segments [C,2,3] from others [C,2,3].

    Closest points of the two lines, one clamped to its segment, then the other, then the first
    again (Ericson, Real-Time Collision Detection, section 5.1.9).
    """
    along, other = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0]
    gap = first[:, 0] - second[:, 0]
    a = np.maximum(np.einsum("ca,ca->c", along, along), 1e-12)
    e = np.maximum(np.einsum("ca,ca->c", other, other), 1e-12)
    b, c = np.einsum("ca,ca->c", along, other), np.einsum("ca,ca->c", along, gap)
    f = np.einsum("ca,ca->c", other, gap)
    slant = a * e - b * b
    s = np.where(slant > 1e-12, (b * f - c * e) / np.where(slant > 1e-12, slant, 1.0), 0.0)
    t = ((b * s.clip(0, 1) + f) / e).clip(0, 1)
    s = ((b * t - c) / a).clip(0, 1)
    apart = gap + s[:, None] * along - t[:, None] * other
    return np.linalg.norm(apart, axis=1)
