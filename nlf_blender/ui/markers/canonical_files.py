# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file gives the canonical body of a kind: the preferences say where to look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...body.model_folder import GENDERS, KIND_TITLES, body_file, find_bodies
from ...errors import UserError
from ..setup.preferences import NLF_Preferences


def canonical_file(prefs: NLF_Preferences, kind: str) -> Path:
    """The file of a body of SMPL's family: the one that is chosen, if it may be of this kind, else
    the first that is found, neutral before others. UserError if there is none."""
    chosen = prefs.body_file()
    if chosen is not None:
        named = body_file(chosen)
        if named is None or named.kind == kind:
            return chosen
    found = sorted(_found(prefs, kind), key=lambda item: GENDERS.index(item[0]))
    if found:
        return found[0][1]
    title = KIND_TITLES[kind]
    raise UserError(
        f"No {title} file",
        f"The canonical body of {title} is made from an {title} file of yours, and none is chosen.",
        f"Choose an {title} file, or a folder with one, as Body in the preferences.",
    )


def _found(prefs: NLF_Preferences, kind: str) -> Iterator[tuple[str, Path]]:
    """Gender and path of the files of a kind in the folders that the preferences name."""
    for folder in prefs.body_folders():
        for file in find_bodies(Path(folder)).files:
            if file.kind == kind:
                yield file.gender, file.path
