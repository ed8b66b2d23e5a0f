# SPDX-License-Identifier: GPL-3.0-or-later
"""The point set of a rig, kept on the rig: it stands in the canonical body once, and then moves."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy

from ...protocol.point_set import PointSet, point_set_bytes, read_point_set

KEPT = "nlf_rig_points"  # custom property of the armature's object: an npz (protocol/point_set.py)


def keep_points(rig: bpy.types.Object, points: PointSet) -> None:
    """Keep a point set on a rig, instead of any before it."""
    rig[KEPT] = point_set_bytes(points)


def kept_points(rig: bpy.types.Object) -> PointSet | None:
    """What `keep_points` kept, None without it. UserError if it is damaged."""
    data = rig.get(KEPT)
    if not isinstance(data, bytes):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{rig.name_full.replace('/', '_')}.npz"
        path.write_bytes(data)
        return read_point_set(path)


def forget_points(rig: bpy.types.Object) -> None:
    """Forget the point set of a rig."""
    if KEPT in rig:
        del rig[KEPT]
