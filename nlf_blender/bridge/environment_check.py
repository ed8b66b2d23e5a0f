# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks an interpreter what it can do for the worker, without waiting for the answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..protocol.json_fields import as_list, as_object, as_str
from ..protocol.settings import LocalizeSettings
from .errand import Errand, State, worker_command
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
        arguments = ["check", "--model", settings.model, "--body", settings.body]
        arguments += ["--device", settings.device]
        arguments += ["--model-data", settings.model_data] if settings.model_data else []
        arguments += [word for sha256 in settings.trusted for word in ("--trust", sha256)]
        command = worker_command(python, arguments, script)
        self._errand = Errand(command, "The check failed", silence=LONGEST_SECONDS, clock=clock)
        self.tick()

    @property
    def running(self) -> bool:
        """Whether the answer is still to come."""
        return self.items is None

    def tick(self) -> None:
        """Take the answer if it is there; give up if it is late."""
        if not self.running:
            return
        self._errand.tick()
        if self._errand.state is State.DONE:
            self.items = self._read()
        elif self._errand.error is not None:
            self.items = self._broken(self._errand.error.detail)

    def cancel(self) -> None:
        """Give up now; `items` becomes empty."""
        if self.running:
            self._errand.cancel()
            self.items = ()

    def _broken(self, value: str) -> tuple[CheckItem, ...]:
        return (CheckItem("Python", False, value, _REINSTALL),)

    def _read(self) -> tuple[CheckItem, ...]:
        try:
            return parse_items(self._errand.answer)
        except ValueError as error:
            return self._broken(f"Its answer is not understood: {error}.")


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
