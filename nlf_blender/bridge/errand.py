# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that is run once for one answer, without waiting for it.

It prints lines; the last one that is a JSON object is its answer. The worker's command line says
how far it is as `Stage done/total`, and what went wrong as `title: detail` with the fix on the next
line, or as {"error": ...}.
"""

from __future__ import annotations

import enum
import json
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..errors import UserError
from ..protocol.json_fields import Json, as_object
from . import processes
from .session import WORKER_SCRIPT

SILENCE_SECONDS = 600.0  # without a line; a large file on a slow share is hashed and read in one go
_MOST_BYTES_A_TICK = 1 << 16
_KEPT_LINES = 40
_STEP = re.compile(r"(?P<stage>[^{}]+?) (?P<done>\d+)/(?P<total>\d+)\b")
_FAILURE = re.compile(
    r"^(?P<title>[^:\n]+): (?P<detail>[^\0]*)\n  -> (?P<fix>[^\n]+)", re.MULTILINE
)


class State(enum.Enum):
    """Where an errand is. All but RUNNING are final."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Step:
    """How far an errand says that it is: fraction 0 to 1, or None where it does not say."""

    text: str
    fraction: float | None


class Errand:
    """A program under way. Call `tick` until `state` is final; nothing waits.

    answer is its last JSON object, error why there is none. The program's input is a pipe that
    closes with Blender, for programs that heed it.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        title: str,
        hear: Callable[[Json], None] | None = None,
        silence: float = SILENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start it. title: what has failed if it fails; hear: gets each JSON object as it comes;
        silence: seconds without a word after which it is given up."""
        self.state = State.RUNNING
        self.answer: Json | None = None
        self.error: UserError | None = None
        self.step = Step("Starting", None)
        self._title = title
        self._hear = hear
        self._silence = silence
        self._clock = clock
        self._heard = clock()
        self._offset, self._rest = 0, b""
        self._lines: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="nlf-", ignore_cleanup_errors=True)
        self._output = Path(self._folder.name) / "output.txt"
        try:
            self._process = processes.start(command, self._output, stdin=True)
        except OSError as error:
            self._fail(
                f"{command[0]} cannot be run: {error.strerror or error}.",
                "Choose another interpreter, or click Create Environment, in the preferences.",
            )

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self.state is State.RUNNING

    def tick(self) -> None:
        """Read what is new; note its end; give it up if it says nothing."""
        if self._process is None or not self.running:
            return
        status = self._process.poll()  # asked first: all that it wrote is then in the file
        more = self._read()
        if status is not None and not more:
            self._end(status)
        elif status is None and self._clock() - self._heard > self._silence:
            processes.end_group(self._process, force=True)
            self._fail(
                f"It gave no answer within {self._silence:.0f} s.",
                "See whether the disk or the network is very slow, and try again.",
            )

    def cancel(self) -> None:
        """End it now, with the programs that it started. Returns at once."""
        if self._process is not None and self.running:
            processes.end_group(self._process, force=True)
            self._close(State.CANCELLED)

    def _read(self) -> bool:
        """Take over a bounded piece of the output. Whether there was any."""
        with open(self._output, "rb") as output:
            output.seek(self._offset)
            data = output.read(_MOST_BYTES_A_TICK)
        if data:
            self._heard = self._clock()
            self._offset += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace").rstrip())
        return bool(data)

    def _take(self, line: str) -> None:
        data = _parsed(line)
        if data is not None:
            self.answer = data
            if self._hear is not None:
                self._hear(data)
            return
        self._lines = [*self._lines[1 - _KEPT_LINES :], line]
        if step := _STEP.match(line):
            done, total = int(step["done"]), int(step["total"])
            self.step = Step(step["stage"], min(done / total, 1.0) if total else None)

    def _end(self, status: int) -> None:
        if self._rest:
            self._take(self._rest.decode(errors="replace").rstrip())
        error = self._reported_error() if status != 0 else None
        if error is not None:
            self.error = error
            self._close(State.FAILED)
        elif self.answer is not None:
            self._close(State.DONE)
        else:
            last = next((line for line in reversed(self._lines) if line), "it said nothing")
            self._fail(
                f"It {processes.describe_exit(status)}: {last}",
                "Click Check in the preferences to see what its Python environment lacks.",
            )

    def _reported_error(self) -> UserError | None:
        """The failure as the program itself put it, or None."""
        if self.answer is not None and isinstance(self.answer.get("error"), dict):
            texts = cast("dict[object, object]", self.answer["error"])
            return UserError.from_json({str(key): str(text) for key, text in texts.items()})
        failure = _FAILURE.search("\n".join(self._lines))
        return UserError(failure["title"], failure["detail"], failure["fix"]) if failure else None

    def _fail(self, detail: str, fix: str) -> None:
        self.error = UserError(self._title, detail, fix)
        self._close(State.FAILED)

    def _close(self, state: State) -> None:
        self.state = state
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._folder.cleanup()


def _parsed(line: str) -> Json | None:
    """A line as a JSON object, or None if it is something else."""
    if not line.startswith("{"):
        return None
    try:
        return as_object(json.loads(line), "line")
    except ValueError:
        return None  # libraries print what only looks like it


def worker_command(
    python: Path, arguments: Sequence[str | Path], script: Path = WORKER_SCRIPT
) -> list[str | Path]:
    """The command that runs the worker's command line with these arguments."""
    # -I: no user packages, no PYTHON* variables. -B: the package's folder may be read-only.
    return [python, "-I", "-B", "-X", "utf8", script, *arguments]
