# SPDX-License-Identifier: GPL-3.0-or-later
"""All keys of a curve as arrays and back, handles and easing included; merging new ones in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ..actions import (
    CONSTANT,
    GENERATED,
    LINEAR,
    MADE_FRAME,
    MADE_VALUE,
    VECTOR_HANDLES,
    Channel,
    curves_of,
    write_channels,
)
from .key_merge import SAME_KEY, Span, merge_keys

# name -> (dtype, values a key) of what a key has
FIELDS: dict[str, tuple[Any, int]] = {
    "co": (np.float32, 2),
    "handle_left": (np.float32, 2),
    "handle_right": (np.float32, 2),
    "handle_left_type": (np.int32, 1),
    "handle_right_type": (np.int32, 1),
    "interpolation": (np.int32, 1),
    "easing": (np.int32, 1),
    "type": (np.int32, 1),
    "amplitude": (np.float32, 1),
    "back": (np.float32, 1),
    "period": (np.float32, 1),
}
PLACES = ("co", "handle_left", "handle_right")
Table = dict[str, NDArray[Any]]


def read_keys(curve: bpy.types.FCurve, names: Iterable[str] = FIELDS) -> Table:
    """FIELDS [K,values] of a curve's keys."""
    points, table = curve.keyframe_points, {}
    for name in names:
        dtype, size = FIELDS[name]
        values = np.empty(size * len(points), dtype=dtype)
        points.foreach_get(name, values)
        table[name] = values.reshape(-1, size)
    return table


def write_keys(curve: bpy.types.FCurve, table: Table) -> None:
    """Give a curve these keys instead of its own."""
    order = np.argsort(table["co"][:, 0], kind="stable")
    points = curve.keyframe_points
    points.clear()
    points.add(len(order))
    for name in FIELDS:
        points.foreach_set(name, np.ascontiguousarray(table[name][order]).ravel())
    curve.update()


def new_keys(frames: Float64Array, values: Float64Array, *, constant: bool) -> Table:
    """FIELDS of generated keys at frames [K] with values [K]."""
    table: Table = {n: np.zeros((len(frames), size), dtype=t) for n, (t, size) in FIELDS.items()}
    for name in PLACES:
        table[name][:, 0], table[name][:, 1] = frames, values
    for name in ("handle_left_type", "handle_right_type"):
        table[name][:] = VECTOR_HANDLES
    table["interpolation"][:] = CONSTANT if constant else LINEAR
    table["type"][:] = GENERATED
    table[MADE_FRAME][:], table[MADE_VALUE][:] = table["co"][:, :1], table["co"][:, 1:]
    return table


def set_by_hand(table: Table) -> NDArray[np.bool_]:
    """Whether keys are other than they were generated [K]."""
    generated = table["type"][:, 0] == GENERATED
    same = (table["co"] == np.concatenate([table[MADE_FRAME], table[MADE_VALUE]], axis=1)).all(1)
    return ~(generated & same)


def merge_channels(
    action: bpy.types.Action, kind: str, channels: list[Channel], span: Span, *, keep_keys: bool
) -> None:
    """Put the keys of channels into a span of an action; keep_keys: those set by hand stay."""
    curves = curves_of(action, kind)
    whole: list[Channel] = []
    for channel in channels:
        group = [curves.get((channel.path, i)) for i in range(channel.values.shape[1])]
        if any(curve is None or not len(curve.keyframe_points) for curve in group):
            whole.append(channel)
            continue
        if span.open and not (keep_keys and any(_has_hand_keys(curve) for curve in group)):
            whole.append(channel)
            continue
        _merge(group, channel, span, keep_keys)
    write_channels(action, kind, whole)


def _has_hand_keys(curve: bpy.types.FCurve) -> bool:
    return bool(set_by_hand(read_keys(curve, ("co", "type", MADE_FRAME, MADE_VALUE))).any())


def _merge(group: list[bpy.types.FCurve], channel: Channel, span: Span, keep_keys: bool) -> None:
    tables = [read_keys(curve) for curve in group]
    stays = []
    for table in tables:
        stays.append(~span.holds(table["co"][:, 0]) | (set_by_hand(table) & keep_keys))
    frames = np.unique(np.concatenate([t["co"][s, 0] for t, s in zip(tables, stays, strict=True)]))
    kept = frames.astype(np.float64)
    ends = Span(span.first, span.last, 0.0 if channel.constant else span.blend)
    merged = merge_keys(
        (channel.frames, channel.values),
        _evaluated(group, channel.frames),
        (kept, _evaluated(group, kept), span.holds(kept)),
        ends,
        rotation=channel.rotation,
    )
    for index, (curve, table, stay) in enumerate(zip(group, tables, stays, strict=True)):
        old = {name: values[stay] for name, values in table.items()}
        signs = merged.signs[np.searchsorted(frames, old["co"][:, 0])]
        for name in PLACES:
            old[name][:, 1] *= signs
        old[MADE_VALUE][:, 0] *= np.where(old["type"][:, 0] == GENERATED, signs, 1.0)
        free = _free(merged.frames, old["co"][:, 0])
        added = new_keys(merged.frames[free], merged.values[free, index], constant=channel.constant)
        write_keys(curve, {name: np.concatenate([old[name], added[name]]) for name in FIELDS})


def _evaluated(group: list[bpy.types.FCurve], frames: Float64Array) -> Float64Array:
    """What curves say at frames [n]: [n,C]."""
    values = [[curve.evaluate(frame) for frame in frames.tolist()] for curve in group]
    return np.array(values, dtype=np.float64).reshape(len(group), len(frames)).T


def _free(frames: Float64Array, taken: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether no key is taken at frames [K]."""
    if not len(taken):
        return np.ones(len(frames), dtype=bool)
    taken = np.sort(taken)
    nearest = np.clip(np.searchsorted(taken, frames), 1, max(len(taken) - 1, 1))
    gaps = np.abs(frames - taken[np.minimum(nearest, len(taken) - 1)])
    return np.minimum(gaps, np.abs(frames - taken[nearest - 1])) > SAME_KEY
