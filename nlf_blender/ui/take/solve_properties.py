# SPDX-License-Identifier: GPL-3.0-or-later
"""How the active take is solved, as properties: each shows a field of its settings, and asks for a
new solution when it is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import bpy

from ...protocol.solve_settings import AUTO_GROUND, LEVEL_GROUND, NO_GROUND, SolveSettings
from .active_take import active_take
from .solve_requests import REQUESTS

GROUND_ITEMS = (
    (AUTO_GROUND, "Automatic", "Camera tilt and ground from the feet; a solved camera stays", 0),
    (LEVEL_GROUND, "Level Camera", "The camera is taken for level, the ground from the feet", 1),
    (NO_GROUND, "None", "The camera stands in the origin, whatever the ground", 2),
)
_GROUNDS = tuple(item[0] for item in GROUND_ITEMS)
_DEFAULTS = SolveSettings()


def _shown() -> SolveSettings:
    take = active_take(bpy.context)
    return _DEFAULTS if take is None else REQUESTS.settings(take.folder)


def _setting(name: str) -> dict[str, Callable[..., Any]]:
    """`get` and `set` of the property that shows this field of the settings."""

    def get(self: SolveProperties) -> Any:
        return getattr(_shown(), name)

    def change(self: SolveProperties, value: Any) -> None:
        # Blender's floats are single: 0.7 comes back as 0.699999988
        _change(self, name, round(value, 6) if isinstance(value, float) else value)

    return {"get": get, "set": change}


def _change(view: SolveProperties, name: str, value: Any) -> None:
    take = active_take(bpy.context)
    if take is None:
        return
    before = REQUESTS.settings(take.folder)
    settings = replace(before, **{name: value})
    if settings != before:
        REQUESTS.change_settings(take.folder, settings, live=view.live)


def _get_ground(self: SolveProperties) -> int:
    return _GROUNDS.index(_shown().ground)


def _set_ground(self: SolveProperties, value: int) -> None:
    _change(self, "ground", _GROUNDS[value])


class SolveProperties:
    """Properties for a group of Blender's to inherit."""

    live: bpy.props.BoolProperty(
        name="Live", description="Solve as soon as a setting changes", default=True
    )
    smoothing: bpy.props.FloatProperty(
        name="Smoothing",
        description="How strongly motion is smoothed, without lag, most where the localizer was "
        "unsure. 0 leaves it alone",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        default=_DEFAULTS.smoothing,
        **_setting("smoothing"),
    )
    reject_outliers: bpy.props.BoolProperty(
        name="Reject Outliers",
        description="Single wild frames count little",
        default=_DEFAULTS.reject_outliers,
        **_setting("reject_outliers"),
    )
    repair_flips: bpy.props.BoolProperty(
        name="Repair Flips",
        description="Turn limbs and people back that were taken for their mirror image for some "
        "frames",
        default=_DEFAULTS.repair_flips,
        **_setting("repair_flips"),
    )
    hold_feet: bpy.props.BoolProperty(
        name="Hold Feet",
        description="Feet stay where they touch the ground",
        default=_DEFAULTS.hold_feet,
        **_setting("hold_feet"),
    )
    share_shape: bpy.props.BoolProperty(
        name="One Shape",
        description="A person has one body shape and size in all frames",
        default=_DEFAULTS.share_shape,
        **_setting("share_shape"),
    )
    ground: bpy.props.EnumProperty(
        name="Ground",
        description="How camera and people are set on the ground",
        items=GROUND_ITEMS,
        default=_DEFAULTS.ground,
        get=_get_ground,
        set=_set_ground,
    )
    gap_seconds: bpy.props.FloatProperty(
        name="Close Gaps",
        description="The longest time out of sight, in seconds, that motion is filled in for; "
        "after a longer one a person counts as another",
        subtype="TIME_ABSOLUTE",
        unit="TIME_ABSOLUTE",
        min=0.0,
        max=3600.0,
        soft_max=5.0,
        default=_DEFAULTS.gap_seconds,
        **_setting("gap_seconds"),
    )
    max_people: bpy.props.IntProperty(
        name="Max People",
        description="The most people in the scene: those seen longest",
        min=1,
        max=1000,
        soft_max=20,
        default=_DEFAULTS.max_people,
        **_setting("max_people"),
    )
    points: bpy.props.BoolProperty(
        name="Point Meshes",
        description="Clean up the nonparametric meshes too. They take most of the disk's room",
        default=_DEFAULTS.points,
        **_setting("points"),
    )
