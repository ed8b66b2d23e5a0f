# SPDX-License-Identifier: GPL-3.0-or-later
"""How the user wants footage in the scene, and how an imported take remembers it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

import bpy

from ..markers.gap_options import Gaps
from ..person.rig_options import RigOptions
from .time_map import Placed, TimeMap, TimeMode

OPTIONS = "nlf_footage"  # custom property of a take's collection: FootageOptions and RigOptions
TIME = "nlf_time"  # TimeMap
CAMERA = "nlf_camera"  # the camera that was passed to inference, if there is one


@dataclass(frozen=True)
class FootageOptions:
    """time_mode: MATCH gives the clip's rate to the keys (and to the scene, with
    set_scene_rate), RESAMPLE keeps the scene's rate and keys whole frames; start_frame: the scene
    frame of the first localized frame (None: the scene's first); placed: where the scene shows the
    source already, which then decides.

    root_bone: a bone on the ground under the person carries travel and heading; in_place: the
    person stays where they were first, the travel over the ground is left out.

    use_camera: the solved camera of the scene that was passed to inference; it stays as it is, and
    none is made. unit: how many metres a Blender unit means in its scene: people are so much
    smaller. seen_from: of a photo, where that camera was: world_from_camera (4x4, row by row,
    metres). background: the clip behind the scene. timeline_markers: of doubtful ranges, in
    the scene too. gap_metres, fill_gaps: when localized markers are shown, see markers/gaps.py.
    """

    time_mode: TimeMode = "MATCH"
    start_frame: int | None = None
    placed: Placed | None = None
    set_scene_rate: bool = True
    set_scene_range: bool = True
    root_bone: bool = False
    in_place: bool = False
    use_camera: bpy.types.Object | None = None
    unit: float = 1.0
    seen_from: tuple[float, ...] = ()
    background: bool = True
    timeline_markers: bool = False
    gap_metres: float = Gaps.threshold
    fill_gaps: bool = Gaps.fill


def store_options(
    collection: bpy.types.Collection, footage: FootageOptions, rig: RigOptions
) -> None:
    """Write the options of an import on its collection."""
    values = asdict(replace(footage, use_camera=None))
    del values["use_camera"]
    collection[OPTIONS] = json.dumps({"footage": values, "rig": asdict(rig)})
    if footage.use_camera is not None:
        collection[CAMERA] = footage.use_camera


def store_time(collection: bpy.types.Collection, times: TimeMap) -> None:
    """Write where footage time lies in the scene on the collection of an import."""
    collection[TIME] = json.dumps(asdict(times))


def stored_time(collection: bpy.types.Collection) -> TimeMap:
    """What `store_time` wrote."""
    return TimeMap(**json.loads(collection[TIME]))


def stored_options(collection: bpy.types.Collection) -> tuple[FootageOptions, RigOptions]:
    """What `store_options` wrote."""
    data = json.loads(collection[OPTIONS])
    placed = data["footage"].pop("placed", None)
    footage = FootageOptions(
        **data["footage"],
        placed=None if placed is None else Placed(**placed),
        use_camera=collection.get(CAMERA),
    )
    return footage, RigOptions(**data["rig"])
