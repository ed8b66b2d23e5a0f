# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion capture files (ASF/AMC, BVH) -> rotations of the body's 24 joints.

Every source names its bones and its resting directions differently. A body joint takes the global
rotation of its source bone, after a constant turn that lays the body's resting bone (T-pose) along
the source's resting bone.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .motion_files import Motion, read_amc, read_bvh
from .skeleton import JOINT_NAMES, PARENTS, T_POSE_DIRECTIONS, to_local

SIDES = ("left", "right")
# Turns a source's axes into the body's: x left, y up, z to the front.
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def _names(centre: dict[str, str], limbs: dict[str, str], left: str, right: str) -> dict[str, str]:
    """Source bone of each body joint; `{}` in a limb's name stands for the side."""
    table = dict(centre)
    for side, mark in zip(SIDES, (left, right), strict=True):
        table.update({f"{side}_{joint}": bone.format(mark) for joint, bone in limbs.items()})
    return table


ASF_BONES = _names(
    {"pelvis": "root", "spine1": "lowerback", "spine2": "upperback", "spine3": "thorax"}
    | {"neck": "lowerneck", "head": "head"},
    {"hip": "{}femur", "knee": "{}tibia", "ankle": "{}foot", "foot": "{}toes"}
    | {"collar": "{}clavicle", "shoulder": "{}humerus", "elbow": "{}radius"}
    | {"wrist": "{}wrist", "hand": "{}hand"},
    "l",
    "r",
)
CC_BONES = _names(
    {"pelvis": "CC_Base_Hip", "spine1": "CC_Base_Waist", "spine2": "CC_Base_Spine01"}
    | {"spine3": "CC_Base_Spine02", "neck": "CC_Base_NeckTwist01", "head": "CC_Base_Head"},
    {"hip": "CC_Base_{}_Thigh", "knee": "CC_Base_{}_Calf", "ankle": "CC_Base_{}_Foot"}
    | {"foot": "CC_Base_{}_ToeBase", "collar": "CC_Base_{}_Clavicle"}
    | {"shoulder": "CC_Base_{}_Upperarm", "elbow": "CC_Base_{}_Forearm"}
    | {"wrist": "CC_Base_{}_Hand"},
    "L",
    "R",
)
MAKEHUMAN_BONES = _names(
    {"pelvis": "root", "spine1": "spine04", "spine2": "spine02", "spine3": "spine01"}
    | {"neck": "neck02", "head": "head"},
    {"hip": "upperleg01.{}", "knee": "lowerleg01.{}", "ankle": "foot.{}"}
    | {"collar": "clavicle.{}", "shoulder": "upperarm01.{}", "elbow": "lowerarm01.{}"}
    | {"wrist": "wrist.{}"},
    "L",
    "R",
)
# The bone whose start is the end of the joint's bone, for resting directions out of BVH offsets.
_MAKEHUMAN_ENDS = {"hip": "lowerleg01.{}", "knee": "foot.{}", "ankle": "toe2-1.{}"} | {
    "collar": "upperarm01.{}",
    "shoulder": "lowerarm01.{}",
    "elbow": "wrist.{}",
    "wrist": "finger3-1.{}",
}


def load_archive(path: Path, keep_every: int = 1) -> np.ndarray:
    """Local joint rotations [T,24,3,3] of all motions in a tar archive, every n-th frame."""
    with tarfile.open(path) as archive:
        texts = {
            member.name: stream.read().decode("utf-8", errors="ignore")
            for member in archive.getmembers()
            if member.name.endswith((".asf", ".amc", ".bvh"))
            and (stream := archive.extractfile(member)) is not None
        }
    skeletons = {name: text for name, text in texts.items() if name.endswith(".asf")}
    parts = []
    for name, text in sorted(texts.items()):
        if name.endswith(".amc"):
            folder = name.rsplit("/", 1)[0]
            skeleton = next(body for key, body in skeletons.items() if key.startswith(folder))
            parts.append(_retarget(read_amc(skeleton, text, keep_every), ASF_BONES))
        elif name.endswith(".bvh"):
            parts.append(_from_bvh(text, keep_every))
    return np.concatenate(parts).astype(np.float32)


def _from_bvh(text: str, keep_every: int) -> np.ndarray:
    motion = read_bvh(text, keep_every)
    if "CC_Base_Hip" in motion.rotations:
        return _retarget(_upright_rest(motion), CC_BONES)
    return _retarget(_makehuman_axes(motion), MAKEHUMAN_BONES)


def _retarget(motion: Motion, bones: dict[str, str]) -> np.ndarray:
    """Local rotations [T,24,3,3] of the body's joints."""
    count = len(next(iter(motion.rotations.values())))
    world = np.zeros((count, len(JOINT_NAMES), 3, 3))
    for index, joint in enumerate(JOINT_NAMES):
        bone = bones.get(joint)
        if bone is None:  # a joint that the source lacks moves with its parent
            world[:, index] = world[:, PARENTS[index]]
            continue
        rotation = motion.rotations[bone]
        direction = motion.rest_directions.get(bone)
        if direction is not None and joint.startswith(SIDES) and not joint.endswith("foot"):
            rotation = rotation @ turn_between(T_POSE_DIRECTIONS[joint], direction)
        world[:, index] = rotation
    return to_local(world)


def turn_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation [3,3] that takes direction `start` to direction `end`."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(start, end)
    sine, cosine = np.linalg.norm(axis), float(start @ end)
    if sine < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix()


def _upright_rest(motion: Motion) -> Motion:
    """For rigs whose bone frames have y along the bone: measure rotations from the T-pose."""
    down = np.diag([-1.0, -1.0, 1.0])
    forward = np.array([[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    outward = {
        "L": np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
        "R": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    }
    frames: dict[str, np.ndarray] = {}
    for side in "LR":
        frames |= {f"CC_Base_{side}_{bone}": down for bone in ("Thigh", "Calf")}
        frames |= {f"CC_Base_{side}_{bone}": forward for bone in ("Foot", "ToeBase")}
        arm = ("Clavicle", "Upperarm", "Forearm", "Hand")
        frames |= {f"CC_Base_{side}_{bone}": outward[side] for bone in arm}
    rotations = {
        bone: rotation @ frames[bone].T if bone in frames else rotation
        for bone, rotation in motion.rotations.items()
    }
    along = np.array([0.0, 1.0, 0.0])
    directions = {bone: frame @ along for bone, frame in frames.items() if "Foot" not in bone}
    return Motion(rotations, directions)


def _makehuman_axes(motion: Motion) -> Motion:
    """MakeHuman's rig: z up, facing -y; resting directions from the start of a bone to its end."""
    rotations = {bone: _Z_UP @ matrix @ _Z_UP.T for bone, matrix in motion.rotations.items()}
    directions = {}
    for side, mark in zip(SIDES, "LR", strict=True):
        for joint, end in _MAKEHUMAN_ENDS.items():
            bone = MAKEHUMAN_BONES[f"{side}_{joint}"]
            span = motion.rest_directions[end.format(mark)] - motion.rest_directions[bone]
            directions[bone] = _Z_UP @ span
    return Motion(rotations, directions)
