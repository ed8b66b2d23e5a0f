# SPDX-License-Identifier: GPL-3.0-or-later
"""A marker over time: an empty with its own action.

In a gap it has no keys of its location, and next to no size, so that nothing is seen of it.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array, FloatArray
from ..actions import Channel, new_action
from ..datablocks import NewDatablocks

UNCERTAINTY = "nlf_uncertainty"  # custom property of the empty, metres
SIZE, NO_SIZE = 0.02, 1e-4  # of the empty, metres; the latter is the least that Blender has


def make_animated_marker(
    new: NewDatablocks,
    name: str,
    frames: Float64Array,
    positions: FloatArray,
    uncertainty: FloatArray | None = None,
) -> bpy.types.Object:
    """An empty, not yet in a collection, at positions [T,3] (metres, its parent's space, NaN in
    gaps) at scene frames [T], increasing; uncertainty [T]: metres, NaN where it is not known. The
    name is Blender's choice where another object has it; the marker's own stays."""
    obj = new.add(bpy.data.objects.new(name, None))
    obj.empty_display_type, obj.empty_display_size = "SPHERE", SIZE
    obj.nlf_marker.name = name
    there = ~np.isnan(positions).any(axis=1)
    places = np.asarray(positions, dtype=np.float64)
    channels = []
    if there.any():
        obj.location = places[there][0]
        channels.append(Channel("location", frames[there], places[there], name))
    if not there.all():
        changes = _changes(there)
        sizes = np.where(there[changes], SIZE, NO_SIZE)[:, None]
        channels.append(Channel("empty_display_size", frames[changes], sizes, name, constant=True))
    if uncertainty is not None and np.isfinite(uncertainty).any():
        known = np.isfinite(uncertainty)
        obj[UNCERTAINTY] = float(uncertainty[known][0])
        values = np.asarray(uncertainty, dtype=np.float64)[known, None]
        channels.append(Channel(f'["{UNCERTAINTY}"]', frames[known], values, name))
    if channels:
        new_action(new, name, obj, channels)
    return obj


def _changes(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The indices at which flags [T] begin and change."""
    return np.flatnonzero(np.diff(flags, prepend=~flags[:1]))
