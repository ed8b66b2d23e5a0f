# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of localized markers where nobody saw them, or the localizer was unsure."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.markers.gap_options import Gaps
from ...scene.markers.gaps import has_gaps, stored_gaps
from ...scene.markers.result_markers import show_gaps_again
from .gap_properties import GapProperties


def gaps_root(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The parent of all localized markers of the person that an object belongs to, or None: the
    object, a parent of its, or, of a rig, a child."""
    if obj is None:
        return None
    own = next((child for child in obj.children if has_gaps(child)), None)
    while own is None and obj is not None:
        own = obj if has_gaps(obj) else None
        obj = obj.parent
    return own


class NLF_OT_marker_gaps(GapProperties, bpy.types.Operator):
    """Choose when the localized markers of the selected people are shown"""

    bl_idname = "nlf.marker_gaps"
    bl_label = "Unsure Markers"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A person with localized markers is active."""
        if gaps_root(context.object) is None:
            cls.poll_message_set("Select a person with localized markers that move")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin with what holds now, and ask at the mouse, unless the button says what to fill."""
        gaps, _ = stored_gaps(gaps_root(context.object))
        if not self.properties.is_property_set("gap_metres"):
            self.gap_metres = gaps.threshold
        if self.properties.is_property_set("fill_gaps"):
            return self.execute(context)
        self.fill_gaps = gaps.fill
        return context.window_manager.invoke_props_popup(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Key it anew, for all selected people."""
        chosen = [gaps_root(obj) for obj in (context.object, *context.selected_objects)]
        for root in {root for root in chosen if root is not None}:
            show_gaps_again(root, Gaps(self.gap_metres, self.fill_gaps))
        return {"FINISHED"}


CLASSES = (NLF_OT_marker_gaps,)
