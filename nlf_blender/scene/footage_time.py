# SPDX-License-Identifier: GPL-3.0-or-later
"""Where footage time lies in a scene: before an import, and of what was imported."""

from __future__ import annotations

import bpy
import numpy as np

from ..protocol.take import SourceInfo, read_info
from .footage_objects import take_collection, take_folder
from .footage_options import FootageOptions, stored_time
from .footage_take import read_times
from .time_map import TimeMap, scene_rate


def new_time_map(
    scene: bpy.types.Scene, options: FootageOptions, fps: float, time0: float
) -> TimeMap:
    """How an import with these options maps time; fps: the clip's; time0: of its first localized
    frame, seconds."""
    if options.placed is not None:
        return TimeMap.of_placed(options.placed, resample=options.time_mode == "RESAMPLE")
    start = scene.frame_start if options.start_frame is None else options.start_frame
    if options.time_mode == "MATCH":
        return TimeMap(start, time0, fps, resample=False)
    return TimeMap(start, time0, scene.render.fps / scene.render.fps_base, resample=True)


def stored_time_map(obj: bpy.types.Object) -> TimeMap | None:
    """How the take that an object came from was mapped; None if it came from no footage."""
    collection = take_collection(obj)
    return None if collection is None else stored_time(collection)


def source_frame(obj: bpy.types.Object, scene_frame: float) -> int | None:
    """The localized frame nearest to a scene frame, as an index into the source; None if the object
    came from no footage. UserError if the take is damaged."""
    times, folder = stored_time_map(obj), take_folder(obj)
    if times is None or folder is None:
        return None
    frames, moments = read_times(folder, read_info(folder))
    return int(frames[np.abs(times.frames(moments) - scene_frame).argmin()])


def scene_frame(obj: bpy.types.Object, source: SourceInfo, index: int) -> int | None:
    """The scene frame nearest to a frame of the source, by its mean rate: what source_frame turns
    back. None if the object came from no footage."""
    times = stored_time_map(obj)
    if times is None:
        return None
    rate = source.fps or times.fps
    first = source.first_frame / rate if times.clock else times.time0
    seconds = first + (index - source.first_frame) / rate
    return round(float(times.frames(np.array([seconds]))[0]))


def set_scene_time(
    scene: bpy.types.Scene,
    options: FootageOptions,
    times: TimeMap,
    last: float,
    notes: list[str],
) -> None:
    """Give the scene the clip's rate and range, as the options say; last: scene frame."""
    render = scene.render
    if options.set_scene_rate and options.time_mode == "MATCH":
        before = render.fps / render.fps_base
        render.fps, render.fps_base = scene_rate(times.fps)
        if abs(before - times.fps) > 1e-3:
            notes.append(f"The scene now has {times.fps:.6g} frames a second, not {before:.6g}.")
    if options.set_scene_range:
        scene.frame_start = int(np.floor(times.start))
        scene.frame_end = max(int(np.ceil(last)), scene.frame_start)
