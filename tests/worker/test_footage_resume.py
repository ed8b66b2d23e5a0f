# SPDX-License-Identifier: GPL-3.0-or-later
"""No work is lost: whatever ends a job, it can be gone on with, and ends with the same files."""

from __future__ import annotations

import errno
import json
import multiprocessing
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import Edit
from nlf_blender.protocol.settings import SOURCE_CHANGED
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import UNFINISHED, WHOLE, read_info
from nlf_blender.worker.footage import run
from nlf_blender.worker.footage.chunks import Sighting
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.footage.lock import locked
from nlf_blender.worker.footage.plan import chunk_frames
from nlf_blender.worker.footage.resume import resume_take
from nlf_blender.worker.footage.solve_job import solve_again
from nlf_blender.worker.progress import Cancelled, Progress
from tests.footage_files import HEIGHT, WIDTH, write_sequence, write_video
from tests.worker.footage_fakes import CPU, MODEL, DiscEngine, content

FRAMES = 70


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disc that walks to the right."""
    return write_video(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


@pytest.fixture(scope="module")
def uninterrupted(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a take whose job ran through."""
    out = tmp_path_factory.mktemp("whole")
    return content(localize_footage(clip, out, CPU, DiscEngine(), Progress()))


def cancelled_after(chunks: int, source: Path, out: Path) -> Path:
    """A take whose job was cancelled when it had so many chunks."""

    def stop() -> bool:
        infos = list(out.glob("*.take/take.json"))
        return bool(infos) and len(read_info(infos[0].parent).chunks) >= chunks

    with pytest.raises(Cancelled):
        localize_footage(source, out, CPU, DiscEngine(), Progress(is_cancelled=stop))
    (take,) = out.iterdir()
    assert read_info(take).state == UNFINISHED
    return take


@pytest.mark.parametrize("chunks", [0, 1])
def test_a_cancelled_job_is_gone_on_with(
    clip: Path, tmp_path: Path, uninterrupted: dict[str, bytes], chunks: int
) -> None:
    take = cancelled_after(chunks, clip, tmp_path)
    (take / "thumbs").mkdir(exist_ok=True)
    (take / "thumbs" / "00007.jpg.part").write_bytes(b"half a file, as a killed job leaves")
    assert resume_take(take, None, False, DiscEngine(), Progress()) == take
    assert content(take) == uninterrupted


