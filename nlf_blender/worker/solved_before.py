# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take of footage is cleaned up if nobody says otherwise."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import UserError
from ..protocol.json_fields import as_object
from ..protocol.solution import SOLUTION_FILE, SOLUTION_FOLDER, DamagedSolution, read_solution
from ..protocol.solve_settings import SolveSettings
from ..protocol.take import read_info


def settings_before(take: Path) -> SolveSettings:
    """How a take was solved last, or shall be according to its job, if it is not solved or its
    solution is damaged. UserError if it is no take."""
    info = read_info(take)
    try:
        if (take / SOLUTION_FOLDER / SOLUTION_FILE).exists():
            with suppress(DamagedSolution):
                return SolveSettings.from_json(read_solution(take).settings)
        return SolveSettings.from_json(as_object(info.settings.get("solve", {}), "solve"))
    except ValueError as error:
        raise UserError(
            "Settings not understood", f"{take}: {error}.", "Update the NLF extension."
        ) from error
