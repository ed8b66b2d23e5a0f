# SPDX-License-Identifier: GPL-3.0-or-later
"""The session with a worker that is good, dies, hangs, prints rubbish, or will not be cancelled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nlf_blender.bridge.job import Job, State
from nlf_blender.bridge.session import Session
from nlf_blender.bridge.stage_times import StageTimes
from nlf_blender.bridge.task import LOCALIZE, REGISTER, Task, localize_task, register_task
from nlf_blender.bridge.watchdog import Bounds
from nlf_blender.errors import UserError
from nlf_blender.protocol.scan_settings import ScanSettings
from nlf_blender.protocol.settings import LocalizeSettings

PYTHON = Path(sys.executable)
FAKE = Path(__file__).with_name("fake_worker.py")
QUICK = Bounds(startup=1.0, silence=0.6, standstill=5.0, cancel=0.3)
MOST_SECONDS_A_TICK = 0.05


class Play:
    """A session with a fake worker, ticked as the timer would; remembers the slowest tick."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "takes"
        self.script = folder / "fake_worker.py"
        shutil.copy(FAKE, self.script)
        self.mode("good")
        self.session = Session(folder / "sessions", self.script, QUICK)
        self.slowest = 0.0
        self.pids: set[int] = set()

    def mode(self, mode: str, **config: object) -> None:
        """Choose how the next worker behaves."""
        text = json.dumps({"mode": mode, **config})
        self.script.with_name("fake_worker.json").write_text(text)

    def start(self, name: str = "photo.jpg") -> Job:
        """Begin a job."""
        source = (self.folder / name,)
        return self.session.start(PYTHON, localize_task(source, self.out, LocalizeSettings()))

    def until(self, holds: Callable[[], bool], seconds: float = 8.0) -> None:
        """Tick until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it took too long"
            began = time.thread_time()  # what it computes, however busy the machine is
            self.session.tick()
            self.slowest = max(self.slowest, time.thread_time() - began)
            for event in (self.folder / "sessions").glob("*/events.jsonl"):
                first = event.read_bytes().split(b"\n")[0]
                if first:
                    self.pids.add(json.loads(first)["pid"])
            time.sleep(0.01)

    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self.session.busy

    def strays(self) -> list[int]:
        """Workers that still run."""
        return [pid for pid in self.pids if runs(pid)]


def runs(pid: int) -> bool:
    """Whether a process runs (a dead one that nobody has asked about does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    played = Play(tmp_path)
    yield played
    played.session.close()
    assert not played.strays()
    assert played.slowest < MOST_SECONDS_A_TICK


def test_a_good_job_ends_with_a_take_and_a_warm_worker(play: Play) -> None:
    play.mode("good", steps=3)
    job = play.start("a photo ü.jpg")
    fractions: list[float] = []
    people: set[int] = set()
    play.until(lambda: (fractions.append(job.fraction), people.add(job.people), not job.active)[2])
    assert job.state is State.DONE
    assert job.results == (play.out / "a photo ü.take",)
    assert job.results[0].is_dir()
    assert fractions == sorted(fractions)
    assert max(fraction for fraction in fractions if fraction < 1.0) > 0.0
    assert job.fraction == 1.0
    assert people == {0, 2}
    assert play.session.is_warm(LOCALIZE)
    again = play.start()
    play.until(lambda: not again.active)
    assert again.state is State.DONE
    assert len(play.pids) == 1


@pytest.mark.parametrize(
    ("mode", "title", "detail", "fix"),
    [
        ("dies_at_start", "The worker died", "No module named 'torch'", "Check"),
        ("dies_midway", "The worker died", "status 3.\nRuntimeError: a piece fell off", "log"),
        ("killed", "The worker died", "SIGKILL", "memory"),
        ("never_starts", "The worker does not start", "not said a word", "Check"),
        ("hangs", "The worker hangs", "not been heard of", "CPU"),
        ("rubbish_events", "The worker is not understood", "no messages", "again"),
        ("bad_fields", "The worker is not understood", "progress.total", "again"),
        ("wrong_protocol", "The worker is not understood", "protocol 99", "again"),
        ("fails", "Nobody found", "No one.", "Crop it."),
    ],
)
def test_a_bad_worker_gives_one_clear_error(
    play: Play, mode: str, title: str, detail: str, fix: str
) -> None:
    play.mode(mode)
    job = play.start()
    play.until(lambda: not job.active)
    assert job.state is State.FAILED
    assert job.error is not None
    assert job.error.title == title
    assert detail in job.error.detail
    assert fix in job.error.fix
    play.until(play.idle)
    assert not list(play.out.glob("*"))
    play.mode("good")
    if mode != "fails":
        assert not play.session.alive
        after = play.start()
        play.until(lambda: not after.active)
        assert after.state is State.DONE


def test_rubbish_on_standard_output_harms_nothing(play: Play) -> None:
    play.mode("rubbish_stdout")
    job = play.start()
    play.until(lambda: not job.active)
    assert job.state is State.DONE


def test_a_slow_start_within_the_bound_is_no_failure(play: Play) -> None:
    play.mode("slow_start", start_seconds=0.7)
    job = play.start()
    play.until(lambda: not job.active)
    assert job.state is State.DONE


def test_cancel_is_at_once_and_keeps_the_worker(play: Play) -> None:
    play.mode("good", steps=50)
    job = play.start()
    play.until(lambda: job.stage == "Localizing")
    began = time.perf_counter()
    play.session.cancel()
    assert time.perf_counter() - began < MOST_SECONDS_A_TICK
    assert job.state is State.CANCELLED
    play.until(play.idle)
    assert play.session.alive
    assert not list(play.out.glob("*"))
    play.mode("good")
    again = play.start()
    play.until(lambda: not again.active)
    assert again.state is State.DONE
    assert len(play.pids) == 1


def test_a_worker_that_ignores_cancel_is_killed_and_tidied_up_after(play: Play) -> None:
    play.mode("ignores_cancel", steps=60)
    job = play.start()
    play.until(lambda: job.stage == "Reading")
    (play.out / "other.take.part").mkdir()
    play.session.cancel()
    assert job.state is State.CANCELLED
    play.mode("good")
    waiting = play.start()  # asked for while the old worker still resists
    play.until(lambda: not waiting.active)
    assert waiting.state is State.DONE
    assert len(play.pids) == 2
    play.until(play.idle)
    assert sorted(path.name for path in play.out.iterdir()) == ["other.take.part", "photo.take"]


def test_a_job_cancelled_before_the_worker_is_there_leaves_nothing(play: Play) -> None:
    play.mode("never_starts")
    job = play.start()
    play.session.cancel()
    assert job.state is State.CANCELLED
    play.until(play.idle)
    assert not play.session.alive


def test_a_second_job_has_to_wait(play: Play) -> None:
    play.mode("good", steps=100)
    play.start()
    with pytest.raises(UserError, match="One job runs at a time"):
        play.start()


def test_free_ends_the_worker_within_a_second(play: Play) -> None:
    job = play.start()
    play.until(lambda: not job.active)
    began = time.perf_counter()
    play.session.free()
    assert time.perf_counter() - began < MOST_SECONDS_A_TICK
    assert job.state is State.DONE
    play.until(lambda: not play.session.alive, seconds=1.0)
    assert not play.strays()


def test_killing_takes_the_workers_children_along(play: Play) -> None:
    play.mode("has_a_child")
    job = play.start()
    play.until(lambda: not job.active)
    assert play.session.log is not None
    child = int(play.session.log.read_text().split("child ")[1].split()[0])
    play.until(play.idle)
    play.until(lambda: not runs(child))


def test_close_is_bounded_even_for_a_deaf_worker(play: Play) -> None:
    play.mode("ignores_cancel", steps=60)
    job = play.start()
    play.until(lambda: job.stage == "Reading")
    began = time.monotonic()
    play.session.close(seconds=2.0)
    assert time.monotonic() - began < 2.5
    assert job.state is State.CANCELLED
    assert not play.strays()
    assert not list(play.out.glob("*"))


def test_the_worker_ends_when_blender_is_killed(play: Play) -> None:
    play.mode("good", steps=1000)
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from nlf_blender.bridge.session import Session\n"
        "from nlf_blender.bridge.task import localize_task\n"
        "from nlf_blender.protocol.settings import LocalizeSettings\n"
        "folder = Path(sys.argv[2])\n"
        "session = Session(folder / 'sessions', folder / 'fake_worker.py')\n"
        "out = folder / 'takes'\n"
        "task = localize_task((folder / 'a.jpg',), out, LocalizeSettings())\n"
        "session.start(Path(sys.executable), task)\n"
        "time.sleep(60)\n"
    )
    root = Path(__file__).parents[1]
    blender = subprocess.Popen([sys.executable, "-c", code, str(root), str(play.folder)])
    play.until(lambda: bool(play.pids))
    assert play.strays()
    blender.kill()
    blender.wait()
    play.until(lambda: not play.strays(), seconds=2.0)


