# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the worker what a model or body file is, and has it converted, without waiting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..protocol.json_fields import as_bool, as_list, as_object, as_str
from .errand import Errand, State, worker_command
from .session import WORKER_SCRIPT


@dataclass(frozen=True)
class FileReport:
    """What a file is, as `worker inspect` says. rows: (name, value) in reading order; missing: what
    it lacks, with where to get it; needs_consent: opening it runs code that it holds."""

    path: Path
    sha256: str
    kind: str
    role: str
    license: str
    rows: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    needs_consent: bool


class Inspection:
    """An inspection under way. Call `tick` until `running` is false; `report` or `error` is then
    there, or neither if it was cancelled."""

    def __init__(
        self, python: Path, file: Path, model_data: str = "", script: Path = WORKER_SCRIPT
    ) -> None:
        """Start it. model_data: the folder with what the file may lack, or ""."""
        self.file = file
        self.report: FileReport | None = None
        self.error: UserError | None = None
        arguments = ["inspect", file, "--json"]
        if model_data:
            arguments += ["--model-data", model_data]
        command = worker_command(python, arguments, script)
        self._errand = Errand(command, "The file was not examined")
        self.error = self._errand.error

    @property
    def running(self) -> bool:
        """Whether the answer is still to come."""
        return self._errand.running

    def tick(self) -> None:
        """Take the answer if it is there."""
        if not self.running:
            return
        self._errand.tick()
        self.error = self._errand.error
        if self._errand.state is State.DONE:
            try:
                self.report = parse_report(self._errand.answer)
            except ValueError as error:
                self.error = UserError(
                    "The file was not examined",
                    f"The worker's answer is not understood: {error}.",
                    "Install the extension again, or choose another interpreter.",
                )

    def cancel(self) -> None:
        """Give up now."""
        self._errand.cancel()


def parse_report(data: object) -> FileReport:
    """The answer of `worker inspect --json`. ValueError if it is not one."""
    answer = as_object(data, "answer")
    rows = [as_list(row, "a row") for row in as_list(answer.get("rows"), "rows")]
    if any(len(row) != 2 for row in rows):
        raise ValueError("a row is no pair")
    return FileReport(
        path=Path(as_str(answer.get("path"), "path")),
        sha256=as_str(answer.get("sha256"), "sha256"),
        kind=as_str(answer.get("kind"), "kind"),
        role=as_str(answer.get("role"), "role"),
        license=as_str(answer.get("license"), "license"),
        rows=tuple((as_str(name, "a row"), as_str(value, "a row")) for name, value in rows),
        missing=_texts(answer.get("missing"), "missing"),
        notes=_texts(answer.get("notes"), "notes"),
        needs_consent=as_bool(answer.get("needs_consent"), "needs_consent"),
    )


def _texts(data: object, what: str) -> tuple[str, ...]:
    return tuple(as_str(text, what) for text in as_list(data, what))


def conversion(
    python: Path,
    file: Path,
    target: Path,
    trusted: tuple[str, ...] = (),
    model_data: str = "",
    script: Path = WORKER_SCRIPT,
) -> Errand:
    """Start to convert an official model into a safetensors file: weights, all that they need, and
    no code. An older file of that name is replaced once the new one is whole.

    trusted: SHA-256 of the programs that the user agreed to run; model_data: as for Inspection.
    """
    arguments = ["convert-model", file, "--out", target, "--force", "--json"]
    arguments += [word for sha256 in trusted for word in ("--trust", sha256)]
    arguments += ["--model-data", model_data] if model_data else []
    return Errand(worker_command(python, arguments, script), "The model was not converted")
