# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion capture files (ASF/AMC, BVH) -> rotations of the body's 24 joints.

Every source names its bones and its resting directions differently. A body joint takes the global
rotation of its source bone, after a constant turn that lays the body's resting bone (T-pose) along
the source's resting bone.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from .skeleton import JOINT_NAMES, PARENTS, T_POSE_DIRECTIONS, to_local

SIDES = ("left", "right")
# Turns a source's axes into the body's: x left, y up, z to the front.
_Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Motion:
    """Global rotations [T,n,3,3] of named bones and their resting directions (unit, or None)."""

    rotations: dict[str, np.ndarray]
    rest_directions: dict[str, np.ndarray]


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


def read_bvh(text: str, keep_every: int) -> Motion:
    """Global rotations per joint; `rest_directions` holds resting joint positions instead."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip() == "MOTION")
    joints = list(_bvh_joints(lines[:start]))
    values = np.array([[float(word) for word in line.split()] for line in lines[start + 3 :] if line])
    values = values[::keep_every]
    rotations: dict[str, np.ndarray] = {}
    positions: dict[str, np.ndarray] = {}
    column = 0
    for name, parent, offset, channels in joints:
        rotation = np.broadcast_to(np.eye(3), (len(values), 3, 3))
        for channel in channels:
            if channel.endswith("rotation"):
                angle = values[:, column]
                turn = Rotation.from_euler(channel[0].lower(), angle[:, None], degrees=True)
                rotation = rotation @ turn.as_matrix()
            column += 1
        rotations[name] = rotations[parent] @ rotation if parent else rotation
        positions[name] = (positions[parent] if parent else 0.0) + offset
    return Motion(rotations, positions)


def _bvh_joints(lines: list[str]) -> Iterator[tuple[str, str, np.ndarray, list[str]]]:
    """(name, parent's name or '', offset, channels) of each joint, ends left out."""
    stack: list[str] = []
    name, offset = "", np.zeros(3)
    for line in lines:
        words = line.split()
        if not words:
            continue
        if words[0] in ("ROOT", "JOINT", "End"):
            name = words[1] if words[0] != "End" else ""
        elif words[0] == "{":
            stack.append(name)
        elif words[0] == "}":
            stack.pop()
        elif words[0] == "OFFSET":
            offset = np.array([float(word) for word in words[1:4]])
        elif words[0] == "CHANNELS":
            yield stack[-1], stack[-2] if len(stack) > 1 else "", offset, words[2:]


def read_amc(skeleton: str, text: str, keep_every: int) -> Motion:
    """Global rotations per ASF bone and resting directions."""
    bones, parents = _read_asf(skeleton)
    frames = _amc_frames(text)[::keep_every]
    angles = {
        bone: np.array([frame.get(bone, [0.0] * len(data.axes)) for frame in frames])
        for bone, data in bones.items()
    }
    root = np.array([frame["root"][3:6] for frame in frames])
    rotations = {"root": Rotation.from_euler("xyz", root, degrees=True).as_matrix()}
    for bone in _parents_first(parents):
        data = bones[bone]
        full = np.zeros((len(frames), 3))
        for column, axis in enumerate(data.axes):
            full[:, "xyz".index(axis)] = angles[bone][:, column]
        turn = Rotation.from_euler("xyz", full, degrees=True).as_matrix()
        rotations[bone] = rotations[parents[bone]] @ data.frame @ turn @ data.frame.T
    return Motion(rotations, {bone: data.direction for bone, data in bones.items()})


@dataclass
class AsfBone:
    """Resting direction, axes frame, and which of x, y, z the bone turns about."""

    direction: np.ndarray
    frame: np.ndarray
    axes: str


def _read_asf(text: str) -> tuple[dict[str, AsfBone], dict[str, str]]:
    bones: dict[str, AsfBone] = {}
    parents: dict[str, str] = {}
    section, name = "", ""
    for words in (line.split() for line in text.splitlines()):
        if not words:
            continue
        if words[0].startswith(":"):
            section = words[0]
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            parents.update(dict.fromkeys(words[1:], words[0]))
        elif section == ":bonedata" and words[0] == "name":
            name = words[1]
            bones[name] = AsfBone(np.zeros(3), np.eye(3), "")
        elif section == ":bonedata" and words[0] == "direction":
            bones[name].direction = np.array([float(word) for word in words[1:4]])
        elif section == ":bonedata" and words[0] == "axis":
            degrees = [float(word) for word in words[1:4]]
            bones[name].frame = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
        elif section == ":bonedata" and words[0] == "dof":
            bones[name].axes = "".join(word[1] for word in words[1:] if word.startswith("r"))
    return bones, parents


def _parents_first(parents: dict[str, str]) -> list[str]:
    order: list[str] = []
    waiting = list(parents)
    while waiting:
        ready = [bone for bone in waiting if parents[bone] == "root" or parents[bone] in order]
        order += ready
        waiting = [bone for bone in waiting if bone not in ready]
    return order


def _amc_frames(text: str) -> list[dict[str, list[float]]]:
    frames: list[dict[str, list[float]]] = []
    for words in (line.split() for line in text.splitlines()):
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif frames and words and words[0][0].isalpha():
            frames[-1][words[0]] = [float(word) for word in words[1:]]
    return frames
