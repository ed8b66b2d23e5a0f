# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the job of a take of footage came to its end."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from .solution import SOLUTION_FILE, SOLUTION_FOLDER, DamagedSolution, read_solution
from .take import UNFINISHED, TakeInfo
from .take_sets import set_contents


def lacks_something(take: Path, info: TakeInfo) -> bool:
    """Whether a job has something left to do: frames to localize, or to clean up what was, the
    points of the take's sets among it."""
    if not info.is_footage:
        return False
    if info.state == UNFINISHED or not (take / SOLUTION_FOLDER / SOLUTION_FILE).exists():
        return True
    try:
        solution = read_solution(take)
    except DamagedSolution:
        return True
    except UserError:
        return False  # of a newer version
    if solution.points_due or solution.sets != set_contents(take):
        return True
    return solution.chunks not in (0, len(info.chunks))
