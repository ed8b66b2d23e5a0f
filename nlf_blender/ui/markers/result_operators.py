# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of localized markers where nobody saw them, or the localizer was unsure."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...scene.markers.gap_options import Gaps
from ...scene.markers.gaps import has_gaps, stored_gaps
from ...scene.markers.result_markers import show_gaps_again


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


class NLF_OT_marker_gaps(bpy.types.Operator):
    """Choose when the localized markers of the selected people are shown"""

    bl_idname = "nlf.marker_gaps"
    bl_label = "Marker Gaps"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    threshold: bpy.props.FloatProperty(
        name="Limit",
        description="A marker that is less sure than this is not shown",
        unit="LENGTH",
        default=Gaps.threshold,
        min=0.0,
        soft_max=1.0,
        precision=3,
    )
    fill: bpy.props.BoolProperty(
        name="Fill Gaps",
        description="Show markers also where they are unsure or were not seen: there, they follow"
        " the body",
        default=Gaps.fill,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A person with localized markers is active."""
        if gaps_root(context.object) is None:
            cls.poll_message_set("Select a person with localized markers that move")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begin with what holds now."""
        gaps, _ = stored_gaps(gaps_root(context.object))
        if not self.properties.is_property_set("threshold"):
            self.threshold = gaps.threshold
        if not self.properties.is_property_set("fill"):
            self.fill = gaps.fill
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Key it anew, for all selected people."""
        chosen = [gaps_root(obj) for obj in (context.object, *context.selected_objects)]
        for root in {root for root in chosen if root is not None}:
            show_gaps_again(root, Gaps(self.threshold, self.fill))
        return {"FINISHED"}


CLASSES = (NLF_OT_marker_gaps,)
