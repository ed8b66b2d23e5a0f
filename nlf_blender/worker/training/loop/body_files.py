# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells before a run begins which sets want a body file that its settings do not name."""

from __future__ import annotations

from pathlib import Path

from ...smpl.body_files import load_body
from ..datasets.layout import read_info
from ..points.body_files import asked_file, body_title
from ..points.posed import OPEN_KIND
from .run_file import RunSettings
from .telling import say


def sets_without_body_files(settings: RunSettings) -> dict[str, str]:
    """Sets whose bodies cannot be used, each with what to do; it is said, too: where other sets or
    annotations are enough to train on, nothing else would tell. UserError if a set or a body file
    cannot be read."""
    sets = (*settings.data.sets, *settings.validation.sets)
    infos = [read_info(Path(item.path)) for item in sets]
    wanted = {(info.name, kind) for info in infos for kind in info.body_kinds} - {
        (info.name, OPEN_KIND) for info in infos
    }
    if not wanted:
        return {}  # without reading large files
    given = {load_body(Path(path)).kind for path in settings.data.bodies}
    lacking = {
        f"{name}, bodies of {body_title(kind)}": (
            f"not used: add {asked_file(kind, 'neutral')}, or those of the genders that are "
            "annotated"
        )
        for name, kind in sorted(wanted)
        if kind not in given
    }
    for what, reason in lacking.items():
        say(f"{what}: {reason}")
    return lacking
