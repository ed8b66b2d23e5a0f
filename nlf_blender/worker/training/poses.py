# SPDX-License-Identifier: GPL-3.0-or-later
"""Random poses: motion capture, limbs of other frames, drawn limbs, sitting to lying.

Joint rotations are relative to the T-pose; x points left, y up, z to the front of the body.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from .synthetic.skeleton import INDEX, mirror_pose

ARM = ("collar", "shoulder", "elbow", "wrist")
LEG = ("hip", "knee", "ankle")
SIDES = (("left", 1.0), ("right", -1.0))
# Trunk and thighs of postures that motion capture hardly has: hip flexion and knee flexion in
# degrees (from, to), forward lean of the spine in degrees (from, to).
POSTURES = {
    "sit": ((60, 110), (30, 115), (-20, 30)),
    "crouch": ((60, 130), (80, 150), (0, 50)),
    "kneel": ((-15, 60), (80, 150), (-10, 40)),
    "bend": ((20, 110), (0, 40), (0, 50)),
    "straight": ((-20, 30), (0, 30), (-20, 20)),
}


def turn(axis: str, degrees: float) -> np.ndarray:
    """Rotation [3,3] about one axis."""
    return Rotation.from_euler(axis, degrees, degrees=True).as_matrix()


def _draw_arm(random: Generator, pose: np.ndarray, side: str, sign: float) -> None:
    """Upper arm by elevation and azimuth, then twist; the elbow bends forward."""
    if random.random() < 0.3:  # hanging
        elevation, azimuth = random.uniform(-88, -60), random.uniform(-20, 40)
    elif random.random() < 0.3:  # raised
        elevation, azimuth = random.uniform(20, 88), random.uniform(-25, 90)
    else:
        elevation, azimuth = random.uniform(-85, 80), random.uniform(-35, 110)
    direction = turn("y", -sign * azimuth) @ turn("z", sign * elevation)
    bend = abs(random.normal()) * 55 if random.random() < 0.75 else random.uniform(0, 145)
    elbow = turn("y", -sign * min(bend, 150)) @ turn("x", random.normal() * 25)
    pose[INDEX[f"{side}_collar"]] = turn("z", sign * max(elevation, -10.0) * 0.2)
    pose[INDEX[f"{side}_shoulder"]] = direction @ turn("x", random.normal() * 40)
    pose[INDEX[f"{side}_elbow"]] = elbow
    pose[INDEX[f"{side}_wrist"]] = turn("z", random.normal() * 22) @ turn("y", random.normal() * 12)


def _draw_leg(random: Generator, pose: np.ndarray, side: str, sign: float, bends: tuple) -> None:
    """bends: flexion of hip and knee, degrees."""
    hip, knee = bends[0] + random.normal() * 9, bends[1] + random.normal() * 12
    spread = abs(random.normal()) * 14 - 3
    rotated = turn("x", -hip) @ turn("z", sign * spread) @ turn("y", sign * random.normal() * 18)
    pose[INDEX[f"{side}_hip"]] = rotated
    pose[INDEX[f"{side}_knee"]] = turn("x", np.clip(knee, 0, 150))
    pose[INDEX[f"{side}_ankle"]] = turn("x", random.normal() * 14 + 5)


def _draw_posture(random: Generator, pose: np.ndarray) -> None:
    hips, knees, lean = POSTURES[str(random.choice(list(POSTURES)))]
    bends = (random.uniform(*hips), random.uniform(*knees))
    for side, sign in SIDES:
        if random.random() < 0.25:  # one leg differs
            bends = (random.uniform(*hips), random.uniform(*knees))
        _draw_leg(random, pose, side, sign, bends)
    forward = random.uniform(*lean) / 3
    for joint in ("spine1", "spine2", "spine3"):
        pose[INDEX[joint]] = turn("x", forward) @ _jitter(random, 5)


def _jitter(random: Generator, degrees: float) -> np.ndarray:
    vector = random.normal(size=3) * np.radians(degrees)
    return Rotation.from_rotvec(vector).as_matrix()


def _copy_limbs(pose: np.ndarray, other: np.ndarray, limb: tuple[str, ...], side: str) -> None:
    rows = [INDEX[f"{side}_{joint}"] for joint in limb]
    pose[rows] = other[rows]


def sample_pose(random: Generator, motions: list[np.ndarray]) -> np.ndarray:
    """Local rotations [24,3,3]; the pelvis is set apart by `sample_heading`.

    motions: arrays [T,24,3,3]; each is as likely as the square root of its length.
    """

    def frame() -> np.ndarray:
        weights = np.sqrt([len(motion) for motion in motions])
        motion = motions[random.choice(len(motions), p=weights / weights.sum())]
        return motion[random.integers(len(motion))].astype(np.float64)

    pose = frame()
    kind = random.random()
    if 0.3 < kind < 0.5:
        other = frame()
        for side, _ in SIDES:
            if random.random() < 0.6:
                _copy_limbs(pose, other, ARM, side)
            if random.random() < 0.4:
                _copy_limbs(pose, other, LEG, side)
    elif kind >= 0.5:
        for side, sign in SIDES:
            if random.random() < 0.8:
                _draw_arm(random, pose, side, sign)
        if random.random() < 0.75:
            _draw_posture(random, pose)
    for joint in ("neck", "head"):
        pose[INDEX[joint]] = (
            pose[INDEX[joint]] @ turn("y", random.normal() * 16) @ _jitter(random, 8)
        )
    for joint in range(1, len(pose)):
        pose[joint] = pose[joint] @ _jitter(random, 4)
    return mirror_pose(pose) if random.random() < 0.5 else pose


def sample_heading(random: Generator) -> np.ndarray:
    """Rotation [3,3] of the pelvis before the camera: any heading, leaning towards or away."""
    heading = turn("y", random.uniform(0, 360))
    kind = random.random()
    if kind < 0.10:
        return Rotation.random(random_state=int(random.integers(2**31))).as_matrix()
    lean = random.uniform(-80, 80) if kind < 0.3 else random.normal() * 16
    return turn("x", lean) @ turn("z", random.normal() * 12) @ heading
