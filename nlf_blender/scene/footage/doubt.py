# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a motion is in doubt: an animated property, and markers."""

from __future__ import annotations

import json
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ..actions import Channel
from .time_map import Samples

UNCERTAINTY, EVIDENCE = "nlf_uncertainty", "nlf_evidence"
UNSURE_METRES = 0.1  # where the heat map reaches its end
SHORTEST_FRAMES = 3  # of frames that are seen, but unsure
JOINED_FRAMES = 5  # ranges with no more than these between them are one
UNSURE, SURE = "Unsure", "Sure Again"
# of a collection: names and frames of the scene's markers that we set
MARKERS = "nlf_timeline_markers"


def doubt_channels(motion: dict[str, NDArray[Any]], samples: Samples) -> list[Channel]:
    """The keys of the rig's properties: uncertainty in metres, and whether the person was seen."""
    uncertainty = samples.linear(motion["uncertainty"].astype(np.float64))[:, None]
    evidence = samples.nearest(motion["evidence"]).astype(np.float64)[:, None]
    return [
        Channel(f'["{UNCERTAINTY}"]', samples.frames, uncertainty, "Evidence"),
        Channel(f'["{EVIDENCE}"]', samples.frames, evidence, "Evidence", constant=True),
    ]


def add_properties(rig: bpy.types.Object) -> None:
    """The rig's properties that `doubt_channels` animates."""
    rig[UNCERTAINTY], rig[EVIDENCE] = 0.0, True
    rig.id_properties_ui(UNCERTAINTY).update(
        min=0.0, description="The localizer's uncertainty of the whole body, in metres"
    )
    rig.id_properties_ui(EVIDENCE).update(
        description="Whether the person was seen in this frame; else the frame was filled in"
    )


def doubtful_ranges(motion: dict[str, NDArray[Any]], frames: Float64Array) -> list[tuple[int, int]]:
    """First and last scene frames of ranges without evidence or with much uncertainty; frames [T]:
    the motion's, in the scene."""
    unseen = ~motion["evidence"]
    runs = _runs(unseen, 1) + _runs(motion["uncertainty"] > UNSURE_METRES, SHORTEST_FRAMES)
    joined: list[list[int]] = []
    for first, last in sorted(runs):
        if joined and first - joined[-1][1] <= JOINED_FRAMES + 1:
            joined[-1][1] = max(joined[-1][1], last)
        else:
            joined.append([first, last])
    return [(round(frames[first]), round(frames[last])) for first, last in joined]


def _runs(flags: NDArray[np.bool_], shortest: int) -> list[tuple[int, int]]:
    """First and last index of the runs of true flags [T] that are at least this long."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if b - a + 1 >= shortest]


def mark_action(action: bpy.types.Action, ranges: list[tuple[int, int]]) -> None:
    """Mark doubtful ranges on an action, instead of those marked before."""
    markers = action.pose_markers
    for marker in [m for m in markers if m.name in (UNSURE, SURE)]:
        markers.remove(marker)
    for first, last in ranges:
        markers.new(UNSURE).frame = first
        markers.new(SURE).frame = last + 1


def mark_timeline(
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    people: list[tuple[str, list[tuple[int, int]]]],
) -> None:
    """Mark everybody's doubtful ranges in the scene, instead of those marked before; the artist's
    own markers stay."""
    markers = scene.timeline_markers
    former = {(name, frame) for name, frame in json.loads(collection.get(MARKERS, "[]"))}
    for marker in [m for m in markers if (m.name, m.frame) in former]:
        markers.remove(marker)
    wanted = [
        (f"{name}: {word.lower()}", frame)
        for name, ranges in people
        for first, last in ranges
        for word, frame in ((UNSURE, first), (SURE, last + 1))
    ]
    for name, frame in wanted:
        markers.new(name, frame=frame)
    collection[MARKERS] = json.dumps(wanted)
