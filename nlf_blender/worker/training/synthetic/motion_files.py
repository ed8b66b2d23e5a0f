# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of motion capture files: BVH, and ASF/AMC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Motion:
    """Global rotations [T,n,3,3] of named bones and their resting directions (unit, or None)."""

    rotations: dict[str, np.ndarray]
    rest_directions: dict[str, np.ndarray]


def bvh_rate(text: str) -> float:
    """Frames a second; a file that tells no frame time counts as 30."""
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["Frame", "Time:"] and float(words[2]) > 0:
            return 1.0 / float(words[2])
    return 30.0


def read_bvh(text: str, keep_every: int) -> Motion:
    """Global rotations per joint; `rest_directions` holds resting joint positions instead.
    ValueError, KeyError or IndexError if it is damaged."""
    lines = [line.strip() for line in text.splitlines()]
    if "MOTION" not in lines:
        raise ValueError("it has no line MOTION")
    start = lines.index("MOTION")
    joints = list(_bvh_joints(lines[:start]))
    width = sum(len(channels) for *_, channels in joints)
    frames = [[float(word) for word in line.split()] for line in lines[start + 3 :] if line]
    values = _checked(frames[::keep_every], width)
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
    """Global rotations per ASF bone and resting directions. ValueError or KeyError if one of the
    texts is damaged."""
    bones, parents = _read_asf(skeleton)
    frames = _amc_frames(text)[::keep_every]
    angles = {
        bone: _checked(
            [frame.get(bone, [0.0] * len(data.axes)) for frame in frames], len(data.axes)
        )
        for bone, data in bones.items()
    }
    root = _checked([frame["root"] for frame in frames], 6)[:, 3:]
    rotations = {"root": Rotation.from_euler("xyz", root, degrees=True).as_matrix()}
    for bone in _parents_first(parents):
        data = bones[bone]
        full = np.zeros((len(frames), 3))
        for column, axis in enumerate(data.axes):
            full[:, "xyz".index(axis)] = angles[bone][:, column]
        turn = Rotation.from_euler("xyz", full, degrees=True).as_matrix()
        rotations[bone] = rotations[parents[bone]] @ data.frame @ turn @ data.frame.T
    return Motion(rotations, {bone: data.direction for bone, data in bones.items()})


def _checked(frames: list[list[float]], width: int) -> np.ndarray:
    """The frames' numbers [T,width]. ValueError if there are none, or others."""
    if not frames or any(len(frame) != width for frame in frames):
        raise ValueError(f"it has no frames, or one that is not of {width} numbers")
    values = np.array(frames, np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a number in its frames is not finite")
    return values


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
    """The bones, each after its parent. ValueError if one does not hang on the root."""
    order: list[str] = []
    waiting = list(parents)
    while waiting:
        ready = [bone for bone in waiting if parents[bone] == "root" or parents[bone] in order]
        if not ready:
            raise ValueError(f"its bones {', '.join(waiting)} do not hang on the root")
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
