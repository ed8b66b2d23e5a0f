# SPDX-License-Identifier: GPL-3.0-or-later
"""Point sets are cleaned up with the mesh, and follow the body where they were not localized."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from set_takes import Rows, add_set, rig_of

from nlf_blender.body.body_data import BodyData
from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import DROP, MERGE, SPLIT, Edit
from nlf_blender.protocol.motion_files import read_doubt, read_motion, read_points, read_rig
from nlf_blender.protocol.rows import read_chunk, write_chunk
from nlf_blender.protocol.solution import (
    SOLUTION_FILE,
    SOLUTION_FOLDER,
    PersonInfo,
    SolutionInfo,
    read_solution,
)
from nlf_blender.protocol.solve_settings import NO_GROUND, SolveSettings
from nlf_blender.protocol.take import read_info, write_info
from nlf_blender.protocol.take_sets import read_take_set, write_take_set
from nlf_blender.worker.markers.attachment import attach
from nlf_blender.worker.motion.points_files import write_doubt
from nlf_blender.worker.motion.points_source import PointsTask
from nlf_blender.worker.motion.solve import solve_take
from nlf_blender.worker.progress import Cancelled, Progress
from nlf_blender.worker.smpl.canonical.own_canonical import OwnCanonical, own_canonical
from tests.worker.footage_takes import actor, open_body, write_take

FRAMES = 24
HIDDEN = frozenset(range(10, 13))
RAW = SolveSettings(
    smoothing=0.0, reject_outliers=False, repair_flips=False, hold_feet=False, ground=NO_GROUND
)
WORLD_FROM_CAMERA = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
OFF = np.array([0.0, 0.0, 0.5])
SKIN = np.arange(0, 9000, 700)  # vertices that markers are at
INSIDE = len(SKIN)  # the marker that is no vertex
FAR = INSIDE + 1  # and the one that was not localized


@pytest.fixture(scope="module")
def body() -> BodyData:
    return open_body()


@pytest.fixture(scope="module")
def own(body: BodyData) -> OwnCanonical:
    return own_canonical(body)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory, body: BodyData, own: OwnCanonical) -> Path:
    """A take of two people, one of whom is not seen for a moment, with markers."""
    folder = tmp_path_factory.mktemp("takes") / "clip.take"
    people = [
        actor(body, FRAMES, 0, noise=0.03, spread=0.004),
        actor(body, FRAMES, 1, hidden=HIDDEN),
    ]
    write_take(folder, body, people, chunk_frames=10)
    add_markers(folder, own)
    return folder


def add_markers(take: Path, own: OwnCanonical) -> Path:
    """Markers at vertices, at a joint, and one that was not localized."""
    points = np.concatenate([own.vertices[SKIN], own.joints[:1], own.vertices[:1] + OFF])

    def localized(rows: Rows) -> np.ndarray:
        joint = rows["points"][:, len(own.vertices)]
        nowhere = np.full_like(joint, np.nan)
        return np.concatenate([rows["points"][:, SKIN], joint[:, None], nowhere[:, None]], axis=1)

    return add_set(take, "skin", attach(own, points), localized)


@pytest.fixture
def take(example: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(example, tmp_path / "clip.take"))


def solve(take: Path, settings: SolveSettings = RAW, edits=()) -> SolutionInfo:
    return solve_take(take, settings, edits, Progress())


def arrays(take: Path, person: PersonInfo, which: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points [T,K,3] and doubt [T,K] of a set."""
    folder, files = take / SOLUTION_FOLDER, person.sets[which]
    return np.array(read_points(folder / files.points)), np.array(read_doubt(folder / files.doubt))


def contents(take: Path) -> dict[str, bytes]:
    folder = take / SOLUTION_FOLDER
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("settings", [RAW, SolveSettings(smoothing=0.6)])
def test_markers_at_vertices_are_those_of_the_mesh(take: Path, settings: SolveSettings) -> None:
    info = solve(take, settings)
    assert read_solution(take) == info
    for person in info.people:
        mesh = read_points(take / SOLUTION_FOLDER / person.points)
        points, doubt = arrays(take, person)
        assert person.sets[0].slug == "skin" and person.sets[0].rig == ""
        assert points.shape == (FRAMES, FAR + 1, 3) and np.isfinite(points).all()
        assert np.abs(points[:, :INSIDE] - mesh[:, SKIN]).max() < 1e-5
        unseen = HIDDEN if person.id == 1 else set()
        assert set(np.flatnonzero(np.isnan(doubt[:, 0]))) == unseen
        assert np.allclose(doubt[sorted(set(range(FRAMES)) - unseen), :FAR], 0.02)
        assert np.isnan(doubt[:, FAR]).all()


