# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage as Blender asks for it: commands in, events out; pausing, going on, solving, boxes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nlf_blender.protocol.edits import Edit, edits_to_json, read_edits
from nlf_blender.protocol.json_fields import Json
from nlf_blender.protocol.messages import FOOTAGE, EventReader, encode
from nlf_blender.protocol.solution import read_solution
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import UNFINISHED, WHOLE, read_info
from nlf_blender.worker.footage.boxes_job import LOCALIZING
from nlf_blender.worker.serve import Server
from tests.footage_files import write_video
from tests.worker.footage_fakes import CPU, DiscEngine

FRAMES = 70


class Serving:
    """A server in a thread, whose engine takes a while for each person."""

    def __init__(self, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        engine = DiscEngine(seconds=0.01)
        monkeypatch.setattr(Server, "_loaded_engine", lambda _server: engine)
        self._commands: queue.Queue[bytes] = queue.Queue()
        self._reader = EventReader(session)
        self.events: list[Json] = []
        server = Server(session)
        self._thread = threading.Thread(target=lambda: server.run(self._lines()), daemon=True)
        self._thread.start()

    def _lines(self) -> Iterator[bytes]:
        while True:
            yield self._commands.get()

    def send(self, kind: str, **fields: object) -> None:
        """Send a command."""
        self._commands.put(encode({"kind": kind, **fields}))

    def read(self) -> list[Json]:
        """New events."""
        events = self._reader.read()
        self.events += events
        return events

    def wait_for(self, wanted: Callable[[Json], bool]) -> Json:
        """The next event that is wanted."""
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            for event in self.read():
                if wanted(event):
                    return event
            time.sleep(0.01)
        raise AssertionError(self.events[-3:])

    def wait_for_kind(self, *kinds: str) -> Json:
        """The next event of one of these kinds."""
        return self.wait_for(lambda event: event["kind"] in kinds)

    def quit(self) -> None:
        """End the server."""
        self.send("quit")
        self._thread.join(timeout=10)


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """A server, ended after the test."""
    (tmp_path / "session").mkdir()
    server = Serving(tmp_path / "session", monkeypatch)
    yield server
    server.quit()


def is_footage(event: Json) -> bool:
    """Whether an event tells of progress within the footage."""
    return event["kind"] == "progress" and event["stage"] == FOOTAGE


def test_a_job_from_its_start_to_a_corrected_take(serving: Serving, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "walk.mp4", FRAMES)
    fields = {"sources": [str(clip)], "out": str(tmp_path / "out"), "settings": CPU.to_json()}
    serving.send("localize", job="a", **fields)
    serving.wait_for(is_footage)
    serving.send("pause", job="a")
    time.sleep(0.3)
    serving.read()
    time.sleep(1.2)
    kinds = [event["kind"] for event in serving.read()]
    assert "heartbeat" in kinds
    assert "progress" not in kinds
    serving.send("go_on", job="a")
    preview = serving.wait_for_kind("preview")
    assert preview["frames"] == 32
    take = Path(str(preview["take"]))
    assert read_info(take).state == UNFINISHED
    serving.send("cancel", job="a")
    assert serving.wait_for_kind("done", "cancelled", "failed")["kind"] == "cancelled"
    assert read_info(take).state == UNFINISHED

    serving.send("resume", job="b", take=str(take), source="", changed=False)
    assert serving.wait_for_kind("done", "failed")["results"] == [str(take)]
    assert read_info(take).state == WHOLE
    done = [event["done"] for event in serving.events if is_footage(event) and event["job"] == "b"]
    assert done[0] == 32
    shown = [e["frames"] for e in serving.events if e["kind"] == "preview" and e["job"] == "b"]
    assert shown[0] == 32  # at once what the first job localized

    solve = {"take": str(take), "settings": SolveSettings(smoothing=0.2).to_json()}
    edits = edits_to_json([Edit("rename", 0, name="Eve")])
    serving.send("solve", job="c", edits=edits, **solve)
    assert serving.wait_for_kind("done", "failed")["results"] == [str(take)]
    assert read_solution(take).people[0].name == "Eve"
    assert read_solution(take).settings["smoothing"] == 0.2

    box = {"frame": 10, "box": [15.0, 30.0, 45.0, 55.0], "person": -1}
    serving.send("boxes", job="d", boxes=[box], edits=edits, **solve)
    assert serving.wait_for_kind("done", "failed")["results"] == [str(take)]
    assert len(read_solution(take).people) == 2
    steps = [e for e in serving.events if e["kind"] == "progress" and e["job"] == "d"]
    assert max(e["done"] for e in steps if e["stage"] == LOCALIZING) > 1
    assert read_edits(take) == (Edit("rename", 0, name="Eve"),)


def test_rubbish_in_commands_is_told(serving: Serving, tmp_path: Path) -> None:
    for kind in ("resume", "solve", "boxes"):
        serving.send(kind, job=kind)
        assert serving.wait_for_kind("failed")["fix"]
        serving.send(kind, job=kind, take=str(tmp_path), edits=[], settings={}, boxes=[])
        assert serving.wait_for_kind("failed")["title"] == "No take here"
