# SPDX-License-Identifier: GPL-3.0-or-later
"""Point sets for takes that are there: nothing is localized twice, and nothing is lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nlf_blender.bridge.task import points_task
from nlf_blender.errors import UserError
from nlf_blender.protocol.files import file_sha256
from nlf_blender.protocol.messages import EventReader, encode
from nlf_blender.protocol.point_set import read_point_set, write_point_set
from nlf_blender.protocol.settings import SOURCE_CHANGED, LocalizeSettings
from nlf_blender.protocol.solution import read_solution
from nlf_blender.protocol.take import read_info
from nlf_blender.protocol.take_sets import (
    FEATURES_FOLDER,
    POINTS_FILE,
    read_take_set,
    take_sets,
    write_take_set,
)
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.markers.pending import PENDING_FOLDER
from nlf_blender.worker.markers.points_job import LOCALIZING, localize_points
from nlf_blender.worker.pipeline import localize_photo
from nlf_blender.worker.progress import Cancelled, Progress
from nlf_blender.worker.serve import Server
from tests.footage_files import frame_picture, write_video
from tests.worker.footage_fakes import CPU, DiscEngine
from tests.worker.marker_sets import (
    FAR,
    VERTICES,
    at_vertices,
    body_points,
    marker_file,
    set_of,
)

FRAMES = 40  # a chunk of 32 and one of 8


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that walks to the right."""
    return write_video(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


@pytest.fixture(scope="module")
def made(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A take without sets, whose features were kept."""
    out = tmp_path_factory.mktemp("made")
    settings = replace(CPU, keep_features=True)
    return localize_footage(clip, out, settings, DiscEngine(), Progress())


@pytest.fixture
def take(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / made.name))


def photo_take(folder: Path, settings: LocalizeSettings = CPU) -> Path:
    """The take of a photo."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(frame_picture(3)).save(folder / "photo.png")
    return localize_photo(folder / "photo.png", folder, settings, DiscEngine(), Progress())


def add(take: Path, *files: str, remove: tuple[str, ...] = (), **options: object) -> int:
    """Add sets to a take; how many people were looked at."""
    engine = DiscEngine()
    localize_points(take, files, remove, engine, Progress(), **options)  # type: ignore[arg-type]
    assert not (take / PENDING_FOLDER).exists()
    return engine.localizer.looked_at


def test_with_features_neither_source_nor_network_is_needed(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlf_blender.worker.markers.row_points.opened_source", None)
    assert add(take, marker_file(tmp_path)) == 0
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, *VERTICES))
    (person,) = read_solution(take).people
    assert [files.slug for files in person.sets] == ["Mine"]


def test_without_features_the_frames_are_cropped_as_the_rows_say(
    take: Path, tmp_path: Path
) -> None:
    shutil.rmtree(take / FEATURES_FOLDER)
    assert add(take, marker_file(tmp_path)) == FRAMES
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, *VERTICES))


def test_damaged_features_are_passed_over(take: Path, tmp_path: Path) -> None:
    (take / FEATURES_FOLDER / "chunk_00001.npy").write_bytes(b"nothing")
    assert add(take, marker_file(tmp_path)) == FRAMES - 32
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, *VERTICES))


def test_a_set_that_is_there_is_kept(take: Path, tmp_path: Path) -> None:
    file = marker_file(tmp_path)
    add(take, file)
    before = {path: path.stat().st_mtime_ns for path in (take / "sets").rglob("*")}
    shutil.rmtree(take / FEATURES_FOLDER)
    assert add(take, file) == 0
    assert {path: path.stat().st_mtime_ns for path in (take / "sets").rglob("*")} == before


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("chunk_00000.npz", False),
        ("chunk_00000.npz", True),
        ("set.npz", False),
        ("attachment.npz", True),
    ],
)
def test_a_damaged_set_is_mended(take: Path, tmp_path: Path, name: str, gone: bool) -> None:
    file = marker_file(tmp_path)
    add(take, file)
    path = take / "sets" / "Mine" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    if gone:
        path.unlink()
    shutil.rmtree(take / FEATURES_FOLDER)
    looked_at = {"chunk_00000.npz": 32, "set.npz": FRAMES, "attachment.npz": 0}
    assert add(take, file) == looked_at[name]
    assert path.read_bytes() == whole


