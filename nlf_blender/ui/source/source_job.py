# SPDX-License-Identifier: GPL-3.0-or-later
"""A source becomes a job in line: its settings, its camera, and its place in the scene."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import bpy

from ...bridge.task import localize_task
from ...scene import FootageOptions
from ...scene.footage.placing import placing_text
from ...scene.footage.solved_camera import camera_place, unit_metres
from ...scene.markers.point_sets import Owner
from .. import places
from ..destination import Waiting
from ..jobs.runtime import RUNTIME
from ..markers.job_sets import chosen_owners, write_sets
from ..setup.preferences import NLF_Preferences
from .source_camera import CAMERAS_FILE, Lens, chosen_lens, write_solved
from .source_choice import Source
from .source_properties import SCENE


def submit_source(scene: bpy.types.Scene, preferences: NLF_Preferences, source: Source) -> Waiting:
    """Put a source in line with the scene's settings. UserError if they cannot be met."""
    properties = scene.nlf
    lens = chosen_lens(scene, source)
    settings = replace(
        properties.settings(preferences),
        fov_degrees=lens.fov_degrees,
        focal_px=lens.focal_px,
        intrinsics=lens.intrinsics,
        camera_size=lens.size,
        distortion=lens.distortion,
        sequence=source.sequence,
        first_frame=source.first,
        last_frame=source.last,
        step=source.step,
        clock=source.clock,
        fps=source.fps,
    )
    python = preferences.find_interpreter().path
    out = places.writable_folder(properties.takes_folder())
    chosen = chosen_owners(scene)
    scratch = _scratch() if chosen or lens.solved is not None else None
    preparing, notes = None, []
    if scratch is not None and lens.solved is not None:
        preparing = write_solved(scene, lens.solved, source, scratch)
        settings = replace(settings, cameras=str(scratch / CAMERAS_FILE))
    if scratch is not None and chosen:
        paths, notes = _sets(scene, chosen, scratch)
        settings = replace(settings, sets=paths)
    footage = _placed(scene, source, lens)
    settings = replace(settings, placing=placing_text(footage))
    task = localize_task((source.path,), out, settings, footage=source.footage, scratch=scratch)
    entry = RUNTIME.submit(python, task, scene, preparing=preparing, footage=footage)
    RUNTIME.notes += [note for note in notes if note not in RUNTIME.notes]
    return entry


def _scratch() -> Path:
    try:
        return places.scratch_folder()
    except OSError as error:
        raise places.not_handed_over("camera or marker set", error) from error


def _sets(
    scene: bpy.types.Scene, chosen: list[Owner], scratch: Path
) -> tuple[tuple[str, ...], list[str]]:
    """The files of what is localized beside the body, and notes; none of them stay if one of it
    cannot be used."""
    try:
        return write_sets(scene, chosen, scratch)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _placed(scene: bpy.types.Scene, source: Source, lens: Lens) -> FootageOptions:
    """How this footage comes in: where the scene shows it already, people keep its time."""
    options = replace(scene.nlf.footage_options(), unit=_unit(scene, lens))
    if lens.seen_by is not None:
        place = camera_place(scene, lens.seen_by)
        numbers = tuple(float(value) for value in place.ravel())
        return replace(options, use_camera=lens.seen_by, seen_from=numbers)
    placed = source.shown.placed or lens.solved is not None
    if not placed and scene.nlf.frame_range != SCENE:
        return options
    start = math.floor(source.scene_frame(source.first or 0) + 0.5)
    options = replace(options, start_frame=start)
    if not placed:
        return options
    options = replace(options, placed=source.placed())
    if source.shown.pace != 1.0:  # a strip that plays at its own rate in the scene's time
        return replace(options, time_mode="RESAMPLE", set_scene_range=False)
    return replace(  # Blender plays it frame by frame, whatever the rates
        options,
        time_mode="MATCH",
        set_scene_rate=options.time_mode == "MATCH" and lens.solved is None,
        set_scene_range=False,
        use_camera=lens.solved,
    )


def _unit(scene: bpy.types.Scene, lens: Lens) -> float:
    """Metres in a Blender unit, where people come into a world that is there already."""
    return 1.0 if lens.solved is None and lens.seen_by is None else unit_metres(scene)
