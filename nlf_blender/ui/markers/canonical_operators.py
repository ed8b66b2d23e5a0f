# SPDX-License-Identifier: GPL-3.0-or-later
"""Add > Mesh > NLF Canonical Body."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ...errors import UserError
from ...protocol.marker_set import OPEN, SMPL, SMPLH, SMPLX
from ..jobs import job_pump
from ..jobs.runtime import RUNTIME, errors_reported
from ..setup.preferences import preferences
from .canonical_files import canonical_file
from .canonical_results import add_body
from .canonical_work import CANONICAL, BodyRequest

BODY_ITEMS = (
    (OPEN, "Open Body (CC0)", "The body that ships with the extension"),
    (SMPL, "SMPL", "From an SMPL file of yours, as chosen in the preferences"),
    (SMPLH, "SMPL-H", "From an SMPL-H file of yours, as chosen in the preferences"),
    (SMPLX, "SMPL-X", "From an SMPL-X file of yours, as chosen in the preferences"),
)


class NLF_OT_canonical_body_add(bpy.types.Operator):
    """Add the canonical body: the surface on which markers are placed, in NLF's canonical pose"""

    bl_idname = "mesh.nlf_canonical_body_add"
    bl_label = "NLF Canonical Body"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    body: bpy.props.EnumProperty(name="Body", items=BODY_ITEMS)
    location: bpy.props.FloatVectorProperty(
        name="Location", description="Of its soles", subtype="TRANSLATION", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In object mode."""
        return context.mode == "OBJECT"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it; a body that the worker has to make first comes when it is made."""
        with errors_reported(self, CANONICAL):
            work, location = RUNTIME.canonical, tuple(self.location)
            if self.body == OPEN:
                add_body(context, work.open_body(), OPEN, location)
                return {"FINISHED"}
            file = canonical_file(preferences(context), self.body)
            request = BodyRequest(
                self.body, file, work.small_file(file), context.scene.session_uid, location
            )
            if request.small.is_file():
                add_body(context, work.body(request.small), self.body, location)
            elif work.running:
                raise UserError(
                    "A canonical body is being made",
                    f"That of {work.coming.file} is not ready yet.",
                    "Wait until it is in the scene, and try again.",
                )
            else:
                work.begin(preferences(context).find_interpreter().path, request)
                job_pump.start()
                self.report({"INFO"}, "The canonical body is being made, and comes in a moment")
            return {"FINISHED"}
        return {"CANCELLED"}


def _draw_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    menu.layout.operator(NLF_OT_canonical_body_add.bl_idname, icon="OUTLINER_OB_ARMATURE")


CLASSES = (NLF_OT_canonical_body_add,)


def register() -> None:
    """Put it into the menu."""
    bpy.types.VIEW3D_MT_mesh_add.append(_draw_menu)


def unregister() -> None:
    """Take it out."""
    bpy.types.VIEW3D_MT_mesh_add.remove(_draw_menu)
