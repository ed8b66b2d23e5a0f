# SPDX-License-Identifier: GPL-3.0-or-later
"""Several sources at a time, one process for each device.

Each process is a worker that serves, as it serves Blender: it keeps its models from one source to
the next, and ends with its standard input, so that none outlives this program.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import UserError
from ...protocol.json_fields import Json, as_int, as_list, as_object, as_str
from ...protocol.messages import LOG_FILE, EventReader, encode
from ...protocol.settings import LocalizeSettings
from ..localize_job import Outcome
from ..progress_line import ProgressLine

MAIN = Path(__file__).resolve().parents[1] / "__main__.py"
POLL_SECONDS = 0.05
END_SECONDS = 5.0  # what a process may need to end once nobody talks to it
LOG_TAIL = 2000  # characters
# A Ctrl-C in the terminal is for this program; it ends the others itself
ALONE = (
    {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP
    if sys.platform == "win32"
    else {"start_new_session": True}
)


class DeviceWorker:
    """A worker on one device, one source at a time; a context manager, whose end ends it."""

    def __init__(self, device: str, number: int, session: Path) -> None:
        self.device = device
        self.source: Path | None = None
        self._label = f"[{number} {device}] "
        self._line = ProgressLine(self._label)
        self._log = session / LOG_FILE
        self._reader = EventReader(session)
        command = [sys.executable, "-I", "-B", str(MAIN), "serve", "--session", str(session)]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, **ALONE
            )

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.poll() is not None

    def localize(self, source: Path, out: Path, settings: LocalizeSettings) -> None:
        """Begin with a source. OSError if the process is no more."""
        self.source = source
        self._line = ProgressLine(f"{self._label}{source.name}: ")
        fields = {
            "job": str(source),
            "sources": [str(source)],
            "out": str(out),
            "settings": replace(settings, device=self.device).to_json(),
        }
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(encode({"kind": "localize", **fields}))
        stdin.flush()

    def events(self) -> list[Json]:
        """What it told since the last call; progress is shown."""
        events = self._reader.read()
        for event in events:
            if event["kind"] == "progress":
                numbers = (as_int(event[name], name) for name in ("done", "total", "people"))
                self._line.show(as_str(event["stage"], "stage"), *numbers, None)
        return events

    def failure(self) -> UserError:
        """What the user is told if the process ended by itself."""
        tail = self._log.read_text(errors="replace")[-LOG_TAIL:].strip().splitlines()
        return UserError(
            "A worker ended",
            f"The one on {self.device} stopped with status {self._process.returncode}:"
            f" {tail[-1] if tail else 'it said nothing'}.",
            "Start again: takes that were begun are gone on with.",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.close()  # it ends at once; what it wrote of its take stays
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def localize_parallel(
    sources: Sequence[Path], out: Path, settings: LocalizeSettings, devices: Sequence[str]
) -> Outcome:
    """Localize sources on several devices, one source on each at a time. Takes are in the order of
    the sources. What ends this function ends the processes."""
    waiting = deque(sources)
    takes: dict[Path, list[Path]] = {}
    failures: list[tuple[Path, UserError]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        workers: list[DeviceWorker] = []
        for number, device in enumerate(devices[: len(sources)], 1):
            session = folder / str(number)
            session.mkdir()
            workers.append(stack.enter_context(DeviceWorker(device, number, session)))
        while workers and (waiting or any(worker.source for worker in workers)):
            for worker in list(workers):
                if worker.source is None and waiting:
                    worker.localize(waiting.popleft(), out, settings)
                alive = not worker.ended
                _take_in(worker, takes, failures)
                if not alive:
                    workers.remove(worker)
                    if worker.source is not None:
                        failures.append((worker.source, worker.failure()))
            time.sleep(POLL_SECONDS)
    lost = UserError("Not begun", "All workers ended.", "Start again.")
    failures += [(source, lost) for source in waiting]
    return Outcome(tuple(take for s in sources for take in takes.get(s, [])), tuple(failures))


def _take_in(
    worker: DeviceWorker, takes: dict[Path, list[Path]], failures: list[tuple[Path, UserError]]
) -> None:
    """Note what a worker finished, which makes it idle."""
    for event in worker.events():
        if worker.source is None or event.get("job") != str(worker.source):
            continue
        if event["kind"] == "done":
            results = as_list(event["results"], "results")
            takes[worker.source] = [Path(as_str(item, "result")) for item in results]
            worker.source = None
        elif event["kind"] == "failed":
            texts = as_object(event, "event")
            error = UserError(*(as_str(texts[name], name) for name in ("title", "detail", "fix")))
            failures.append((worker.source, error))
            worker.source = None
