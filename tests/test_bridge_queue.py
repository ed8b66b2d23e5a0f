# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in line, pausing, going on with footage, and how long that will take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from test_bridge_session import PYTHON, Play

from nlf_blender.bridge.job import State
from nlf_blender.bridge.queue import Entry, JobQueue, Stand
from nlf_blender.bridge.stage_times import Estimate
from nlf_blender.bridge.task import (
    BOXES_STAGES,
    FOOTAGE_STAGES,
    HandBox,
    Task,
    boxes_task,
    localize_task,
    resume_task,
    solve_task,
)
from nlf_blender.bridge.watchdog import Bounds, Watchdog
from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import Edit
from nlf_blender.protocol.messages import FOOTAGE
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import UNFINISHED, read_info


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    played = Play(tmp_path)
    yield played
    played.session.close()
    assert not played.strays()
    assert played.slowest < 0.05


def footage(play: Play, name: str = "clip.mp4") -> Task:
    return localize_task((play.folder / name,), play.out, LocalizeSettings(), footage=True)


def photo(play: Play, name: str) -> Task:
    return localize_task((play.folder / name,), play.out, LocalizeSettings())


def entry(task: Task, preparing: Iterator[None] | None = None) -> Entry[str]:
    return Entry(PYTHON, task, "somewhere", preparing)