def test_what_cannot_be_mended_is_told_with_a_way_out(take: Path, tmp_path: Path) -> None:
    file = marker_file(tmp_path)
    add(take, file)
    (take / "sets" / "Mine" / "set.json").write_bytes(b"{")
    with pytest.raises(UserError, match="Damaged point set") as told:
        add(take, file)
    assert f"Delete {take / 'sets' / 'Mine'} " in told.value.fix
    shutil.rmtree(take / "sets" / "Mine")
    add(take, file)


def test_what_a_stopped_job_left_may_be_damaged(take: Path, tmp_path: Path) -> None:
    left = take / PENDING_FOLDER / "Mine"
    left.mkdir(parents=True)
    (left / "set.json").write_bytes(b"{")
    assert add(take, marker_file(tmp_path)) == 0


def test_points_of_other_sets_are_copied(take: Path, tmp_path: Path) -> None:
    add(take, marker_file(tmp_path))
    shutil.rmtree(take / FEATURES_FOLDER)
    other = marker_file(tmp_path, "Other", at_vertices(*VERTICES[::-1]))
    assert add(take, other) == 0
    np.testing.assert_array_equal(set_of(take, "Other")[1], body_points(take, *VERTICES[::-1]))


def test_points_at_the_same_place_of_another_body_are_not_copied(
    take: Path, tmp_path: Path
) -> None:
    add(take, marker_file(tmp_path))
    folder = take / "sets" / "Mine"
    path = folder / POINTS_FILE
    write_point_set(path, replace(read_point_set(path), body="smpl"))
    info = replace(read_take_set(folder), body="smpl", points_sha256=file_sha256(path))
    write_take_set(folder, info)
    shutil.rmtree(take / FEATURES_FOLDER)
    assert add(take, marker_file(tmp_path, "Other")) == FRAMES


def test_another_set_of_that_name_takes_its_place(take: Path, tmp_path: Path) -> None:
    add(take, marker_file(tmp_path))
    now = (VERTICES[2], 9, VERTICES[0])
    assert add(take, marker_file(tmp_path, places=at_vertices(*now))) == 0
    assert list(take_sets(take)) == ["Mine"]
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, *now))


def test_sets_are_removed_by_their_names(take: Path, tmp_path: Path) -> None:
    add(take, marker_file(tmp_path), marker_file(tmp_path, "Other", at_vertices(1)))
    assert add(take, remove=("Mine",)) == 0
    assert list(take_sets(take)) == ["Other"]
    (person,) = read_solution(take).people
    assert [files.slug for files in person.sets] == ["Other"]
    with pytest.raises(UserError, match="it has Other"):
        add(take, remove=("Mine",))


def test_a_stopped_job_keeps_what_is_done_and_shows_whole_sets_only(
    take: Path, tmp_path: Path
) -> None:
    shutil.rmtree(take / FEATURES_FOLDER)
    old, new = at_vertices(11), at_vertices(12)
    add(take, marker_file(tmp_path, places=old))
    engine, file = DiscEngine(), marker_file(tmp_path, places=new)

    def stop() -> bool:
        return engine.localizer.looked_at > 32

    with pytest.raises(Cancelled):
        localize_points(take, [file], [], engine, Progress(is_cancelled=stop))
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, 11))
    assert add(take, file) == FRAMES - 32
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, 12))


def test_what_a_stopped_job_left_of_another_set_goes(take: Path, tmp_path: Path) -> None:
    shutil.rmtree(take / FEATURES_FOLDER)
    engine = DiscEngine()
    with pytest.raises(Cancelled):
        stopped = Progress(is_cancelled=lambda: engine.localizer.looked_at > 0)
        localize_points(take, [marker_file(tmp_path)], [], engine, stopped)
    add(take, marker_file(tmp_path, "Other"))
    assert list(take_sets(take)) == ["Other"]


def test_far_points_are_localized_if_forced(take: Path, tmp_path: Path) -> None:
    file = marker_file(tmp_path, places={**at_vertices(5), "far": FAR})
    add(take, file)
    assert np.isnan(set_of(take)[1][:, 1]).all()
    add(take, file, force=True)
    assert np.isfinite(set_of(take)[1]).all()
    assert "are guesses" in set_of(take)[0].notes[0]


def test_only_far_points_need_nothing(take: Path, tmp_path: Path) -> None:
    shutil.rmtree(take / FEATURES_FOLDER)
    assert add(take, marker_file(tmp_path, places={"far": FAR})) == 0
    assert np.isnan(set_of(take)[1]).all()


def test_a_photo(tmp_path: Path) -> None:
    take = photo_take(tmp_path / "photo")
    assert add(take, marker_file(tmp_path)) == 1
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, *VERTICES))
    add(take, remove=("Mine",))
    assert not take_sets(take)


