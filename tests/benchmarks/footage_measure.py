# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a solved take is from the truth of its clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rendered_clip import Truth
from scipy.optimize import linear_sum_assignment
from walking import Walk

from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.protocol.motion_files import read_motion
from nlf_blender.protocol.solution import SOLUTION_FOLDER, SolutionInfo
from nlf_blender.worker.motion.foot_points import foot_points, joint_frames
from nlf_blender.worker.motion.motion import PersonMotion

MILLIMETRES = 1000.0


@dataclass(frozen=True, eq=False)
class Found:
    """A person of a solution: motion in the world; contacts [T,4]."""

    id: int
    motion: PersonMotion
    contacts: np.ndarray


def found_people(take: Path, info: SolutionInfo) -> list[Found]:
    """The people whom a solution keeps."""
    return [
        _found(person.id, take / SOLUTION_FOLDER / person.file)
        for person in info.people
        if person.file
    ]


def _found(number: int, path: Path) -> Found:
    data = read_motion(path)
    motion = PersonMotion(
        frame=data["frame"],
        time=data["time"],
        shot=np.zeros(len(data["frame"]), np.int64),
        rotations=matrix_from_rotvec(data["pose"]),
        root=data["root"],
        evidence=data["evidence"],
        turn_sigma=data["turn_sigma"].astype(np.float64),
        place_sigma=data["uncertainty"].astype(np.float64),
        betas=data["betas"],
        scale=float(data["scale"]),
    )
    return Found(number, motion, data["contacts"])


def camera_joints(truth: Truth, motion: PersonMotion, world_from_camera: np.ndarray) -> np.ndarray:
    """Joints [T,J,3] in camera space, metres."""
    _, places = joint_frames(motion, truth.body)
    return (places - world_from_camera[:3, 3]) @ world_from_camera[:3, :3]


def pixels(truth: Truth, points: np.ndarray) -> np.ndarray:
    """Points [...,3] of camera space in the picture [...,2]."""
    seen = points @ truth.intrinsics.T
    return seen[..., :2] / seen[..., 2:]


def who_is_who(truth: Truth, found: list[Found], world_from_camera: np.ndarray) -> np.ndarray:
    """For each true person and frame [P,F] which of `found` is there in the picture, -1 if none
    is near, by the hips. Pairs stay while they are near; the rest are paired as well as can be
    (Bernardin and Stiefelhagen, CLEAR MOT, 2008)."""
    size = truth.size
    answer = np.full((len(truth.walks), size.frames), -1)
    true = [
        pixels(truth, camera_joints(truth, w.motion, truth.world_from_camera))[:, 0]
        for w in truth.walks
    ]
    seen = np.full((len(found), size.frames, 2), np.nan)
    for row, one in enumerate(found):
        sighted = one.motion.evidence
        places = pixels(truth, camera_joints(truth, one.motion, world_from_camera))[:, 0]
        seen[row, one.motion.frame[sighted]] = places[sighted]
    far, partner = 0.1 * size.width, np.full(len(true), -1)
    for frame in range(size.frames):
        cost = np.array([np.linalg.norm(seen[:, frame] - t[frame], axis=-1) for t in true])
        near = cost < far
        cost = np.where(near, cost, 1e6) - 1e3 * (partner[:, None] == np.arange(len(found)))
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if near[row, column]:
                answer[row, frame] = partner[row] = column
    return answer


def mean_size(
    truth: Truth, found: list[Found], answer: np.ndarray, world_from_camera: np.ndarray
) -> float:
    """How large, and so how far away, people are found where truth is 1: the mean over the people
    of the median over the frames. No picture tells it but by what people usually look like."""
    sizes: list[float] = []
    for walked, one in _pairs(truth, found, answer):
        true = camera_joints(truth, walked.motion, truth.world_from_camera)[one.motion.frame, 0]
        place = camera_joints(truth, one.motion, world_from_camera)[:, 0]
        ratio = np.linalg.norm(place, axis=-1) / np.linalg.norm(true, axis=-1)
        sizes.append(float(np.median(ratio)))
    return float(np.mean(sizes))