class Line:
    """A queue that the play's ticks move on; what is done counts as imported at once."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.queue: JobQueue[str] = JobQueue()
        self.imported: list[str] = []

    def tick(self) -> bool:
        self.queue.tick(self.play.session)
        current = self.queue.current
        if current is not None and current.stand is Stand.TO_IMPORT:
            self.imported.append(current.task.title)
            current.end(Stand.DONE)
        return not self.queue.busy

    def to_end(self) -> None:
        self.play.until(self.tick)


def test_jobs_run_one_after_the_other_and_a_failed_one_stops_nobody(play: Play) -> None:
    line = Line(play)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        line.queue.add(entry(photo(play, name)))
    line.queue.tick(play.session)
    assert [e.stand for e in line.queue.entries] == [Stand.RUNNING, Stand.WAITING, Stand.WAITING]
    bad = line.queue.entries[1]
    bad.preparing = iter_failing()
    line.to_end()
    assert line.imported == ["a.jpg", "c.jpg"]
    assert bad.stand is Stand.FAILED
    assert bad.error is not None
    assert len(play.pids) == 1


def iter_failing() -> Iterator[None]:
    yield
    raise UserError("The camera is gone", "It was removed.", "Choose another.")


def test_the_next_job_waits_until_the_one_before_is_imported(play: Play) -> None:
    queue: JobQueue[str] = JobQueue()
    first, second = entry(photo(play, "a.jpg")), entry(photo(play, "b.jpg"))
    queue.add(first)
    queue.add(second)
    play.until(lambda: (queue.tick(play.session), first.stand is Stand.TO_IMPORT)[1])
    for _ in range(5):
        queue.tick(play.session)
    assert second.stand is Stand.WAITING
    first.end(Stand.DONE)
    queue.tick(play.session)
    assert second.stand is Stand.RUNNING


def test_order_removal_and_holding(play: Play) -> None:
    line = Line(play)
    line.queue.held = True
    entries = [entry(photo(play, f"{name}.jpg")) for name in "abcd"]
    for item in entries:
        line.queue.add(item)
    line.queue.tick(play.session)
    assert not line.queue.busy
    assert not play.session.alive
    line.queue.move(entries[3], -2)
    line.queue.move(entries[0], -1)  # nowhere to go
    line.queue.remove(entries[2])
    urgent = entry(solve_task(Path("x.take"), (), SolveSettings()))
    line.queue.add(urgent, first=True)
    order = [item.task.title for item in line.queue.waiting]
    assert order == ["x", "a.jpg", "d.jpg", "b.jpg"]
    line.queue.remove(urgent)
    line.queue.held = False
    line.to_end()
    assert line.imported == ["a.jpg", "d.jpg", "b.jpg"]
    line.queue.clear()
    assert not line.queue.entries


def test_a_newer_solve_of_the_same_take_replaces_the_one_that_waits(play: Play) -> None:
    queue: JobQueue[str] = JobQueue()
    take = Path("walk.take")
    old = entry(solve_task(take, (), SolveSettings(smoothing=0.1)))
    other = entry(solve_task(Path("run.take"), (), SolveSettings()))
    new = entry(solve_task(take, (), SolveSettings(smoothing=0.9)))
    for item in (old, other, new):
        queue.add(item, first=True)
    assert queue.entries == [new, other]
    assert old.stand is Stand.CANCELLED


def test_a_box_does_not_overtake_the_solve_whose_edits_it_adds_to(play: Play) -> None:
    queue: JobQueue[str] = JobQueue()
    take = Path("walk.take")
    clip = entry(footage(play))
    solve = entry(solve_task(take, (Edit("drop", 1),), SolveSettings()))
    box = entry(boxes_task(take, [], (Edit("drop", 1),), SolveSettings()))
    urgent = entry(boxes_task(Path("run.take"), [], (), SolveSettings()))
    queue.add(clip)
    for item in (solve, box, urgent):
        queue.add(item, first=True)
    assert queue.entries == [urgent, solve, box, clip]


def test_input_is_prepared_piece_by_piece_and_goes_with_a_job_that_is_taken_out(
    play: Play, tmp_path: Path
) -> None:
    scratch = tmp_path / "input"
    scratch.mkdir()
    steps: list[int] = []

    def preparing() -> Iterator[None]:
        for step in range(3):
            steps.append(step)
            yield

    task = localize_task(
        (tmp_path / "a.mp4",), play.out, LocalizeSettings(), footage=True, scratch=scratch
    )
    queue: JobQueue[str] = JobQueue()
    item = entry(task, preparing())
    queue.add(item)
    queue.tick(play.session)
    assert steps == [0]
    assert not item.ready
    assert queue.busy
    for _ in range(3):
        queue.tick(play.session)
    assert steps == [0, 1, 2]
    assert item.ready
    queue.remove(item)
    assert not scratch.exists()


def test_a_paused_job_holds_still_and_is_not_taken_for_dead(play: Play) -> None:
    play.mode("good", frames=30, pause=0.02)
    job = play.session.start(PYTHON, footage(play))
    play.until(lambda: job.done >= 5)
    play.session.pause()
    assert job.paused
    play.until(lambda: job.done >= 5)
    held = [job.done]
    ticks = iter(range(80))
    play.until(lambda: (held.append(job.done), next(ticks, None) is None)[1])
    assert held[-1] == held[20]
    assert job.state is State.RUNNING
    left = job.seconds_left
    play.until(lambda: True)
    assert job.seconds_left == left
    play.session.go_on()
    assert not job.paused
    play.until(lambda: not job.active)
    assert job.state is State.DONE


def test_a_paused_job_is_cancelled_and_keeps_what_it_has(play: Play) -> None:
    play.mode("good", frames=30, pause=0.02)
    job = play.session.start(PYTHON, footage(play))
    play.until(lambda: job.done >= 3)
    play.session.pause()
    play.session.cancel()
    assert job.state is State.CANCELLED
    assert not job.paused
    play.until(play.idle)
    assert play.session.alive
    assert read_info(play.out / "clip.take").state == UNFINISHED


def test_the_watchdog_lets_a_paused_job_stand_but_not_a_silent_worker() -> None:
    dog = Watchdog(Bounds(silence=10.0, standstill=3.0), 0.0)
    for second in range(1, 8):
        dog.heard("heartbeat")
        assert dog.check(float(second), paused=True) is None
    for second in range(8, 17):
        assert dog.check(float(second), paused=True) is None
    silent = [dog.check(float(second), paused=True) for second in range(17, 20)]
    assert silent[-1] is not None
    assert silent[-1].title == "The worker hangs"


def test_footage_is_gone_on_with_after_the_worker_was_freed(play: Play) -> None:
    play.mode("good", frames=20, pause=0.02)
    job = play.session.start(PYTHON, footage(play))
    play.until(lambda: job.preview is not None and job.done >= 8)
    assert job.preview == (play.out / "clip.take", 5)
    play.session.free()
    assert job.state is State.CANCELLED
    play.until(play.idle)
    take = play.out / "clip.take"
    assert read_info(take).state == UNFINISHED
    again = play.session.start(PYTHON, resume_task(take))
    first: list[int] = []
    play.until(
        lambda: (first.append(again.done) if again.stage == FOOTAGE else None, not again.active)[1]
    )
    assert again.state is State.DONE
    assert first[0] >= 8
    assert read_info(take).state != UNFINISHED


def test_a_changed_source_is_refused_until_the_user_insists(play: Play) -> None:
    play.mode("good", frames=20, pause=0.02)
    job = play.session.start(PYTHON, footage(play))
    play.until(lambda: job.done >= 3)
    play.session.free()
    play.until(play.idle)
    play.mode("source_changed", frames=20)
    take = play.out / "clip.take"
    refused = play.session.start(PYTHON, resume_task(take, Path("moved.mp4")))
    play.until(lambda: not refused.active)
    assert refused.error is not None
    assert refused.error.title == "Source changed"
    again = play.session.start(PYTHON, resume_task(take, Path("moved.mp4"), changed=True))
    play.until(lambda: not again.active)
    assert again.state is State.DONE


def test_commands_on_takes_say_all_that_the_worker_needs() -> None:
    take, settings = Path("walk.take"), SolveSettings(smoothing=0.3)
    edits = (Edit("merge", 1, other=2),)
    task = solve_task(take, edits, settings)
    assert task.fields["edits"] == [
        {"kind": "merge", "person": 1, "other": 2, "frame": -1, "name": ""}
    ]
    assert task.fields["settings"] == settings.to_json()
    box = boxes_task(take, [HandBox(7, (1.0, 2.0, 3.0, 4.0))], edits, settings)
    assert box.fields["boxes"] == [{"frame": 7, "box": [1.0, 2.0, 3.0, 4.0], "person": -1}]
    assert box.models == "localize"
    assert set(box.loaded_stages) < set(BOXES_STAGES)
    assert resume_task(take).fields == {"take": "walk.take", "source": "", "changed": False}


EXPECTED = {"Starting": 4.0, FOOTAGE: 0.5, "Fitting": 1.0}


def test_time_left_of_footage_goes_by_its_frames() -> None:
    estimate = Estimate(EXPECTED, 0.0)
    assert estimate.seconds_left(1.0) is None  # nobody knows how long the clip is
    estimate.step(FOOTAGE, 0, 1000, 4.0)
    assert estimate.seconds_left(4.0) == pytest.approx(501.0)
    estimate.seconds_left(700.0)  # the guess was too short
    assert estimate.fraction == 0.0
    estimate = Estimate(EXPECTED, 0.0)
    estimate.step(FOOTAGE, 0, 1000, 4.0)
    estimate.step(FOOTAGE, 100, 1000, 14.0)  # ten frames a second
    assert estimate.seconds_left(14.0) == pytest.approx(91.0)
    assert estimate.fraction == pytest.approx(14 / (14 + 91))
    estimate.step("Fitting", 0, 0, 104.0)
    assert estimate.spent[FOOTAGE] == pytest.approx(0.1)


def test_a_resumed_job_is_as_fast_as_it_is_now() -> None:
    estimate = Estimate(EXPECTED, 0.0)
    estimate.step(FOOTAGE, 600, 1000, 2.0)
    assert estimate.seconds_left(2.0) == pytest.approx(201.0)
    estimate.step(FOOTAGE, 700, 1000, 12.0)
    assert estimate.seconds_left(12.0) == pytest.approx(31.0)
    estimate.step("Fitting", 0, 0, 42.0)
    assert estimate.spent[FOOTAGE] == pytest.approx(0.1)


def test_paused_time_does_not_count() -> None:
    estimate = Estimate(EXPECTED, 0.0)
    estimate.step(FOOTAGE, 0, 100, 4.0)
    estimate.step(FOOTAGE, 50, 100, 9.0)
    estimate.pause(9.0)
    assert estimate.seconds_left(9.0) == estimate.seconds_left(500.0) == pytest.approx(6.0)
    fraction = estimate.fraction
    estimate.go_on(1009.0)
    assert estimate.seconds_left(1009.0) == pytest.approx(6.0)
    assert estimate.fraction == fraction
    estimate.step("Fitting", 0, 0, 1014.0)
    assert estimate.spent[FOOTAGE] == pytest.approx(0.1)


def test_footage_has_the_stages_that_the_worker_names() -> None:
    assert FOOTAGE_STAGES[:3] == ("Starting", "Reading", FOOTAGE)
    assert "Cleaning up" in FOOTAGE_STAGES
