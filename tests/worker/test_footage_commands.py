# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage on the command line and in a serving worker: real processes, the default model."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import build
from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import Edit
from nlf_blender.protocol.solution import PersonInfo, SolutionInfo, read_solution
from nlf_blender.protocol.take import PHOTO, VIDEO, read_info
from nlf_blender.worker.localize_command import devices, frame_range
from nlf_blender.worker.progress import Cancelled, Progress
from nlf_blender.worker.report_command import report_lines
from nlf_blender.worker.solve_command import read_box, read_edit
from tests.footage_files import write_video

WORKER = Path(__file__).resolve().parents[2] / "nlf_blender" / "worker" / "__main__.py"
FRAMES = 6


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The astronaut moved to the right in a clip, and as a photo."""
    folder = tmp_path_factory.mktemp("sources")
    with Image.open(build.astronaut()) as photo:
        person = cv2.resize(np.asarray(photo.convert("RGB")), (184, 184))
    pictures = [np.full((256, 192, 3), 120, np.uint8) for _ in range(FRAMES)]
    for number, picture in enumerate(pictures):
        picture[60:244, number : number + 184] = person
    Image.fromarray(pictures[0]).save(folder / "still.png")
    return write_video(folder / "clip.mp4", pictures), folder / "still.png"


def worker(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the worker's command line to its end."""
    command = [sys.executable, "-I", "-B", WORKER, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def test_several_sources_on_several_devices(sources: tuple[Path, Path], tmp_path: Path) -> None:
    clip, still = sources
    answer = worker("localize", clip, still, "--out", tmp_path, "--devices", "cpu,cpu", "--tta", 1)
    assert answer.returncode == 0, answer.stderr
    takes = [Path(line) for line in answer.stdout.splitlines()]
    assert [read_info(take).source.kind for take in takes] == [VIDEO, PHOTO]
    (person,) = read_solution(takes[0]).kept
    assert person.sightings == FRAMES
    lines = answer.stderr.splitlines()
    assert all(line.startswith(("[1 cpu] clip.mp4: ", "[2 cpu] still.png: ")) for line in lines)
    report = worker("report", takes[0])
    assert report.returncode == 0, report.stderr
    assert f"All: {FRAMES} frames, 0 of them without evidence" in report.stdout
    figures = json.loads(worker("report", takes[0], "--json").stdout)
    assert set(figures["people"]) == {str(person.id)}


def test_a_device_that_is_not_there(sources: tuple[Path, Path], tmp_path: Path) -> None:
    answer = worker("localize", sources[1], "--out", tmp_path, "--devices", "cuda:77,cpu")
    assert answer.returncode == 1
    assert "GPU" in answer.stderr
    assert "Traceback" not in answer.stderr


def heed_ctrl_c() -> None:
    """In a child: what a shell starts in the background inherits that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform != "linux", reason="it looks for processes in /proc")
def test_ctrl_c_ends_all_processes(sources: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-B", WORKER, "localize", *sources, "--out", tmp_path]
    command += ["--devices", "cpu,cpu"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c)
    assert process.stderr is not None
    process.stderr.readline()  # a child told that it is at work
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    process.send_signal(2)
    assert process.wait(timeout=20) == 130
    process.stderr.close()
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_a_paused_job_holds_still_until_it_may_go_on() -> None:
    paused = threading.Event()
    paused.set()
    steps: list[int] = []
    progress = Progress(lambda *state: steps.append(state[1]), is_paused=paused.is_set)
    thread = threading.Thread(target=lambda: [progress.step("A", n, 3) for n in range(3)])
    thread.start()
    time.sleep(0.3)
    assert steps == [0]
    paused.clear()
    thread.join(timeout=5)
    assert steps == [0, 1, 2]
    progress.finish()
    assert progress.seconds["A"] < 0.2


def test_a_paused_job_can_be_cancelled() -> None:
    progress = Progress(is_cancelled=lambda: True, is_paused=lambda: True)
    with pytest.raises(Cancelled):
        progress.step("A")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10-99", (10, 99)), ("7", (7, 7)), ("5-", (5, None)), ("-9", (None, 9))],
)
def test_ranges(text: str, expected: tuple[int | None, int | None]) -> None:
    assert frame_range(text) == expected


@pytest.mark.parametrize("text", ["", "-", "a-b", "1-2-3"])
def test_no_ranges(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        frame_range(text)


def test_devices_are_named() -> None:
    assert devices("cuda:0,cuda:1") == ("cuda:0", "cuda:1")
    with pytest.raises(argparse.ArgumentTypeError):
        devices("cuda:x")


def test_edits() -> None:
    assert read_edit("merge", "3,5") == Edit("merge", 3, other=5)
    assert read_edit("split", "3@120") == Edit("split", 3, frame=120)
    assert read_edit("rename", "3=A = B") == Edit("rename", 3, name="A = B")
    assert read_edit("drop", "3") == Edit("drop", 3)
    for kind, text in (
        ("merge", "3"),
        ("merge", "3,3"),
        ("split", "3,4"),
        ("drop", "x"),
        ("rename", "Eve"),
    ):
        with pytest.raises(argparse.ArgumentTypeError):
            read_edit(kind, text)


def test_hand_boxes() -> None:
    box = read_box("12:1,2,30.5,40:7")
    assert (box.frame, box.box, box.person) == (12, (1.0, 2.0, 30.5, 40.0), 7)
    assert read_box("12:1,2,30,40").person == -1
    for text in ("12", "12:1,2,3", "x:1,2,3,4", "1:1,2,3,4:5:6", "1:3,2,1,4"):
        with pytest.raises(UserError, match="Box not readable"):
            read_box(text)


def test_a_report_in_words() -> None:
    half = {"jitter_m_s2": 3.14159, "foot_slide_cm_s": None}
    part = {"frames": 9, "frames_without_evidence": 2, "before": half, "after": half}
    person = PersonInfo(3, "Eve", True, "", "", "", (0, 8), 7)
    solution = SolutionInfo({}, (), (), "by guess", (person,))
    lines = report_lines(solution, {"take": part, "people": {"3": part}})
    assert lines[0] == "All: 9 frames, 2 of them without evidence"
    assert [line.split()[1:] for line in lines[2:4]] == [
        ["3.14", "3.14", "m/s2"],
        ["slide", "in", "contacts", "-", "-", "cm/s"],
    ]
    assert any(line.startswith("Eve (3)") for line in lines)
    assert lines[-1] == "Ground: by guess"
