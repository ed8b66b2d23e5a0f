# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer for hand-made keys over the solved motion: a solve never touches it."""

from __future__ import annotations

import bpy
import numpy as np

from ...errors import UserError
from ..compat import assign_action, assign_strip_slot, curve_owner
from ..datablocks import IMPORT_TAG
from .key_merge import SAME_KEY
from .objects import MOTION, PERSON, find

TRACK = "Solved Motion"


def solved_action(rig: bpy.types.Object) -> bpy.types.Action | None:
    """The action of a rig's solved motion, in whichever track it is; None if it is gone."""
    tag = rig.get(IMPORT_TAG)
    return None if tag is None else find(bpy.data.actions, tag, MOTION, rig.get(PERSON))


def add_layer(rig: bpy.types.Object) -> bpy.types.Action:
    """Put the solved motion into an NLA track and a new, empty action over it, whose keys are
    combined with it. Returns the new action. UserError if the rig does not play its solved motion
    as its action."""
    data, action = rig.animation_data, solved_action(rig)
    if action is None or data is None or data.action != action:
        raise UserError(
            "No layer added",
            f"The action of {rig.name} is not its solved motion.",
            "Choose a person of footage that has no layer yet, or use the one that there is.",
        )
    track = data.nla_tracks.new()
    track.name = TRACK
    first = action.frame_range[0]
    strip = track.strips.new(action.name, int(first), action)
    assign_strip_slot(strip, action)
    strip.extrapolation, strip.blend_type = "HOLD", "REPLACE"
    fit_strip(strip)
    data.action = None
    layer = bpy.data.actions.new(f"{rig.name} Layer")
    curve_owner(layer, rig.id_type)
    assign_action(rig, layer)
    data.action_blend_type, data.action_extrapolation = "COMBINE", "HOLD"
    data.use_nla = True
    return layer


def fit_strip(strip: bpy.types.NlaStrip) -> None:
    """Let a strip play all of its action, at the action's own frames."""
    first, last = strip.action.frame_range
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.scale = 1.0
    strip.frame_start, strip.frame_end = first, last


def whole_strips(rig: bpy.types.Object, action: bpy.types.Action) -> list[bpy.types.NlaStrip]:
    """The strips that `add_layer` made for an action and that still play all of it at its own
    frames: they are to follow its length. Those that the artist moved or cut are left alone."""
    first, last = action.frame_range
    data, found = rig.animation_data, []
    for track in data.nla_tracks if data is not None else ():
        for strip in track.strips:
            ends = (strip.action_frame_start, strip.action_frame_end)
            places = (*ends, strip.frame_start, strip.frame_end)
            if track.name == TRACK and strip.action == action:
                gaps = np.abs(np.array(places) - (first, last, first, last))
                found += [strip] if gaps.max() < SAME_KEY else []
    return found
