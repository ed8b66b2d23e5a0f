# SPDX-License-Identifier: GPL-3.0-or-later
"""The nonparametric mesh: every vertex where the localizer found it, with its uncertainty."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from .datablocks import NewDatablocks
from .heatmap import UNCERTAINTY, add_heatmap
from .meshes import Topology, make_mesh


def make_points(
    new: NewDatablocks,
    name: str,
    vertices: NDArray[np.floating],
    uncertainty: NDArray[np.floating],
    topology: Topology,
    skin: bpy.types.Material,
    heatmap: bool,
) -> bpy.types.Object:
    """An object in the world's origin with vertices [V,3] in Blender's world, metres.

    uncertainty [V] in metres becomes a float attribute, and a colour attribute for the heat map.
    """
    mesh = make_mesh(new, name, vertices, topology)
    mesh.materials.append(skin)
    obj = new.add(bpy.data.objects.new(name, mesh))
    add_heatmap(obj, UNCERTAINTY, uncertainty, heatmap)
    return obj