def test_people_who_were_not_believed_are_not_followed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed job knows those alone who are in the rows; so must one that runs through."""
    real, last = run.localize_frames, chunk_frames(WIDTH, HEIGHT) - 1

    def judged(*arguments: Any, **options: Any) -> list[Sighting]:
        return [one for one in real(*arguments, **options) if one.frame.index != last]

    monkeypatch.setattr(run, "localize_frames", judged)
    whole = localize_footage(clip, tmp_path / "whole", CPU, DiscEngine(), Progress())
    assert read_info(whole).chunks[0].rows == last
    take = cancelled_after(1, clip, tmp_path / "out")
    resume_take(take, None, False, DiscEngine(), Progress())
    assert content(take) == content(whole)


def test_localizing_again_goes_on_with_what_is_there(
    clip: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    take = cancelled_after(1, clip, tmp_path)
    created = json.loads((take / "take.json").read_bytes())["created"]
    chunk = (take / "chunk_00000.npz").stat().st_mtime_ns
    settings = replace(CPU, batch_size=3, solve=SolveSettings())
    assert localize_footage(clip, tmp_path, settings, DiscEngine(), Progress()) == take
    assert content(take) == uninterrupted
    assert json.loads((take / "take.json").read_bytes())["created"] == created
    assert (take / "chunk_00000.npz").stat().st_mtime_ns == chunk


def test_a_take_of_a_version_with_fewer_settings_is_gone_on_with(
    clip: Path, tmp_path: Path
) -> None:
    take = cancelled_after(1, clip, tmp_path)
    data = json.loads((take / "take.json").read_bytes())
    del data["settings"]["step"]
    (take / "take.json").write_text(json.dumps(data))
    assert localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress()) == take
    assert read_info(take).state == WHOLE


@pytest.mark.parametrize("other", [{"last_frame": 3}, {"fov_degrees": 40.0}])
def test_other_settings_begin_another_take(clip: Path, tmp_path: Path, other: Any) -> None:
    take = cancelled_after(1, clip, tmp_path)
    settings = replace(CPU, **other)
    again = localize_footage(clip, tmp_path, settings, DiscEngine(), Progress())
    assert again.name == "walk-2.take"
    assert read_info(take).state == UNFINISHED


def test_a_display_copy_is_the_same_too(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "turned.mp4", FRAMES, rotation=90)
    whole = localize_footage(clip, tmp_path / "whole", CPU, DiscEngine(), Progress())
    assert read_info(whole).source.display == "display.mp4"
    take = cancelled_after(1, clip, tmp_path / "out")
    assert not list(take.glob("display*"))
    resume_take(take, None, False, DiscEngine(), Progress())
    assert content(take) == content(whole)


def test_remarks_about_missing_frames_are_kept(tmp_path: Path) -> None:
    for path in write_sequence(tmp_path / "shots", range(1, FRAMES + 1))[3::60]:
        path.write_text("no picture")
    whole = localize_footage(tmp_path / "shots", tmp_path / "whole", CPU, DiscEngine(), Progress())
    notes = read_info(whole).notes
    assert any("0004" in note for note in notes)
    assert any("0064" in note for note in notes)
    take = cancelled_after(1, tmp_path / "shots", tmp_path / "out")
    resume_take(take, None, False, DiscEngine(), Progress())
    assert content(take) == content(whole)


@pytest.mark.parametrize("failing", ["chunk_00001.npz", "take.json"])
def test_a_full_disk(
    clip: Path,
    tmp_path: Path,
    uninterrupted: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    real = open

    def full(path: Path, mode: str = "r", *rest: object, **named: object) -> object:
        late = (tmp_path / "walk.take" / "chunk_00000.npz").exists()
        if "w" in mode and str(path).endswith(failing + ".part") and late:
            file = real(path, mode, *rest, **named)
            file.write(b"half of it")
            file.close()
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, mode, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr("nlf_blender.protocol.files.open", full, raising=False)
        with pytest.raises(UserError, match="Disk full") as caught:
            localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress())
    assert "resume" in caught.value.fix
    take = tmp_path / "walk.take"
    assert [chunk.file for chunk in read_info(take).chunks] in (["chunk_00000.npz"], [])
    resume_take(take, None, False, DiscEngine(), Progress())
    assert content(take) == uninterrupted


def localize_slowly(clip: Path, out: Path) -> None:
    """A job in a process of its own, slow enough to be killed at any point."""
    localize_footage(clip, out, CPU, DiscEngine(seconds=0.004), Progress())


@pytest.fixture(scope="module")
def fork() -> Iterator[multiprocessing.context.BaseContext]:
    """Processes that have loaded everything when they begin."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    yield context


def test_killed_at_any_moment(
    clip: Path,
    tmp_path: Path,
    uninterrupted: dict[str, bytes],
    fork: multiprocessing.context.BaseContext,
) -> None:
    moments = random.Random(5)
    for _ in range(4):
        process = fork.Process(target=localize_slowly, args=(clip, tmp_path))
        process.start()
        process.join(moments.uniform(0.1, 0.9))
        process.kill()
        process.join()
        for path in tmp_path.glob("*.take/take.json"):
            for chunk in read_info(path.parent).chunks:
                assert (path.parent / chunk.file).stat().st_size > 0
    take = localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress())
    assert take.name == "walk.take"
    assert content(take) == uninterrupted


def test_two_programs_on_one_take(
    clip: Path, tmp_path: Path, fork: multiprocessing.context.BaseContext
) -> None:
    process = fork.Process(target=localize_slowly, args=(clip, tmp_path))
    process.start()
    take = tmp_path / "walk.take"
    while not (take / "take.json").exists():
        time.sleep(0.01)
    for work in (
        lambda: localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress()),
        lambda: resume_take(take, None, False, DiscEngine(), Progress()),
        lambda: solve_again(take, (), SolveSettings(), DiscEngine(), Progress()),
    ):
        with pytest.raises(UserError, match="Take in use"):
            work()
    process.join()
    assert process.exitcode == 0
    assert read_info(take).state == WHOLE


