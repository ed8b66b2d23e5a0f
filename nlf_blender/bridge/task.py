# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job asks of the worker: its command, its stages, and what it may leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..protocol import registration, take
from ..protocol.files import ResultLayout
from ..protocol.json_fields import Json
from ..protocol.messages import LOCALIZE_STAGES, REGISTER_STAGES
from ..protocol.scan_settings import ScanSettings
from ..protocol.settings import LocalizeSettings

LOCALIZE = "localize"
REGISTER = "register"


@dataclass(frozen=True)
class Task:
    """A command to the worker, and what Blender has to know of its job.

    command: the message's kind, fields: the rest of it but the job's name; stages: in the order
    they usually come in; loaded_at: the first stage that needs all models; out, names, layout:
    where results go, what they may be called, what kind they are; scratch: a folder made for this
    job's input, to be removed once the job is over.
    """

    command: str
    fields: Json
    stages: tuple[str, ...]
    loaded_at: str
    out: Path
    names: frozenset[str]
    layout: ResultLayout
    scratch: Path | None = None

    @property
    def loaded_stages(self) -> tuple[str, ...]:
        """The stages in which all models are loaded."""
        return self.stages[self.stages.index(self.loaded_at) :]


def localize_task(sources: tuple[Path, ...], out: Path, settings: LocalizeSettings) -> Task:
    """Localize photos; their takes go to `out`."""
    return Task(
        command=LOCALIZE,
        fields={
            "sources": [str(path) for path in sources],
            "out": str(out),
            "settings": settings.to_json(),
        },
        stages=LOCALIZE_STAGES,
        loaded_at="Finding people",
        out=out,
        names=frozenset(path.stem for path in sources),
        layout=take.LAYOUT,
    )


def register_task(
    scan: Path, out: Path, settings: ScanSettings, scratch: Path | None = None
) -> Task:
    """Register a body to the scan in this npz (protocol/scan.py); the result goes to `out`."""
    return Task(
        command=REGISTER,
        fields={"scan": str(scan), "out": str(out), "settings": settings.to_json()},
        stages=REGISTER_STAGES,
        loaded_at="Reading",
        out=out,
        names=frozenset((scan.stem,)),
        layout=registration.LAYOUT,
        scratch=scratch,
    )
