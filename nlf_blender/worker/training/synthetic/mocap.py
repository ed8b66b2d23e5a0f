# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion capture files (ASF/AMC, BVH) -> rotations of the body's 24 joints.

Every source names its bones and its resting directions differently. A body joint takes the global
rotation of its source bone, after a constant turn that lays the body's resting bone (T-pose) along
the source's resting bone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from ....body.arrays import Float64Array
from ....errors import UserError
from .archives import read_texts
from .motion_files import Motion, bvh_rate, read_amc, read_bvh
from .skeleton import JOINT_NAMES, PARENTS, T_POSE_DIRECTIONS, to_local
from .turns import turn_between

FRAMES_PER_SECOND = 15
AMC_RATE = 120.0  # frames a second of CMU's recordings; the files do not say
SIDES = ("left", "right")
_SUFFIXES = (".asf", ".amc", ".bvh")
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
    # its wrist rolls the forearm, its hand bends in the wrist
    | {"wrist": "{}hand", "hand": "{}fingers"},
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


@dataclass(frozen=True, eq=False)
class Take:
    """A motion or a still pose. name: its file's; subject: whom it was recorded of, "" if unknown;
    poses [T,24,3,3]: rotations relative to the parent, the pelvis's in a world with y up."""

    name: str
    subject: str
    poses: Float64Array


def read_takes(path: Path) -> Iterator[Take]:
    """The ASF/AMC and BVH files of a tar file or folder, in order of their names, each thinned to
    about FRAMES_PER_SECOND. UserError names the archive and the file that cannot be read."""
    try:
        texts = read_texts(path, _SUFFIXES)
    except ValueError as error:
        raise _unusable(path, str(error)) from error
    if all(name.endswith(".asf") for name in texts):
        raise _unusable(path, "there are only skeletons in it")
    for name, text in texts.items():
        if name.endswith(".asf"):
            continue
        try:
            yield _read_take(name, text, texts)
        except (ValueError, KeyError, IndexError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UserError(
                "Motion not readable",
                f"{path}, {name}: {reason.rstrip('.')}.",
                "Leave the file out of the archive; skeletons as CMU's and MakeHuman's are known.",
            ) from error


def _unusable(path: Path, what: str) -> UserError:
    return UserError(
        "Archive of motions not readable",
        f"{path}: {what}.",
        "Give a tar file or folder of ASF/AMC or BVH files.",
    )


def _read_take(name: str, text: str, texts: dict[str, str]) -> Take:
    stem = PurePosixPath(name).stem
    subject = stem.split("_")[0].lstrip("0") if "_" in stem else ""
    if name.endswith(".bvh"):
        return Take(stem, subject, _from_bvh(text))
    folder = name.rpartition("/")[0]
    skeletons = [key for key in texts if key.endswith(".asf") and key.startswith(folder)]
    if not skeletons:
        raise ValueError("its folder has no .asf file")
    keep_every = round(AMC_RATE / FRAMES_PER_SECOND)
    return Take(
        stem, subject, _retarget(read_amc(texts[skeletons[0]], text, keep_every), ASF_BONES)
    )


def _from_bvh(text: str) -> Float64Array:
    motion = read_bvh(text, max(1, round(bvh_rate(text) / FRAMES_PER_SECOND)))
    if "CC_Base_Hip" in motion.rotations:
        return _retarget(_upright_rest(motion), CC_BONES)
    return _retarget(_makehuman_axes(motion), MAKEHUMAN_BONES)


def _retarget(motion: Motion, bones: dict[str, str]) -> Float64Array:
    """Local rotations [T,24,3,3] of the body's joints."""
    count = len(next(iter(motion.rotations.values())))
    world = np.zeros((count, len(JOINT_NAMES), 3, 3))
    turns: dict[str, Float64Array] = {}
    for index, joint in enumerate(JOINT_NAMES):
        bone = bones.get(joint)
        if bone is None:  # a joint that the source lacks moves with its parent
            world[:, index] = world[:, PARENTS[index]]
            continue
        turns[joint] = _rest_turn(joint, motion.rest_directions.get(bone), turns)
        world[:, index] = motion.rotations[bone] @ turns[joint]
    return to_local(world)


def _rest_turn(
    joint: str, direction: Float64Array | None, turns: dict[str, Float64Array]
) -> Float64Array:
    """From the joint's frame in the T-pose to that of the source at rest, [3,3].

    Feet are flat at rest in both, so they turn as far as the shin does; `turns`: those so far.
    """
    side, _, limb = joint.partition("_")
    if direction is None or side not in SIDES:
        return np.eye(3)
    if limb in ("ankle", "foot"):
        return turns[f"{side}_knee"]
    return turn_between(T_POSE_DIRECTIONS[joint], direction)


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
