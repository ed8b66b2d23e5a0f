# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage on one screen: source -> frames -> people, chunk by chunk -> take -> clean motion."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from ...errors import UserError
from ...protocol.messages import STARTING
from ...protocol.settings import LocalizeSettings
from ..engine import Engine
from ..markers.sets import JobSets, read_sets
from ..media.fingerprint import fingerprint
from ..media.source import open_footage
from ..progress import Progress
from ..take_writer import disk_errors, require_writable
from .begin import begin_take, goes_on, new_info, take_name
from .cameras import FrameCameras
from .claim import claimed_take
from .finish import finish, removed_if_empty
from .plan import FramePlan
from .run import FootageRun


def localize_footage(
    source: Path, out: Path, settings: LocalizeSettings, engine: Engine, progress: Progress
) -> Path:
    """Localize everybody in footage, clean up their motion, and return the take's folder.

    If `out` has an unfinished take of the same footage with the same settings, it is gone on with;
    other takes stay. UserError if nobody is found, or if a file, the device or the disk is not
    usable; Cancelled if the job was. Those leave a take that can be resumed.
    """
    require_writable(out)
    if settings.boxes_for(source.name) is not None:
        raise UserError(
            "Boxes of footage",
            f"Boxes were given for {source.name}, which is no photo.",
            "Localize it without them; then add who was missed with the command boxes.",
        )
    progress.people = 0
    progress.step("Reading")
    with open_footage(source, fps=settings.fps, sequence=settings.sequence) as footage:
        plan = FramePlan.of(footage, settings)
        cameras = FrameCameras.chosen(footage, settings, plan.frames)
        sha256 = fingerprint(source, sequence=settings.sequence)
        progress.step(STARTING)
        models = engine.models(settings)
        sets = JobSets.of(read_sets(settings.sets, models.bodies), models.localizer)
        fresh = new_info(footage.info, plan, cameras, sha256, models, settings)
        claim = claimed_take(
            out,
            take_name(footage.info),
            lambda folder, info: goes_on(folder, info, fresh, cameras, sets),
        )
        with removed_if_empty(), ExitStack() as stack:
            with disk_errors(out):
                take, info = stack.enter_context(claim)
                info = info or begin_take(take, fresh, cameras, models, sets)
            run = FootageRun(take, info, footage, cameras, models, settings, progress, sets)
            finish(run, engine)
    return take
