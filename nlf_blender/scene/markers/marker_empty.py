# SPDX-License-Identifier: GPL-3.0-or-later
"""The empty that is a marker, whether it was placed, imported or localized."""

from __future__ import annotations

import bpy

from ..datablocks import NewDatablocks

COLOR = (1.0, 0.45, 0.1)  # of markers without one of their own, linear RGB
SIZE = 0.012  # radius, metres


def make_marker_empty(new: NewDatablocks, name: str) -> bpy.types.Object:
    """An empty, not yet in a collection, for a marker of this name, which it keeps where Blender
    has to call the object otherwise."""
    obj = new.add(bpy.data.objects.new(name, None))
    obj.empty_display_type, obj.empty_display_size = "SPHERE", SIZE
    obj.show_in_front = True
    obj.color = (*COLOR, 1.0)
    obj.nlf_marker.name = name
    return obj
