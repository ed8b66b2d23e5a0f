# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job asks of the worker: its command, its stages, and what it may leave behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..protocol import registration, take
from ..protocol.edits import Edit, edits_to_json
from ..protocol.files import ResultLayout
from ..protocol.json_fields import Json
from ..protocol.messages import (
    FOOTAGE,
    LOCALIZE_STAGES,
    POINTS_STAGES,
    REGISTER_STAGES,
    SOLVE_STAGES,
    STARTING,
)
from ..protocol.scan_settings import ScanSettings
from ..protocol.settings import Box, LocalizeSettings
from ..protocol.solve_settings import SolveSettings

LOCALIZE = "localize"
RESUME = "resume"
SOLVE = "solve"
BOXES = "boxes"
POINTS = "points"
REGISTER = "register"
FOOTAGE_STAGES = (STARTING, "Reading", FOOTAGE, *SOLVE_STAGES[2:])
BOXES_STAGES = (STARTING, "Reading", "Localizing", *SOLVE_STAGES[2:])
SOMEBODY_NEW = -1  # in a hand-drawn box, instead of the id of a person


@dataclass(frozen=True)
class Task:
    """A command to the worker, and what Blender has to know of its job.

    title: what the user calls it; command: the message's kind, fields: the rest of it but the job's
    name; stages: in the order they usually come in; loaded_at: the first stage that needs all
    models; out, names, layout: where results go, what they may be called, what kind they are;
    scratch: a folder made for this job's input, to be removed once the job is over; take: the take
    that it goes on with, if it does.
    """

    title: str
    command: str
    fields: Json
    stages: tuple[str, ...]
    loaded_at: str
    out: Path
    names: frozenset[str]
    layout: ResultLayout
    scratch: Path | None = None
    take: Path | None = None

    @property
    def loaded_stages(self) -> tuple[str, ...]:
        """The stages in which all models are loaded."""
        return self.stages[self.stages.index(self.loaded_at) :]

    @property
    def is_footage(self) -> bool:
        """Whether what it has done is kept when it is stopped, and can be gone on with."""
        return FOOTAGE in self.stages

    @property
    def kind(self) -> str:
        """What has the same stages: its command, or FOOTAGE."""
        return FOOTAGE if self.is_footage else self.command

    @property
    def models(self) -> str:
        """What needs the same models: a command."""
        return LOCALIZE if self.command in (RESUME, BOXES, POINTS) else self.command


@dataclass(frozen=True)
class HandBox:
    """A box that the artist drew. frame: index into the source; box: x0, y0, x1, y1 in pixels;
    person: the id of the person in it, or SOMEBODY_NEW."""

    frame: int
    box: Box
    person: int = SOMEBODY_NEW


def localize_task(
    sources: tuple[Path, ...],
    out: Path,
    settings: LocalizeSettings,
    *,
    footage: bool = False,
    scratch: Path | None = None,
) -> Task:
    """Localize photos or footage; their takes go to `out`."""
    return Task(
        title=", ".join(path.name for path in sources),
        command=LOCALIZE,
        fields={
            "sources": [str(path) for path in sources],
            "out": str(out),
            "settings": settings.to_json(),
        },
        stages=FOOTAGE_STAGES if footage else LOCALIZE_STAGES,
        loaded_at=FOOTAGE if footage else "Finding people",
        out=out,
        names=frozenset(path.stem for path in sources),
        layout=take.LAYOUT,
        scratch=scratch,
    )


def resume_task(folder: Path, source: Path | None = None, *, changed: bool = False) -> Task:
    """Go on with a take of footage. source: where the source is now, if it was moved; changed: go
    on though it is not what it was."""
    fields: Json = {
        "take": str(folder),
        "source": "" if source is None else str(source),
        "changed": changed,
    }
    return _take_task(RESUME, folder, fields, FOOTAGE_STAGES, FOOTAGE)


def solve_task(folder: Path, edits: Sequence[Edit], settings: SolveSettings) -> Task:
    """Clean up the motion of a take of footage. edits: all of them."""
    fields: Json = {"edits": edits_to_json(edits), "settings": settings.to_json()}
    return _take_task(SOLVE, folder, {"take": str(folder), **fields}, SOLVE_STAGES, "Reading")


def boxes_task(
    folder: Path, boxes: Sequence[HandBox], edits: Sequence[Edit], settings: SolveSettings
) -> Task:
    """Localize the people in hand-drawn boxes of a take of footage, then clean up its motion."""
    fields: Json = {
        "take": str(folder),
        "boxes": [
            {"frame": box.frame, "box": list(box.box), "person": box.person} for box in boxes
        ],
        "edits": edits_to_json(edits),
        "settings": settings.to_json(),
    }
    return _take_task(BOXES, folder, fields, BOXES_STAGES, "Localizing")


def points_task(
    folder: Path,
    sets: Sequence[Path],
    remove: Sequence[str] = (),
    scratch: Path | None = None,
    source: Path | None = None,
    body_folders: Sequence[str] = (),
) -> Task:
    """Localize point sets in a take that is there. remove: names of sets that it shall lose;
    source: where the source is now, if it was moved; body_folders: with the bodies that sets were
    placed on."""
    fields: Json = {
        "take": str(folder),
        "sets": [str(path) for path in sets],
        "remove": list(remove),
        "source": "" if source is None else str(source),
        "body_folders": list(body_folders),
    }
    task = _take_task(POINTS, folder, fields, POINTS_STAGES, "Localizing points")
    return replace(task, scratch=scratch)


def _take_task(
    command: str, folder: Path, fields: Json, stages: tuple[str, ...], loaded_at: str
) -> Task:
    return Task(
        title=folder.stem,
        command=command,
        fields=fields,
        stages=stages,
        loaded_at=loaded_at,
        out=folder.parent,
        names=frozenset((folder.stem,)),
        layout=take.LAYOUT,
        take=folder,
    )


def register_task(
    scan: Path, out: Path, settings: ScanSettings, scratch: Path | None = None
) -> Task:
    """Register a body to the scan in this npz (protocol/scan.py); the result goes to `out`."""
    return Task(
        title=scan.stem,
        command=REGISTER,
        fields={"scan": str(scan), "out": str(out), "settings": settings.to_json()},
        stages=REGISTER_STAGES,
        loaded_at="Reading",
        out=out,
        names=frozenset((scan.stem,)),
        layout=registration.LAYOUT,
        scratch=scratch,
    )
