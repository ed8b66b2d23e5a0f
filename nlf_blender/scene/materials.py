# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's skin: one plain colour, or the heat map where the object's switch is on."""

from __future__ import annotations

import bpy
import numpy as np

from .compat import node_tree
from .datablocks import NewDatablocks
from .heatmap import HEAT_SWITCH, UNCERTAINTY, HeatMap

# sRGB; told apart by people who see red and green alike, and from the blue and orange of sides
PERSON_COLORS = ("#2fb8a6", "#c85b9b", "#d9c23f", "#7a6bd1", "#6fae3a", "#b84a4a", "#8c8c8c")


def person_color(index: int) -> tuple[float, float, float, float]:
    """Linear RGBA of the person with this index, from 0; colours repeat after seven."""
    return linear_color(PERSON_COLORS[index % len(PERSON_COLORS)])


def linear_color(hex_color: str) -> tuple[float, float, float, float]:
    """Linear RGBA of an sRGB color written as #rrggbb."""
    encoded = np.array([int(hex_color[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    red, green, blue = linear.tolist()
    return red, green, blue, 1.0


def make_skin(
    new: NewDatablocks,
    name: str,
    color: tuple[float, float, float, float],
    heat_map: HeatMap = UNCERTAINTY,
) -> bpy.types.Material:
    """A material of this linear colour; objects with HEAT_SWITCH at 1 show the heat map."""
    material = new.add(bpy.data.materials.new(name))
    material.diffuse_color = color
    tree = node_tree(material)
    surface = next(n for n in tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled")
    surface.inputs["Roughness"].default_value = 0.6
    heat = _attribute_node(tree, heat_map.colors, "GEOMETRY", (-600, 100))
    switch = _attribute_node(tree, HEAT_SWITCH, "OBJECT", (-600, 400))
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    mix.location = (-250, 250)
    # a mix node has sockets of every data type under the same names
    plain_color, heat_color = (socket for socket in mix.inputs if socket.type == "RGBA")
    mixed_color = next(socket for socket in mix.outputs if socket.type == "RGBA")
    plain_color.default_value = color
    tree.links.new(switch.outputs["Fac"], mix.inputs[0])
    tree.links.new(heat.outputs["Color"], heat_color)
    tree.links.new(mixed_color, surface.inputs["Base Color"])
    return material


def _attribute_node(
    tree: bpy.types.NodeTree, name: str, kind: str, location: tuple[float, float]
) -> bpy.types.Node:
    node = tree.nodes.new("ShaderNodeAttribute")
    node.attribute_name = name
    node.attribute_type = kind
    node.location = location
    return node
