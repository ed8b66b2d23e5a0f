# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exported of takes: which points, at which rate, with which gaps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.body.conventions import blender_points_from_camera
from nlf_blender.body.forward import skinned, unposed_body
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.errors import UserError
from nlf_blender.protocol.marker_motion import read_marker_motion
from nlf_blender.protocol.solution import SOLUTION_FOLDER
from nlf_blender.worker.command_line import main
from nlf_blender.worker.exchange.files import read_markers
from nlf_blender.worker.exchange.motion_of_take import Gaps, motion_of_take
from nlf_blender.worker.exchange.tracks import Wanted
from tests.body_examples import small_body
from tests.worker.exchange_takes import (
    NAMES,
    NTSC,
    body_motion,
    smooth,
    write_footage,
    write_photo,
)

WORKER = Path(__file__).resolve().parents[2] / "nlf_blender" / "worker" / "__main__.py"
TIMES = np.arange(200) / NTSC
FRAMES = np.arange(10, 70)


def seen(frames: np.ndarray) -> np.ndarray:
    """Doubt [T,K] of 2 cm, but 20 cm of the second marker in the first half, and nobody's sight of
    the third marker in the fifth to seventh frame."""
    doubt = np.full((len(frames), len(NAMES)), 0.02)
    doubt[: len(frames) // 2, 1] = 0.2
    doubt[4:7, 2] = np.nan
    return doubt


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """One person with one set."""
    points = smooth(1)(TIMES[FRAMES])
    write_footage(
        tmp_path / "a.take",
        {3: FRAMES},
        TIMES,
        sets={"Some Markers": {3: (points, seen(FRAMES))}},
    )
    return tmp_path / "a.take"


def worker(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the worker's command line to its end."""
    command = [sys.executable, "-I", "-B", WORKER, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_frames_as_they_are(take: Path) -> None:
    motion = motion_of_take(take, Wanted())
    (track,) = motion.people
    assert motion.rate == NTSC and motion.start == TIMES[10] and motion.first_frame == 11
    assert track.labels == NAMES and track.groups[0] == "head"
    np.testing.assert_array_equal(track.colors[0], np.float32([1.0, 0.5, 0.25]))
    truth = smooth(1)(TIMES[FRAMES]).astype(np.float32)
    gaps = np.isnan(track.positions).any(axis=2)
    assert np.flatnonzero(gaps[:, 2]).tolist() == [4, 5, 6] and gaps.sum() == 3
    np.testing.assert_array_equal(track.positions[~gaps], truth[~gaps])


def test_gaps_by_uncertainty_and_none(take: Path) -> None:
    (track,) = motion_of_take(take, Wanted(), Gaps(above=0.1)).people
    gaps = np.isnan(track.positions).any(axis=2)
    assert gaps[:30, 1].all() and gaps.sum() == 33
    (track,) = motion_of_take(take, Wanted(), Gaps(above=0.25)).people
    assert np.isnan(track.positions).any(axis=2).sum() == 3
    (track,) = motion_of_take(take, Wanted(), Gaps(fill=True)).people
    np.testing.assert_array_equal(track.positions, smooth(1)(TIMES[FRAMES]).astype(np.float32))
    assert np.isnan(track.uncertainty[4:7, 2]).all()  # nobody saw it there all the same


def test_another_rate(take: Path) -> None:
    motion = motion_of_take(take, Wanted(), rate=100.0)
    (track,) = motion.people
    assert motion.frame_count == int((TIMES[69] - TIMES[10]) * 100) + 1
    truth = smooth(1)(motion.times)
    gaps = np.isnan(track.positions).any(axis=2)
    assert 0 < gaps[:, 2].sum() < 20 and not gaps[:, :2].any()
    errors = np.linalg.norm(track.positions - truth, axis=2)[~gaps]
    assert errors.max() < 5e-4  # in the first and last frames; the truth moves by up to 1 m/s
    lines = np.linalg.norm(
        np.stack([np.interp(motion.times, TIMES, smooth(1)(TIMES)[:, 0, c]) for c in range(3)], 1)
        - truth[:, 0],
        axis=1,
    )
    assert np.median(errors) < 0.2 * np.median(lines)


def test_uneven_times(tmp_path: Path) -> None:
    """Dropped frames, and times that a container rounded to milliseconds."""
    rng = np.random.default_rng(4)
    frames = np.sort(rng.choice(np.arange(200), 180, replace=False))
    times = np.round(np.arange(200) / 30, 3)
    kept = times[frames]
    points = smooth(2)(kept)
    write_footage(
        tmp_path / "v.take",
        {1: np.arange(180)},
        kept,
        sets={"Some Markers": {1: (points, np.full(points.shape[:2], 0.02))}},
        fps=27.0,  # the mean, with frames dropped
    )
    motion = motion_of_take(tmp_path / "v.take", Wanted())
    assert motion.rate == 30.0
    assert motion.frame_count == frames[-1] - frames[0] + 1
    (track,) = motion.people
    np.testing.assert_array_equal(track.positions[frames - frames[0]], points.astype(np.float32))
    truth = smooth(2)(motion.start + np.arange(motion.frame_count) / 30)
    assert np.linalg.norm(track.positions - truth, axis=2).max() < 2e-3


def test_every_second_frame(tmp_path: Path) -> None:
    frames = np.arange(0, 60, 2)
    points = smooth(1)(TIMES[frames])
    write_footage(
        tmp_path / "s.take",
        {1: frames},
        TIMES,
        step=2,
        sets={"Some Markers": {1: (points, seen(frames))}},
    )
    motion = motion_of_take(tmp_path / "s.take", Wanted())
    assert motion.rate == pytest.approx(NTSC / 2) and motion.frame_count == 30


def test_nothing_moves_across_a_cut(tmp_path: Path) -> None:
    points = smooth(1)(TIMES[FRAMES])
    points[30:] += 5.0
    write_footage(
        tmp_path / "c.take",
        {1: FRAMES},
        TIMES,
        cuts=(40,),
        sets={"Some Markers": {1: (points, np.full(points.shape[:2], 0.02))}},
    )
    motion = motion_of_take(tmp_path / "c.take", Wanted(), rate=95.0)
    (track,) = motion.people
    truth = smooth(1)(motion.times)
    after = motion.times >= TIMES[40] - 1e-9
    truth[after] += 5.0
    assert np.linalg.norm(track.positions - truth, axis=2).max() < 0.05


def test_people_who_come_and_go(tmp_path: Path) -> None:
    others = np.arange(50, 90)
    sets = {p: (smooth(p)(TIMES[f]), seen(f)) for p, f in ((1, FRAMES), (2, others))}
    write_footage(
        tmp_path / "p.take",
        {1: FRAMES, 2: others, 95: FRAMES},
        TIMES,
        sets={"Some Markers": sets},
        names={1: "Ann", 2: "Ann"},
    )
    motion = motion_of_take(tmp_path / "p.take", Wanted())
    assert [track.person for track in motion.people] == ["Ann", "Ann_2"]
    assert motion.frame_count == 80
    here = ~np.isnan(motion.people[1].positions[:, 0, 0])
    assert np.flatnonzero(here).tolist() == list(range(40, 80))
    only = motion_of_take(tmp_path / "p.take", Wanted(person=2))
    assert only.frame_count == 40 and only.first_frame == 51
    with pytest.raises(UserError, match=r"no person 95 .* 1 \(Ann\), 2 \(Ann\)"):
        motion_of_take(tmp_path / "p.take", Wanted(person=95))


def test_joints_where_there_is_no_set(tmp_path: Path) -> None:
    body = write_footage(tmp_path / "j.take", {1: FRAMES}, TIMES)
    (track,) = motion_of_take(tmp_path / "j.take", Wanted()).people
    assert track.labels == body.skeleton.joint_names
    given = body_motion(body, FRAMES, TIMES)
    frame, scale = 7, float(given["scale"])
    shape = unposed_body(body, given["betas"])
    root = scale * shape.joints[body.skeleton.root]
    turns = matrix_from_rotvec(given["pose"][frame])
    truth = skinned(body, shape, turns, given["root"][frame] - root, scale).joints
    np.testing.assert_allclose(track.positions[frame], truth, atol=1e-5)
    assert np.isnan(track.positions[2]).all() and not np.isnan(track.positions[3:]).any()
    np.testing.assert_array_equal(track.uncertainty[frame], np.float32(0.03))


def test_choosing_a_set(tmp_path: Path) -> None:
    points, doubt = smooth(1)(TIMES[FRAMES]), seen(FRAMES)
    take = tmp_path / "m.take"
    sets = {"First Set": {1: (points, doubt)}, "Second": {1: (points + 1, doubt)}, "Third": {}}
    write_footage(take, {1: FRAMES}, TIMES, sets=sets)
    with pytest.raises(UserError, match="'First Set', 'Second', 'Third'"):
        motion_of_take(take, Wanted())
    for name in ("First Set", "First_Set"):
        assert motion_of_take(take, Wanted(name)).name == "First Set"
    assert motion_of_take(take, Wanted(joints=True)).name == "joints"
    with pytest.raises(UserError, match="no set 'Fourth'; it has 'First Set'"):
        motion_of_take(take, Wanted("Fourth"))
    with pytest.raises(UserError, match="not solved for Person 1"):
        motion_of_take(take, Wanted("Third"))


def test_nothing_to_export(take: Path) -> None:
    with pytest.raises(UserError, match=r"Not one of the 4 points .* 0\.001 m or better"):
        motion_of_take(take, Wanted(), Gaps(above=0.001))
    points = take / SOLUTION_FOLDER / "set_Some_Markers_3.1.npy"
    values = np.load(points)
    values[:, 3] = np.nan
    np.save(points, values)
    motion = motion_of_take(take, Wanted(), Gaps(fill=True))
    assert motion.notes == ("Person 3: 1 of the markers never there: C7",)
    np.save(points, values[:, :2])
    with pytest.raises(UserError, match="Damaged solution"):
        motion_of_take(take, Wanted())
    np.save(points, values * np.float32(np.nan))
    with pytest.raises(UserError, match="Nothing to export"):
        motion_of_take(take, Wanted(), Gaps(fill=True))
    for rate in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(UserError, match="no rate of footage"):
            motion_of_take(take, Wanted(), rate=rate)
    shutil.rmtree(take / SOLUTION_FOLDER)
    with pytest.raises(UserError, match="Not solved yet"):
        motion_of_take(take, Wanted())


def test_a_photo_stands_on_the_ground(tmp_path: Path) -> None:
    points = smooth(3)(np.zeros(2)) + np.array([0.0, 0.0, 4.0])
    points[1, 0] = np.nan
    doubt = np.full(points.shape[:2], 0.03)
    rows = write_photo(tmp_path / "p.take", points, doubt)
    body = small_body()
    fits = [
        skinned(
            body,
            unposed_body(body, rows["betas"][row]),
            matrix_from_rotvec(rows["pose"][row]),
            rows["translation"][row],
            float(rows["scale"][row]),
        )
        for row in range(2)
    ]
    lowest = max(float(fit.vertices[:, 1].max()) for fit in fits)  # y is down in the camera
    motion = motion_of_take(tmp_path / "p.take", Wanted())
    assert motion.frame_count == 1 and [t.person for t in motion.people] == ["Ann", "Bob"]
    expected = blender_points_from_camera(points) + np.array([0.0, 0.0, lowest])
    for person, track in enumerate(motion.people):
        np.testing.assert_allclose(track.positions[0], expected[person], atol=1e-4)
    joints = motion_of_take(tmp_path / "p.take", Wanted(joints=True, person=2))
    truth = blender_points_from_camera(fits[1].joints) + np.array([0.0, 0.0, lowest])
    np.testing.assert_allclose(joints.people[0].positions[0], truth, atol=1e-4)


@pytest.mark.parametrize("metres", ["nan", "inf", "0", "-1", "a"])
def test_gaps_above_what_is_no_uncertainty(take: Path, metres: str) -> None:
    with pytest.raises(SystemExit):
        main(["export", str(take), "--format", "csv", "--gap-above", metres])


def test_into_a_folder(take: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert main(["export", str(take), "--format", "csv", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "a_Some_Markers.csv").exists()


def test_the_command_line(take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = worker("export", take, "--format", "c3d", "--rate", 60, "--gap-above", 0.1, "--json")
    assert answer.returncode == 0, answer.stderr
    data = json.loads(answer.stdout)
    assert data["files"] == [str(tmp_path / "a_Some_Markers.c3d")] and data["rate"] == 60.0
    read = read_markers(tmp_path / "a_Some_Markers.c3d")
    assert read.frame_count == data["frames"]
    out, brought = tmp_path / "new" / "x.trc", tmp_path / "x.npz"
    assert main([*command(take, "trc"), "--joints", "--fill", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(out)
    assert main(["import", str(out), "--out", str(brought)]) == 0
    assert "5 markers, 60 frames" in capsys.readouterr().out
    assert read_marker_motion(brought).people[0].labels[1] == "Trunk"
    assert main([*command(take, "csv"), "--set", "nothing"]) == 1
    assert "No such point set: " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*command(take, "csv"), "--person", "Ann"])


def command(take: Path, kind: str) -> list[str]:
    """An export's command line."""
    return ["export", str(take), "--format", kind]