def test_a_pipe_that_nobody_reads_does_not_block(play: Play) -> None:
    play.mode("never_starts")
    sources = tuple(play.folder / f"{'long' * 20}-{number}.jpg" for number in range(5000))
    began = time.perf_counter()
    job = play.session.start(PYTHON, localize_task(sources, play.out, LocalizeSettings()))
    assert time.perf_counter() - began < 0.2
    play.until(lambda: not job.active)
    assert job.error is not None
    assert job.error.title == "The worker does not start"


def test_a_long_command_arrives_whole(play: Play) -> None:
    play.mode("slow_start", start_seconds=0.3)
    names = [f"{'long' * 20}-{number}.jpg" for number in range(3000)]
    sources = tuple(play.folder / name for name in names)
    job = play.session.start(PYTHON, localize_task(sources, play.out, LocalizeSettings()))
    play.until(lambda: not job.active)
    assert job.state is State.DONE


def test_an_interpreter_that_is_none_is_said_so(play: Play, tmp_path: Path) -> None:
    no_program = tmp_path / "text.txt"
    no_program.write_text("hello")
    with pytest.raises(UserError, match="cannot be run"):
        play.session.start(
            no_program, localize_task((tmp_path / "a.jpg",), play.out, LocalizeSettings())
        )
    assert not play.session.alive


