# SPDX-License-Identifier: GPL-3.0-or-later
"""Correcting who is who: joining people, parting them, taking a correction back."""

from __future__ import annotations

import bpy

from ...bridge.task import SOLVE
from ...errors import UserError
from ...protocol.edits import MERGE, SPLIT, Edit
from ...protocol.solution import PersonInfo
from ...scene.footage.objects import person_id, take_folder
from ...scene.footage.scene_time import source_frame
from ..jobs.runtime import errors_reported
from .active_take import ActiveTake, active_take, person_with
from .solve_requests import REQUESTS, box_under_way
from .take_properties import active_person

SELECTED = -1  # as the other person: those whose rigs are selected


def can_edit(cls: type[bpy.types.Operator], context: bpy.types.Context) -> ActiveTake | None:
    """The take at hand if its people can be edited now; else None, and the operator says why."""
    take = active_take(context)
    if take is None:
        cls.poll_message_set("Select a person or a camera that was imported from footage")
        return None
    if take.solution() is None:
        cls.poll_message_set("The take has no solution that can be read")
        return None
    if box_under_way(take.folder):
        cls.poll_message_set("Wait until the box is localized")
        return None
    return take


def person_at_hand(
    cls: type[bpy.types.Operator], context: bpy.types.Context
) -> tuple[ActiveTake, PersonInfo] | None:
    """The take and the active person, if they can be edited; else the operator says why."""
    take = can_edit(cls, context)
    if take is None:
        return None
    info = person_with(take.solution(), active_person(context))
    if info is None:
        cls.poll_message_set("Click a person in the list")
        return None
    return take, info


def selected_people(context: bpy.types.Context, take: ActiveTake) -> list[int]:
    """The ids of the people of this take with something selected, in order."""
    objects = [obj for obj in context.selected_objects if take_folder(obj) == take.folder]
    return sorted({p for p in map(person_id, objects) if p is not None})


class NLF_OT_merge_people(bpy.types.Operator):
    """This is the same person as the active one: their sightings are joined"""

    bl_idname = "nlf.merge_people"
    bl_label = "Merge Into Active"

    other: bpy.props.IntProperty(default=SELECTED, options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a person to merge into."""
        return person_at_hand(cls, context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add the edits."""
        found = person_at_hand(type(self), context)
        if found is None:
            return {"CANCELLED"}
        take, info = found
        others = [self.other] if self.other != SELECTED else selected_people(context, take)
        others = [other for other in others if other != info.id]
        if not others:
            self.report({"WARNING"}, "Select the rigs of the other people, too")
            return {"CANCELLED"}
        with errors_reported(self, SOLVE):
            for other in others:
                REQUESTS.add_edit(take.folder, Edit(MERGE, info.id, other=other))
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_MT_merge_people(bpy.types.Menu):
    """Whom to merge into the active person"""

    bl_idname = "NLF_MT_merge_people"
    bl_label = "Merge"

    def draw(self, context: bpy.types.Context) -> None:
        """The selected rigs, and everybody else."""
        layout, take = self.layout, active_take(context)
        solution = take.solution() if take else None
        if solution is None:
            return
        layout.operator("nlf.merge_people", text="Selected Rigs", icon="RESTRICT_SELECT_OFF")
        layout.separator()
        active = active_person(context)
        for info in solution.people:
            if info.id != active:
                first, last = map(take.scene_frame, info.frames)
                text = f"{info.name}, frames {first} to {last}"
                button = layout.operator("nlf.merge_people", text=text, translate=False)
                button.other = info.id


class NLF_OT_split_person(bpy.types.Operator):
    """From the current frame on, the active person is somebody else"""

    bl_idname = "nlf.split_person"
    bl_label = "Split Here"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a person to split."""
        return person_at_hand(cls, context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add the edit, if both parts have frames."""
        found = person_at_hand(type(self), context)
        if found is None:
            return {"CANCELLED"}
        take, info = found
        with errors_reported(self, SOLVE):
            frame = current_source_frame(context, take)
            if not info.frames[0] < frame <= info.frames[1]:
                first, last = map(take.scene_frame, info.frames)
                raise UserError(
                    "Nothing to split",
                    f"{info.name} is seen from frame {first} to {last}; this is frame"
                    f" {context.scene.frame_current}.",
                    "Go to the first frame that shows somebody else.",
                )
            REQUESTS.add_edit(take.folder, Edit(SPLIT, info.id, frame=frame))
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_undo_edit(bpy.types.Operator):
    """Undo the last correction of this take's people: a merge, a split, a name, a person dropped or kept"""  # noqa: E501  # Blender shows it as one line

    bl_idname = "nlf.undo_edit"
    bl_label = "Undo Last Edit"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is an edit."""
        take = can_edit(cls, context)
        if take is None:
            return False
        try:
            edits = REQUESTS.edits(take.folder)
        except UserError as error:
            cls.poll_message_set(error.detail)
            return False
        if not edits:
            cls.poll_message_set("Nothing was edited")
        return bool(edits)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Solve without it."""
        take = active_take(context)
        if take is not None:
            with errors_reported(self, SOLVE):
                REQUESTS.undo_edit(take.folder)
                return {"FINISHED"}
        return {"CANCELLED"}


def current_source_frame(context: bpy.types.Context, take: ActiveTake) -> int:
    """The frame of the source that the scene shows now. UserError if nobody knows."""
    frame = source_frame(take.obj, context.scene.frame_current)
    if frame is None:
        raise UserError(
            "No footage time",
            f"The collection of {take.folder.name} was deleted, which knows when it plays.",
            "Import the take again.",
        )
    return frame


CLASSES = (NLF_OT_merge_people, NLF_MT_merge_people, NLF_OT_split_person, NLF_OT_undo_edit)
