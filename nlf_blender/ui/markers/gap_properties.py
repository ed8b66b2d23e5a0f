# SPDX-License-Identifier: GPL-3.0-or-later
"""How an artist says when localized markers are shown."""

from __future__ import annotations

import bpy

from ...scene.markers.gap_options import Gaps


class GapProperties:
    """Properties of whatever asks for it."""

    gap_metres: bpy.props.FloatProperty(
        name="Marker Limit",
        description="Localized markers are not shown where they are less sure than this",
        unit="LENGTH",
        default=Gaps.threshold,
        min=0.0,
        soft_max=1.0,
        precision=3,
    )
    fill_gaps: bpy.props.BoolProperty(
        name="Fill Marker Gaps",
        description="Localized markers are shown also where they are unsure or were not seen:"
        " there, they follow the body",
        default=Gaps.fill,
    )
