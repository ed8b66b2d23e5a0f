# SPDX-License-Identifier: GPL-3.0-or-later
"""An export or an import of markers that is under way: the worker reads and writes the files."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ...bridge.errand import Errand, State
from ...bridge.exchange import ExportSettings, export_errand, import_errand, written_files
from ...errors import UserError
from ...scene.markers.motion_import import MotionOptions

EXCHANGE = "exchange"  # where its errors are shown: the panel of the same name


@dataclass(frozen=True)
class Arrival:
    """A file that was read. scene_uid: of the scene that gets it; content: what the worker made of
    it; folder: goes when it is in the scene."""

    file: Path
    content: Path
    scene_uid: int
    options: MotionOptions
    folder: tempfile.TemporaryDirectory[str]


class ExchangeWork:
    """At most one export or import at a time. arrival: what was read and is not in the scene yet;
    error, notes: what the user has to be told, until somebody takes it."""

    def __init__(self) -> None:
        self.text = ""
        self.arrival: Arrival | None = None
        self.error: UserError | None = None
        self.notes: list[str] = []
        self._errand: Errand | None = None
        self._coming: Arrival | None = None

    @property
    def running(self) -> bool:
        """Whether the worker is at it."""
        return self._errand is not None

    @property
    def ended(self) -> bool:
        """Whether there is something to tell, or to bring in."""
        return self.arrival is not None or self.error is not None or bool(self.notes)

    @property
    def busy(self) -> bool:
        """Whether something wants ticks."""
        return self.running or self.ended

    def begin_export(self, python: Path, take: Path, out: Path, settings: ExportSettings) -> None:
        """Begin to export a take's markers."""
        self.text = f"Exporting {out.name}"
        self._errand = export_errand(python, take, out, settings)

    def begin_import(
        self, python: Path, file: Path, axes: str, scene_uid: int, options: MotionOptions
    ) -> None:
        """Begin to read another program's file for a scene. OSError if there is no room for what
        is read."""
        folder = tempfile.TemporaryDirectory(prefix="nlf-", ignore_cleanup_errors=True)
        content = Path(folder.name) / "markers.npz"
        self.text = f"Reading {file.name}"
        self._coming = Arrival(file, content, scene_uid, options, folder)
        self._errand = import_errand(python, file, content, axes)

    def tick(self) -> None:
        """Read what is new; note its end."""
        if self._errand is None:
            return
        self._errand.tick()
        if self._errand.running:
            return
        errand, coming = self._errand, self._coming
        self._errand = self._coming = None
        if errand.state is not State.DONE:
            self.error = errand.error
            if coming is not None:
                coming.folder.cleanup()
        elif coming is not None:
            self.arrival = coming
        else:
            self._note_export(errand)

    def _note_export(self, errand: Errand) -> None:
        try:
            files, notes = written_files(errand.answer or {})
        except ValueError as error:
            self.error = UserError("Not exported", f"{error}.", "Update the NLF extension.")
            return
        self.notes = [*(f"Exported {file}" for file in files), *notes]

    def cancel(self) -> None:
        """End it now; what was read is dropped."""
        if self._errand is not None:
            self._errand.cancel()
        for part in (self._coming, self.arrival):
            if part is not None:
                part.folder.cleanup()
        self._errand = self._coming = self.arrival = None
