# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines drawn over 3D Views for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bpy
import gpu
from gpu_extras.batch import batch_for_shader

Color = tuple[float, float, float, float]
SHADER = "POLYLINE_UNIFORM_COLOR"


class Overlay:
    """A drawing that Blender repeats in every 3D View while it is shown. stage: "POST_VIEW" draws
    in the world, "POST_PIXEL" in the region's pixels."""

    def __init__(self, stage: str, draw: Callable[[], None]) -> None:
        self._stage = stage
        self._draw = draw
        self._handle: object | None = None

    @property
    def shown(self) -> bool:
        """Whether Blender draws it."""
        return self._handle is not None

    def show(self) -> None:
        """Have it drawn from now on."""
        if self._handle is None:
            add = bpy.types.SpaceView3D.draw_handler_add
            self._handle = add(self._draw, (), "WINDOW", self._stage)

    def hide(self) -> None:
        """Have it drawn no more."""
        if self._handle is not None:
            bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
            self._handle = None


def draw_lines(points: Sequence[Any] | Any, color: Color, width: float) -> None:
    """Draw a line between each two points [2n,2 or 3]; width: pixels at scale 1."""
    shader = gpu.shader.from_builtin(SHADER)
    batch = batch_for_shader(shader, "LINES", {"pos": points})
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", width * (bpy.context.preferences.system.ui_scale or 1.0))
    shader.uniform_float("color", color)
    gpu.state.blend_set("ALPHA")
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def tag_views() -> None:
    """Have all 3D Views drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
