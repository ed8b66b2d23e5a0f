# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result marker is not shown: nobody saw it, the localizer was too unsure of it, or its
person is out of the shot.

Its keys tell: the location has a key in every frame, the uncertainty only where the marker was
seen. So gaps can be chosen anew without the take.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ..actions import Channel, curves_of, write_channels
from ..footage.key_merge import SAME_KEY
from ..footage.key_table import read_keys, set_by_hand
from ..footage.presence import switches
from .animated_marker import UNCERTAINTY
from .gap_options import Gaps

# of the object that all markers of a person have as their parent
THRESHOLD, FILL, WHOLE = "nlf_gap_threshold", "nlf_fill_gaps", "nlf_take_frames"
SWITCHES = ("hide_viewport", "hide_render")
GROUP = "Gaps"
UNCERTAINTY_PATH = f'["{UNCERTAINTY}"]'


def store_gaps(root: bpy.types.Object, gaps: Gaps, whole: tuple[float, float]) -> None:
    """Write on a person's root how gaps are shown; whole: first and last scene frame of the
    take."""
    root[THRESHOLD], root[FILL], root[WHOLE] = gaps.threshold, gaps.fill, list(whole)


def stored_gaps(root: bpy.types.Object) -> tuple[Gaps, tuple[float, float]]:
    """What `store_gaps` wrote."""
    first, last = root[WHOLE]
    return Gaps(float(root[THRESHOLD]), bool(root[FILL])), (float(first), float(last))


def has_gaps(root: bpy.types.Object) -> bool:
    """Whether an object is the root of a person's markers that move."""
    return WHOLE in root


def show_gaps(obj: bpy.types.Object, action: bpy.types.Action, root: bpy.types.Object) -> None:
    """Key when a marker is shown, as its root says and its action's other keys tell; keys of that
    which the artist set stay as they are."""
    gaps, whole = stored_gaps(root)
    curves = curves_of(action, obj.id_type)
    location = curves.get(("location", 0))
    if location is None or not len(location.keyframe_points):
        return
    own = [curves[key] for key in curves if key[0] in SWITCHES]
    if any(set_by_hand(read_keys(curve)).any() for curve in own):
        return
    frames = read_keys(location, ("co",))["co"][:, 0].astype(np.float64)
    hidden = np.zeros(len(frames), dtype=bool)
    if not gaps.fill:
        hidden = ~(_uncertainty(curves, frames) <= gaps.threshold)
    channels = hide_channels(frames, hidden, whole)
    if own and not channels:  # shown throughout from now on
        shown = np.zeros((1, 1))
        channels = [Channel(name, frames[:1], shown, GROUP, constant=True) for name in SWITCHES]
    write_channels(action, obj.id_type, channels)


def _uncertainty(
    curves: dict[tuple[str, int], bpy.types.FCurve], frames: Float64Array
) -> Float64Array:
    """The uncertainty at frames [T], NaN where it has no key."""
    values = np.full(len(frames), np.nan)
    curve = curves.get((UNCERTAINTY_PATH, 0))
    if curve is None or not len(curve.keyframe_points):
        return values
    keys = read_keys(curve, ("co",))["co"].astype(np.float64)
    places = np.clip(np.searchsorted(frames, keys[:, 0] - SAME_KEY), 0, len(frames) - 1)
    near = np.abs(frames[places] - keys[:, 0]) <= SAME_KEY
    values[places[near]] = keys[near, 1]
    return values


def hide_channels(
    frames: Float64Array, hidden: NDArray[np.bool_], whole: tuple[float, float] | None = None
) -> list[Channel]:
    """Keys of both switches where an object comes to be hidden or shown, out of all frames [T];
    before and after them it is hidden if `whole`, the take's, are more. Empty where it is always
    shown."""
    changes = np.flatnonzero(np.diff(hidden, prepend=~hidden[:1]))
    keys = dict(zip(frames[changes].tolist(), hidden[changes].tolist(), strict=True))
    if whole is not None:
        outside = zip(*switches((frames[0], frames[-1]), whole), strict=True)
        keys |= {float(frame): True for frame, absent in outside if absent}
    if not any(keys.values()):
        return []
    order = np.array(sorted(keys), dtype=np.float64)
    values = np.array([keys[frame] for frame in order.tolist()], dtype=np.float64)[:, None]
    return [Channel(name, order, values, GROUP, constant=True) for name in SWITCHES]