def _pairs(truth: Truth, found: list[Found], answer: np.ndarray) -> list[tuple[Walk, Found]]:
    """True people who were found, and who is there most of the time."""
    present = [row[row >= 0] for row in answer]
    return [
        (walked, found[int(np.bincount(row).argmax())])
        for walked, row in zip(truth.walks, present, strict=True)
        if len(row)
    ]


def switches(answer: np.ndarray) -> int:
    """How often a true person changes from one found person to another, frames without any left
    out."""
    changes = 0
    for row in answer:
        seen = row[row >= 0]
        changes += int(np.sum(np.diff(seen) != 0))
    return changes


def errors(
    truth: Truth, found: list[Found], answer: np.ndarray, world_from_camera: np.ndarray
) -> dict[str, float]:
    """Mean errors over true people and frames, each against who is there most of the time: joints
    in camera space, about the root, and after the best similarity in each frame, millimetres;
    accelerations in camera space and about the root, metres per second squared; slides, of truth's
    contacts and of those found, cm per second; what share of found contacts are true, and of true
    ones found."""
    sums: dict[str, list[float]] = {}
    for walked, one in _pairs(truth, found, answer):
        rows = one.motion.frame
        places = camera_joints(truth, one.motion, world_from_camera)
        true = camera_joints(truth, walked.motion, truth.world_from_camera)[rows]
        about, true_about = places - places[:, :1], true - true[:, :1]
        values = {
            "joints_mm": MILLIMETRES * _distance(places, true),
            "joints_about_root_mm": MILLIMETRES * _distance(about, true_about),
            "joints_procrustes_mm": MILLIMETRES * _distance(_aligned(places, true), true),
            "acceleration_error": _acceleration(places - true, truth.size.fps),
            "acceleration_error_about_root": _acceleration(about - true_about, truth.size.fps),
            "slide_in_true_contacts_cm_s": _slide(truth, one.motion, walked.contacts[rows]),
            "slide_in_found_contacts_cm_s": _slide(truth, one.motion, one.contacts),
            "contact_precision": _share(walked.contacts[rows], one.contacts),
            "contact_recall": _share(one.contacts, walked.contacts[rows]),
        }
        for name, value in values.items():
            sums.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _share(contacts: np.ndarray, of: np.ndarray) -> float:
    """What share of some contacts [T,4] are contacts [T,4], too."""
    return float((contacts & of).sum() / of.sum()) if of.any() else float("nan")


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second, axis=-1).mean())


def _acceleration(difference: np.ndarray, fps: float) -> float:
    """Mean length of the acceleration of [T,J,3]."""
    return float(np.linalg.norm(np.diff(difference, 2, axis=0), axis=-1).mean() * fps**2)


def _aligned(points: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Points [T,N,3] after the similarity that brings them nearest to the goal (Umeyama 1991)."""
    a = points - points.mean(axis=1, keepdims=True)
    b = goal - goal.mean(axis=1, keepdims=True)
    left, values, right = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    signs = np.ones((len(a), 3))
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    turn = (left * signs[:, None]) @ right
    scale = np.sum(values * signs, axis=1) / np.sum(a * a, axis=(1, 2))
    return scale[:, None, None] * (a @ turn) + goal.mean(axis=1, keepdims=True)


def _slide(truth: Truth, motion: PersonMotion, contacts: np.ndarray) -> float:
    points = foot_points(truth.body, motion.betas, motion.scale)
    assert points is not None
    feet = points.places(*joint_frames(motion, truth.body))
    both = contacts[1:] & contacts[:-1]
    speeds = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) / np.diff(motion.time)[:, None]
    return float(100 * speeds[both].mean()) if both.any() else float("nan")
