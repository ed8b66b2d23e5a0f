# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files of the SMPL family in a folder, told by the names that their publishers gave them.

Known are the layouts that SMPL's, SMPL-X's, AMASS's and STAR's downloads unpack to and those that
programs built on them ask for: smpl/SMPL_NEUTRAL.pkl, smpl/models/basicmodel_m_lbs_10_207_0_*.pkl,
models/smplx/SMPLX_MALE.npz, smplh/female/model.npz, and the same files lying flat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

KIND_TITLES = {"smpl": "SMPL", "smplh": "SMPL-H", "smplx": "SMPL-X", "star": "STAR"}
GENDERS = ("neutral", "male", "female")
SHORT_GENDERS = {"n": "neutral", "m": "male", "f": "female"}
SUFFIXES = (".npz", ".pkl")  # the first is preferred: read faster, and it holds no program
EXPECTED = {
    "smpl": "SMPL_{0}.pkl or basicmodel_{1}_lbs_10_207_0_v1.1.0.pkl",
    "smplh": "SMPLH_{0}.pkl or smplh/{2}/model.npz",
    "smplx": "SMPLX_{0}.npz or smplx/{2}/model.npz",
    "star": "star/{2}/model.npz",
}
# A user may choose a disk full of other things, on a slow share.
MOST_DEPTH = 5
MOST_ENTRIES = 5_000

_FILE = re.compile(r"(smplx|smplh|smpl|star)_(neutral|male|female)(?![a-z]).*", re.IGNORECASE)
_BASIC_FILE = re.compile(r"basicmodel_(neutral|male|female|n|m|f)_lbs_.*", re.IGNORECASE)
_FOLDER = re.compile(r"(smplx|smplh|smpl|star)(?![a-z]).*", re.IGNORECASE)


@dataclass(frozen=True)
class BodyFile:
    """A body file as its name tells. kind: a key of KIND_TITLES; gender: one of GENDERS."""

    path: Path
    kind: str
    gender: str

    @property
    def title(self) -> str:
        """Such as "SMPL-X female"."""
        return f"{KIND_TITLES[self.kind]} {self.gender}"


@dataclass(frozen=True)
class FoundBodies:
    """files: sorted by kind, gender, and the preferred one first; unreadable: folders that could
    not be looked into; complete: False if the search stopped at its bound."""

    files: tuple[BodyFile, ...]
    unreadable: tuple[Path, ...]
    complete: bool


def body_file(path: Path) -> BodyFile | None:
    """What a body file's name and folders tell, None for names that no publisher gave."""
    if path.suffix.lower() not in SUFFIXES:
        return None
    if named := _FILE.fullmatch(path.stem):
        return BodyFile(path, named[1].lower(), named[2].lower())
    if basic := _BASIC_FILE.fullmatch(path.stem):
        gender = basic[1].lower()
        return BodyFile(path, "smpl", SHORT_GENDERS.get(gender, gender))
    gender = path.parent.name.lower()
    folder = _FOLDER.fullmatch(path.parent.parent.name)
    if path.stem.lower() == "model" and gender in GENDERS and folder:
        return BodyFile(path, folder[1].lower(), gender)
    return None


def find_bodies(folder: Path) -> FoundBodies:
    """The body files in a folder and those below it, at most MOST_DEPTH deep.

    UserError if the folder itself cannot be read.
    """
    try:
        level = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(
            "Body model folder not readable",
            f"{folder}: {error.strerror}.",
            "Choose a folder with SMPL, SMPL-H or SMPL-X files.",
        ) from error
    files: list[BodyFile] = []
    unreadable: list[Path] = []
    seen, depth = 0, 1
    while level and seen < MOST_ENTRIES:
        looked_at = level[: MOST_ENTRIES - seen]
        seen += len(looked_at)
        files += [found for path in looked_at if (found := body_file(path)) and path.is_file()]
        left_over = len(looked_at) < len(level)
        level = [] if depth == MOST_DEPTH else list(_entries_below(looked_at, unreadable))
        depth += 1
        if left_over:
            break
    else:
        left_over = bool(level)
    return FoundBodies(tuple(sorted(files, key=_order)), tuple(unreadable), not left_over)


def choose_body(folder: Path, kind: str, gender: str) -> Path:
    """The file in a folder for a kind, "smpl", "smplh", "smplx" or "star", and a gender.

    UserError names what was found, and what such a file is called, if there is none.
    """
    found = find_bodies(folder)
    for file in found.files:
        if (file.kind, file.gender) == (kind, gender):
            return file.path
    titles = sorted({file.title for file in found.files})
    detail = f"{folder} holds {', '.join(titles) or 'no body files with known names'}."
    if found.unreadable:
        detail += f" Not readable: {', '.join(map(str, found.unreadable))}."
    if not found.complete:
        detail += " Not all of it was searched: it holds too many files."
    raise UserError(
        f"No {KIND_TITLES[kind]} {gender} in the folder",
        detail,
        f"Put {expected_file(kind, gender)} into it, or choose the file itself.",
    )


def expected_file(kind: str, gender: str) -> str:
    """What publishers call the file of a kind, a key of EXPECTED, and a gender."""
    short = gender if gender == "neutral" else gender[0]
    return EXPECTED[kind].format(gender.upper(), short, gender)


def _entries_below(paths: list[Path], unreadable: list[Path]) -> Iterator[Path]:
    """What is in those of these paths that are folders; notes those that cannot be read."""
    for path in paths:
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            yield from sorted(path.iterdir())
        except OSError:
            unreadable.append(path)


def _order(file: BodyFile) -> tuple[int, int, int, int, Path]:
    return (
        tuple(KIND_TITLES).index(file.kind),
        GENDERS.index(file.gender),
        SUFFIXES.index(file.path.suffix.lower()),
        len(file.path.parts),
        file.path,
    )