def test_strength_0_leaves_what_was_localized(take: Path) -> None:
    points, _ = arrays(take, solve(take).people[0])
    chunk = np.load(take / "chunk_00001.npz")
    row = np.flatnonzero((chunk["frame"] == 15) & (chunk["track"] == 0))[0]
    raw = chunk["points"][row] @ WORLD_FROM_CAMERA.T
    assert np.allclose(points[15, :INSIDE], raw[SKIN], atol=1e-5)
    joints = read_motion(take / SOLUTION_FOLDER / read_solution(take).people[0].file)
    assert np.linalg.norm(points[15, INSIDE] - joints["root"][15]) < 0.02


def test_what_was_not_localized_goes_with_the_body(take: Path, own: OwnCanonical) -> None:
    """A point that is known in no frame, and one that is not known in a few of them."""
    gaps = range(5, 8)

    def with_gaps(rows: Rows) -> np.ndarray:
        points = rows["points"][:, SKIN].copy()
        points[np.isin(rows["frame"], list(gaps)), 3] = np.nan
        return points

    add_set(take, "torn", attach(own, own.vertices[SKIN]), with_gaps)
    settings = replace(RAW, smoothing=0.5)
    person = solve(take, settings).people[0]
    whole, _ = arrays(take, person)
    torn, doubt = arrays(take, person, 1)
    others = np.arange(len(SKIN)) != 3
    assert np.array_equal(torn[:, others], whole[:, :INSIDE][:, others])
    assert np.isfinite(torn).all() and np.abs(torn[:, 3] - whole[:, 3]).max() < 0.03
    assert set(np.flatnonzero(np.isnan(doubt[:, 3]))) == set(gaps)
    off = np.linalg.norm(whole[:, FAR] - whole[:, 0], axis=1)  # it stands off from vertex 0
    assert abs(off.mean() - 0.5) < 0.02 and np.ptp(off) < 0.03


def test_cuts_are_not_mixed(take: Path) -> None:
    cut = 10  # where the second chunk begins
    info = read_info(take)
    arrays_of = read_chunk(take, info.chunks[1])
    arrays_of["cuts"][0] = True
    changed = write_chunk(take, 1, arrays_of)
    write_info(take, replace(info, chunks=(info.chunks[0], changed, *info.chunks[2:])))
    folder = take / "sets" / "skin"
    known = read_take_set(folder)
    second = replace(known.chunks[1], of=changed.sha256)
    write_take_set(folder, replace(known, chunks=(known.chunks[0], second, *known.chunks[2:])))
    smooth = solve(take, replace(RAW, smoothing=0.9))
    assert smooth.cuts == (cut,)
    for person in smooth.kept:
        mesh = read_points(take / SOLUTION_FOLDER / person.points)
        points, _ = arrays(take, person)
        assert np.abs(points[:, :INSIDE] - mesh[:, SKIN]).max() < 1e-5


def test_sets_that_lack_chunks_wait(take: Path) -> None:
    folder = take / "sets" / "skin"
    known = read_take_set(folder)
    write_take_set(folder, replace(known, chunks=known.chunks[:-1]))
    assert all(person.sets == () for person in solve(take).people)
    write_take_set(folder, known)
    info = solve(take)
    assert all(len(person.sets) == 1 for person in info.people)
    before = contents(take)
    shutil.rmtree(folder)
    assert all(person.sets == () for person in solve(take).people)
    after = contents(take)
    assert not [name for name in after if name.startswith(("set_", "doubt_"))]
    assert all(before[name] == data for name, data in after.items() if name != SOLUTION_FILE)


