# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of markers over time: one way in and one way out for all formats."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...errors import UserError
from ...protocol.marker_motion import MarkerMotion
from .c3d_read import read_c3d
from .c3d_write import write_c3d
from .csv_file import read_csv, write_csv
from .forms import C3D, CSV, JSON, TRC, Form
from .json_file import read_json, write_json
from .labels import distinct
from .trc import read_trc, write_trc

Reader = Callable[[Path, str | None, str | None], MarkerMotion]
Writer = Callable[[Path, MarkerMotion, Form], list[str]]
READERS: dict[str, Reader] = {TRC: read_trc, C3D: read_c3d, CSV: read_csv, JSON: read_json}
WRITERS: dict[str, Writer] = {TRC: write_trc, C3D: write_c3d, CSV: write_csv, JSON: write_json}
ONE_PERSON = (TRC,)  # programs that read these take all of a file's markers for one person's
FIXES = {
    TRC: "Choose a TRC file as Motion Analysis's programs and OpenSim write it, parted by tabs.",
    C3D: "Export it again from the program that made it, or choose another file.",
    CSV: "Choose a table with columns frame, time, nose.x, nose.y, nose.z and so on, as exported.",
    JSON: "Choose a JSON file of markers over time, as exported.",
}


def kind_of(path: Path) -> str:
    """The format of a file by its name. UserError if it is none of them."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in READERS:
        raise UserError(
            "Unknown file format",
            f"{path} does not end in {', '.join(f'.{known}' for known in READERS)}.",
            "Choose a file of one of these formats.",
        )
    return kind


def read_markers(path: Path, units: str | None = None, axes: str | None = None) -> MarkerMotion:
    """The markers over time in a file of any format. units, axes: what they are, None for what the
    file says. UserError, naming the file and what to do, if it cannot be read."""
    kind = kind_of(path)
    try:
        return READERS[kind](path, units, axes)
    except FileNotFoundError as error:
        raise UserError(
            "File not found", f"{path} does not exist.", "Choose the file again."
        ) from error
    except OSError as error:
        raise UserError(
            "File not readable",
            f"{path}: {error.strerror or error}.",
            "Give yourself the right to read it, or choose another file.",
        ) from error
    except (ValueError, csv.Error, RecursionError) as error:
        raise UserError(f"Not a {kind.upper()} file", f"{path}: {error}.", FIXES[kind]) from error


def write_markers(
    path: Path, motion: MarkerMotion, kind: str, form: Form
) -> tuple[list[Path], list[str]]:
    """Write markers over time: into one file, or one for each person where the format has room for
    one only. Returns the files, and what the user should know. UserError if the format or the disk
    cannot hold them."""
    parts = {path: motion}
    if kind in ONE_PERSON and len(motion.people) > 1:
        people = distinct([_file_name(track.person) for track in motion.people])
        parts = {
            path.with_name(f"{path.stem}_{name}{path.suffix}"): replace(motion, people=(track,))
            for name, track in zip(people, motion.people, strict=True)
        }
    notes: list[str] = []
    for part, own in parts.items():
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            notes += WRITERS[kind](part, own, form)
        except OSError as error:
            raise UserError(
                "File not written",
                f"{part}: {error.strerror or error}.",
                "Choose another folder, or free some space.",
            ) from error
    return list(parts), list(dict.fromkeys(notes))


def _file_name(person: str) -> str:
    return re.sub(r"[^\w-]+", "_", person).strip("_") or "person"
