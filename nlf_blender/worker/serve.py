# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker as Blender runs it: commands on standard input, events into the session's file.

The main thread runs one job after another; one thread reads commands, so that a cancel is heard
while a job runs; one thread beats, so that Blender can tell a slow worker from a dead one. End of
standard input means that Blender is gone, and ends the process at once.
"""

from __future__ import annotations

import os
import platform
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..protocol.edits import edits_from_json
from ..protocol.json_fields import Json, as_bool, as_list, as_object, as_str
from ..protocol.messages import (
    HEARTBEAT_SECONDS,
    PROTOCOL_VERSION,
    STARTING,
    EventWriter,
    decode,
)
from ..protocol.scan_settings import ScanSettings
from ..protocol.settings import LocalizeSettings
from ..protocol.solve_settings import SolveSettings
from .environment_check import incomplete
from .progress import Cancelled, Progress

if TYPE_CHECKING:
    from .engine import Engine

# The folders that a job made, and the sources that gave none, with the reason
Results = tuple[tuple[Path, ...], tuple[tuple[Path, UserError], ...]]


class Server:
    """Runs the jobs of one session."""

    def __init__(self, session: Path) -> None:
        self._events = EventWriter(session)
        self._jobs: queue.Queue[Json] = queue.Queue()
        self._cancelled: set[str] = set()
        self._paused: set[str] = set()
        self._engine: Engine | None = None

    def run(self, commands: Iterable[bytes]) -> int:
        """Serve until told to quit. Returns the exit status."""
        self._events.write(
            "hello", pid=os.getpid(), python=platform.python_version(), protocol=PROTOCOL_VERSION
        )
        threading.Thread(target=self._beat, daemon=True).start()
        threading.Thread(target=self._listen, args=(commands,), daemon=True).start()
        work = {
            "localize": self._localize,
            "resume": self._resume,
            "boxes": self._boxes,
            "solve": self._solve,
            "points": self._points,
            "register": self._register,
        }
        while (command := self._jobs.get())["kind"] != "quit":
            if command["kind"] in work:
                self._run(command, work[str(command["kind"])])
            else:
                print("not a command:", command["kind"], file=sys.stderr, flush=True)
        return 0

    def _beat(self) -> None:
        stop = threading.Event()
        while not stop.wait(HEARTBEAT_SECONDS):
            self._events.write("heartbeat")

    def _listen(self, commands: Iterable[bytes]) -> None:
        for line in commands:
            command = decode(line)
            if command is None:
                print("not a command:", line[:200], file=sys.stderr, flush=True)
            elif command["kind"] == "cancel":
                self._cancelled.add(str(command.get("job")))
            elif command["kind"] == "pause":
                self._paused.add(str(command.get("job")))
            elif command["kind"] == "go_on":
                self._paused.discard(str(command.get("job")))
            else:
                self._jobs.put(command)
                if command["kind"] == "quit":
                    return
        os._exit(0)  # Blender is gone; a running job has nobody to report to

    def _run(self, command: Json, work: Callable[[Json, Progress], Results]) -> None:
        """Run one job and tell what came of it, whatever that is."""
        job = str(command.get("job"))
        self._progress_event(job, STARTING, 0, 1, 0)
        progress = Progress(
            # Blender estimates the time left itself, from the stages of the jobs before
            listener=lambda *state: self._progress_event(job, *state[:-1]),
            is_cancelled=lambda: job in self._cancelled,
            is_paused=lambda: job in self._paused,
            on_preview=lambda take, frames: self._events.write(
                "preview", job=job, take=str(take), frames=frames
            ),
            on_motion=lambda take: self._events.write("motion", job=job, take=str(take)),
        )
        try:
            self._report(job, work(command, progress))
        except Cancelled:
            self._events.write("cancelled", job=job)
        except UserError as error:
            self._events.write("failed", job=job, **error.to_json())
        except ImportError as error:
            traceback.print_exc()
            self._events.write("failed", job=job, **incomplete(error).to_json())
        except Exception as error:  # noqa: BLE001  # the boundary: whatever it is, the user is told
            traceback.print_exc()
            self._events.write("failed", job=job, **unexpected(error).to_json())
        finally:
            self._cancelled.discard(job)
            self._paused.discard(job)

    def _localize(self, command: Json, progress: Progress) -> Results:
        # loads torch: after hello, so that Blender sees a live worker
        from .localize_job import localize_sources

        sources = [Path(as_str(item, "source")) for item in as_list(command["sources"], "sources")]
        outcome = localize_sources(
            sources,
            Path(as_str(command["out"], "out")),
            LocalizeSettings.from_json(as_object(command["settings"], "settings")),
            self._loaded_engine(),
            progress,
        )
        return outcome.takes, outcome.failures

    def _resume(self, command: Json, progress: Progress) -> Results:
        from .footage.resume import resume_take

        source = as_str(command.get("source", ""), "source")
        take = resume_take(
            Path(as_str(command["take"], "take")),
            Path(source) if source else None,
            as_bool(command.get("changed", False), "changed"),
            self._loaded_engine(),
            progress,
        )
        return (take,), ()

    def _boxes(self, command: Json, progress: Progress) -> Results:
        from .footage.boxes_job import HandBox, localize_boxes

        boxes = as_list(command["boxes"], "boxes")
        take = localize_boxes(
            Path(as_str(command["take"], "take")),
            [HandBox.from_json(as_object(item, "a box")) for item in boxes],
            edits_from_json(command["edits"]),
            SolveSettings.from_json(as_object(command["settings"], "settings")),
            self._loaded_engine(),
            progress,
        )
        return (take,), ()

    def _solve(self, command: Json, progress: Progress) -> Results:
        from .footage.solve_job import solve_again

        take = solve_again(
            Path(as_str(command["take"], "take")),
            edits_from_json(command["edits"]),
            SolveSettings.from_json(as_object(command["settings"], "settings")),
            self._loaded_engine(),
            progress,
        )
        return (take,), ()

    def _points(self, command: Json, progress: Progress) -> Results:
        from .markers.points_job import localize_points

        source = as_str(command.get("source", ""), "source")
        take = localize_points(
            Path(as_str(command["take"], "take")),
            [as_str(path, "sets") for path in as_list(command["sets"], "sets")],
            [as_str(name, "remove") for name in as_list(command["remove"], "remove")],
            self._loaded_engine(),
            progress,
            source=Path(source) if source else None,
            body_folders=[
                as_str(path, "body_folders") for path in as_list(command["body_folders"], "folders")
            ],
        )
        return (take,), ()

    def _register(self, command: Json, progress: Progress) -> Results:
        from .register_job import register_scan

        result = register_scan(
            Path(as_str(command["scan"], "scan")),
            Path(as_str(command["out"], "out")),
            ScanSettings.from_json(as_object(command["settings"], "settings")),
            self._loaded_engine(),
            progress,
        )
        return (result,), ()

    def _loaded_engine(self) -> Engine:
        from .engine import Engine

        self._engine = self._engine or Engine()
        return self._engine

    def _progress_event(self, job: str, stage: str, done: int, total: int, people: int) -> None:
        self._events.write("progress", job=job, stage=stage, done=done, total=total, people=people)

    def _report(self, job: str, results: Results) -> None:
        folders, failures = results
        if not folders:
            self._events.write("failed", job=job, **failures[0][1].to_json())
            return
        self._events.write(
            "done",
            job=job,
            results=[str(folder) for folder in folders],
            failures=[{"source": str(path), **e.to_json()} for path, e in failures],
        )


def unexpected(error: Exception) -> UserError:
    """What the user is told of a failure that nobody foresaw."""
    return UserError(
        "The worker failed",
        f"{type(error).__name__}: {error}",
        "Open the log for the details; if trying again does not help, report it with that log.",
    )


def serve(session: Path) -> int:
    """Serve Blender from a session folder until standard input ends. Returns the exit status."""
    status = Server(session).run(sys.stdin.buffer)
    sys.stdout.flush()
    sys.stderr.flush()
    return status
