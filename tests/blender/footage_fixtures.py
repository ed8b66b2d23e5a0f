# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic takes of footage for the tests of the scene: seeded motions, known answers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
import scene_fixtures as fixtures

from nlf_blender.body.body_data import BodyData, reduced_body_npz
from nlf_blender.body.conventions import BLENDER_FROM_SMPL
from nlf_blender.body.kinematics import global_transforms, rest_joints
from nlf_blender.body.rotations import matrix_from_rotvec, rotvec_from_matrix
from nlf_blender.protocol.cameras import CameraMotion, write_cameras
from nlf_blender.protocol.motion_files import write_motion
from nlf_blender.protocol.rows import ROW_FIELDS, write_chunk
from nlf_blender.protocol.solution import SOLUTION_FOLDER, PersonInfo, SolutionInfo, write_solution
from nlf_blender.protocol.take import (
    BODY_FILE,
    CAMERAS_FILE,
    CameraInfo,
    SourceInfo,
    TakeInfo,
    write_info,
)

INTRINSICS = (700.0, 0.0, 300.0, 0.0, 700.0, 250.0, 0.0, 0.0, 1.0)
NTSC_RATE = 30 / 1.001


@dataclass(frozen=True)
class Walk:
    """A person who walks and turns: pose [T,J,3], root [T,3], betas, and their frames [T]."""

    frames: np.ndarray
    pose: np.ndarray
    root: np.ndarray
    betas: np.ndarray


def walk(body: BodyData, seed: int, frames: np.ndarray) -> Walk:
    """A smooth motion: joints swing, the root walks a curve and turns around more than once."""
    rng = np.random.default_rng(seed)
    count, joints = len(frames), body.joint_count
    phase = 0.15 * np.arange(count)[:, None, None] + rng.uniform(0, 6, (joints, 3))
    pose = 0.4 * np.sin(phase)
    yaw = np.linspace(0.3, 8.0, count)
    turns = matrix_from_rotvec(yaw[:, None] * (0.0, 0.0, 1.0))
    tilt = matrix_from_rotvec(0.2 * np.sin(phase[:, 0]))
    pose[:, 0] = rotvec_from_matrix(turns @ tilt @ BLENDER_FROM_SMPL)
    root = np.stack([np.sin(yaw), 4.0 + 0.2 * yaw, 0.9 + 0.02 * np.cos(3 * yaw)], axis=1)
    return Walk(frames, pose, root + seed * np.array([1.0, 0, 0]), rng.normal(0, 1, 5))


def world_joints(body: BodyData, person: Walk) -> np.ndarray:
    """Global transforms [T,J,4,4] in Blender's world."""
    rest = rest_joints(body.joints_template, body.joints_shapedirs, person.betas)
    translation = person.root - rest[0]
    return global_transforms(
        matrix_from_rotvec(person.pose), rest, body.skeleton.parents, translation
    )


def world_points(body: BodyData, person: Walk) -> np.ndarray:
    """Some smooth mesh [T,V,3] that moves with the person."""
    joints = world_joints(body, person)[:, :, :3, 3]
    owner = body.weights.argmax(axis=1)
    offsets = np.random.default_rng(9).normal(0, 0.05, (body.vertex_count, 3))
    return (joints[:, owner] + offsets).astype(np.float32)


