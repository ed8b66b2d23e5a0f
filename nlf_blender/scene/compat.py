# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Blender 4.2 and 5.2; the only file that asks for Blender's version."""

from __future__ import annotations

import bpy


def node_tree(owner: bpy.types.Material | bpy.types.World) -> bpy.types.NodeTree:
    """The node tree of a new material or world, which has one by itself only since 5.0."""
    if bpy.app.version < (5, 0, 0):
        owner.use_nodes = True
    return owner.node_tree
