# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of annotations whose body's file the run does not name: which file, and where."""

from __future__ import annotations

from collections.abc import Iterable

from ....body.model_folder import EXPECTED, KIND_TITLES, expected_file
from ....errors import UserError

TITLE = "Body file not given"


def no_body_file(kind: str, gender: str, known: Iterable[str]) -> UserError:
    """The error for an annotation of a kind of body of which the run names no file. known: the
    kinds that there are."""
    there = ", ".join(sorted(body_title(name) for name in known))
    return UserError(
        TITLE,
        f"An annotation is of the body {body_title(kind)}; the run has only {there}.",
        f"Add {asked_file(kind, gender)}, or leave the dataset out of it.",
    )


def no_gender_file(kind: str, gender: str, known: Iterable[str]) -> UserError:
    """The error for a body of a gender of which the run names no file. known: the genders of that
    kind that there are."""
    fix = f"Add {asked_file(kind, gender)}, or leave the dataset out of it."
    if kind not in EXPECTED:  # the open body, which has no other files
        fix = "Mend the annotation, or leave the dataset out of the run file."
    return UserError(
        TITLE,
        f"An annotation is of the body {body_title(kind)}, gender {gender!r}; the run has only "
        f"{', '.join(sorted(known))}.",
        fix,
    )


def asked_file(kind: str, gender: str) -> str:
    """What to add where: SMPL's neutral file (SMPL_NEUTRAL.pkl or ...) to data.bodies ..."""
    if kind in EXPECTED:
        file = f"{body_title(kind)}'s {gender} file ({expected_file(kind, gender)})"
    else:
        file = f"the file of the body {kind!r}"
    return f"{file} to data.bodies of the run file"


def body_title(kind: str) -> str:
    """Such as "SMPL-X"."""
    return KIND_TITLES.get(kind, kind)
