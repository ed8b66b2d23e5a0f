# SPDX-License-Identifier: GPL-3.0-or-later
"""A job that was killed after it gave a take its sets, or took some from it, and before the motion
was cleaned up with them: the take tells, and resuming it is all it needs."""

from __future__ import annotations

import multiprocessing
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.left_to_do import lacks_something
from nlf_blender.protocol.solution import read_solution
from nlf_blender.protocol.take import read_info
from nlf_blender.protocol.take_sets import remove_take_set, take_sets
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.footage.resume import resume_take
from nlf_blender.worker.markers import pending, points_job
from nlf_blender.worker.markers.points_job import localize_points
from nlf_blender.worker.progress import Progress
from tests.footage_files import write_video
from tests.worker.footage_fakes import CPU, DiscEngine, content
from tests.worker.marker_sets import VERTICES, at_vertices, body_points, marker_file, set_of


class Killed(Exception):
    """Ends a job where a killed program would."""


def kill(*_arguments: object, **_options: object) -> None:
    """Instead of a step of a job."""
    raise Killed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take with one set, "Mine"."""
    folder = tmp_path_factory.mktemp("made")
    clip = write_video(folder / "walk.mp4", 40)
    take = localize_footage(clip, folder, CPU, DiscEngine(), Progress())
    localize_points(take, [marker_file(folder)], [], DiscEngine(), Progress())
    return take


@pytest.fixture
def take(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / made.name))


def solved(take: Path) -> list[str]:
    """The sets that everybody's motion has, after a resumed job, in which nothing else is left."""
    assert lacks_something(take, read_info(take))
    resume_take(take, None, False, DiscEngine(), Progress())
    assert not lacks_something(take, read_info(take))
    (person,) = read_solution(take).people
    return [files.slug for files in person.sets]


def test_a_take_that_has_all_lacks_nothing(take: Path) -> None:
    assert not lacks_something(take, read_info(take))


@pytest.mark.parametrize(
    ("name", "vertices", "slugs"), [("Other", (3,), ["Mine", "Other"]), ("Mine", (3, 5), ["Mine"])]
)
def test_killed_between_the_set_and_the_motion(
    take: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    vertices: tuple[int, ...],
    slugs: list[str],
) -> None:
    """Of a new set, and of one that takes another's place."""
    file = marker_file(tmp_path, name, at_vertices(*vertices))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(points_job, "clean_up", kill)
        localize_points(take, [file], [], DiscEngine(), Progress())
    assert solved(take) == slugs
    np.testing.assert_array_equal(set_of(take, name)[1], body_points(take, *vertices))


def test_killed_while_a_set_is_removed(take: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files may be there, but it is no set any more."""
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(shutil, "rmtree", kill)
        localize_points(take, [], ["Mine"], DiscEngine(), Progress())
    assert (take / "sets" / "Mine" / "set.npz").exists()
    assert solved(take) == []


@pytest.mark.parametrize("again", ["resume", "add"])
def test_killed_while_a_set_takes_the_place_of_another(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    """The one is out of its place, the other not yet in it."""
    file = marker_file(tmp_path, places=at_vertices(9))
    rename = Path.rename

    def rename_once(path: Path, target: Path) -> Path:
        if path.parent.name == pending.PENDING_FOLDER:
            raise Killed
        return rename(path, target)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Path, "rename", rename_once)
        localize_points(take, [file], [], DiscEngine(), Progress())
    assert not take_sets(take)
    if again == "resume":
        resume_take(take, None, False, DiscEngine(), Progress())
        np.testing.assert_array_equal(set_of(take)[1], body_points(take, *VERTICES))
    engine = DiscEngine()
    localize_points(take, [file], [], engine, Progress())
    assert not engine.localizer.looked_at  # it was whole
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, 9))


def test_a_set_without_its_rows_is_told_by_resuming(take: Path) -> None:
    """A damaged set is not left out in silence; without it, the rest is as it was."""
    chunk = take / "sets" / "Mine" / "chunk_00000.npz"
    chunk.write_bytes(chunk.read_bytes()[:-9])
    (take / "solution" / "solution.json").unlink()
    with pytest.raises(UserError, match="Damaged point set"):
        resume_take(take, None, False, DiscEngine(), Progress())
    remove_take_set(take / "sets" / "Mine")
    assert solved(take) == []


def add_slowly(take: Path, file: str) -> None:
    """A job in a process of its own, slow enough to be killed at any point."""
    localize_points(take, [file], [], DiscEngine(seconds=0.01), Progress())


def test_killed_at_any_moment(take: Path, tmp_path: Path) -> None:
    """The take has the set that it had, or the new one, whole; in the end all is as if nobody had
    been killed."""
    file = marker_file(tmp_path, places=at_vertices(*range(0, 3000, 100)))
    whole = Path(shutil.copytree(take, tmp_path / "whole" / take.name))
    localize_points(whole, [file], [], DiscEngine(), Progress())
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    moments = random.Random(5)
    for _ in range(3):
        process = context.Process(target=add_slowly, args=(take, file))
        process.start()
        process.join(moments.uniform(0.2, 1.2))
        process.kill()
        process.join()
        info, points, _ = set_of(take)
        assert info.count in (len(VERTICES), 30) and np.isfinite(points).all()
    localize_points(take, [file], [], DiscEngine(), Progress())
    ours, theirs = content(take), content(whole)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
