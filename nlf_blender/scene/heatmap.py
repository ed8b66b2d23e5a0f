# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat maps of uncertainty and of distance: their colours, and the switch that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

HEAT_SWITCH = "nlf_heatmap"  # custom property of objects: 1.0 shows heat, 0.0 plain skin


@dataclass(frozen=True)
class HeatMap:
    """What a heat map shows. attribute: metres, a float per point; colors: its name as colours,
    which reach their end at full_scale: fixed, so that people, takes and scenes compare."""

    attribute: str
    colors: str
    full_scale: float
    description: str


UNCERTAINTY = HeatMap("uncertainty", "uncertainty_heat", 0.1, "the uncertainty")
SCAN_DISTANCE = HeatMap("scan_distance", "scan_distance_heat", 0.02, "the distance to the scan")

# The ramp in OkLCh: lightness rises evenly, so that it also reads in grey, while the hue goes
# from blue through red to yellow (degrees, past 360).
LIGHTNESS = (0.28, 0.93)
HUE_DEGREES = (275.0, 460.0)
CHROMA = 0.17

# Björn Ottosson's Oklab: from lightness and opponents to cube roots of cone responses, and from
# cone responses to linear sRGB.
CONES_FROM_OKLAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
LINEAR_RGB_FROM_CONES = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def heat_colors(values: NDArray[np.floating], full_scale: float) -> NDArray[np.float32]:
    """Linear RGBA [N,4] of values [N]: 0 is dark blue, full_scale and more yellow."""
    level = np.clip(np.asarray(values, dtype=np.float64) / full_scale, 0.0, 1.0)
    lightness = LIGHTNESS[0] + (LIGHTNESS[1] - LIGHTNESS[0]) * level
    hue = np.radians(HUE_DEGREES[0] + (HUE_DEGREES[1] - HUE_DEGREES[0]) * level)
    oklab = np.stack([lightness, CHROMA * np.cos(hue), CHROMA * np.sin(hue)], axis=-1)
    cones = (oklab @ CONES_FROM_OKLAB.T) ** 3
    colors = np.ones((*level.shape, 4), dtype=np.float32)
    colors[..., :3] = np.clip(cones @ LINEAR_RGB_FROM_CONES.T, 0.0, 1.0)
    return colors


def add_heatmap(
    obj: bpy.types.Object, heat: HeatMap, values: NDArray[np.floating], on: bool
) -> None:
    """Give a mesh object a heat map of values [V] in metres, and its switch."""
    mesh = obj.data
    plain = mesh.attributes.new(heat.attribute, "FLOAT", "POINT")
    plain.data.foreach_set("value", values.astype(np.float32))
    colors = mesh.color_attributes.new(heat.colors, "FLOAT_COLOR", "POINT")
    colors.data.foreach_set("color", heat_colors(values, heat.full_scale).ravel())
    mesh.color_attributes.active_color = mesh.color_attributes[heat.colors]
    obj[HEAT_SWITCH] = float(on)
    obj.id_properties_ui(HEAT_SWITCH).update(
        min=0.0, max=1.0, description=f"1 shows {heat.description}, 0 the plain skin"
    )


def set_heatmap(objects: Iterable[bpy.types.Object], on: bool) -> None:
    """Show the heat map or the plain skin on those of the objects that have a heat map."""
    for obj in objects:
        if HEAT_SWITCH in obj:
            obj[HEAT_SWITCH] = float(on)
            obj.update_tag()
