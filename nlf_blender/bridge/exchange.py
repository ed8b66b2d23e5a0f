# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers for other programs and from them, by the worker's command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..protocol.json_fields import Json, as_list, as_str
from .errand import Errand, worker_command
from .session import WORKER_SCRIPT

EXPORT_FAILED, IMPORT_FAILED = "The markers were not exported", "The markers were not imported"


@dataclass(frozen=True)
class ExportSettings:
    """What `worker export` writes. format: trc, c3d, csv or json; set_name: a point set of the
    take, "" for its only one; joints: the body's, instead; person: an id, None for all; units,
    axes: "" for what the format has by default; gap_above: metres, None for what was not seen
    alone; fill: no gaps; rate: frames a second, None for the take's."""

    format: str
    set_name: str = ""
    joints: bool = False
    person: int | None = None
    units: str = ""
    axes: str = ""
    gap_above: float | None = None
    fill: bool = False
    rate: float | None = None

    def arguments(self) -> list[str]:
        """The options of the command line."""
        options: dict[str, object] = {
            "--format": self.format,
            "--set": self.set_name,
            "--person": self.person,
            "--units": self.units,
            "--axes": self.axes,
            "--gap-above": self.gap_above,
            "--rate": self.rate,
        }
        given = {k: v for k, v in options.items() if v is not None and v != ""}
        flags = [f for f, on in (("--joints", self.joints), ("--fill", self.fill)) if on]
        return [f"{key}={value}" for key, value in given.items()] + flags


def export_errand(
    python: Path, take: Path, out: Path, settings: ExportSettings, script: Path = WORKER_SCRIPT
) -> Errand:
    """Begin to export a take's markers into a file, or several: see `written_files`."""
    # "=" and "--", for names that begin with "-"
    arguments = ["export", *settings.arguments(), f"--out={out}", "--json", "--", str(take)]
    return Errand(worker_command(python, arguments, script), EXPORT_FAILED)


def import_errand(
    python: Path, file: Path, out: Path, axes: str = "", script: Path = WORKER_SCRIPT
) -> Errand:
    """Begin to turn another program's file into one that protocol/marker_motion.py reads. axes: ""
    for what the file says."""
    options = [f"--axes={axes}"] if axes else []
    arguments = ["import", *options, f"--out={out}", "--json", "--", str(file)]
    return Errand(worker_command(python, arguments, script), IMPORT_FAILED)


def written_files(answer: Json) -> tuple[list[str], list[str]]:
    """The files that an export wrote, and what the user should know. ValueError if the answer is
    something else."""
    files = [as_str(item, "files") for item in as_list(answer.get("files"), "files")]
    notes = [as_str(item, "notes") for item in as_list(answer.get("notes"), "notes")]
    return files, notes
