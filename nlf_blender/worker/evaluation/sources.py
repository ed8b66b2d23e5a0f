# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be evaluated on: an evaluation set."""

from __future__ import annotations

from pathlib import Path

from .evaluate import Source
from .set_file import read_set


def open_source(path: Path) -> Source:
    """The items of an evaluation set. UserError if the path is none."""
    return read_set(path)
