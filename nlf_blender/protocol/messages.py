# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two processes say to one another: one JSON object a line, each with a "kind".

Commands go to the worker's standard input. Events come back through a file that the worker
appends to (`SESSION/events.jsonl`): Blender reads it from a timer, needs no thread, and a crash
loses nothing that was written.

Commands        fields
localize        job (text), sources (paths), out (folder for the takes), settings (object)
resume          job, take (folder), source (path where the source is now, or "" for where it was),
                changed (bool: go on though the source is not what it was)
boxes           job, take, boxes (list of {frame, box [4], person: an id or -1 for somebody new}),
                edits, settings (SolveSettings): localize by hand, then solve
solve           job, take, edits (the whole list, edits.py), settings (SolveSettings)
points          job, take, sets (paths of point sets or marker sets), remove (names of sets of the
                take that go), source (path where the source is now; absent or "" for where it
                was): localize what is missing of them in a take, then solve
register        job, scan (path of a scan's npz), out (folder for the registration), settings
pause, go_on    job: hold still between two steps; work again
cancel          job
quit            -

Events          fields
hello           pid, python, protocol
heartbeat       -                   at least every HEARTBEAT_SECONDS while the worker is alive
progress        job, stage (text), done, total, people
preview         job, take, frames (localized so far): the take's preview/ is new
motion          job, take: the take's solution has the new motion; its points follow
done            job, results (paths of the takes or registrations),
                failures (list of {source, title, detail, fix}: the other sources gave results)
failed          job (or null), title, detail, fix
cancelled       job
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from .json_fields import Json

PROTOCOL_VERSION = 5
HEARTBEAT_SECONDS = 1.0
EVENTS_FILE = "events.jsonl"
LOG_FILE = "worker.log"
STARTING = "Starting"  # every job's first stage: the worker's start, the loading of models
LOCALIZE_STAGES = (STARTING, "Reading", "Finding people", "Localizing", "Fitting", "Writing")
FOOTAGE = "Localizing footage"  # a stage: frames done of all; those of SOLVE_STAGES follow
SOLVE_STAGES = (STARTING, "Reading", "Joining people", "Fitting", "Cleaning up", "Writing")
POINTS_STAGES = (STARTING, "Reading", "Localizing points", *SOLVE_STAGES[2:])
REGISTER_STAGES = (
    STARTING,
    "Reading",
    "Preparing the scan",
    "Trying starts",
    "Placing limbs",
    "Following the surface",
    "Comparing the best",
    "Fitting the surface",
    "Mending limbs",
    "Settling",
    "Measuring",
    "Writing",
)


def encode(message: Json) -> bytes:
    """One message as one line of UTF-8 JSON."""
    return (json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n").encode()


def decode(line: bytes) -> Json | None:
    """The message of one line, or None if the line is not one of ours."""
    try:
        message: object = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or "kind" not in message:
        return None
    return message  # pyright: ignore[reportUnknownVariableType]


class EventWriter:
    """Appends events to a session's file; every event is whole on disk when `write` returns."""

    def __init__(self, session: Path) -> None:
        self._file = os.open(session / EVENTS_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, kind: str, **fields: object) -> None:
        """Append one event. OSError if the disk refuses."""
        os.write(self._file, encode({"kind": kind, **fields}))

    def close(self) -> None:
        """Close the file; no event can be written afterwards."""
        os.close(self._file)


class EventReader:
    """Reads what was appended to a session's events since the last call, and never blocks."""

    MOST_BYTES_A_CALL = 1 << 20  # bounds the time one timer tick may take
    LONGEST_LINE = 1 << 20  # a line that never ends is rubbish, not an event

    def __init__(self, session: Path) -> None:
        self._path = session / EVENTS_FILE
        self._offset = 0
        self._rest = b""
        self.rubbish_lines = 0

    def read(self) -> list[Json]:
        """New events in order; lines that are no events are counted in `rubbish_lines`."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read(self.MOST_BYTES_A_CALL)
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.LONGEST_LINE:
            lines.append(self._rest)
            self._rest = b""
        events: list[Json] = []
        for line in lines:
            event = decode(line)
            if event is not None:
                events.append(event)
            elif line.strip():
                self.rubbish_lines += 1
        return events
