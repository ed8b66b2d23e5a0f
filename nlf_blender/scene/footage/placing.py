# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job's people were to come into a scene that shows their source, told in their take: so they
find its time and its solved camera again after a crash, in a file opened anew, or whoever imports
them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import bpy
import numpy as np

from ...errors import UserError
from ...protocol.cameras import CameraMotion
from ...protocol.clip_clock import first_shown
from ..source.shown_source import editor_strips, shown_clip, shown_strip
from ..source.source_files import same_source
from .options import FootageOptions
from .solved_camera import SourceFrames, sample_at_once
from .take import FootageTake
from .time_map import Placed

CHECKED = 3  # frames in which a camera must be where the take's was
SAME_PLACE = 1e-3  # relative to how far the camera is from the origin, or metres
SAME_LENS_PX = 0.1


def placing_text(options: FootageOptions) -> str:
    """What a take of these options is to remember: "" if the scene does not show its source."""
    if options.placed is None:
        return ""
    values = {
        "camera": "" if options.use_camera is None else options.use_camera.name,
        "placed": asdict(options.placed),
        "unit": options.unit,
        "time_mode": options.time_mode,
    }
    return json.dumps(values)


def as_placed(scene: bpy.types.Scene, take: FootageTake, options: FootageOptions) -> FootageOptions:
    """The options, for the place and the camera that the take remembers, if the scene still has
    them as they were."""
    text = take.info.settings.get("placing")
    if options.placed is not None or not isinstance(text, str) or not text:
        return options
    try:
        data = json.loads(text)
        placed = Placed(**data["placed"])
        wanted = replace(
            options,
            placed=placed,
            unit=float(data["unit"]),
            time_mode=data["time_mode"],
            use_camera=scene.objects.get(data["camera"]),
            set_scene_range=False,
        )
    except (ValueError, KeyError, TypeError):  # of another version
        return options
    if take.cameras is None:
        return wanted if _is_shown(scene, placed, Path(take.info.source.path)) else options
    if not _is_same(scene, wanted, take, take.cameras):
        return options
    return replace(wanted, set_scene_rate=False)


def _is_shown(scene: bpy.types.Scene, placed: Placed, source: Path) -> bool:
    """Whether a movie clip or a strip shows this source there."""
    found = [shown_clip(clip) for clip in bpy.data.movieclips]
    for name in editor_strips(scene):
        try:
            found.append(shown_strip(scene, name))
        except UserError:  # no such strip, or one that is no source
            continue
    return any(
        shown.placed
        and same_source(shown.path.resolve(), source)
        and (shown.zero, shown.pace) == (placed.zero, placed.pace)
        for shown in found
    )


def _is_same(
    scene: bpy.types.Scene, options: FootageOptions, take: FootageTake, cameras: CameraMotion
) -> bool:
    """Whether the camera is where the take's was, in its first and last frame and between."""
    camera = options.use_camera
    if camera is None or camera.type != "CAMERA" or options.placed is None:
        return False
    placed, source = options.placed, take.info.source
    shown = first_shown(take.times_of(cameras.frames), placed.rate)
    rows = np.flatnonzero(shown == np.round(shown))  # others are between Blender's frames
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, CHECKED).round().astype(int))]
    moments = placed.zero + shown[rows] / placed.pace
    frames = SourceFrames(range(len(rows)), moments.tolist(), source.width, source.height)
    try:
        found = sample_at_once(scene, camera, frames)
    except UserError:
        return False
    matrices = cameras.world_from_camera[rows]
    far = max(1.0, float(np.abs(matrices[:, :3, 3]).max()))
    moved = np.abs(found.world_from_camera - matrices)
    moved[:, :3, 3] /= far
    lens = np.abs(found.intrinsics - cameras.intrinsics[rows]).max()
    return bool(moved.max() < SAME_PLACE and lens < SAME_LENS_PX)
