# SPDX-License-Identifier: GPL-3.0-or-later
"""What placing and dragging a marker have in common while the button is held."""

from __future__ import annotations

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.sides import mirrored
from ...scene.markers.canonical_body import world_from_canonical
from ...scene.markers.mirroring import on_middle, to_middle
from ...scene.markers.raycast import Pierced, closest_skin, pierce
from ...scene.markers.snapping import PIXELS, SnapTargets
from .overlay import DRAWING, Preview
from .pointing import Mouse, scale, view_ray, view_screen

WHEEL_SHARE = 0.05
_WHEEL = {"WHEELUPMOUSE": WHEEL_SHARE, "WHEELDOWNMOUSE": -WHEEL_SHARE}
KEYS = "Alt: inside   |   Wheel: depth   |   Ctrl: snap   |   Esc, right click: cancel"


class HeldButton:
    """An operator that follows the mouse on one canonical body until the button is released.

    pointed: where the marker would be, canonical, metres; None until the body is under the mouse.
    """

    def begin(self, context: bpy.types.Context, body: bpy.types.Object, share: float) -> None:
        """Take over the mouse. share: of the way through the body, for what goes inside."""
        self.pointed: Float64Array | None = None
        self._body, self._share = body, share
        self._targets: SnapTargets | None = None
        self._mirror = context.scene.nlf_marking.mirror
        context.workspace.status_text_set(KEYS)
        context.window_manager.modal_handler_add(self)

    def end(self, context: bpy.types.Context) -> None:
        """Leave no trace, whatever ends it."""
        DRAWING.clear()
        context.workspace.status_text_set(None)
        if context.area is not None:
            context.area.header_text_set(None)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends it, as when another file is opened."""
        self.end(context)

    def turned_wheel(self, event: bpy.types.Event) -> bool:
        """Whether the event is the wheel's, which changes the depth."""
        if event.type not in _WHEEL:
            return False
        self._share = float(np.clip(self._share + _WHEEL[event.type], 0.0, 1.0))
        return True

    def point(self, context: bpy.types.Context, mouse: Mouse, inside: bool, snap: bool) -> None:
        """Find where the mouse points, and show it. Beside the body the last place stays."""
        region, view = context.region, context.region_data
        ray = view_ray(region, view, mouse)
        text, way = "", None
        target = None
        if snap:
            self._targets = self._targets or SnapTargets(self._body)
            screen = view_screen(region, view, ray)
            target = self._targets.nearest(screen, mouse, PIXELS * scale(context))
        if target is not None:
            self.pointed, text = target.position, f"Snapped to {target.label}"
        else:
            pierced = pierce(self._body, *ray, context.evaluated_depsgraph_get())
            if pierced is None:
                return
            self.pointed = pierced.at(self._share if inside else 0.0)
            if inside:
                text, way = self._inside_text(context, pierced), pierced
        self._show(context, text, way)

    def _inside_text(self, context: bpy.types.Context, pierced: Pierced) -> str:
        skin = closest_skin(self._body, self.pointed, context.evaluated_depsgraph_get())
        under = f", {1e3 * skin.depth:.0f} mm under the skin" if skin is not None else ""
        reached, whole = 1e3 * self._share * pierced.thickness, 1e3 * pierced.thickness
        return f"{reached:.0f} of {whole:.0f} mm through{under}"

    def _show(self, context: bpy.types.Context, text: str, way: Pierced | None) -> None:
        points = [self.pointed]
        if self._mirror and on_middle(self.pointed):
            points = [to_middle(self.pointed)]
        elif self._mirror:
            points.append(mirrored(self.pointed))
        world = world_from_canonical(self._body, np.array(points))
        line = None if way is None else world_from_canonical(self._body, np.array(way))
        DRAWING.show(context.region, Preview(world, line, text))
        context.area.header_text_set(text or None)
