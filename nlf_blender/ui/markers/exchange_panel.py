# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel of exports and imports of markers."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..jobs.job_view import draw_problem
from ..jobs.runtime import RUNTIME
from .exchange_work import EXCHANGE
from .panel import MarkersPanel


class NLF_PT_marker_exchange(MarkersPanel, bpy.types.Panel):
    """Markers for other programs, and from them."""

    bl_label = "Exchange"
    bl_parent_id = "NLF_PT_markers"
    bl_order = 9  # the last step of the work
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout = self.layout
        if RUNTIME.exchange.running:
            layout.label(text=RUNTIME.exchange.text, icon="TIME", translate=False)
            layout.operator("nlf.cancel_exchange", icon="CANCEL")
        else:
            layout.operator("nlf.export_markers", icon="EXPORT")
            layout.operator("nlf.import_markers", icon="IMPORT")
        draw_problem(layout, context, EXCHANGE)


CLASSES = (NLF_PT_marker_exchange,)
