# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes drawn by hand add the people whom the detector missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import DROP, MERGE, Edit, read_edits
from nlf_blender.protocol.motion_files import read_motion
from nlf_blender.protocol.rows import read_chunk
from nlf_blender.protocol.solution import SOLUTION_FOLDER, read_solution
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import read_info
from nlf_blender.worker.footage.boxes_job import SOMEBODY_NEW, HandBox, localize_boxes
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.progress import Cancelled, Progress
from tests.footage_files import write_video
from tests.worker.footage_fakes import CPU, DiscEngine, disc_in

FRAMES, MISSED = 50, 20
MIDDLE = (15.0, 30.0, 45.0, 55.0)  # a box about the disc in frame 10


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """A take in whose first frames nobody was found."""
    clip = write_video(tmp_path / "walk.mp4", FRAMES)
    engine = DiscEngine()
    engine.finder.blind = MISSED
    take = localize_footage(clip, tmp_path, CPU, engine, Progress())
    (person,) = read_solution(take).people
    assert person.frames == (MISSED, FRAMES - 1)
    return take


def draw(take: Path, *boxes: HandBox, edits: tuple[Edit, ...] = ()) -> None:
    """Localize boxes of a take."""
    localize_boxes(take, boxes, edits, SolveSettings(), DiscEngine(), Progress())


def test_a_box_of_somebody_known_fills_the_frames_that_lack_them(take: Path) -> None:
    (known,) = read_solution(take).people
    before = read_info(take).chunks
    draw(take, HandBox(10, MIDDLE, known.id), edits=(Edit("rename", known.id, name="Eve"),))
    info = read_info(take)
    assert info.chunks[:-1] == before
    assert (info.chunks[-1].frames, info.chunks[-1].rows) == (0, MISSED)
    rows = read_chunk(take, info.chunks[-1])
    assert rows["frame"].tolist() == list(range(MISSED))
    assert set(rows["track"].tolist()) == {1}
    assert rows["score"][10] == 1.0
    assert rows["score"][9] == pytest.approx(0.9)
    assert read_edits(take) == (
        Edit("rename", known.id, name="Eve"),
        Edit(MERGE, known.id, other=1),
    )
    (person,) = read_solution(take).people
    assert (person.id, person.name, person.sightings) == (known.id, "Eve", FRAMES)
    motion = read_motion(take / SOLUTION_FOLDER / person.file)
    assert motion["evidence"].all()


def test_a_box_of_somebody_new_adds_a_person(take: Path) -> None:
    draw(take, HandBox(10, MIDDLE, SOMEBODY_NEW))
    people = read_solution(take).people
    assert len(people) == 2
    assert all((take / SOLUTION_FOLDER / person.thumbnail).is_file() for person in people)
    assert read_edits(take) == ()
    rows = read_chunk(take, read_info(take).chunks[-1])
    assert rows["frame"].tolist() == list(range(FRAMES))


def test_a_box_can_be_cancelled_while_its_person_is_followed(take: Path) -> None:
    before, engine = read_info(take).chunks, DiscEngine()
    look, looks = engine.finder.look, []

    def watched(*arguments: Any) -> Any:
        looks.append(arguments)
        return look(*arguments)

    engine.finder.look = watched
    progress = Progress(is_cancelled=lambda: len(looks) == 3)
    with pytest.raises(Cancelled):
        localize_boxes(take, [HandBox(10, MIDDLE)], (), SolveSettings(), engine, progress)
    assert len(looks) == 3
    assert read_info(take).chunks == before


def test_a_box_of_somebody_who_was_dropped_brings_them_back(take: Path) -> None:
    (known,) = read_solution(take).people
    edits = (Edit(DROP, known.id),)
    draw(take, HandBox(10, MIDDLE), edits=edits)  # a solution without anybody would be refused
    draw(take, HandBox(10, MIDDLE, known.id), edits=edits)
    (person, _) = read_solution(take).people
    assert (person.id, person.kept, person.sightings) == (known.id, True, FRAMES)


def test_two_boxes_are_two_tracklets(take: Path) -> None:
    draw(take, HandBox(10, MIDDLE), HandBox(12, MIDDLE, 0))
    rows = read_chunk(take, read_info(take).chunks[-1])
    assert np.unique(rows["track"]).tolist() == [1, 2]


def test_a_box_stays_within_its_shot(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    clip = write_video(tmp_path / "cut.mp4", _with_a_cut(rng))
    take = localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress())
    draw(take, HandBox(4, MIDDLE))
    rows = read_chunk(take, read_info(take).chunks[-1])
    assert rows["frame"].tolist() == list(range(10))


def _with_a_cut(rng: np.random.Generator) -> list[np.ndarray]:
    """Twenty pictures of a disc before two walls of bright blocks, ten frames each."""
    pictures = []
    for _ in range(2):
        blocks = rng.integers(90, 255, (8, 12, 1), dtype=np.uint8).repeat(3, axis=2)
        wall = blocks.repeat(8, axis=0).repeat(8, axis=1)
        for number in range(10):
            picture = wall.copy()
            y, x = np.mgrid[: wall.shape[0], : wall.shape[1]]
            picture[(x - 30 - number) ** 2 + (y - 42) ** 2 < 100] = 30
            assert disc_in(picture)
            pictures.append(picture)
    return pictures


@pytest.mark.parametrize(
    ("box", "title"),
    [
        (HandBox(FRAMES, MIDDLE), "No such frame"),
        (HandBox(10, MIDDLE, 7), "No such person"),
        (HandBox(10, (500.0, 500.0, 550.0, 600.0)), "Box outside of the picture"),
    ],
)
def test_boxes_that_fit_nothing(take: Path, box: HandBox, title: str) -> None:
    chunks = read_info(take).chunks
    with pytest.raises(UserError, match=title):
        draw(take, box)
    assert read_info(take).chunks == chunks


@pytest.mark.parametrize("box", [[1, 2, 3], [5, 5, 5, 9], ["a", 1, 2, 3], None])
def test_a_box_is_four_numbers(box: object) -> None:
    with pytest.raises(ValueError, match="box"):
        HandBox.from_json({"frame": 1, "box": box})
