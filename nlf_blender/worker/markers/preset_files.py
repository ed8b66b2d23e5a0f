# SPDX-License-Identifier: GPL-3.0-or-later
"""The marker sets that come with the extension, by name."""

from __future__ import annotations

from pathlib import Path

from ...protocol.marker_set import SUFFIX
from ..assets import ASSETS

PRESETS = ASSETS / "marker_sets"


def preset_names() -> tuple[str, ...]:
    """What `marker_file` knows, in order: coco_17, plug_in_gait, ..."""
    return tuple(sorted(path.stem for path in PRESETS.glob(f"*{SUFFIX}")))


def marker_file(text: str) -> Path:
    """The file that a user means: a path, or the name of a set that comes with the extension."""
    path = Path(text)
    return PRESETS / f"{text}{SUFFIX}" if text in preset_names() and not path.exists() else path
