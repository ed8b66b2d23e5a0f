# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered file names: which images are of one sequence. Both sides of the process boundary must
tell it in the same way, or a frame's index would mean two images."""

from __future__ import annotations

import re
from pathlib import Path

Key = tuple[str, str, str]  # what comes before the number, after it, and the ending
_LAST_NUMBER = re.compile(r"(.*\D|)(\d+)(\D*)", re.ASCII)  # of a name without its ending


def numbered(path: Path) -> tuple[Key, int] | None:
    """What all files of a sequence have in common, and the last number in this one's name; None if
    it has none. Endings are compared without regard to case."""
    match = _LAST_NUMBER.fullmatch(path.stem)
    return match and ((match[1], match[3], path.suffix.lower()), int(match[2]))
