# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators and the list for what was imported: people, their parts, the heat map."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from ..scene import set_heatmap
from ..scene.heatmap import HEAT_SWITCH
from .selection import is_rig, person_of, show

PART_ITEMS = (
    ("rig", "Armature", "The fitted armature"),
    ("body", "Body", "The skinned mesh"),
    ("points", "Points", "The nonparametric mesh: every vertex where it was localized"),
)


class NLF_UL_people(bpy.types.UIList):
    """The imported people of the scene."""

    bl_idname = "NLF_UL_people"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.BlendData,
        item: bpy.types.Object,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_property: str,
        index: int = 0,
    ) -> None:
        """One person: the name, and the photo."""
        split = layout.split(factor=0.65)
        split.prop(item, "name", text="", emboss=False, icon="OUTLINER_OB_ARMATURE")
        row = split.row()
        row.active = False
        row.label(text=Path(item.get("nlf_source", "")).name, translate=False)

    def filter_items(
        self, context: bpy.types.Context, data: bpy.types.BlendData, propname: str
    ) -> tuple[list[int], list[int]]:
        """Keep the rigs of this scene."""
        wanted = self.filter_name.lower()
        scene = context.scene
        flags = [
            self.bitflag_filter_item
            if is_rig(obj) and scene in obj.users_scene and wanted in obj.name.lower()
            else 0
            for obj in getattr(data, propname)
        ]
        return flags, []


class NLF_OT_show_part(bpy.types.Operator):
    """Show or hide this part of the person"""

    bl_idname = "nlf.show_part"
    bl_label = "Show or Hide"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    part: bpy.props.EnumProperty(items=PART_ITEMS, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an active person."""
        return person_of(context.object) is not None

    @classmethod
    def description(cls, context: bpy.types.Context, properties: NLF_OT_show_part) -> str:
        """What the part is."""
        return next(text for name, _, text in PART_ITEMS if name == properties.part)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch it."""
        person = person_of(context.object)
        obj = getattr(person, self.part) if person else None
        if obj is None:
            self.report({"WARNING"}, "This part of the person was deleted")
            return {"CANCELLED"}
        show(obj, not obj.visible_get())
        return {"FINISHED"}


class NLF_OT_heatmap(bpy.types.Operator):
    """Colour points by their uncertainty, from dark blue, sure, to yellow, 10 cm and more; a body from a scan by its distance to it, yellow from 2 cm. Shows in Material Preview and in renders"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.heatmap"
    bl_label = "Heat Map"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an active person with something to colour."""
        person = person_of(context.object)
        return person is not None and person.heat is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch it; a hidden mesh is shown, since its colours were asked for."""
        person = person_of(context.object)
        if person is None or person.heat is None:
            return {"CANCELLED"}
        on = not person.heat[HEAT_SWITCH]
        set_heatmap([person.heat], on)
        if on:
            show(person.heat, True)
        return {"FINISHED"}


CLASSES = (NLF_UL_people, NLF_OT_show_part, NLF_OT_heatmap)