def test_another_interpreter_means_another_worker(play: Play, tmp_path: Path) -> None:
    job = play.start()
    play.until(lambda: not job.active)
    other = tmp_path / "python"
    other.symlink_to(PYTHON)
    job = play.session.start(
        other, localize_task((tmp_path / "a.jpg",), play.out, LocalizeSettings())
    )
    play.until(lambda: not job.active)
    assert job.state is State.DONE
    assert len(play.pids) == 2


def test_a_sleeping_computer_is_no_hanging_worker(tmp_path: Path) -> None:
    from nlf_blender.bridge.watchdog import Watchdog

    watchdog = Watchdog(Bounds(silence=30.0), now=0.0)
    watchdog.heard("hello")
    assert watchdog.check(1.0) is None
    assert watchdog.check(3600.0) is None  # slept for an hour
    for second in range(3600, 3627):
        assert watchdog.check(float(second)) is None
    assert watchdog.check(3628.0) is None
    errors = [watchdog.check(float(second)) for second in range(3629, 3640)]
    assert errors[-1] is not None


def scan_task(play: Play) -> Task:
    """A registration to a scan that lies in a folder made for it."""
    scratch = play.folder / "sessions" / "20260101-000000-input-x"
    scratch.mkdir(parents=True)
    scan = scratch / "a scan ü.npz"
    scan.write_bytes(b"not looked at by the fake worker")
    return register_task(scan, play.out, ScanSettings(units="cm"), scratch)


def test_a_registration_is_a_job_like_any_other(play: Play) -> None:
    play.mode("good", steps=3)
    task = scan_task(play)
    job = play.session.start(PYTHON, task)
    stages: list[str] = []
    play.until(lambda: (stages.append(job.stage), not job.active)[1])
    assert job.state is State.DONE
    assert job.results == (play.out / "a scan ü.registration",)
    assert "Trying starts" in stages
    assert job.fraction == 1.0
    play.until(play.idle)
    assert task.scratch is not None
    assert not task.scratch.exists()
    assert play.session.is_warm(REGISTER)
    assert not play.session.is_warm(LOCALIZE)
    photo = play.start()  # the same worker, whose photo models are still to be loaded
    play.until(lambda: not photo.active)
    assert photo.state is State.DONE
    assert play.session.is_warm(LOCALIZE)
    assert len(play.pids) == 1


@pytest.mark.parametrize("mode", ["good", "ignores_cancel", "never_starts"])
def test_a_cancelled_registration_leaves_neither_result_nor_input(play: Play, mode: str) -> None:
    play.mode(mode, steps=100)
    task = scan_task(play)
    job = play.session.start(PYTHON, task)
    if mode != "never_starts":
        play.until(lambda: job.stage == "Reading")
    assert task.scratch is not None
    assert task.scratch.is_dir()
    play.session.cancel()
    play.until(play.idle)
    assert not task.scratch.exists()
    assert not list(play.out.glob("*"))


def test_input_goes_when_blender_ends_the_session(play: Play) -> None:
    play.mode("good", steps=1000)
    task = scan_task(play)
    play.session.start(PYTHON, task)
    play.session.close()
    assert task.scratch is not None
    assert not task.scratch.exists()


def test_times_are_learnt_by_kind_of_job() -> None:
    times = StageTimes()
    photo = localize_task((Path("a.jpg"),), Path("out"), LocalizeSettings())
    scan = register_task(Path("a.npz"), Path("out"), ScanSettings())
    before = times.expected(photo, warm=True)
    times.learn(scan, {"Starting": 0.2, "Trying starts": 77.0, "Writing": 9.0}, warm=True)
    assert times.expected(photo, warm=True) == before
    assert times.expected(scan, warm=True)["Trying starts"] == 77.0
    assert times.expected(scan, warm=False)["Trying starts"] != 77.0
    assert tuple(times.expected(scan, warm=True)) == scan.stages
