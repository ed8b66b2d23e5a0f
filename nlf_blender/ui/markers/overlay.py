# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers over 3D Views: their colours and names, and what the tool is about to do."""

from __future__ import annotations

from dataclasses import dataclass

import blf
import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from numpy.typing import NDArray

from ...body.arrays import Float64Array, IntArray
from ...scene.markers.marker_sets import marker_name
from ..take.overlay import Color, Overlay, draw_lines
from .pointing import labelled_markers, pixels_of, scale, seen_at

MOST_LABELS = 1000
DOT, BIG_DOT = 3.5, 5.0  # pixels at scale 1, from the middle to a corner
TEXT = 11.0
CELL = np.array([40.0, TEXT])  # pixels at scale 1, in which one name has room
CELL.setflags(write=False)
PREVIEW_COLOR: Color = (1.0, 1.0, 1.0, 1.0)
LINE_COLOR: Color = (1.0, 1.0, 1.0, 0.6)
_FONT = 0


@dataclass(frozen=True, eq=False)
class Preview:
    """What the tool would do if the button were released now. points [K,3]: where markers would
    be; way [2,3] or None: through the body; both in the world; text: in words."""

    points: Float64Array
    way: Float64Array | None
    text: str


class Drawing:
    """What is drawn beside the markers themselves, and in which region."""

    def __init__(self) -> None:
        self.preview: Preview | None = None
        self.region: bpy.types.Region | None = None
        self.overlay = Overlay("POST_PIXEL", self._draw)

    def show(self, region: bpy.types.Region, preview: Preview) -> None:
        """Show in a region what is about to be."""
        self.region, self.preview = region, preview
        region.tag_redraw()

    def clear(self) -> None:
        """Show it no more."""
        if self.region is not None:
            self.region.tag_redraw()
        self.region = self.preview = None

    def _draw(self) -> None:
        context = bpy.context
        if not context.space_data.overlay.show_overlays:
            return
        markers = labelled_markers(context)[:MOST_LABELS]
        if markers:
            _draw_markers(context, markers)
        if self.preview is not None and self.region == context.region:
            _draw_preview(context, self.preview)


DRAWING = Drawing()


def _draw_markers(context: bpy.types.Context, markers: list[bpy.types.Object]) -> None:
    seen = seen_at(context.region, context.region_data, markers)
    there = np.isfinite(seen).all(axis=1) & (seen >= 0).all(axis=1)
    there &= (seen <= (context.region.width, context.region.height)).all(axis=1)
    colors = encoded(np.array([tuple(obj.color) for obj in markers]))
    sizes = np.array([BIG_DOT if obj.select_get() else DOT for obj in markers])
    draw_dots(seen[there], colors[there], sizes[there] * scale(context))
    if not context.scene.nlf_marking.labels:
        return
    _begin_text(context)
    for index in roomy(seen, np.flatnonzero(there), sizes == BIG_DOT, CELL * scale(context)):
        draw_label(seen[index], marker_name(markers[index]), _readable(colors[index]))
    blf.disable(_FONT, blf.SHADOW)


def roomy(
    places: Float64Array, indices: IntArray, always: NDArray[np.bool_], cell: Float64Array
) -> list[int]:
    """Which of the places [K,2] at these indices get a label: those of `always` [K], and the first
    in each cell of so many pixels [2], so that names do not lie on each other."""
    cells = [tuple(place) for place in (np.nan_to_num(places) // cell).astype(int).tolist()]
    taken = {cells[index] for index in indices if always[index]}
    chosen: list[int] = []
    for index in map(int, indices):
        if always[index] or cells[index] not in taken:
            taken.add(cells[index])
            chosen.append(index)
    return chosen


def _draw_preview(context: bpy.types.Context, preview: Preview) -> None:
    region, view = context.region, context.region_data
    if preview.way is not None:
        draw_lines(pixels_of(region, view, preview.way).tolist(), LINE_COLOR, 1.5)
    seen = pixels_of(region, view, preview.points)
    seen = seen[np.isfinite(seen).all(axis=1)]
    if not len(seen):
        return
    size = np.full(len(seen), BIG_DOT * scale(context))
    draw_dots(seen, np.tile(PREVIEW_COLOR, (len(seen), 1)), size)
    _begin_text(context)
    draw_label(seen[0] + (0, -2.0 * TEXT * scale(context)), preview.text, PREVIEW_COLOR)
    blf.disable(_FONT, blf.SHADOW)


def encoded(colors: Float64Array) -> Float64Array:
    """Linear RGBA [K,4] as sRGB, which is what a view's pixels are."""
    linear = np.clip(colors[:, :3], 0.0, 1.0)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, curved)
    return np.concatenate([rgb, colors[:, 3:]], axis=1)


def draw_dots(places: Float64Array, colors: Float64Array, sizes: Float64Array) -> None:
    """Diamonds at pixels [K,2] in colours [K,4], each as wide from the middle as sizes [K] say."""
    corners = np.array([[1, 0], [0, 1], [-1, 0], [-1, 0], [0, -1], [1, 0]], dtype=np.float64)
    points = places[:, None] + sizes[:, None, None] * corners
    shader = gpu.shader.from_builtin("FLAT_COLOR")
    content = {
        "pos": points.reshape(-1, 2).astype(np.float32).tolist(),
        "color": np.repeat(colors, len(corners), axis=0).astype(np.float32).tolist(),
    }
    batch_for_shader(shader, "TRIS", content).draw(shader)


def draw_label(place: Float64Array, text: str, color: Color) -> None:
    """A text to the right of a pixel [2]."""
    blf.color(_FONT, *color)
    blf.position(_FONT, float(place[0]) + 7.0, float(place[1]) - 4.0, 0.0)
    blf.draw(_FONT, text)


def _begin_text(context: bpy.types.Context) -> None:
    blf.size(_FONT, TEXT * scale(context))
    blf.enable(_FONT, blf.SHADOW)
    blf.shadow(_FONT, 3, 0.0, 0.0, 0.0, 0.9)
    blf.shadow_offset(_FONT, 0, 0)


def _readable(color: Float64Array) -> Color:
    """A marker's colour, half way to white."""
    red, green, blue = (0.5 + 0.5 * float(value) for value in color[:3])
    return red, green, blue, 1.0


def register() -> None:
    """Draw from now on."""
    if not bpy.app.background:
        DRAWING.overlay.show()


def unregister() -> None:
    """Draw no more."""
    DRAWING.overlay.hide()
    DRAWING.clear()
