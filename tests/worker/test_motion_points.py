# SPDX-License-Identifier: GPL-3.0-or-later
"""Nonparametric meshes follow the clean body, and keep what the localizer saw beyond it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.forward import skinned, unposed_body
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.errors import UserError
from nlf_blender.protocol.motion_files import read_points
from nlf_blender.worker.motion.motion import PersonMotion
from nlf_blender.worker.motion.points import BLOCK, PointsPart, PointsTask, write_points
from tests.body_examples import small_body

FPS = 30.0
COUNT = 148
BETAS = np.array([0.5, -0.3, 0.8])


@dataclass
class Localized:
    """Stands for a person's rows: what was localized in each sighting, [n,V,3]."""

    points: np.ndarray

    def read(self, name: str, at: np.ndarray, columns: slice) -> np.ndarray:
        assert name == "points"
        return self.points[at, columns].astype(np.float32)


Case = tuple[PointsTask, Localized]


@pytest.fixture(scope="module")
def body() -> BodyData:
    """Without pose correctives, so that its surface is exactly what the joints carry."""
    return replace(small_body(), posedirs=None)


def motion_of(body: BodyData, count: int = COUNT) -> PersonMotion:
    time = np.arange(count) / FPS
    pose = np.zeros((count, body.joint_count, 3))
    pose[:, :, 2] = 0.4 * np.sin(2 * np.pi * 0.8 * time)[:, None]
    return PersonMotion(
        frame=np.arange(count),
        time=time,
        shot=np.zeros(count, dtype=np.int64),
        rotations=matrix_from_rotvec(pose),
        root=np.stack([time, 0 * time, 1 + 0 * time], axis=1),
        evidence=np.ones(count, dtype=bool),
        turn_sigma=np.full((count, body.joint_count), 0.05),
        place_sigma=np.full(count, 0.02),
        betas=BETAS,
        scale=1.0,
    )


def meshes(body: BodyData, motion: PersonMotion) -> np.ndarray:
    """The body's surface [T,V,3]."""
    unposed = unposed_body(body, motion.betas)
    offset = motion.root - unposed.joints[body.skeleton.root]
    turns = zip(motion.rotations, offset, strict=True)
    return np.stack([skinned(body, unposed, turn, place).vertices for turn, place in turns])


def cloth(body: BodyData) -> np.ndarray:
    """What is seen beyond the body, [V,3]."""
    return np.random.default_rng(2).normal(size=(body.vertex_count, 3)) * 0.01


def written(path: Path, case: Case, body: BodyData) -> np.ndarray:
    task, rows = case
    part = PointsPart(path / "points.npy", body, rows)
    write_points([part], task, "cpu", lambda done: None)
    assert [file.name for file in path.iterdir()] == ["points.npy"]
    return np.array(read_points(path / "points.npy"), dtype=np.float64)


def case_of(before: PersonMotion, seen: np.ndarray, **changes: object) -> Case:
    world = np.broadcast_to(np.eye(4), (len(before.frame), 4, 4))
    task = PointsTask(before, before, before.evidence, world, 0.0)
    return replace(task, **changes), Localized(seen)


def test_it_goes_where_the_clean_body_goes(tmp_path: Path, body: BodyData) -> None:
    before = motion_of(body)
    turn = matrix_from_rotvec(np.array([0.1, 0.2, -0.1]))
    after = replace(
        before, rotations=before.rotations @ turn, root=before.root + np.array([0.0, 0.0, 0.05])
    )
    beyond = cloth(body)
    case = case_of(before, meshes(body, before) + beyond, after=after)
    assert np.abs(written(tmp_path, case, body) - meshes(body, after) - beyond).max() < 1e-5


def test_a_larger_person_is_farther_and_has_a_larger_mesh(tmp_path: Path, body: BodyData) -> None:
    fitted, size = motion_of(body), 1.07
    seen = meshes(body, fitted) + cloth(body)
    larger = replace(fitted, root=size * fitted.root, scale=size)
    case = case_of(larger, seen)
    assert np.abs(written(tmp_path, case, body) - size * seen).max() < 1e-5


