# SPDX-License-Identifier: GPL-3.0-or-later
"""A take that is solved again has its new motion before its points are written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nlf_blender.protocol.left_to_do import lacks_something
from nlf_blender.protocol.solution import SOLUTION_FOLDER, read_solution
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import read_info
from nlf_blender.worker.motion.solve import solve_take
from nlf_blender.worker.progress import Cancelled, Progress
from tests.worker.footage_takes import actor, open_body, write_take

SOFT, HARD = SolveSettings(smoothing=0.2), SolveSettings(smoothing=0.8)


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take that was solved; not to be changed."""
    folder = tmp_path_factory.mktemp("takes") / "clip.take"
    body = open_body()
    write_take(folder, body, [actor(body, 36, number) for number in (0, 1)], chunk_frames=16)
    solve_take(folder, SOFT, (), Progress())
    return folder


@pytest.fixture
def take(solved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(solved, tmp_path / "clip.take"))


def contents(take: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (take / SOLUTION_FOLDER).iterdir()}


def heard(take: Path, settings: SolveSettings) -> list[Path]:
    """For which takes a solve says that the motion is there."""
    said: list[Path] = []
    solve_take(take, settings, (), Progress(on_motion=said.append))
    return said


def test_the_motion_is_told_when_it_is_there_and_the_points_follow(take: Path) -> None:
    former = contents(take)
    said: list[Path] = []

    def on_motion(of: Path) -> None:
        said.append(of)
        now = read_solution(of)
        assert now.points_due and now.settings == HARD.to_json()
        assert all(person.points == "" and person.sets == () for person in now.people)
        files = contents(of)
        assert all(person.file in files and person.file not in former for person in now.people)
        assert former.keys() <= files.keys()  # what a scene may show now is not taken from it
        assert lacks_something(of, read_info(of))

    final = solve_take(take, HARD, (), Progress(on_motion=on_motion))
    assert said == [take]
    assert read_solution(take) == final and not final.points_due
    assert not lacks_something(take, read_info(take))
    named = {name for person in final.people for name in (person.file, person.points)}
    assert contents(take).keys() == {"solution.json", *named}


def test_nothing_is_told_where_nothing_moved_or_nothing_follows(take: Path, solved: Path) -> None:
    assert heard(take, SOFT) == []
    shutil.rmtree(take / SOLUTION_FOLDER)
    assert heard(take, HARD) == []  # nobody shows a motion that could be renewed
    without = SolveSettings(smoothing=0.5, points=False)
    assert heard(take, without) == []
    points_only = SolveSettings(smoothing=0.5)
    assert heard(take, points_only) == []
    assert all(person.points for person in read_solution(take).people)


def test_a_solve_given_up_between_is_gone_on_with(take: Path, tmp_path: Path) -> None:
    whole = Path(shutil.copytree(take, tmp_path / "whole" / "clip.take"))
    solve_take(whole, HARD, (), Progress())
    said: list[Path] = []
    progress = Progress(on_motion=said.append, is_cancelled=lambda: bool(said))
    with pytest.raises(Cancelled):
        solve_take(take, HARD, (), progress)
    assert lacks_something(take, read_info(take))
    assert heard(take, HARD) == []
    assert contents(take) == contents(whole)
