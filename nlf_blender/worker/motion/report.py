# SPDX-License-Identifier: GPL-3.0-or-later
"""How good a person's motion is, in numbers, before and after the clean-up.

A report is {"take": PART, "people": {"3": PART, ...}}, by the person's id. A PART is
{"frames": .., "frames_without_evidence": .., "before": QUALITY, "after": QUALITY}. A QUALITY has
the keys of `QUALITY_KEYS`, each a number or null where nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...body.body_data import BodyData
from ...protocol.json_fields import Json, as_object
from .foot_points import foot_points, joint_frames
from .motion import Float64Array, PersonMotion

QUALITY_KEYS: dict[str, str] = {
    "jitter_m_s2": "mean acceleration of the joints, metres per second squared",
    "foot_slide_cm_s": "mean speed over the floor of heels and toes that stand, cm per second",
    "ground_penetration_mm": "how far the lowest sole point is under the floor, mean, millimetres",
    "ground_penetration_worst_mm": "the same in the worst frame",
    "reprojection_px": "mean distance in the picture of joints from localized joints, pixels",
    "reprojection_median_px": "the median over frames of the same",
}
WORST = "ground_penetration_worst_mm"


def person_report(
    before: PersonMotion,
    after: PersonMotion,
    contacts: NDArray[np.bool_],
    body: BodyData,
    floor: float | None,
    reprojection_before: Float64Array,
    reprojection_after: Float64Array,
) -> Json:
    """One person's PART of a report.

    before, after: as fitted and cleaned up, in the same world; they may have different frames.
    contacts [T,4]: those of `after`, by which both are judged; floor: its height, metres, None if
    nobody knows it; reprojection_before, reprojection_after: pixels per frame of each, NaN without
    evidence.
    """
    standing = dict(zip(after.frame.tolist(), contacts, strict=True))
    nowhere = np.zeros(4, dtype=bool)
    matched = np.array([standing.get(frame, nowhere) for frame in before.frame.tolist()])
    return {
        "frames": len(after.frame),
        "frames_without_evidence": int(np.sum(~after.evidence)),
        "before": quality(before, matched.reshape(-1, 4), body, floor, reprojection_before),
        "after": quality(after, contacts, body, floor, reprojection_after),
    }


def quality(
    motion: PersonMotion,
    contacts: NDArray[np.bool_],
    body: BodyData,
    floor: float | None,
    reprojection: Float64Array,
) -> Json:
    """A QUALITY of a motion in the world; see `person_report`. contacts [T,4]."""
    orientations, positions = joint_frames(motion, body)
    points = foot_points(body, motion.betas, motion.scale)
    depths, slides = np.zeros(0), np.zeros(0)
    if points is not None:
        feet = points.places(orientations, positions)
        slides = _slides(feet, contacts, motion)
        if floor is not None:
            depths = np.maximum(floor - feet[..., 2].min(axis=1), 0.0)
    seen = reprojection[np.isfinite(reprojection)]
    return {
        "jitter_m_s2": _mean(accelerations(positions, motion)),
        "foot_slide_cm_s": _mean(100.0 * slides),
        "ground_penetration_mm": _mean(1000.0 * depths),
        WORST: float(1000.0 * depths.max()) if len(depths) else None,
        "reprojection_px": _mean(seen),
        "reprojection_median_px": float(np.median(seen)) if len(seen) else None,
    }


def accelerations(positions: Float64Array, motion: PersonMotion) -> Float64Array:
    """Magnitudes [n] of accelerations of points [T,N,3] in a motion's frames, never across shots,
    metres per second squared; by second differences, which allow frames of unequal length."""
    time, shot = motion.time, motion.shot
    same = shot[2:] == shot[:-2]
    if not same.any():
        return np.zeros(0)
    velocities = np.diff(positions, axis=0) / np.diff(time)[:, None, None]
    change = 2.0 * np.diff(velocities, axis=0) / (time[2:] - time[:-2])[:, None, None]
    return np.linalg.norm(change[same], axis=-1).ravel()


def _slides(feet: Float64Array, contacts: NDArray[np.bool_], motion: PersonMotion) -> Float64Array:
    """Horizontal speeds [n] of points [T,4,3] between two frames in which both they stand."""
    if len(feet) < 2:
        return np.zeros(0)
    both = contacts[1:] & contacts[:-1] & (motion.shot[1:] == motion.shot[:-1])[:, None]
    way = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1)
    return (way / np.diff(motion.time)[:, None])[both]


def _mean(values: Float64Array) -> float | None:
    return float(np.mean(values)) if len(values) else None


def take_report(people: Mapping[int, Json]) -> Json:
    """The report of a take from its people's PARTs: means by their frames, the worst of all."""
    parts = list(people.values())
    frames = [_count(part, "frames") for part in parts]
    take: Json = {
        "frames": sum(frames),
        "frames_without_evidence": sum(_count(p, "frames_without_evidence") for p in parts),
    }
    for moment in ("before", "after"):
        sides = [as_object(part[moment], moment) for part in parts]
        take[moment] = {key: _joined(key, sides, frames) for key in QUALITY_KEYS}
    return {"take": take, "people": {str(person): part for person, part in people.items()}}


def _count(part: Json, key: str) -> int:
    value = part[key]
    assert isinstance(value, int)
    return value


def _joined(key: str, sides: list[Json], frames: list[int]) -> float | None:
    known = [
        (float(value), count)
        for side, count in zip(sides, frames, strict=True)
        if isinstance(value := side[key], float)
    ]
    if not known:
        return None
    values, counts = np.array(known).T
    return float(values.max() if key == WORST else np.average(values, weights=counts))
