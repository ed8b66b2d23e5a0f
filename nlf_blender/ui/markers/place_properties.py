# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators on markers are told: a ray in the world, or a canonical position."""

from __future__ import annotations

from typing import ClassVar

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...scene.markers.raycast import pierce
from .active_set import active_body

MIDDLE_SHARE = 0.5  # of the way through the body, where a marker goes that is placed inside


class ByRay:
    """Operators that are given a ray, or a canonical position. Both are for scripts; the mouse
    fills them in."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    origin: bpy.props.FloatVectorProperty(
        name="Ray Origin", description="In the world", options={"HIDDEN", "SKIP_SAVE"}
    )
    direction: bpy.props.FloatVectorProperty(
        name="Ray Direction",
        description="In the world; zero: the position is given instead",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    inside: bpy.props.BoolProperty(
        name="Inside",
        description="Inside of the body rather than on it",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    share: bpy.props.FloatProperty(
        name="Share",
        description="Of the way through the body, from front to back, for what goes inside",
        min=0.0,
        max=1.0,
        default=MIDDLE_SHARE,
        options={"HIDDEN", "SKIP_SAVE"},
    )
    position: bpy.props.FloatVectorProperty(
        name="Position",
        description="In canonical space: to the body's left, up, and to the front",
        unit="LENGTH",
        precision=4,
        options={"SKIP_SAVE"},
    )
    mirror: bpy.props.BoolProperty(
        name="X Mirror", description="On the other side, too", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In object mode, with a canonical body."""
        return context.mode == "OBJECT" and active_body(context) is not None

    def place(self, context: bpy.types.Context, body: bpy.types.Object) -> Float64Array | None:
        """The canonical position [3] that is asked for, None if the ray misses the body."""
        direction = np.array(self.direction)
        if not direction.any():
            return np.array(self.position)
        graph = context.evaluated_depsgraph_get()
        pierced = pierce(body, np.array(self.origin), direction, graph)
        if pierced is None:
            self.report({"WARNING"}, "The ray misses the canonical body")
            return None
        return pierced.at(self.share if self.inside else 0.0)
