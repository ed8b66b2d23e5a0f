# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes with point sets for the tests of exports: written through the contracts alone, known
motion, no localizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from nlf_blender.body.body_data import BodyData, reduced_body_npz
from nlf_blender.protocol.files import file_sha256
from nlf_blender.protocol.marker_set import Marker, MarkerSet
from nlf_blender.protocol.motion_files import write_motion
from nlf_blender.protocol.point_set import of_markers, write_point_set
from nlf_blender.protocol.rows import write_chunk
from nlf_blender.protocol.solution import (
    SOLUTION_FOLDER,
    PersonInfo,
    SetFiles,
    SolutionInfo,
    write_solution,
)
from nlf_blender.protocol.take import (
    BODY_FILE,
    PHOTO,
    VIDEO,
    CameraInfo,
    ModelInfo,
    SourceInfo,
    TakeInfo,
    TrackInfo,
    write_info,
)
from nlf_blender.protocol.take_sets import (
    POINTS_FILE,
    SETS_FOLDER,
    TakeSet,
    write_set_chunk,
    write_take_set,
)
from tests.body_examples import random_pose, small_body

NTSC = 30 / 1.001
NAMES = ("nose", "wrist.L", "wrist.R", "C7")
CAMERA = (700.0, 0.0, 320.0, 0.0, 700.0, 240.0, 0.0, 0.0, 1.0)
MODEL = ModelInfo("none", "", "CC0-1.0")
Motion = Callable[[np.ndarray], np.ndarray]


def smooth(seed: int, count: int = len(NAMES)) -> Motion:
    """Points [T,K,3] in metres at times [T]: slow waves, somewhere in a room."""
    rng = np.random.default_rng(seed)
    middle, size = rng.uniform(-2, 2, (count, 3)), rng.uniform(0.1, 0.5, (count, 3))
    phase = rng.uniform(0, 6, (count, 3))
    return lambda times: middle + size * np.sin(2.0 * times[:, None, None] + phase)


def marker_set(name: str = "Some Markers", names: tuple[str, ...] = NAMES) -> MarkerSet:
    """A set of these markers, the first of which has a group and a colour."""
    first, *others = names
    markers = (
        Marker(first, (0.0, 0.5, 0.1), group="head", color=(1.0, 0.5, 0.25)),
        *(Marker(other, (0.1, 0.1 * place, 0.0)) for place, other in enumerate(others)),
    )
    return MarkerSet(name, markers)


def take_info(kind: str, fps: float | None = NTSC, step: int = 1) -> TakeInfo:
    """A take of a source that is nowhere."""
    source = SourceInfo(kind, "/nowhere/walk.mp4", "c" * 64, 640, 480, fps=fps, step=step)
    return TakeInfo(source, CameraInfo(CAMERA), MODEL, MODEL, {}, "test", "2026-01-01")


def write_footage(
    take: Path,
    people: dict[int, np.ndarray],
    times: np.ndarray,
    *,
    step: int = 1,
    cuts: tuple[int, ...] = (),
    sets: dict[str, dict[int, tuple[np.ndarray, np.ndarray]]] | None = None,
    names: dict[int, str] | None = None,
    fps: float = NTSC,
) -> BodyData:
    """A take with a solution. people: the frames [T] in which each is, indices into times; sets: of
    each set, by person, points [T,K,3] and doubt [T,K]. Returns the body."""
    solution = take / SOLUTION_FOLDER
    solution.mkdir(parents=True)
    body = small_body()
    (take / BODY_FILE).write_bytes(reduced_body_npz(body))
    write_info(take, take_info(VIDEO, fps, step))
    files: dict[int, list[SetFiles]] = {person: [] for person in people}
    for name, by_person in (sets or {}).items():
        slug = write_set(take, marker_set(name)).name
        for person, (points, doubt) in by_person.items():
            entry = SetFiles(slug, f"set_{slug}_{person}.1.npy", f"doubt_{slug}_{person}.1.npy")
            np.save(solution / entry.points, points.astype(np.float32))
            np.save(solution / entry.doubt, doubt.astype(np.float32))
            files[person].append(entry)
    entries = []
    for person, frames in people.items():
        write_motion(solution / f"person_{person}.1.npz", body_motion(body, frames, times))
        bounds = (int(frames[0]), int(frames[-1]))
        name = (names or {}).get(person, f"Person {person}")
        entries.append(
            PersonInfo(
                person,
                name,
                person < 90,
                f"person_{person}.1.npz",
                "",
                "",
                bounds,
                len(frames),
                tuple(files[person]),
            )
        )
    eye = tuple(np.eye(4).ravel().tolist())
    write_solution(solution, SolutionInfo({}, (), eye, "none", tuple(entries), cuts=cuts))
    return body


def body_motion(body: BodyData, frames: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    """A person's motion, seen in all frames but the third."""
    count = len(frames)
    pose, betas, root = random_pose(np.random.default_rng(3), count, body)
    return {
        "frame": frames,
        "time": times[frames],
        "root": root,
        "pose": pose,
        "betas": betas[0],
        "scale": np.array(1.1),
        "evidence": np.arange(count) != 2,
        "uncertainty": np.full(count, 0.03),
        "turn_sigma": np.full((count, body.joint_count), 0.1),
        "contacts": np.zeros((count, 4), dtype=bool),
        "reprojection": np.full(count, np.nan),
        "vertex_uncertainty": np.full(body.vertex_count, 0.02),
    }


def write_set(take: Path, markers: MarkerSet) -> Path:
    """A set's own files in a take, without rows. Returns its folder."""
    points = of_markers(markers)
    folder = take / SETS_FOLDER / points.slug
    folder.mkdir(parents=True)
    write_point_set(folder / POINTS_FILE, points)
    digest = file_sha256(folder / POINTS_FILE)
    write_take_set(
        folder, TakeSet(points.name, points.kind, points.body, len(points.points), digest)
    )
    return folder


def write_photo(take: Path, points: np.ndarray, doubt: np.ndarray) -> dict[str, np.ndarray]:
    """A take of a photo of two people; points [2,K,3] in camera space and doubt [2,K] of a set.
    Returns the rows."""
    take.mkdir(parents=True)
    body, rng = small_body(), np.random.default_rng(8)
    pose, betas, translation = random_pose(rng, 2, body)
    (take / BODY_FILE).write_bytes(reduced_body_npz(body))
    joints = body.vertex_count + body.joint_count
    rows = {
        "frame": np.zeros(2),
        "timestamp": np.zeros(2),
        "track": np.array([1, 2]),
        "box": np.zeros((2, 4)),
        "score": np.ones(2),
        "points": rng.normal(size=(2, joints, 3)),
        "uncertainty": np.full((2, joints), 0.02),
        "pose": pose,
        "betas": betas,
        "translation": translation,
        "scale": np.array([1.0, 0.9]),
        "fit_error": np.zeros(2),
    }
    chunk = write_chunk(take, 0, rows)
    info = take_info(PHOTO, fps=None)
    people = (TrackInfo(1, "Ann"), TrackInfo(2, "Bob"))
    write_info(take, TakeInfo(**{**vars(info), "chunks": (chunk,), "tracks": people}))
    folder = write_set(take, marker_set())
    part = write_set_chunk(folder, 0, chunk.sha256, {"points": points, "uncertainty": doubt})
    whole = of_markers(marker_set())
    digest = file_sha256(folder / POINTS_FILE)
    write_take_set(
        folder, TakeSet(whole.name, whole.kind, whole.body, len(whole.points), digest, (part,))
    )
    return rows
