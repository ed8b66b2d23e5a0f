# SPDX-License-Identifier: GPL-3.0-or-later
"""From a take of footage to its solution."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.forward import posed_body
from nlf_blender.errors import UserError
from nlf_blender.protocol.cameras import CameraMotion, write_cameras
from nlf_blender.protocol.edits import DROP, RENAME, SPLIT, Edit, read_edits
from nlf_blender.protocol.motion_files import read_motion, read_points
from nlf_blender.protocol.rows import read_chunk, write_chunk
from nlf_blender.protocol.solution import SOLUTION_FOLDER, SolutionInfo, read_solution
from nlf_blender.protocol.solve_settings import NO_GROUND, SolveSettings
from nlf_blender.protocol.take import CAMERAS_FILE, TakeInfo, read_info, write_info
from nlf_blender.worker.motion import solve as solve_module
from nlf_blender.worker.motion import take_rows
from nlf_blender.worker.motion.solve import solve_take
from nlf_blender.worker.motion.solve_cache import SolveCache
from nlf_blender.worker.people.appearance import SIZE
from nlf_blender.worker.progress import Cancelled, Progress
from tests.worker.footage_takes import actor, open_body, write_take

FRAMES = 36
HIDDEN = frozenset(range(14, 18))
RAW = SolveSettings(
    smoothing=0.0, reject_outliers=False, repair_flips=False, hold_feet=False, ground=NO_GROUND
)
WORLD_FROM_CAMERA = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.fixture(scope="module")
def body() -> BodyData:
    return open_body()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory, body: BodyData) -> Path:
    """A take of two people, one of whom is not seen for a moment; not to be changed."""
    folder = tmp_path_factory.mktemp("takes") / "clip.take"
    people = [
        actor(body, FRAMES, 0, noise=0.03, spread=0.004),
        actor(body, FRAMES, 1, hidden=HIDDEN),
    ]
    write_take(folder, body, people, chunk_frames=16)
    thumbs = folder / "thumbs"
    thumbs.mkdir()
    (thumbs / "00000.jpg").write_bytes(b"picture of the first")
    return folder


@pytest.fixture
def take(example: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(example, tmp_path / "clip.take"))


def solve(take: Path, settings: SolveSettings = RAW, edits=(), cache=None) -> SolutionInfo:
    return solve_take(take, settings, edits, Progress(), cache=cache)


def contents(take: Path) -> dict[str, bytes]:
    folder = take / SOLUTION_FOLDER
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_was_there_comes_out(take: Path, body: BodyData) -> None:
    info = solve(take)
    assert read_solution(take) == info
    assert [person.id for person in info.kept] == [0, 1]
    second = info.people[1]
    assert second.frames == (0, FRAMES - 1) and second.sightings == FRAMES - len(HIDDEN)
    motion = read_motion(take / SOLUTION_FOLDER / second.file)
    assert motion["frame"].tolist() == list(range(FRAMES))
    assert set(np.flatnonzero(~motion["evidence"])) == HIDDEN
    assert np.isnan(motion["reprojection"][list(HIDDEN)]).all()
    assert np.nanmax(motion["reprojection"]) < 2.0
    truth = actor(body, FRAMES, 1)
    for frame in (3, 30):
        posed = posed_body(body, truth.pose[frame], truth.betas, truth.translation[frame])
        there = WORLD_FROM_CAMERA @ posed.joints[body.skeleton.root]
        assert np.allclose(motion["root"][frame], there, atol=0.01)
    assert np.abs(motion["betas"] - truth.betas[: len(motion["betas"])]).max() < 0.3
    assert info.camera_matrix() is not None
    assert np.allclose(info.camera_matrix()[:3, :3], WORLD_FROM_CAMERA)
    assert info.report is not None and set(info.report["people"]) == {"0", "1"}
    assert (take / SOLUTION_FOLDER / info.people[0].thumbnail).read_bytes().startswith(b"picture")
    assert second.thumbnail == ""


def test_with_everything_off_the_mesh_is_what_was_localized(take: Path, body: BodyData) -> None:
    info = solve(take)
    points = read_points(take / SOLUTION_FOLDER / info.people[0].points)
    assert points.shape == (FRAMES, body.vertex_count, 3)
    chunk = np.load(take / "chunk_00001.npz")
    row = np.flatnonzero((chunk["frame"] == 20) & (chunk["track"] == 0))[0]
    raw = chunk["points"][row, : body.vertex_count] @ WORLD_FROM_CAMERA.T
    assert np.allclose(points[20], raw, atol=1e-5)


def test_the_same_again_gives_the_same_bytes(take: Path, tmp_path: Path) -> None:
    settings = SolveSettings()
    solve(take, settings)
    first = contents(take)
    shutil.rmtree(take / SOLUTION_FOLDER)
    solve(take, settings)  # with the fits that are there
    assert contents(take) == first
    for name in (SOLUTION_FOLDER, "fits"):
        shutil.rmtree(take / name)
    solve(take, settings)
    assert contents(take) == first


def test_a_slider_neither_reads_nor_fits_again(take: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, calls = SolveCache(), []
    fit_track, read_chunk = solve_module.fit_track, take_rows.read_chunk
    monkeypatch.setattr(
        solve_module, "fit_track", lambda *args: (calls.append("fit"), fit_track(*args))[1]
    )
    monkeypatch.setattr(
        take_rows, "read_chunk", lambda *args: (calls.append("read"), read_chunk(*args))[1]
    )
    solve(take, SolveSettings(smoothing=0.3), cache=cache)
    assert calls == ["read"] * 3 + ["fit"] * 2
    before = contents(take)
    find_world = solve_module.find_world
    monkeypatch.setattr(
        solve_module, "find_world", lambda *args: (calls.append("world"), find_world(*args))[1]
    )
    solve(take, SolveSettings(smoothing=0.6), cache=cache)
    assert len(calls) == 5
    assert contents(take).keys() != before.keys()
    after = contents(take)
    # another program finds the fits in the take
    shutil.rmtree(take / SOLUTION_FOLDER)
    solve(take, SolveSettings(smoothing=0.6))
    assert calls[5:] == ["read"] * 3 + ["world"]
    assert contents(take) == after
    solve(take, SolveSettings(smoothing=0.6, ground=NO_GROUND), cache=cache)
    assert calls[9:] == ["world"]


def test_an_edit_changes_only_those_whom_it_is_about(
    take: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve(take)
    before = contents(take)
    fitted = []
    fit_track = solve_module.fit_track

    def counted(person, *args):
        fitted.append(len(person.chosen))
        return fit_track(person, *args)

    monkeypatch.setattr(solve_module, "fit_track", counted)
    info = solve(take, edits=(Edit(RENAME, 0, name="Ann"), Edit(DROP, 1)))
    assert not fitted
    assert info.people[0].name == "Ann" and info.people[0].kept
    assert info.people[1].file == "" and not info.people[1].kept
    assert read_edits(take) == info.edits
    after = contents(take)
    assert after[info.people[0].points] == before[info.people[0].points]
    assert not [name for name in after if "_001." in name]
    info = solve(take, edits=(Edit(SPLIT, 0, frame=20),))
    assert sorted(fitted) == [FRAMES - 20, 20, FRAMES - len(HIDDEN)]
    whole = next(person for person in info.people if person.id == 1)
    assert contents(take)[whole.points] == before[whole.points]
    assert len(list((take / "fits").iterdir())) == 3
    info = solve(take)
    assert contents(take) == before


def test_a_wrong_edit_changes_nothing(take: Path) -> None:
    solve(take)
    before = contents(take)
    with pytest.raises(UserError):
        solve(take, edits=(Edit(DROP, 77),))
    assert contents(take) == before and read_edits(take) == ()


def test_a_chunk_that_comes_later_is_part_of_it(take: Path) -> None:
    cache = SolveCache()
    info = read_info(take)
    write_info(take, replace(info, chunks=info.chunks[:2]))
    assert solve(take, cache=cache).people[0].frames == (0, 31)
    write_info(take, info)
    assert solve(take, cache=cache).people[0].frames == (0, FRAMES - 1)


def test_each_frame_may_have_its_own_shape(take: Path) -> None:
    shared = solve(take)
    folder = take / SOLUTION_FOLDER
    one = read_motion(folder / shared.people[0].file)
    own = solve(take, replace(RAW, share_shape=False))
    other = read_motion(folder / own.people[0].file)
    assert not np.array_equal(one["betas"], other["betas"])
    assert np.allclose(one["root"], other["root"], atol=0.03)


def test_a_camera_that_moves_is_undone(take: Path, body: BodyData) -> None:
    still = solve(take)
    folder = take / SOLUTION_FOLDER
    there = read_motion(folder / still.people[0].file)["root"]
    points = np.array(read_points(folder / still.people[0].points)[25])
    moves = np.tile(np.eye(4), (FRAMES, 1, 1))
    moves[:, :3, :3] = WORLD_FROM_CAMERA
    moves[:, 0, 3] = np.arange(FRAMES) * 0.1
    info: TakeInfo = read_info(take)
    matrix = info.camera.matrix()
    cameras = CameraMotion(np.arange(FRAMES), np.tile(matrix, (FRAMES, 1, 1)), moves)
    write_cameras(take / CAMERAS_FILE, cameras)
    write_info(take, replace(info, camera=replace(info.camera, motion=CAMERAS_FILE)))
    solved = solve(take)
    assert solved.world_from_camera == ()
    motion = read_motion(folder / solved.people[0].file)
    moved = there + np.outer(np.arange(FRAMES) * 0.1, [1, 0, 0])
    assert np.allclose(motion["root"], moved, atol=1e-6)
    assert np.nanmax(motion["reprojection"]) < 6.0
    now = read_points(folder / solved.people[0].points)[25]
    assert np.allclose(now, points + np.array([2.5, 0.0, 0.0]), atol=1e-4)


def test_without_meshes(take: Path) -> None:
    info = solve(take, replace(RAW, points=False))
    assert all(person.points == "" for person in info.people)
    assert not list((take / SOLUTION_FOLDER).glob("points*"))


def test_a_solve_cancelled_before_its_motion_is_there_leaves_the_solution(take: Path) -> None:
    solve(take)
    before = contents(take)
    stages: list[str] = []
    progress = Progress(lambda stage, *_: stages.append(stage), lambda: stages[-1] == "Cleaning up")
    with pytest.raises(Cancelled):
        solve_take(take, SolveSettings(), (), progress)
    assert contents(take) == before


def test_takes_that_cannot_be_solved(take: Path) -> None:
    info = read_info(take)
    write_info(take, replace(info, chunks=()))
    with pytest.raises(UserError, match="Nothing to solve"):
        solve(take)
    write_info(take, info)
    with open(take / "chunk_00001.npz", "r+b") as file:
        file.seek(100_000)
        file.write(b"damage")
    with pytest.raises(UserError, match="Damaged take"):
        solve(take)


def test_damaged_fits_are_made_again(take: Path) -> None:
    solve(take)
    before = contents(take)
    for path in (take / "fits").iterdir():
        path.write_bytes(path.read_bytes()[:500])
    shutil.rmtree(take / SOLUTION_FOLDER)
    solve(take)
    assert contents(take) == before


@pytest.mark.parametrize("size", [None, SIZE + 3])
def test_looks_of_another_version_are_unknown(tmp_path: Path, body: BodyData, size: int) -> None:
    take = tmp_path / "clip.take"
    people = [actor(body, FRAMES, 0), actor(body, FRAMES, 1)]
    info = write_take(take, body, people, chunk_frames=16)
    chunks = []
    for index, chunk in enumerate(info.chunks):
        arrays = read_chunk(take, chunk)
        del arrays["appearance"]
        if size is not None:
            looks = np.random.default_rng(index).uniform(size=(chunk.rows, size))
            arrays["appearance"] = looks.astype(np.float32)
        chunks.append(write_chunk(take, index, arrays))
    write_info(take, replace(info, chunks=tuple(chunks)))
    solved = solve(take)
    assert [(person.id, person.sightings) for person in solved.people] == [(0, FRAMES), (1, FRAMES)]