def motion_of(body: BodyData, person: Walk, times: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of a person's motion file; seen throughout but for a range in the middle."""
    count = len(person.frames)
    evidence = np.ones(count, dtype=bool)
    evidence[count // 2 : count // 2 + 3] = False
    return {
        "frame": person.frames,
        "time": times,
        "root": person.root,
        "pose": person.pose,
        "betas": person.betas,
        "scale": np.array(1.0),
        "evidence": evidence,
        "uncertainty": np.linspace(0.02, 0.05, count),
        "turn_sigma": np.full((count, body.joint_count), 0.1),
        "contacts": np.zeros((count, 4), dtype=bool),
        "reprojection": np.where(evidence, 2.0, np.nan),
        "vertex_uncertainty": np.linspace(0.01, 0.15, body.vertex_count),
    }


def static_camera() -> np.ndarray:
    """world_from_camera [4,4] of a camera 1.6 m up that looks along +y and a little down."""
    matrix = np.eye(4)
    down = matrix_from_rotvec(np.array([-0.1, 0.0, 0.0]))
    matrix[:3, :3] = down @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    matrix[2, 3] = 1.6
    return matrix


def moving_camera(frames: np.ndarray) -> CameraMotion:
    """A camera that travels, pans and zooms."""
    share = np.linspace(0.0, 1.0, len(frames))
    matrices = np.tile(static_camera(), (len(frames), 1, 1))
    pans = matrix_from_rotvec(0.4 * share[:, None] * (0.0, 0.0, 1.0))
    matrices[:, :3, :3] = pans @ matrices[:, :3, :3]
    matrices[:, 0, 3] = share
    intrinsics = np.tile(np.array(INTRINSICS).reshape(3, 3), (len(frames), 1, 1))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = 700.0 + 200.0 * share
    return CameraMotion(frames, intrinsics, matrices)


def footage_info(source: SourceInfo | None = None, moving: bool = False) -> TakeInfo:
    """A take of a video that does not exist."""
    source = source or SourceInfo(
        "video", "/nowhere/a walk.mp4", "c" * 64, 640, 480, frame_count=40, fps=NTSC_RATE
    )
    camera = CameraInfo(INTRINSICS, motion=CAMERAS_FILE if moving else "")
    return replace(fixtures.default_info(0), source=source, camera=camera)


def write_footage(
    folder: Path,
    body: BodyData,
    people: dict[int, Walk],
    *,
    info: TakeInfo | None = None,
    times: np.ndarray | None = None,
    names: dict[int, str] | None = None,
    points: bool = True,
) -> Path:
    """Write a whole take with a solution; times: of every frame of the source (None: its rate)."""
    folder.mkdir(parents=True, exist_ok=True)
    info = info or footage_info()
    if times is None:
        times = np.arange(2000) / (info.source.fps or 24.0)
    (folder / BODY_FILE).write_bytes(reduced_body_npz(body))
    if info.camera.motion:
        last = max(int(p.frames[-1]) for p in people.values())
        write_cameras(folder / CAMERAS_FILE, moving_camera(np.arange(last + 1)))
    frames = np.unique(np.concatenate([person.frames for person in people.values()]))
    rows = {
        **{name: np.zeros((0,) * (len(axes) + 1)) for name, (_, axes) in ROW_FIELDS.items()},
        **{"frames": frames, "times": times[frames], "cuts": np.zeros(len(frames), dtype=bool)},
    }
    write_info(folder, replace(info, chunks=(write_chunk(folder, 0, rows),)))
    write_people(folder, body, people, info, times, names or {}, points)
    return folder


def write_people(
    folder: Path,
    body: BodyData,
    people: dict[int, Walk],
    info: TakeInfo,
    times: np.ndarray,
    names: dict[int, str],
    points: bool = True,
) -> None:
    """Write the solution, a new one over an old one."""
    solution = folder / SOLUTION_FOLDER
    solution.mkdir(exist_ok=True)
    entries = []
    for number, person in people.items():
        made_of = np.concatenate([person.root.ravel(), person.betas])
        file = f"person_{number:03d}.{zlib.crc32(made_of.tobytes()):08x}.npz"
        write_motion(solution / file, motion_of(body, person, times[person.frames]))
        if points:
            np.save(solution / f"points_{number:03d}.1.npy", world_points(body, person))
        entries.append(
            PersonInfo(
                number,
                names.get(number, f"Person {number}"),
                True,
                file,
                f"points_{number:03d}.1.npy" if points else "",
                "",
                (int(person.frames[0]), int(person.frames[-1])),
                len(person.frames),
            )
        )
    static = () if info.camera.motion else tuple(static_camera().ravel().tolist())
    write_solution(solution, SolutionInfo({}, (), static, "from the feet", tuple(entries)))


def set_frame(scene: bpy.types.Scene, frame: float) -> bpy.types.Depsgraph:
    """Go to a scene frame, whole or not, and evaluate it."""
    whole = int(np.floor(frame))
    scene.frame_set(whole, subframe=float(frame - whole))
    return bpy.context.evaluated_depsgraph_get()


def rig_joints(rig: bpy.types.Object, body: BodyData, frame: float) -> np.ndarray:
    """Where a rig's joints are in the world [J,3] in a scene frame."""
    graph = set_frame(bpy.context.scene, frame)
    evaluated = rig.evaluated_get(graph)
    by_joint = {bone.bone.get("nlf_joint"): bone for bone in evaluated.pose.bones}
    places = [evaluated.matrix_world @ by_joint[name].head for name in body.skeleton.joint_names]
    return np.array(places)


def mesh_points(obj: bpy.types.Object, frame: float) -> np.ndarray:
    """An evaluated mesh's vertices in the world [V,3] in a scene frame."""
    graph = set_frame(bpy.context.scene, frame)
    evaluated = obj.evaluated_get(graph)
    mesh = evaluated.to_mesh()
    values = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", values)
    matrix = np.array(evaluated.matrix_world)
    evaluated.to_mesh_clear()
    return values.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
