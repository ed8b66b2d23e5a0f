# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleaning the motion of a take up again, with other settings or corrected people."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ...protocol.edits import Edit
from ...protocol.messages import STARTING
from ...protocol.solve_settings import SolveSettings
from ..engine import Engine
from ..progress import Progress
from ..take_writer import disk_errors
from .claim import held_take
from .finish import clean_up


def solve_again(
    take: Path, edits: Sequence[Edit], settings: SolveSettings, engine: Engine, progress: Progress
) -> Path:
    """Solve a take and return its folder; of an unfinished one, what is there. edits: all of them.
    UserError if the take is in use or damaged, has nobody, or the disk refuses; Cancelled."""
    progress.step(STARTING)
    with ExitStack() as stack:
        with disk_errors(take):
            stack.enter_context(held_take(take))
        clean_up(take, settings, edits, engine, progress)
    return take