def test_edits_keep_sets_right(take: Path) -> None:
    before = solve(take)
    whole = arrays(take, before.people[0])[0]
    split = solve(take, edits=(Edit(SPLIT, 0, frame=14), Edit(DROP, 1)))
    parts = {person.frames: person for person in split.kept}
    first, second = parts[0, 13], parts[14, FRAMES - 1]
    assert np.allclose(arrays(take, first)[0][:, :INSIDE], whole[:14, :INSIDE], atol=1e-5)
    assert np.allclose(arrays(take, second)[0][:, :INSIDE], whole[14:, :INSIDE], atol=1e-5)
    assert [person.sets for person in split.people if not person.kept] == [()]
    again = (Edit(SPLIT, 0, frame=14), Edit(MERGE, 0, other=second.id))
    merged = solve(take, edits=again)
    assert merged.people[0].sets == before.people[0].sets
    assert np.array_equal(arrays(take, merged.people[0])[0], whole)


def test_sliders_leave_the_doubt_and_the_same_again_is_the_same(take: Path) -> None:
    info = solve(take, SolveSettings(smoothing=0.3))
    first = contents(take)
    other = solve(take, SolveSettings(smoothing=0.7))
    assert info.people[0].sets[0].doubt == other.people[0].sets[0].doubt
    assert info.people[0].sets[0].points != other.people[0].sets[0].points
    shutil.rmtree(take / SOLUTION_FOLDER)
    stages: list[str] = []
    stop = Progress(lambda stage, *_: stages.append(stage), lambda: stages.count("Writing") == 2)
    with pytest.raises(Cancelled):
        solve_take(take, SolveSettings(smoothing=0.3), (), stop)
    assert not [name for name in contents(take) if name.endswith(".part")]
    solve(take, SolveSettings(smoothing=0.3))
    assert contents(take) == first


class Uncertainties:
    """Rows of two points that tell their own number."""

    def read(self, name: str, at: np.ndarray, columns: slice) -> np.ndarray:
        assert name == "uncertainty"
        return np.stack([at, at], axis=1).astype(np.float32)[:, columns]


def test_frames_that_were_filled_in_or_turned_back_have_no_uncertainty(tmp_path: Path) -> None:
    before = SimpleNamespace(evidence=np.array([True, True, False, True]))
    after = SimpleNamespace(frame=np.arange(4))
    usable = np.array([True, False, False, True])
    task = PointsTask(before, after, usable, np.zeros((4, 4, 4)), 0.5)
    write_doubt(tmp_path / "doubt.npy", task, Uncertainties(), 2)
    nan = np.nan
    wanted = [[0, 0], [nan, nan], [nan, nan], [2, 2]]
    np.testing.assert_array_equal(np.load(tmp_path / "doubt.npy"), wanted)


def test_sets_need_no_mesh(take: Path) -> None:
    with_mesh = solve(take).people[0].sets
    info = solve(take, replace(RAW, points=False))
    assert info.people[0].points == "" and info.people[0].sets == with_mesh


def test_damaged_sets_are_told_of(take: Path) -> None:
    folder = take / "sets" / "skin"
    with open(folder / "chunk_00001.npz", "r+b") as file:
        file.seek(2000)
        file.write(b"damage")
    with pytest.raises(UserError, match=r"chunk_00001\.npz: its content is not what was written"):
        solve(take)
    (folder / "chunk_00001.npz").unlink()
    with pytest.raises(UserError, match="Damaged point set"):
        solve(take)


def test_a_rig_is_fitted_to_its_clean_points(take: Path, body: BodyData) -> None:
    attachment, rig = rig_of(body)
    add_set(take, "rig", attachment, given=rig)
    info = solve(take)
    assert [files.slug for files in info.people[0].sets] == ["rig", "skin"]
    for person in info.kept:
        motion = read_rig(take / SOLUTION_FOLDER / person.sets[0].rig)
        assert motion["frame"].tolist() == list(range(FRAMES))
        assert motion["pose"].shape == (FRAMES, len(rig.points), 3)
        points, _ = arrays(take, person)
        assert np.linalg.norm(motion["root"] - points[:, 0], axis=1).max() < 0.03
    path = take / SOLUTION_FOLDER / info.people[0].sets[0].rig
    written = path.read_bytes()
    path.unlink()
    solve(take)
    assert path.read_bytes() == written
    smooth = solve(take, replace(RAW, smoothing=0.6)).people[0].sets[0].rig
    assert smooth != path.name
    assert (take / SOLUTION_FOLDER / smooth).read_bytes() != written
