# SPDX-License-Identifier: GPL-3.0-or-later
"""Point sets that are localized with footage: aligned to its chunks, whatever ends the job."""

from __future__ import annotations

import multiprocessing
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.point_set import MESH, PointSet, write_point_set
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import UNFINISHED, read_info
from nlf_blender.protocol.take_sets import SETS_FOLDER, take_sets
from nlf_blender.worker.footage.boxes_job import HandBox, localize_boxes
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.footage.resume import resume_take
from nlf_blender.worker.progress import Cancelled, Progress
from tests.footage_files import write_video
from tests.worker.footage_fakes import CPU, DiscEngine, content
from tests.worker.marker_sets import (
    FAR,
    VERTICES,
    at_vertices,
    body_points,
    marker_file,
    set_of,
)

FRAMES = 70  # two chunks of 32 and one of 6


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that walks to the right."""
    return write_video(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LocalizeSettings:
    """Two sets, one of which has a point far from the body, and the features."""
    folder = tmp_path_factory.mktemp("sets")
    far = {**at_vertices(7), "far": FAR}
    files = (marker_file(folder), marker_file(folder, "Far", far))
    return replace(CPU, sets=files, keep_features=True)


@pytest.fixture(scope="module")
def take(clip: Path, settings: LocalizeSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take with them."""
    out = tmp_path_factory.mktemp("whole")
    return localize_footage(clip, out, settings, DiscEngine(), Progress())


def stopped(source: Path, out: Path, settings: LocalizeSettings, chunks: int) -> Path:
    """A take whose job was cancelled when it had so many chunks."""

    def stop() -> bool:
        infos = list(out.glob("*.take/take.json"))
        return bool(infos) and len(read_info(infos[0].parent).chunks) >= chunks

    with pytest.raises(Cancelled):
        localize_footage(source, out, settings, DiscEngine(), Progress(is_cancelled=stop))
    (take,) = out.glob("*.take")
    assert read_info(take).state == UNFINISHED
    return take


def test_a_point_at_a_vertex_is_that_vertex(take: Path) -> None:
    info, points, uncertainty = set_of(take)
    assert (info.name, info.count, info.notes) == ("Mine", len(VERTICES), ())
    np.testing.assert_array_equal(points, body_points(take, *VERTICES))
    assert np.isfinite(uncertainty).all()


def test_far_points_are_left_out_and_a_note_says_so(take: Path) -> None:
    info, points, uncertainty = set_of(take, "Far")
    assert np.isfinite(points[:, 0]).all()
    assert np.isnan(points[:, 1]).all() and np.isnan(uncertainty[:, 1]).all()
    assert "far" in info.notes[0]


def test_the_body_has_the_same_bytes_with_and_without_sets(
    clip: Path, take: Path, tmp_path: Path
) -> None:
    plain = localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress())
    for chunk in read_info(plain).chunks:
        assert (plain / chunk.file).read_bytes() == (take / chunk.file).read_bytes()
    assert read_info(plain).chunks == read_info(take).chunks


@pytest.mark.parametrize("chunks", [0, 1])
def test_a_stopped_job_is_gone_on_with_though_the_files_are_gone(
    clip: Path, take: Path, tmp_path: Path, chunks: int
) -> None:
    far = {**at_vertices(7), "far": FAR}
    files = (marker_file(tmp_path / "sets"), marker_file(tmp_path / "sets", "Far", far))
    settings = replace(CPU, sets=files, keep_features=True)
    part = stopped(clip, tmp_path / "out", settings, chunks)
    for file in files:
        Path(file).unlink()
    resume_take(part, None, False, DiscEngine(), Progress())
    whole, resumed = content(take), content(part)
    assert resumed.keys() == whole.keys()
    assert [n for n in whole if n != "take.json" and resumed[n] != whole[n]] == []


