# SPDX-License-Identifier: GPL-3.0-or-later
"""The point sets of people in a photo: brought in with it, or renewed where the photo is in the
scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ...body.conventions import blender_points_from_camera
from ..datablocks import IMPORT_TAG, NewDatablocks
from ..footage.objects import PART, take_folder
from ..person.posing import UP
from ..photo_ground import find_ground
from ..take_people import Person, PersonObjects, Take, read_take
from .import_sets import bring_in_sets
from .person_sets import PersonSet
from .person_work import PersonWork

FIRST = 0  # the row that is imported of each person


def bring_in_photo_sets(
    new: NewDatablocks, take: Take, person: Person, objects: PersonObjects, height: float
) -> None:
    """Make or renew what was localized beside a person's body; height: of the camera over the
    ground, metres."""
    materials = [] if objects.body is None else objects.body.data.materials[:]
    work = PersonWork(
        new=new,
        take=take.folder,
        person=person.track.id,
        name=person.track.name,
        collection=objects.collection,
        rig=objects.rig,
        skin=next((material for material in materials if material is not None), None),
        files=[],
        notes=[],
    )
    bring_in_sets(work, [_in_world(own, height) for own in person.sets], take.sets.infos)


def _in_world(own: PersonSet, height: float) -> PersonSet:
    """The first of a photo's rows over the ground, in Blender's axes."""
    places = blender_points_from_camera(own.places[FIRST]) + height * UP
    return replace(own, places=places[None].astype(np.float32), doubt=own.doubt[FIRST : FIRST + 1])


def photo_folder(obj: bpy.types.Object) -> Path | None:
    """The take of the photo whose person's rig this is, or None."""
    if obj.type != "ARMATURE" or PART in obj or IMPORT_TAG not in obj:
        return None
    return take_folder(obj)


def update_photo(scene: bpy.types.Scene, folder: Path) -> list[str] | None:
    """Bring the markers and meshes of a photo that is in a scene up to date with its take. Returns
    what the user should know; None if the photo is not there. UserError, before anything is
    changed, if the take is damaged."""
    rigs = [obj for obj in scene.objects if photo_folder(obj) == folder.resolve()]
    if not rigs:
        return None
    take = read_take(folder)
    height = find_ground(take).height
    people = {person.track.name: person for person in take.people}
    for rig in rigs:
        person = people.get(str(rig.get("nlf_track", "")))
        if person is not None and rig.users_collection:
            _update_person(take, person, rig, height)
    return list(take.sets.notes)


def _update_person(take: Take, person: Person, rig: bpy.types.Object, height: float) -> None:
    new = NewDatablocks(rig[IMPORT_TAG])
    body = next((child for child in rig.children if child.type == "MESH"), None)
    objects = PersonObjects(person.track.id, rig.users_collection[0], rig, body, None)
    try:
        bring_in_photo_sets(new, take, person, objects, height)
    except BaseException:
        new.discard_all()
        raise
