# SPDX-License-Identifier: GPL-3.0-or-later
"""The nonparametric mesh: every vertex where the localizer found it, with its uncertainty."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from .datablocks import NewDatablocks
from .heatmap import HEAT_ATTRIBUTE, HEAT_SWITCH, UNCERTAINTY_ATTRIBUTE, heat_colors
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
    values = mesh.attributes.new(UNCERTAINTY_ATTRIBUTE, "FLOAT", "POINT")
    values.data.foreach_set("value", uncertainty.astype(np.float32))
    colors = mesh.color_attributes.new(HEAT_ATTRIBUTE, "FLOAT_COLOR", "POINT")
    colors.data.foreach_set("color", heat_colors(uncertainty).ravel())
    mesh.color_attributes.active_color = mesh.color_attributes[HEAT_ATTRIBUTE]
    mesh.materials.append(skin)
    obj = new.add(bpy.data.objects.new(name, mesh))
    obj[HEAT_SWITCH] = float(heatmap)
    obj.id_properties_ui(HEAT_SWITCH).update(
        min=0.0, max=1.0, description="1 shows the uncertainty, 0 the plain skin"
    )
    return obj
