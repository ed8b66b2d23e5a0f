# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model or body file is, for `worker inspect` and the preferences."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ..protocol.json_fields import Json


@dataclass(frozen=True)
class Description:
    """A file in words. kind: what it is ("NLF-L crop checkpoint"); role: "model" or "body";
    rows: (name, value) in reading order; missing: what it lacks, each with where to get it;
    notes: what is odd about it; needs_consent: opening it runs code that it holds."""

    kind: str
    role: str
    license: str
    rows: tuple[tuple[str, str], ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    needs_consent: bool = False

    def to_json(self) -> Json:
        """A JSON object with the fields' names."""
        return {**asdict(self)}


def size_row(path: Path) -> tuple[str, str]:
    """The row with a file's size."""
    return "size", f"{path.stat().st_size / 1e6:.1f} MB"
