# SPDX-License-Identifier: GPL-3.0-or-later
"""Long work in stages, each of which goes on where it stopped and is not done twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....protocol.files import write_whole
from ..loop.telling import say

DONE = "done"  # folder of the marks of stages that are done


@dataclass(frozen=True)
class Stage:
    """name: also of its mark. asked: all that its result depends on, as JSON values; a stage that
    is done is done again if that changed. seconds: what it takes by estimate, None if nobody has
    measured. work: does it; returns whether it is done (else it was stopped)."""

    name: str
    asked: object
    seconds: float | None
    work: Callable[[], bool]


def run_stages(stages: Sequence[Stage], folder: Path) -> bool:
    """Do what is not done yet, in order. Returns whether all is done."""
    marks = [_mark(stages[: number + 1]) for number in range(len(stages))]
    left = [not _is_done(folder, stage, mark) for stage, mark in zip(stages, marks, strict=True)]
    say(_plan_text(stages, left))
    for stage, mark, wanted in zip(stages, marks, left, strict=True):
        if not wanted:
            continue
        say(f"--- {stage.name}")
        began = time.monotonic()
        if not stage.work():
            return False
        seconds = time.monotonic() - began
        path = folder / DONE / stage.name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = {"asked": mark, "seconds": round(seconds, 1)}
        write_whole(path, json.dumps(data).encode())
        say(f"--- {stage.name}: {seconds / 60:.1f} min")
    return True


def _mark(stages: Sequence[Stage]) -> str:
    """A digest of what was asked of a stage, the last, and of those before it."""
    text = json.dumps([[stage.name, stage.asked] for stage in stages], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_done(folder: Path, stage: Stage, mark: str) -> bool:
    path = folder / DONE / stage.name
    return path.is_file() and json.loads(path.read_text())["asked"] == mark


def _plan_text(stages: Sequence[Stage], left: Sequence[bool]) -> str:
    """The stages with their estimates."""
    lines = []
    for stage, wanted in zip(stages, left, strict=True):
        estimate = (
            "not measured" if stage.seconds is None else f"about {stage.seconds / 60:.0f} min"
        )
        lines.append(f"  {stage.name:<16} {estimate if wanted else 'done'}")
    known = [s.seconds for s, wanted in zip(stages, left, strict=True) if wanted and s.seconds]
    return "\n".join([*lines, f"  {'left in all':<16} about {sum(known) / 60:.0f} min"])
