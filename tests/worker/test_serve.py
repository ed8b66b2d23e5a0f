# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker as Blender runs it, as a real process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nlf_blender.errors import UserError
from nlf_blender.protocol.json_fields import Json
from nlf_blender.protocol.messages import EventReader, encode
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.worker.localize_command import read_boxes

WORKER = Path(__file__).resolve().parents[2] / "nlf_blender" / "worker" / "__main__.py"


class RunningWorker:
    """A worker process with its session's events."""

    def __init__(self, session: Path) -> None:
        command = [sys.executable, "-I", "-B", WORKER, "serve", "--session", session]
        self.log = open(session / "worker.log", "wb")  # noqa: SIM115  # closed with the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log
        )
        self._reader = EventReader(session)
        self.events: list[Json] = []

    def send(self, kind: str, **fields: object) -> None:
        """Send a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(encode({"kind": kind, **fields}))
        self.process.stdin.flush()

    def wait_for(self, *kinds: str, seconds: float = 60) -> Json:
        """The next event of one of these kinds."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            for event in self._reader.read():
                self.events.append(event)
                if event["kind"] in kinds:
                    return event
            time.sleep(0.02)
        raise AssertionError(f"no {kinds} within {seconds} s: {self.events[-3:]}")


@contextmanager
def running(session: Path) -> Iterator[RunningWorker]:
    """A worker that is ended whatever happens."""
    worker = RunningWorker(session)
    try:
        yield worker
    finally:
        worker.process.kill()
        worker.process.wait()
        worker.log.close()


def test_hello_heartbeat_and_quit(tmp_path: Path) -> None:
    with running(tmp_path) as worker:
        assert worker.wait_for("hello")["pid"] == worker.process.pid
        worker.wait_for("heartbeat", seconds=5)
        worker.send("quit")
        assert worker.process.wait(timeout=5) == 0


def test_it_ends_when_blender_is_gone(tmp_path: Path) -> None:
    with running(tmp_path) as worker:
        worker.wait_for("hello")
        assert worker.process.stdin is not None
        worker.process.stdin.close()
        worker.process.wait(timeout=5)


def localize(photo: Path, out: Path, job: str) -> Json:
    """The fields of a localize command."""
    settings = LocalizeSettings(device="cpu").to_json()
    return {"job": job, "sources": [str(photo)], "out": str(out), "settings": settings}


def test_rubbish_and_bad_photos_leave_it_alive(tmp_path: Path) -> None:
    photo = tmp_path / "no photo.jpg"
    photo.write_text("text")
    with running(tmp_path) as worker:
        assert worker.process.stdin is not None
        worker.process.stdin.write(b"\xff\xfe rubbish\n[]\n")
        worker.send("localize", **localize(photo, tmp_path / "out", "a"))
        event = worker.wait_for("failed")
        assert (event["job"], event["title"]) == ("a", "Not a photo")
        worker.send("localize", job="b", sources="x", out=1, settings={})
        event = worker.wait_for("failed")
        assert event["job"] == "b"
        assert event["fix"]
        worker.send("localize", **localize(tmp_path / "gone.jpg", tmp_path / "out", "c"))
        assert worker.wait_for("failed")["title"] == "No such photo"
    assert not (tmp_path / "out").exists()


def test_a_job_cancelled_before_it_began_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as worker:
        worker.wait_for("hello")
        worker.send("cancel", job="a")
        worker.send("localize", **localize(tmp_path / "gone.jpg", tmp_path / "out", "a"))
        assert worker.wait_for("cancelled", "failed")["kind"] == "cancelled"


def test_check_reports_every_part(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-B", WORKER, "check", "--device", "cpu"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    items = {item["name"]: item for item in json.loads(answer.stdout)["items"]}
    packages = {"torch", "numpy", "opencv-python", "av"}
    assert {"Python", *packages, "device", "model", "body"} <= set(items)
    assert all(item["ok"] for item in items.values()), items
    assert answer.returncode == 0


def test_check_names_the_fix_for_a_missing_package() -> None:
    code = (
        "import sys, importlib.metadata as m; sys.path.insert(0, sys.argv[1]);"
        "m.version = lambda name: (_ for _ in ()).throw(m.PackageNotFoundError(name));"
        "from nlf_blender.worker.environment_check import check;"
        "from nlf_blender.protocol.settings import LocalizeSettings as S;"
        "import json; print(json.dumps(check(S())))"
    )
    command = [sys.executable, "-c", code, str(WORKER.parents[2])]
    items = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    torch = next(item for item in items if item["name"] == "torch")
    assert not torch["ok"]
    assert "Create Environment" in torch["fix"]


@pytest.mark.parametrize("by_name", [True, False])
def test_boxes_of_one_photo_are_a_list_or_under_its_name(tmp_path: Path, by_name: bool) -> None:
    photo, rows = tmp_path / "a photo.png", [[1, 2, 30, 40.5]]
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps({str(photo): rows} if by_name else rows))
    assert read_boxes(file, [photo]) == (("a photo.png", ((1.0, 2.0, 30.0, 40.5),)),)


def test_a_list_of_boxes_does_not_say_which_of_two_photos(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text("[[1, 2, 30, 40]]")
    with pytest.raises(UserError, match="Boxes not readable"):
        read_boxes(tmp_path / "boxes.json", [Path("a.png"), Path("b.png")])


def test_a_python_without_torch_is_told_from_a_bug(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    python = bare / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    command = [python, "-I", "-B", WORKER, "localize", "x.jpg", "--out", tmp_path / "out"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 1
    assert "not complete" in answer.stderr
    assert "Create Environment" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["localize", "x.jpg", "--out", "o", "--tta", "0"], "Wrong setting"),
        (["localize", "x.jpg", "--out", "o", "--boxes", "missing.json"], "Boxes not readable"),
        (["localize", "missing.jpg", "--out", "o"], "No such photo"),
    ],
)
def test_the_command_line_fails_with_a_sentence(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    command = [sys.executable, "-I", "-B", WORKER, *arguments]
    answer = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "->" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_photo_waits_for_no_scipy() -> None:
    code = "import sys, nlf_blender.worker.localize_job; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-B", "-c", code], cwd=WORKER.parents[2], check=True)