def test_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match="in use"), locked(tmp_path):
        raise AssertionError
    with locked(tmp_path):
        assert (tmp_path / "lock").exists()


def test_a_source_that_moved(clip: Path, tmp_path: Path, uninterrupted: dict[str, bytes]) -> None:
    first = tmp_path / "first.mp4"
    first.write_bytes(clip.read_bytes())
    take = cancelled_after(1, first, tmp_path / "out")
    first.rename(tmp_path / "second.mp4")
    with pytest.raises(UserError, match="Source not found"):
        resume_take(take, None, False, DiscEngine(), Progress())
    resume_take(take, tmp_path / "second.mp4", False, DiscEngine(), Progress())
    assert read_info(take).source.path == str(tmp_path / "second.mp4")
    names = set(uninterrupted) - {"take.json"}
    assert {name: content(take)[name] for name in names} == {
        name: uninterrupted[name] for name in names
    }


def test_a_source_that_was_changed(clip: Path, tmp_path: Path) -> None:
    source = tmp_path / "walk.mp4"
    source.write_bytes(clip.read_bytes())
    take = cancelled_after(1, source, tmp_path / "out")
    write_video(source, FRAMES, options={"crf": "30"})
    with pytest.raises(UserError, match=SOURCE_CHANGED):
        resume_take(take, None, False, DiscEngine(), Progress())
    resume_take(take, None, True, DiscEngine(), Progress())
    assert any("changed" in note for note in read_info(take).notes)


@pytest.mark.parametrize("other", [{"rotation": 90}, {"rate": 30}])
def test_footage_of_another_size_or_rate_is_refused(
    clip: Path, tmp_path: Path, other: dict[str, int]
) -> None:
    source = tmp_path / "walk.mp4"
    source.write_bytes(clip.read_bytes())
    take = cancelled_after(1, source, tmp_path / "out")
    write_video(source, FRAMES, **other)
    with pytest.raises(UserError, match="Other footage"):
        resume_take(take, None, True, DiscEngine(), Progress())


def test_another_model_is_refused(clip: Path, tmp_path: Path) -> None:
    take = cancelled_after(1, clip, tmp_path)
    engine = DiscEngine(info=replace(MODEL, sha256="e" * 64))
    with pytest.raises(UserError, match="Other model"):
        resume_take(take, None, False, engine, Progress())


def test_a_take_of_a_version_with_other_looks_is_refused(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = cancelled_after(1, clip, tmp_path)
    monkeypatch.setattr("nlf_blender.worker.footage.run.SIZE", 7)
    with pytest.raises(UserError, match="Take of another version"):
        resume_take(take, None, False, DiscEngine(), Progress())


def test_a_whole_take_without_a_solution_needs_no_source(
    clip: Path, tmp_path: Path, uninterrupted: dict[str, bytes]
) -> None:
    source = tmp_path / "walk.mp4"
    source.write_bytes(clip.read_bytes())

    def at_the_clean_up() -> bool:
        infos = list(tmp_path.glob("out/*.take/take.json"))
        return bool(infos) and read_info(infos[0].parent).state == WHOLE

    with pytest.raises(Cancelled):
        progress = Progress(is_cancelled=at_the_clean_up)
        localize_footage(source, tmp_path / "out", CPU, DiscEngine(), progress)
    source.unlink()
    take = tmp_path / "out" / "walk.take"
    resume_take(take, None, False, DiscEngine(), Progress())
    assert set(content(take)) == set(uninterrupted)
    before = content(take)
    resume_take(take, None, False, DiscEngine(), Progress())
    assert content(take) == before


def test_solving_again_keeps_the_rows(clip: Path, tmp_path: Path) -> None:
    take = localize_footage(clip, tmp_path, CPU, DiscEngine(), Progress())
    before = content(take)
    edits = (Edit("rename", 0, name="Eve"),)
    solve_again(take, edits, SolveSettings(smoothing=0.0), DiscEngine(), Progress())
    after = content(take)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert not {name for name in changed if not name.startswith(("solution/", "edits.json"))}
