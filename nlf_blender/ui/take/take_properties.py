# SPDX-License-Identifier: GPL-3.0-or-later
"""The active take as properties that Blender can draw: its people and how it is solved.

They hold nothing themselves: they show what the take's folder says, or what was just wanted of it,
and changing one asks for a new solution. So several takes in one scene never mix, and Blender's
undo, which cannot reach the folder, does not make them lie. They are the window manager's, for the
same reason.
"""

from __future__ import annotations

import bpy

from ...bridge.task import SOLVE
from ...errors import UserError
from ...protocol.edits import DROP, KEEP, RENAME, Edit
from ..jobs.runtime import RUNTIME
from ..selection import select_person
from .active_take import ActiveTake, active_take, person_with
from .solve_properties import SolveProperties
from .solve_requests import REQUESTS


def _edit_active(edit: Edit) -> None:
    """Add an edit to the active take; what goes wrong is shown in its panel."""
    take = active_take(bpy.context)
    if take is None:
        return
    try:
        REQUESTS.add_edit(take.folder, edit)
    except UserError as error:
        RUNTIME.fail(error, SOLVE)


def _pending(take: ActiveTake) -> tuple[Edit, ...]:
    """The edits that the solution does not have yet."""
    solution = take.solution()
    try:
        wanted = REQUESTS.edits(take.folder)
    except UserError:
        return ()
    return wanted[len(solution.edits) :] if solution else wanted


def _get_name(self: NLF_TakePerson) -> str:
    take = active_take(bpy.context)
    if take is None:
        return ""
    info = person_with(take.solution(), self.person)
    renamed = [e.name for e in _pending(take) if e.kind == RENAME and e.person == self.person]
    return renamed[-1] if renamed else info.name if info else ""


def _set_name(self: NLF_TakePerson, value: str) -> None:
    name = value.strip()
    if name and name != self.name:
        _edit_active(Edit(RENAME, self.person, name=name))


def _get_kept(self: NLF_TakePerson) -> bool:
    take = active_take(bpy.context)
    if take is None:
        return False
    info = person_with(take.solution(), self.person)
    edits = [e for e in _pending(take) if e.kind in (DROP, KEEP) and e.person == self.person]
    return edits[-1].kind == KEEP if edits else bool(info and info.kept)


def _set_kept(self: NLF_TakePerson, value: bool) -> None:
    if value != self.kept:
        _edit_active(Edit(KEEP if value else DROP, self.person))


def _get_index(self: NLF_TakeView) -> int:
    person = active_person(bpy.context)
    return next((i for i, item in enumerate(self.people) if item.person == person), -1)


def _set_index(self: NLF_TakeView, value: int) -> None:
    take = active_take(bpy.context)
    if take is None or not 0 <= value < len(self.people):
        return
    person = self.people[value].person
    rig = take.rigs(bpy.context.scene).get(person)
    if rig is not None:
        select_person(bpy.context, rig)
    obj = bpy.context.object
    self.chosen, self.chosen_beside = person, 0 if obj is None else obj.session_uid


def active_person(context: bpy.types.Context) -> int | None:
    """The id of the person at hand: clicked in the list since the active object changed last, else
    the one that it belongs to; None if there is neither."""
    take, view = active_take(context), context.window_manager.nlf_take
    if take is None:
        return None
    beside = 0 if context.object is None else context.object.session_uid
    if view.chosen >= 0 and view.chosen_beside == beside:
        return view.chosen
    return take.person


class NLF_TakePerson(bpy.types.PropertyGroup):
    """One person of the active take."""

    person: bpy.props.IntProperty(name="Id", default=-1)
    name: bpy.props.StringProperty(
        name="Name", description="What this person is called", get=_get_name, set=_set_name
    )
    kept: bpy.props.BoolProperty(
        name="In Scene",
        description="Keep this person in the scene; those who are not kept are hidden",
        get=_get_kept,
        set=_set_kept,
    )


class NLF_TakeView(SolveProperties, bpy.types.PropertyGroup):
    """The active take."""

    people: bpy.props.CollectionProperty(type=NLF_TakePerson)
    person_index: bpy.props.IntProperty(name="Person", get=_get_index, set=_set_index)
    chosen: bpy.props.IntProperty(default=-1)
    chosen_beside: bpy.props.IntProperty(description="The active object's session_uid at that time")
    keep_keys: bpy.props.BoolProperty(
        name="Keep My Keys",
        description="Keys that you set among the solved ones stay when the take is solved again",
        default=True,
    )
    in_range: bpy.props.BoolProperty(
        name="Only In Range",
        description="Solving again replaces keys within the preview range only, or the scene's "
        "range where there is none; all others stay as they are",
    )
    blend: bpy.props.IntProperty(
        name="Blend Frames",
        description="Over how many frames new motion passes into what stays",
        min=0,
        max=100,
        default=5,
    )


CLASSES = (NLF_TakePerson, NLF_TakeView)


def register() -> None:
    """Give Blender's session the properties."""
    bpy.types.WindowManager.nlf_take = bpy.props.PointerProperty(type=NLF_TakeView)


def unregister() -> None:
    """Take them away again."""
    del bpy.types.WindowManager.nlf_take
