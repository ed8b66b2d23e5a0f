# SPDX-License-Identifier: GPL-3.0-or-later
"""The People panel: who is in the active take, what they are called, whom the scene shall have."""

from __future__ import annotations

from pathlib import Path

import bpy
import bpy.utils.previews

from ...bridge.task import SOMEBODY_NEW
from ...errors import UserError
from ...protocol.edits import Edit
from ...protocol.solution import SOLUTION_FOLDER, PersonInfo, SolutionInfo
from .active_take import ActiveTake, active_take, person_with
from .solve_requests import REQUESTS
from .take_properties import active_person
from .take_store import STORE
from .take_view import TakePanel, draw_box_job, draw_no_take, draw_take_error, solving

PICTURE_SCALE = 5.0  # of the active person's thumbnail


class Thumbnails:
    """The people's pictures as icons, as many as were shown last."""

    MOST = 256

    def __init__(self) -> None:
        self._icons: bpy.utils.previews.ImagePreviewCollection | None = None

    def icon(self, path: Path) -> int:
        """The icon of a picture, 0 if it is not there. A new solution's has a new name."""
        if self._icons is None:
            self._icons = bpy.utils.previews.new()
        name = str(path)
        if name not in self._icons:
            if not path.is_file():
                return 0
            if len(self._icons) >= self.MOST:
                self._icons.clear()
            self._icons.load(name, name, "IMAGE")
        return self._icons[name].icon_id

    def free(self) -> None:
        """Give the icons back to Blender."""
        if self._icons is not None:
            bpy.utils.previews.remove(self._icons)
            self._icons = None

    def __len__(self) -> int:
        return 0 if self._icons is None else len(self._icons)


THUMBNAILS = Thumbnails()


def thumbnail(take: Path, info: PersonInfo) -> int:
    """The icon of a person's picture, 0 if there is none."""
    return THUMBNAILS.icon(take / SOLUTION_FOLDER / info.thumbnail) if info.thumbnail else 0


class NLF_UL_take_people(bpy.types.UIList):
    """The people of the active take."""

    bl_idname = "NLF_UL_take_people"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        data: bpy.types.PropertyGroup,
        item: bpy.types.PropertyGroup,
        icon: int,
        active_data: bpy.types.PropertyGroup,
        active_property: str,
        index: int = 0,
    ) -> None:
        """One person: picture, name, frames in which they were seen, whether they are kept."""
        take = active_take(context)
        info = person_with(take.solution() if take else None, item.person)
        if take is None or info is None:
            return
        split = layout.split(factor=0.62)
        name = split.row()
        name.active = item.kept
        picture = thumbnail(take.folder, info)
        if picture:
            name.prop(item, "name", text="", emboss=False, icon_value=picture)
        else:
            name.prop(item, "name", text="", emboss=False, icon="USER")
        row = split.row()
        frames = row.row()
        frames.active = False
        frames.alignment = "RIGHT"
        frames.label(text=str(info.sightings), translate=False)
        row.prop(item, "kept", text="")

    def filter_items(
        self, context: bpy.types.Context, data: bpy.types.PropertyGroup, propname: str
    ) -> tuple[list[int], list[int]]:
        """Keep those whose name holds the text that is looked for."""
        wanted = self.filter_name.lower()
        if not wanted:
            return [], []
        people = getattr(data, propname)
        return [
            self.bitflag_filter_item if wanted in item.name.lower() else 0 for item in people
        ], []


class NLF_PT_people(TakePanel, bpy.types.Panel):
    """Who is who in the footage."""

    bl_label = "People"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the panel."""
        layout, take = self.layout, active_take(context)
        if take is None:
            draw_no_take(layout, context)
            return
        try:
            solution = STORE.solution(take.folder)
            edits = REQUESTS.edits(take.folder)
        except UserError as error:
            draw_take_error(layout, context, take, error)
            return
        _draw_list(layout, context, solution)
        info = person_with(solution, active_person(context))
        _draw_active(layout, take, info)
        _draw_tools(layout, context, take, info, edits)


def _draw_list(
    layout: bpy.types.UILayout, context: bpy.types.Context, solution: SolutionInfo
) -> None:
    view = context.window_manager.nlf_take
    if not is_current(view, solution):
        schedule_sync()
    rows = min(max(len(solution.people), 2), 6)
    layout.template_list("NLF_UL_take_people", "", view, "people", view, "person_index", rows=rows)
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(view, "max_people")


def _draw_active(layout: bpy.types.UILayout, take: ActiveTake, info: PersonInfo | None) -> None:
    if info is None:
        layout.label(text="Click a person", icon="INFO")
        return
    row = layout.row()
    picture = thumbnail(take.folder, info)
    if picture:
        row.template_icon(icon_value=picture, scale=PICTURE_SCALE)
    column = row.column(align=True)
    first, last = map(take.scene_frame, info.frames)
    column.label(text=f"Frames {first} to {last}", translate=False)
    column.label(text=f"Seen in {info.sightings} frames", translate=False)
    column.menu("NLF_MT_merge_people", icon="AUTOMERGE_ON")
    column.operator("nlf.split_person", icon="MOD_EDGESPLIT")


def _draw_tools(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    take: ActiveTake,
    info: PersonInfo | None,
    edits: tuple[Edit, ...],
) -> None:
    column = layout.column(align=True)
    if info is not None:
        text = f"Draw Box of {info.name}"
        column.operator("nlf.draw_box", text=text, icon="SELECT_SET").person = info.id
    text = "Draw Box of New Person"
    column.operator("nlf.draw_box", text=text, icon="ADD").person = SOMEBODY_NEW
    row = layout.row()
    if solving(take):
        row.label(text="Solving", icon="TIME")
    else:
        count = f"{len(edits)} edit{'' if len(edits) == 1 else 's'}"
        row.label(text=count, translate=False)
    row.operator("nlf.undo_edit", icon="LOOP_BACK")
    draw_box_job(layout, context, take)


def is_current(view: bpy.types.PropertyGroup, solution: SolutionInfo) -> bool:
    """Whether the list has the people of this solution."""
    people = view.people
    return len(people) == len(solution.people) and all(
        item.person == info.id for item, info in zip(people, solution.people, strict=True)
    )


def sync() -> None:
    """Give the list the people of the active take."""
    take, view = active_take(bpy.context), bpy.context.window_manager.nlf_take
    solution = take.solution() if take else None
    view.people.clear()
    for info in solution.people if solution else ():
        view.people.add().person = info.id


def schedule_sync() -> None:
    """Have it done soon, since nothing may be changed while panels are drawn."""
    if not bpy.app.timers.is_registered(sync):
        bpy.app.timers.register(sync, first_interval=0.0)


CLASSES = (NLF_UL_take_people, NLF_PT_people)


@bpy.app.handlers.persistent
def _before_another_file(*_: object) -> None:
    THUMBNAILS.free()


def register() -> None:
    """Notice when another file is opened."""
    bpy.app.handlers.load_pre.append(_before_another_file)


def unregister() -> None:
    """Free the pictures."""
    bpy.app.handlers.load_pre.remove(_before_another_file)
    if bpy.app.timers.is_registered(sync):
        bpy.app.timers.unregister(sync)
    THUMBNAILS.free()