def test_what_was_killed_between_two_files_is_written_again(
    clip: Path, take: Path, tmp_path: Path, settings: LocalizeSettings
) -> None:
    """The chunk, the features and the sets' rows are there, take.json does not tell of them."""
    part = stopped(clip, tmp_path, settings, 1)
    before = (part / "take.json").read_bytes()
    resume_take(part, None, False, DiscEngine(), Progress())
    (part / "take.json").write_bytes(before)
    assert len(take_sets(part)["Mine"].chunks) > len(read_info(part).chunks)
    resume_take(part, None, False, DiscEngine(), Progress())
    assert content(part) == content(take)


def test_damaged_rows_of_a_set_are_localized_again(
    clip: Path, take: Path, tmp_path: Path, settings: LocalizeSettings
) -> None:
    part = stopped(clip, tmp_path, settings, 1)
    (part / SETS_FOLDER / "Mine" / "chunk_00000.npz").write_bytes(b"nothing")
    resume_take(part, None, False, DiscEngine(), Progress())
    assert content(part) == content(take)


def test_other_sets_begin_another_take(
    clip: Path, tmp_path: Path, settings: LocalizeSettings
) -> None:
    part = stopped(clip, tmp_path, settings, 1)
    fewer = replace(settings, sets=settings.sets[:1])
    assert localize_footage(clip, tmp_path, fewer, DiscEngine(), Progress()) != part
    same = replace(settings, sets=(*settings.sets[::-1], settings.sets[0]))
    assert localize_footage(clip, tmp_path, same, DiscEngine(), Progress()) == part


def test_two_sets_of_one_name(clip: Path, tmp_path: Path) -> None:
    files = (marker_file(tmp_path / "a"), marker_file(tmp_path / "b", places=at_vertices(3)))
    with pytest.raises(UserError, match="Two sets of one name"):
        localize_footage(clip, tmp_path, replace(CPU, sets=files), DiscEngine(), Progress())
    assert not list(tmp_path.glob("*.take"))


def test_a_set_of_a_body_that_is_not_there(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "suit.npz"
    write_point_set(path, PointSet("suit", MESH, "smplx", np.zeros((1, 3))))
    with pytest.raises(UserError, match="another body"):
        settings = replace(CPU, sets=(str(path),))
        localize_footage(clip, tmp_path, settings, DiscEngine(), Progress())


def test_boxes_drawn_by_hand_have_the_sets_too(
    clip: Path, tmp_path: Path, settings: LocalizeSettings
) -> None:
    engine = DiscEngine()
    engine.finder.blind = 10
    take = localize_footage(clip, tmp_path, settings, engine, Progress())
    box = HandBox(5, (10.0, 30.0, 40.0, 55.0))
    localize_boxes(take, [box], (), SolveSettings(), DiscEngine(), Progress())
    chunk = read_info(take).chunks[-1]
    assert chunk.frames == 0 and chunk.rows == FRAMES
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, *VERTICES))
    assert (take / "features" / "chunk_00003.npy").exists()


def localize_slowly(clip: Path, out: Path, settings: LocalizeSettings) -> None:
    """A job in a process of its own, slow enough to be killed at any point."""
    localize_footage(clip, out, settings, DiscEngine(seconds=0.004), Progress())


def test_killed_at_any_moment(
    clip: Path, take: Path, tmp_path: Path, settings: LocalizeSettings
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    moments = random.Random(3)
    for _ in range(4):
        process = context.Process(target=localize_slowly, args=(clip, tmp_path, settings))
        process.start()
        process.join(moments.uniform(0.2, 1.2))
        process.kill()
        process.join()
        for path in tmp_path.glob("*.take/take.json"):
            for chunk in read_info(path.parent).chunks:
                for info in take_sets(path.parent).values():
                    assert info.chunk_of(chunk.sha256) is not None
    killed = localize_footage(clip, tmp_path, settings, DiscEngine(), Progress())
    assert killed.name == "walk.take"
    assert content(killed) == content(take)
