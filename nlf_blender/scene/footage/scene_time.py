# SPDX-License-Identifier: GPL-3.0-or-later
"""Where footage time lies in a scene: before an import, and of what was imported."""

from __future__ import annotations

import bpy
import numpy as np

from ...protocol.clip_rate import scene_rate
from ...protocol.take import SourceInfo, read_info
from .objects import take_collection, take_collections, take_folder
from .options import FootageOptions, stored_time
from .take import read_times
from .time_map import TimeMap

SAME_RATE = 1e-3  # frames a second


def new_time_map(
    scene: bpy.types.Scene, options: FootageOptions, fps: float, time0: float
) -> TimeMap:
    """How an import with these options maps time; fps: the clip's; time0: of its first localized
    frame, seconds. Footage that is in the scene already plays at the scene's rate, which therefore
    stays: a clip of another rate is resampled."""
    if options.placed is not None:
        return TimeMap.of_placed(options.placed, resample=options.time_mode == "RESAMPLE")
    start = scene.frame_start if options.start_frame is None else options.start_frame
    rate = scene.render.fps / scene.render.fps_base
    beside = options.set_scene_rate and bool(_imports(scene)) and abs(rate - fps) > SAME_RATE
    if options.time_mode == "MATCH" and not beside:
        return TimeMap(start, time0, fps, resample=False)
    return TimeMap(start, time0, rate, resample=True)


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
    """Give the scene the clip's rate and range, as the options say; last: scene frame. With other
    footage in it, the scene keeps its rate, and its range grows."""
    beside = len(_imports(scene)) > 1
    if options.set_scene_rate and options.time_mode == "MATCH":
        _set_rate(scene, times, beside, notes)
    if options.set_scene_range:
        first, end = int(np.floor(times.start)), int(np.ceil(last))
        scene.frame_start = min(first, scene.frame_start) if beside else first
        scene.frame_end = max(end, scene.frame_start, scene.frame_end if beside else first)


def _set_rate(scene: bpy.types.Scene, times: TimeMap, beside: bool, notes: list[str]) -> None:
    render = scene.render
    before = render.fps / render.fps_base
    differs = abs(before - times.fps) > SAME_RATE
    if times.resample or (beside and differs):
        resampled = ": this motion was resampled" if times.resample else ""
        notes.append(
            f"The scene keeps its {before:.6g} frames a second, at which its other footage"
            f" plays{resampled}."
        )
        return
    render.fps, render.fps_base = scene_rate(times.fps)
    if differs:
        notes.append(f"The scene now has {times.fps:.6g} frames a second, not {before:.6g}.")


def _imports(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The footage that is in a scene, but for what was deleted."""
    return [collection for collection in take_collections(scene) if collection.all_objects]
