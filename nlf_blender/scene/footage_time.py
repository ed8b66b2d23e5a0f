# SPDX-License-Identifier: GPL-3.0-or-later
"""Where footage time lies in a scene: before an import, and of what was imported."""

from __future__ import annotations

import bpy
import numpy as np

from ..protocol.take import read_info
from .footage_objects import take_collection, take_folder
from .footage_options import FootageOptions, stored_time
from .time_map import TimeMap, scene_rate


def new_time_map(
    scene: bpy.types.Scene, options: FootageOptions, fps: float, time0: float
) -> TimeMap:
    """How an import with these options maps time; fps: the clip's; time0: of its first localized
    frame, seconds."""
    start = scene.frame_start if options.start_frame is None else options.start_frame
    if options.time_mode == "MATCH":
        return TimeMap(start, time0, fps, resample=False)
    return TimeMap(start, time0, scene.render.fps / scene.render.fps_base, resample=True)


def stored_time_map(obj: bpy.types.Object) -> TimeMap | None:
    """How the take that an object came from was mapped; None if it came from no footage."""
    collection = take_collection(obj)
    return None if collection is None else stored_time(collection)


def source_frame(obj: bpy.types.Object, scene_frame: float) -> int | None:
    """The localized frame nearest to a scene frame, as an index into the source, by its mean rate;
    None if the object came from no footage. UserError if the take is damaged."""
    times, folder = stored_time_map(obj), take_folder(obj)
    if times is None or folder is None:
        return None
    source = read_info(folder).source
    seconds = float(times.times(np.array([scene_frame]))[0]) - times.time0
    steps = round(seconds * (source.fps or times.fps) / source.step)
    return source.first_frame + source.step * min(max(steps, 0), source.frame_count - 1)


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
        scene.frame_start = times.start
        scene.frame_end = max(int(np.ceil(last)), times.start)
