# SPDX-License-Identifier: GPL-3.0-or-later
"""One worker process: started by path, spoken to over a pipe, heard through a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..errors import UserError
from ..protocol.json_fields import Json
from ..protocol.messages import LOG_FILE, EventReader, encode
from . import processes

END_SECONDS = 1.0  # to end by itself once its standard input has closed
TERMINATE_SECONDS = 0.5  # to end after being told by the system; then it is killed


class WorkerProcess:
    """A running worker. No method waits; `poll` moves everything on and is called again and again.

    The worker ends with Blender, whatever happens: its standard input closes.
    """

    def __init__(
        self,
        python: Path,
        script: Path,
        session: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start it. `script` is worker/__main__.py, `session` an empty folder that exists.

        UserError if the interpreter cannot be started.
        """
        self.python = python
        self.log = session / LOG_FILE
        self._clock = clock
        self._reader = EventReader(session)
        self._unsent = b""
        self._stop_at: list[tuple[float, bool]] = []  # (when, by force), in order
        # -I: no user packages, no PYTHON* variables. -B: the package's folder may be read-only.
        command = [python, "-I", "-B", "-X", "utf8", script, "serve", "--session", session]
        try:
            self._process = processes.start(command, self.log, stdin=True)
        except OSError as error:
            raise UserError(
                "The worker did not start",
                f"{python} cannot be run: {error.strerror or error}.",
                "Choose another interpreter, or click Create Environment, in the preferences.",
            ) from error

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """What the process ended with, or None while it runs."""
        return self._process.poll()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return bool(self._stop_at) or not self.alive

    @property
    def rubbish_lines(self) -> int:
        """Lines in the events file so far that are no events."""
        return self._reader.rubbish_lines

    def send(self, kind: str, **fields: object) -> None:
        """Queue a command; what the pipe does not take now goes with the next polls."""
        self._unsent += encode({"kind": kind, **fields})
        self._flush()

    def poll(self) -> list[Json]:
        """Move sending and stopping on, and return the events that arrived."""
        self._flush()
        while self._stop_at and self._clock() >= self._stop_at[0][0] and self.alive:
            _, force = self._stop_at.pop(0)
            processes.end_group(self._process, force=force)
        return self._reader.read()

    def stop(self) -> None:
        """End it in stages: input closed, which ends a sound worker within milliseconds even in the
        middle of a job; then told by the system; then killed. The later stages happen in `poll`."""
        if self.stopping:
            return
        self._close_stdin()
        now = self._clock()
        self._stop_at = [
            (now + END_SECONDS, False),
            (now + END_SECONDS + TERMINATE_SECONDS, True),
        ]

    def kill(self) -> None:
        """End it and its children now. Returns at once."""
        self._close_stdin()
        self._stop_at = [(self._clock(), True)]
        processes.end_group(self._process, force=True)

    def _flush(self) -> None:
        pipe = self._process.stdin
        if pipe is None or pipe.closed or not self._unsent:
            return
        try:
            written = processes.write_some(pipe.fileno(), self._unsent)
            self._unsent = self._unsent[written:]
        except OSError:
            # It reads no more: it has ended or is about to, which `alive` and the events tell.
            self._unsent = b""

    def _close_stdin(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


def stop_all(workers: list[WorkerProcess], seconds: float) -> None:
    """End workers and wait for it, `seconds` at most: for the moment when Blender goes."""
    deadline = time.monotonic() + seconds
    for worker in workers:
        worker.stop()
    while any(worker.alive for worker in workers):
        for worker in workers:
            worker.poll()
            if worker.alive and time.monotonic() > deadline:
                worker.kill()
        if time.monotonic() > deadline + 1.0:  # a process in an uninterruptible wait
            break
        time.sleep(0.01)
