# SPDX-License-Identifier: GPL-3.0-or-later
"""What is under way with model and body files: a download, a conversion, examinations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...bridge.download import Download
from ...bridge.errand import Errand, State
from ...bridge.inspection import FileReport, Inspection
from .body_menu import BodyMenu

if TYPE_CHECKING:
    from .preferences import NLF_Preferences

MODEL, BODY = "MODEL", "BODY"


class FileWork:
    """At most one download, one conversion, and one examination of each kind of file."""

    def __init__(self) -> None:
        self.download: Download | None = None
        self.conversion: Errand | None = None
        self.source: Path | None = None  # what the conversion reads
        self.converted: Path | None = None  # where it writes to
        self.inspections: dict[str, Inspection] = {}
        self.bodies = BodyMenu()
        # Files and folders that the preferences do not name yet, each with the model file that has
        # to be the chosen one still for it to be named.
        self.arrived: dict[Path, Path] = {}

    @property
    def downloading(self) -> bool:
        """Whether a download is under way."""
        return self.download is not None and self.download.running

    @property
    def converting(self) -> bool:
        """Whether a conversion is under way."""
        return self.conversion is not None and self.conversion.running

    @property
    def busy(self) -> bool:
        """Whether something wants ticks."""
        examining = any(inspection.running for inspection in self.inspections.values())
        return self.downloading or self.converting or examining or bool(self.arrived)

    def report(self, what: str, file: Path | None) -> FileReport | None:
        """What is known of a file: nothing, unless this very file was examined last."""
        inspection = self.inspection(what, file)
        return inspection.report if inspection else None

    def inspection(self, what: str, file: Path | None) -> Inspection | None:
        """The examination of a file, under way or ended; None unless this very file's was last."""
        inspection = self.inspections.get(what)
        return inspection if inspection and inspection.file == file else None

    def inspect(self, what: str, python: Path, file: Path, model_data: str = "") -> None:
        """Begin to examine a file, in place of the one before."""
        self.forget(what)
        self.inspections[what] = Inspection(python, file, model_data)

    def forget(self, what: str) -> None:
        """Drop an examination: what it said need not hold any more."""
        if what in self.inspections:
            self.inspections.pop(what).cancel()

    def tick(self) -> None:
        """Move all on, and note what has arrived."""
        if self.download is not None and self.downloading:
            self.download.tick()
            if self.download.finished:
                path = self.download.unpacked or self.download.path
                self.arrived[path] = path
        if self.conversion is not None and self.converting:
            self.conversion.tick()
            if self.conversion.state is State.DONE and self.converted and self.source:
                self.arrived[self.converted] = self.source
        for inspection in self.inspections.values():
            inspection.tick()

    def close(self) -> None:
        """Stop everything; what was downloaded is kept."""
        if self.download is not None:
            self.download.cancel()
        if self.conversion is not None:
            self.conversion.cancel()
        for inspection in self.inspections.values():
            inspection.cancel()
        self.download = self.conversion = self.source = self.converted = None
        self.inspections, self.arrived = {}, {}


def adopt(prefs: NLF_Preferences, work: FileWork) -> None:
    """Let the preferences name what has arrived: a folder is model data, a file is a model, which
    is examined. A model is left alone if another one was chosen meanwhile. UserError if it cannot
    be examined; it is named all the same."""
    arrived, work.arrived = work.arrived, {}
    for path, chosen in arrived.items():
        if path.is_dir():
            prefs.model_data = str(path)
        elif prefs.model_file() == chosen:
            prefs.model = str(path)
            prefs.examine(MODEL)
