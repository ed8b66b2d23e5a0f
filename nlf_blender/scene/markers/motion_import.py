# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers of other programs as animated empties: a collection for a file, and one for each person
where there are several."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np

from ...errors import UserError
from ...protocol.clip_rate import scene_rate
from ...protocol.marker_motion import MarkerMotion, MarkerTrack
from ..datablocks import NewDatablocks
from ..footage.objects import takes_in
from ..footage.time_map import TimeMap
from .animated_marker import make_animated_marker
from .gaps import hide_channels

MOST_MARKERS = 2000  # as many objects are slow to work with already
SAME_RATE = 1e-3  # frames a second


@dataclass(frozen=True)
class MotionOptions:
    """start_frame: the scene frame of the first one, None for the scene's first; set_rate: give the
    scene the file's rate and range, unless footage plays in it; else it keeps its own, and keys may
    lie between its frames."""

    start_frame: int | None = None
    set_rate: bool = True


@dataclass(frozen=True)
class MotionImport:
    """What became of a file. notes: what the user should know, one sentence each."""

    collection: bpy.types.Collection
    markers: list[bpy.types.Object]
    notes: list[str] = field(default_factory=list)


def import_motion(
    scene: bpy.types.Scene, motion: MarkerMotion, options: MotionOptions | None = None
) -> MotionImport:
    """Import markers over time into a scene. Always makes new datablocks. UserError for more
    markers than can be worked with; whatever fails, nothing of the import remains."""
    if motion.marker_count > MOST_MARKERS:
        raise UserError(
            "Too many markers",
            f"{motion.source} has {motion.marker_count} markers, and each would be an object.",
            f"Import a file with {MOST_MARKERS} markers or less.",
        )
    options = options or MotionOptions()
    start = scene.frame_start if options.start_frame is None else options.start_frame
    before = scene.render.fps / scene.render.fps_base
    renewed = options.set_rate and not takes_in(scene)
    times = TimeMap(start, motion.start, motion.rate if renewed else before, resample=False)
    new = NewDatablocks()
    try:
        collection = new.add(bpy.data.collections.new(motion.name))
        collection["nlf_source"] = motion.source
        scene.collection.children.link(collection)
        markers = [
            marker
            for track in motion.people
            for marker in _make_person(new, collection, motion, track, times)
        ]
    except BaseException:
        new.discard_all()
        raise
    frames = times.frames(motion.times)
    _set_range(scene, int(np.floor(frames[0])), int(np.ceil(frames[-1])), renewed)
    notes = [*motion.notes, *_set_rate(scene, motion.rate, before, renewed)]
    return MotionImport(collection, markers, notes)


def _make_person(
    new: NewDatablocks,
    parent: bpy.types.Collection,
    motion: MarkerMotion,
    track: MarkerTrack,
    times: TimeMap,
) -> list[bpy.types.Object]:
    collection = parent
    if len(motion.people) > 1:
        collection = new.add(bpy.data.collections.new(track.person or motion.name))
        parent.children.link(collection)
    frames = times.frames(motion.times)
    groups = track.groups or ("",) * len(track.labels)
    markers = []
    for place, (label, group) in enumerate(zip(track.labels, groups, strict=True)):
        positions, doubt = track.positions[:, place], track.uncertainty[:, place]
        gaps = hide_channels(frames, np.isnan(positions).any(axis=1), (frames[0], frames[-1]))
        marker = make_animated_marker(new, label, frames, positions, doubt, gaps)
        marker.nlf_marker.group = group
        if track.colors is not None and (track.colors[place] >= 0.0).all():
            marker.color = (*map(float, track.colors[place]), 1.0)
        collection.objects.link(marker)
        markers.append(marker)
    return markers


def _set_range(scene: bpy.types.Scene, first: int, last: int, renewed: bool) -> None:
    """See to it that the scene plays these frames, and no others if its time is renewed."""
    if renewed:
        scene.frame_start = first
    scene.frame_end = last if renewed else max(last, scene.frame_end)


def _set_rate(scene: bpy.types.Scene, rate: float, before: float, renewed: bool) -> list[str]:
    """Give the scene the file's rate if its time is renewed. What the user should know."""
    if renewed:
        scene.render.fps, scene.render.fps_base = scene_rate(rate)
    if abs(before - rate) <= SAME_RATE:
        return []
    if renewed:
        return [f"The scene now has {rate:.6g} frames a second, not {before:.6g}."]
    return [
        f"The scene keeps its {before:.6g} frames a second: keys of the {rate:.6g} of the file lie"
        " between its frames."
    ]
