# SPDX-License-Identifier: GPL-3.0-or-later
"""A marker over time: an empty with its own action."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

from ...body.arrays import Float64Array, FloatArray
from ..actions import Channel, new_action
from ..datablocks import NewDatablocks
from .marker_empty import make_marker_empty

UNCERTAINTY = "nlf_uncertainty"  # custom property of the empty, metres


def make_animated_marker(
    new: NewDatablocks,
    name: str,
    frames: Float64Array,
    positions: FloatArray,
    uncertainty: FloatArray | None = None,
    more: Sequence[Channel] = (),
) -> bpy.types.Object:
    """An empty, not yet in a collection, at positions [T,3] (metres, its parent's space) at scene
    frames [T], increasing, without keys in gaps, where they are NaN; uncertainty [T]: metres, NaN
    where it is not known; more: channels of its action. The name is Blender's choice where another
    object has it; the marker's own stays."""
    obj = make_marker_empty(new, name)
    there = ~np.isnan(positions).any(axis=1)
    places = np.asarray(positions, dtype=np.float64)
    channels = list(more)
    if there.any():
        obj.location = places[there][0]
        channels.append(Channel("location", frames[there], places[there], name))
    if uncertainty is not None and np.isfinite(uncertainty).any():
        known = np.isfinite(uncertainty)
        obj[UNCERTAINTY] = float(uncertainty[known][0])
        values = np.asarray(uncertainty, dtype=np.float64)[known, None]
        channels.append(Channel(f'["{UNCERTAINTY}"]', frames[known], values, name))
    if channels:
        new_action(new, name, obj, channels)
    return obj