def test_a_photo_with_its_sets_and_features(tmp_path: Path) -> None:
    settings = replace(CPU, sets=(marker_file(tmp_path),), keep_features=True)
    take = photo_take(tmp_path / "photo", settings)
    np.testing.assert_array_equal(set_of(take)[1], body_points(take, *VERTICES))
    (tmp_path / "photo" / "photo.png").unlink()
    assert add(take, marker_file(tmp_path, "Other", at_vertices(3))) == 0
    np.testing.assert_array_equal(set_of(take, "Other")[1], body_points(take, 3))
    plain = photo_take(tmp_path / "plain")
    assert read_info(plain).chunks == read_info(take).chunks


@pytest.mark.parametrize("photo", [True, False])
def test_a_source_that_is_gone_or_changed(take: Path, tmp_path: Path, photo: bool) -> None:
    if photo:
        take = photo_take(tmp_path / "photo")
    else:
        shutil.rmtree(take / FEATURES_FOLDER)
    file, chunks = marker_file(tmp_path), read_info(take).chunks
    other = tmp_path / ("other.png" if photo else "other.mp4")
    with pytest.raises(UserError, match="Source not found"):
        add(take, file, source=other)
    if photo:
        Image.fromarray(frame_picture(4)).save(other)
    else:
        write_video(other, FRAMES + 1)
    with pytest.raises(UserError, match=SOURCE_CHANGED):
        add(take, file, source=other)
    assert read_info(take).chunks == chunks
    assert not take_sets(take)


def test_another_model(take: Path, tmp_path: Path) -> None:
    engine = DiscEngine()
    engine.localizer.info = replace(engine.localizer.info, sha256="0" * 64)
    with pytest.raises(UserError, match="Other model"):
        localize_points(take, [marker_file(tmp_path)], [], engine, Progress())


def test_two_names_that_make_one_folder(take: Path, tmp_path: Path) -> None:
    add(take, marker_file(tmp_path, "My set"))
    with pytest.raises(UserError, match="Two sets of one name"):
        add(take, marker_file(tmp_path, "my_set"))
    assert [info.name for info in take_sets(take).values()] == ["My set"]


def test_a_take_whose_job_is_not_done(clip: Path, tmp_path: Path) -> None:
    def stop() -> bool:
        return (tmp_path / "walk.take" / "take.json").exists()

    with pytest.raises(Cancelled):
        localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress(is_cancelled=stop))
    with pytest.raises(UserError, match="lacks frames"):
        add(tmp_path / "walk.take", marker_file(tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": "nlf_blender.markers", "version": 1, "name": "a"}', "markers"),
        (
            '{"format": "nlf_blender.markers", "version": 1, "name": "a", "body": "open",'
            ' "markers": [{"name": "n", "position": [0, NaN, 0]}]}',
            "finite|NaN",
        ),
        (
            '{"format": "nlf_blender.markers", "version": 1, "name": "a", "body": "giraffe",'
            ' "markers": [{"name": "n", "position": [0, 0, 0]}]}',
            "giraffe",
        ),
    ],
)
def test_files_that_cannot_be_used_change_nothing(
    take: Path, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    before = sorted(take.rglob("*"))
    with pytest.raises(UserError, match=words):
        add(take, str(path))
    assert sorted(p for p in take.rglob("*") if p.name != "lock") == [
        p for p in before if p.name != "lock"
    ]


def test_tables_of_markers_are_read_too(take: Path, tmp_path: Path) -> None:
    x, y, z = at_vertices(4)["v4"]
    (tmp_path / "table.csv").write_text(f"name,x,y,z\nmine,{x!r},{y!r},{z!r}\n")
    add(take, str(tmp_path / "table.csv"))
    np.testing.assert_array_equal(set_of(take, "table")[1], body_points(take, 4))


def test_as_blender_asks_for_it(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "_loaded_engine", lambda _server: DiscEngine())
    task = points_task(take, [Path(marker_file(tmp_path))])
    commands = [{"kind": task.command, "job": "1", **task.fields}, {"kind": "quit"}]
    (tmp_path / "session").mkdir()
    Server(tmp_path / "session").run(encode(command) for command in commands)
    events = EventReader(tmp_path / "session").read()
    assert [e["results"] for e in events if e["kind"] == "done"] == [[str(take)]]
    stages = {e["stage"] for e in events if e["kind"] == "progress"}
    assert LOCALIZING in stages and stages <= set(task.stages)
