# SPDX-License-Identifier: GPL-3.0-or-later
"""An error as a panel shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ...bridge.processes import tail
from ...bridge.task import LOCALIZE
from ...errors import UserError

FILES = "files"  # where an error about model and body files is shown: the preferences


@dataclass(frozen=True)
class Problem:
    """An error as a panel shows it. command: the kind of job that it is about, whose panel shows
    it, or FILES; log: what to open for more, if there is more."""

    error: UserError
    command: str = LOCALIZE
    log: Path | None = None

    @property
    def of_preferences(self) -> bool:
        """Whether the preferences are where it is mended."""
        return "preferences" in self.error.fix

    def details(self) -> str:
        """The error in full, with the end of its log."""
        log = tail(self.log, 60) if self.log else ""
        build = b" ".join((bpy.app.build_branch, bpy.app.build_hash)).decode(errors="replace")
        return f"{self.error}\n\nBlender {build}\n{log}".rstrip()
