# SPDX-License-Identifier: GPL-3.0-or-later
"""From the pixels of a 3D View that looks through a camera to those of the footage behind it.

Footage fills the camera's frame. Its pixels are counted as everywhere: the middle of the top-left
one is (0, 0), so the picture reaches from -0.5 to width - 0.5.
"""

from __future__ import annotations

from typing import NamedTuple

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d

from ...protocol.settings import Box

SMALLEST_SIDE = 8.0  # pixels of the source; a click is no box
ASPECT_TOLERANCE = 0.01  # relative


class Frame(NamedTuple):
    """Where a region shows the camera's frame: pixels from the region's lower left corner."""

    left: float
    bottom: float
    right: float
    top: float


def camera_frame(
    region: bpy.types.Region,
    view: bpy.types.RegionView3D,
    camera: bpy.types.Object,
    scene: bpy.types.Scene,
) -> Frame | None:
    """Where the frame of the camera that the view looks through is, whatever zoom and offset; None
    if it is not there."""
    matrix = camera.matrix_world.normalized()  # a camera's scale does not count
    corners = [
        location_3d_to_region_2d(region, view, matrix @ corner)
        for corner in camera.data.view_frame(scene=scene)
    ]
    if any(corner is None for corner in corners):
        return None
    xs, ys = [corner.x for corner in corners], [corner.y for corner in corners]
    frame = Frame(min(xs), min(ys), max(xs), max(ys))
    return frame if frame.right > frame.left and frame.top > frame.bottom else None


def has_aspect(frame: Frame, width: int, height: int) -> bool:
    """Whether a frame has the shape of a picture of this size, so that it shows it undistorted."""
    shown = (frame.right - frame.left) / (frame.top - frame.bottom)
    return abs(shown * height / width - 1.0) <= ASPECT_TOLERANCE


def source_box(
    start: tuple[float, float], end: tuple[float, float], frame: Frame, width: int, height: int
) -> Box | None:
    """The box x0, y0, x1, y1 in pixels of the source between two points of the region, as far as it
    is in the picture; None if that is too small."""
    across, up = width / (frame.right - frame.left), height / (frame.top - frame.bottom)
    xs = sorted((min(max((x - frame.left) * across, 0.0), width) - 0.5) for x in (start[0], end[0]))
    ys = sorted((min(max((frame.top - y) * up, 0.0), height) - 0.5) for y in (start[1], end[1]))
    if xs[1] - xs[0] < SMALLEST_SIDE or ys[1] - ys[0] < SMALLEST_SIDE:
        return None
    return xs[0], ys[0], xs[1], ys[1]