@pytest.mark.parametrize("strength", [0.3, 0.7])
def test_noise_goes_but_not_what_is_beyond_the_body(
    tmp_path: Path, body: BodyData, strength: float
) -> None:
    motion = motion_of(body)
    wanted = meshes(body, motion) + cloth(body)
    noise = np.random.default_rng(3).normal(size=wanted.shape) * 0.01
    case = case_of(motion, wanted + noise, strength=strength)
    error = written(tmp_path, case, body) - wanted
    assert np.sqrt((error**2).mean()) < 0.007
    assert np.abs(np.diff(error, 2, axis=0)).mean() < 0.2 * np.abs(np.diff(noise, 2, axis=0)).mean()
    # blocks join without a seam
    steps = np.abs(np.diff(error, axis=0)).mean(axis=(1, 2))
    assert steps[BLOCK - 1] < 3 * np.median(steps)


def test_where_nobody_was_seen_the_body_stands_in(tmp_path: Path, body: BodyData) -> None:
    motion = motion_of(body)
    evidence = np.ones(COUNT, dtype=bool)
    evidence[30:34] = evidence[50:130] = False
    motion = replace(motion, evidence=evidence)
    wanted = meshes(body, motion)
    beyond = cloth(body)
    case = case_of(motion, (wanted + beyond)[evidence], strength=0.4)
    points = written(tmp_path, case, body)
    assert np.abs(points[90] - wanted[90]).max() < 1e-3
    assert np.abs(points[31:33] - wanted[31:33] - beyond).max() < 0.02
    assert np.abs(points[10] - wanted[10] - beyond).max() < 2e-3
    # from one to the other step by step
    jump = np.abs(np.diff(points - wanted, axis=0)).max(axis=(1, 2))
    assert jump.max() < 0.4 * np.abs(beyond).max()


def test_frames_that_were_turned_back_do_not_count(tmp_path: Path, body: BodyData) -> None:
    motion = motion_of(body)
    wanted = meshes(body, motion) + cloth(body)
    seen = wanted.copy()
    seen[70:74] = seen[70:74, ::-1]
    usable = np.ones(COUNT, dtype=bool)
    usable[70:74] = False
    case = case_of(motion, seen, usable=usable, strength=0.5)
    assert np.abs(written(tmp_path, case, body) - wanted).max() < 0.02


def test_it_is_put_into_the_world(tmp_path: Path, body: BodyData) -> None:
    motion = motion_of(body, 10)
    wanted = meshes(body, motion)
    world = np.tile(np.eye(4), (10, 1, 1))
    world[:, :3, :3] = matrix_from_rotvec(np.linspace([0, 0, 0], [0, 1, 0.5], 10))
    world[:, :3, 3] = np.linspace([0, 0, 0], [2, 1, -1], 10)
    seen = np.einsum("tji,tvj->tvi", world[:, :3, :3], wanted - world[:, None, :3, 3])
    case = case_of(motion, seen, world=world)
    assert np.abs(written(tmp_path, case, body) - wanted).max() < 1e-5


@pytest.mark.parametrize("count", [1, 3, 5])
def test_few_frames(tmp_path: Path, body: BodyData, count: int) -> None:
    motion = motion_of(body, count)
    wanted = meshes(body, motion)
    case = case_of(motion, wanted, strength=1.0)
    assert np.abs(written(tmp_path, case, body) - wanted).max() < 1e-4


def test_cuts_are_not_mixed(tmp_path: Path, body: BodyData) -> None:
    motion = replace(motion_of(body, 40), shot=np.repeat([0, 1], 20))
    wanted = meshes(body, motion)
    wanted[20:] += cloth(body)
    points = written(tmp_path, case_of(motion, wanted, strength=0.8), body)
    assert np.abs(points - wanted).max() < 1e-3


def test_nothing_is_left_of_a_mesh_that_was_not_finished(tmp_path: Path, body: BodyData) -> None:
    motion = motion_of(body)
    task, rows = case_of(motion, meshes(body, motion))

    def stop(done: int) -> None:
        if done:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        write_points([PointsPart(tmp_path / "points.npy", body, rows)], task, "cpu", stop)
    assert not list(tmp_path.iterdir())
    assert threading.active_count() == threads


def test_a_chunk_that_cannot_be_read_is_told_of(tmp_path: Path, body: BodyData) -> None:
    motion = motion_of(body)
    case = case_of(motion, meshes(body, motion))
    read = case[1].read

    def broken(name: str, at: np.ndarray, columns: slice) -> np.ndarray:
        if at[-1] > len(motion.frame) // 2:
            raise UserError("Damaged take", "a chunk is damaged", "Localize the source again.")
        return read(name, at, columns)

    case[1].read = broken  # type: ignore[method-assign]
    with pytest.raises(UserError, match="a chunk is damaged"):
        written(tmp_path, case, body)
    assert not list(tmp_path.glob("points*"))
