# SPDX-License-Identifier: GPL-3.0-or-later
"""From what was localized to clean motion of every person: the whole flow on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...protocol.edits import Edit
from ...protocol.solution import SolutionInfo
from ...protocol.solve_settings import SolveSettings
from ..progress import Progress
from .take_rows import Kept


class SolveCache:
    """What a warm worker keeps between two solves of a take."""

    def __init__(self) -> None:
        self.chunks: Kept = {}


def solve_take(
    take: Path,
    settings: SolveSettings,
    edits: Sequence[Edit],
    progress: Progress,
    device: str = "cpu",
    cache: SolveCache | None = None,
) -> SolutionInfo:
    """Solve a take of footage: write its edits.json and solution/, and return the latter's info.

    UserError if the take is damaged, has nobody, or the disk refuses; Cancelled if the job was.
    """
    raise NotImplementedError
