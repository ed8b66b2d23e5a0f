# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks an interpreter what it can do for the worker, without waiting for the answer."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..protocol.json_fields import as_list, as_object, as_str
from ..protocol.settings import LocalizeSettings
from . import processes
from .session import WORKER_SCRIPT

LONGEST_SECONDS = 180.0
_REINSTALL = "Create the environment again, or name another interpreter."


@dataclass(frozen=True)
class CheckItem:
    """One thing that the worker needs: whether it is there, and what to do if it is not."""

    name: str
    ok: bool
    value: str
    fix: str


class EnvironmentCheck:
    """A check under way. Call `tick` until `items` is there; nothing waits."""

    def __init__(
        self,
        python: Path,
        settings: LocalizeSettings,
        script: Path = WORKER_SCRIPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start it for the model, body and device of `settings`."""
        self.items: tuple[CheckItem, ...] | None = None
        self._python = python
        self._clock = clock
        self._deadline = clock() + LONGEST_SECONDS
        self._folder = tempfile.TemporaryDirectory(prefix="nlf-check-", ignore_cleanup_errors=True)
        self._answer = Path(self._folder.name) / "answer.txt"
        command = [python, "-I", "-B", "-X", "utf8", script, "check"]
        command += ["--model", settings.model, "--body", settings.body]
        command += ["--device", settings.device]
        try:
            self._process = processes.start(command, self._answer, stdin=False)
        except OSError as error:
            self._end(self._broken(f"{python} cannot be run: {error.strerror or error}."))

    @property
    def running(self) -> bool:
        """Whether the answer is still to come."""
        return self.items is None

    def tick(self) -> None:
        """Take the answer if it is there; give up if it is late."""
        if not self.running:
            return
        if self._process.poll() is not None:
            self._end(self._read(self._process.returncode))
        elif self._clock() > self._deadline:
            processes.end_group(self._process, force=True)
            self._end(self._broken(f"It gave no answer within {LONGEST_SECONDS:.0f} s."))

    def cancel(self) -> None:
        """Give up now; `items` becomes empty."""
        if self.running:
            processes.end_group(self._process, force=True)
            self._end(())

    def _end(self, items: tuple[CheckItem, ...]) -> None:
        self.items = items
        self._folder.cleanup()

    def _broken(self, value: str) -> tuple[CheckItem, ...]:
        return (CheckItem("Python", False, value, _REINSTALL),)

    def _read(self, status: int) -> tuple[CheckItem, ...]:
        text = self._answer.read_text(encoding="utf-8", errors="replace")
        # Libraries print warnings around it, so the answer is the last line that is one.
        for line in reversed(text.splitlines()):
            if line.startswith("{"):
                try:
                    return parse_items(json.loads(line))
                except ValueError:
                    continue
        last = processes.tail(self._answer, 1)
        return self._broken(f"It {processes.describe_exit(status)}: {last}")


def parse_items(data: object) -> tuple[CheckItem, ...]:
    """The items of a check's answer. ValueError if it is not one."""
    rows = [
        as_object(row, "an item")
        for row in as_list(as_object(data, "answer").get("items"), "items")
    ]
    return tuple(
        CheckItem(
            name=as_str(row.get("name"), "name"),
            ok=row.get("ok") is True,
            value=as_str(row.get("value"), "value"),
            fix=as_str(row.get("fix"), "fix"),
        )
        for row in rows
    )
