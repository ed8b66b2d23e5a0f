# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes with damaged files: what can be made again is, and the rest is said in words."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import read_edits
from nlf_blender.protocol.left_to_do import lacks_something
from nlf_blender.protocol.motion_files import read_motion, read_points
from nlf_blender.protocol.solution import read_solution
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import UNFINISHED, read_info, write_info
from nlf_blender.worker.footage.boxes_job import HandBox, localize_boxes
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.footage.resume import resume_take
from nlf_blender.worker.footage.solve_job import solve_again
from nlf_blender.worker.progress import Cancelled, Progress
from nlf_blender.worker.solved_before import settings_before
from tests.footage_files import write_video
from tests.worker.footage_fakes import CPU, DiscEngine, content

FRAMES = 70


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that walks to the right."""
    return write_video(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take whose job ran through; not to be changed."""
    return localize_footage(clip, tmp_path_factory.mktemp("whole"), CPU, DiscEngine(), Progress())


@pytest.fixture(scope="module")
def begun(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same take when it had two chunks of three; not to be changed."""
    take = Path(shutil.copytree(whole, tmp_path_factory.mktemp("begun") / "walk.take"))
    info = read_info(take)
    write_info(take, replace(info, chunks=info.chunks[:2], state=UNFINISHED))
    shutil.rmtree(take / "solution")
    shutil.rmtree(take / "fits")
    for name in ("chunk_00002.npz", "edits.json"):
        (take / name).unlink()
    return take


def empty(path: Path) -> None:
    """Leave a file without content."""
    path.write_bytes(b"")


def turn_a_bit(path: Path) -> None:
    """Change one bit in a file's middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("chunk_00000.npz", turn_a_bit),
        ("chunk_00001.npz", empty),
        ("chunk_00001.npz", Path.unlink),
        ("body.npz", empty),
    ],
)
def test_a_resumed_job_makes_again_what_is_damaged(
    begun: Path, whole: Path, tmp_path: Path, name: str, damage: object
) -> None:
    take = Path(shutil.copytree(begun, tmp_path / "walk.take"))
    assert callable(damage)
    damage(take / name)
    resume_take(take, None, False, DiscEngine(), Progress())
    assert content(take) == content(whole)


@pytest.mark.parametrize("damaged", ["solution/person_*.npz", "solution/points_*.npy", "fits/*"])
def test_solving_makes_again_what_is_damaged(whole: Path, tmp_path: Path, damaged: str) -> None:
    take = Path(shutil.copytree(whole, tmp_path / "walk.take"))
    (path,) = take.glob(damaged)
    empty(path)
    solve_again(take, (), SolveSettings(), DiscEngine(), Progress())
    assert content(take) == content(whole)
    (person,) = read_solution(take).people
    assert len(read_motion(take / "solution" / person.file)["frame"]) == FRAMES
    assert len(read_points(take / "solution" / person.points)) == FRAMES


@pytest.mark.parametrize("name", ["chunk_00001.npz", "body.npz"])
def test_a_whole_take_that_is_damaged_is_said_to_be(whole: Path, tmp_path: Path, name: str) -> None:
    take = Path(shutil.copytree(whole, tmp_path / "walk.take"))
    empty(take / name)
    box = HandBox(3, (10.0, 30.0, 40.0, 60.0))
    for work in (
        lambda: solve_again(take, (), SolveSettings(), DiscEngine(), Progress()),
        lambda: localize_boxes(take, [box], (), SolveSettings(), DiscEngine(), Progress()),
    ):
        with pytest.raises(UserError, match="Damaged take"):
            work()


def test_a_damaged_solution_is_solved_as_the_job_was_to(whole: Path, tmp_path: Path) -> None:
    take = Path(shutil.copytree(whole, tmp_path / "walk.take"))
    empty(take / "solution" / "solution.json")
    assert settings_before(take) == CPU.solve


def test_a_box_whose_job_was_killed_is_solved_by_resuming(whole: Path, tmp_path: Path) -> None:
    take = Path(shutil.copytree(whole, tmp_path / "walk.take"))
    box, settings = HandBox(3, (10.0, 30.0, 40.0, 60.0)), SolveSettings(smoothing=0.0)
    solve_again(take, (), settings, DiscEngine(), Progress())
    chunks = len(read_info(take).chunks)

    def its_chunk_is_written() -> bool:
        return len(read_info(take).chunks) > chunks

    with pytest.raises(Cancelled):
        progress = Progress(is_cancelled=its_chunk_is_written)
        localize_boxes(take, [box], (), settings, DiscEngine(), progress)
    assert len(read_solution(take).people) == 1
    assert lacks_something(take, read_info(take))
    resume_take(take, None, False, DiscEngine(), Progress())
    assert len(read_solution(take).people) == 2
    assert settings_before(take) == settings
    assert not lacks_something(take, read_info(take))


def test_damaged_edits_can_be_removed(whole: Path, tmp_path: Path) -> None:
    take = Path(shutil.copytree(whole, tmp_path / "walk.take"))
    empty(take / "edits.json")
    with pytest.raises(UserError, match="Damaged edits") as caught:
        read_edits(take)
    assert "remove" in caught.value.fix
