# SPDX-License-Identifier: GPL-3.0-or-later
"""The heat map of uncertainty: its colours, and the switch that shows them."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np
from numpy.typing import NDArray

# Colours are comparable between people, takes and scenes: the scale is fixed.
FULL_SCALE_METRES = 0.1

UNCERTAINTY_ATTRIBUTE = "uncertainty"  # float, POINT, metres
HEAT_ATTRIBUTE = "uncertainty_heat"  # colour, POINT
HEAT_SWITCH = "nlf_heatmap"  # custom property of objects: 1.0 shows heat, 0.0 plain skin

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


def heat_colors(uncertainty: NDArray[np.floating]) -> NDArray[np.float32]:
    """Linear RGBA [N,4] of uncertainties [N] in metres: 0 is dark blue, 0.1 and more yellow."""
    level = np.clip(np.asarray(uncertainty, dtype=np.float64) / FULL_SCALE_METRES, 0.0, 1.0)
    lightness = LIGHTNESS[0] + (LIGHTNESS[1] - LIGHTNESS[0]) * level
    hue = np.radians(HUE_DEGREES[0] + (HUE_DEGREES[1] - HUE_DEGREES[0]) * level)
    oklab = np.stack([lightness, CHROMA * np.cos(hue), CHROMA * np.sin(hue)], axis=-1)
    cones = (oklab @ CONES_FROM_OKLAB.T) ** 3
    colors = np.ones((*level.shape, 4), dtype=np.float32)
    colors[..., :3] = np.clip(cones @ LINEAR_RGB_FROM_CONES.T, 0.0, 1.0)
    return colors


def set_heatmap(objects: Iterable[bpy.types.Object], on: bool) -> None:
    """Show the heat map or the plain skin on those of the objects that have a heat map."""
    for obj in objects:
        if HEAT_SWITCH in obj:
            obj[HEAT_SWITCH] = float(on)
            obj.update_tag()
