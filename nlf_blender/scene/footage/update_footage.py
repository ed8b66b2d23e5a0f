# SPDX-License-Identifier: GPL-3.0-or-later
"""A take that was solved again is renewed where it stands in the scene: same objects, same actions.

What the artist made stays: keys set by hand, layers, names, materials, objects that were deleted.
People who are no longer in the solution are hidden, never removed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ...body.body_data import BodyData
from ..datablocks import IMPORT_TAG, NewDatablocks
from ..import_options import ImportOptions, ImportResult, show_person
from ..markers.import_sets import result_objects
from ..meshes import Topology
from ..take_people import PersonObjects
from .camera import update_footage_camera
from .clip_background import renew_clip
from .doubt import MARKERS
from .dropped import hide_dropped, show_again
from .import_footage import footage_notes, mark_people
from .objects import BODY, CAMERA_PART, PEOPLE, POINTS, RIG, WORLD, collection_of, find
from .options import CAMERA, stored_options, stored_time
from .person import FootageWork, make_person
from .take import FootageTake, read_footage, with_rig_hands
from .update_options import UpdateOptions
from .update_person import PreparedMotion, prepare_motion, renew_person

SAME_WORLD = 1e-4  # metres, or shares of a turn's matrix


def update_take(
    scene: bpy.types.Scene, take_folder: Path, options: UpdateOptions | None = None
) -> ImportResult | None:
    """Bring the newest import of a take in a scene up to date with its solution; None if the take
    is not there. UserError, before anything is changed, if the take is missing or damaged."""
    collection = collection_of(scene, take_folder)
    if collection is None:
        return None
    take = read_footage(take_folder)
    return _update(scene, collection, _work(collection, take), options or UpdateOptions())


def motion_pieces(
    find_scene: Callable[[], bpy.types.Scene | None],
    take_folder: Path,
    body: BodyData,
    options: UpdateOptions,
) -> Iterator[None]:
    """As `update_take` of the motion alone, in pieces that are short for a thousand frames. Between
    two of them anything may happen to the scene: nothing of it is held. body: the take's.
    UserError as there."""
    options = replace(options, motion_only=True)
    take = read_footage(take_folder, body)
    for person in take.people:
        yield
        prepared = {person.info.id: _prepared(find_scene(), take, person.info.id)}
        yield
        scene = find_scene()
        collection = None if scene is None else collection_of(scene, take.folder)
        if scene is not None and collection is not None:
            _update(scene, collection, _work(collection, take), options, prepared)
        del scene, collection


def _prepared(
    scene: bpy.types.Scene | None, take: FootageTake, number: int
) -> PreparedMotion | None:
    """What is to move a person's rig; None where they have none."""
    collection = None if scene is None else collection_of(scene, take.folder)
    if collection is None:
        return None
    work = _work(collection, take)
    rig = find(bpy.data.objects, work.new.tag, RIG, number)
    person = next(person for person in work.take.people if person.info.id == number)
    return None if rig is None else prepare_motion(work, person, rig)


def _work(collection: bpy.types.Collection, take: FootageTake) -> FootageWork:
    footage, rig_options = stored_options(collection)
    take = with_rig_hands(take, rig_options.hands)
    return FootageWork(
        take=take,
        times=stored_time(collection),
        footage=footage,
        rig=rig_options,
        topology=Topology.of_body(take.body),
        new=NewDatablocks(collection[IMPORT_TAG]),
        files=[],
        notes=footage_notes(take),
    )


def _update(
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    work: FootageWork,
    options: UpdateOptions,
    prepared: Mapping[int, PreparedMotion | None] | None = None,
) -> ImportResult:
    """Renew everybody, or those alone whose motion was prepared, by their ids."""
    take = work.take
    if not options.span.open and _world_moved(collection, take):
        options = replace(options, first=None, last=None)
        work.notes.append(
            "The ground was found anew and the camera moved with it, so all frames were renewed,"
            " not only the range."
        )
    try:
        people = _renew_people(scene, collection, work, options, prepared)
    except BaseException:
        work.new.discard_all()
        for path in work.files:
            path.unlink(missing_ok=True)
        raise
    _hide_dropped(collection, work)
    camera = _renew_camera(collection, work)
    if not options.motion_only:  # the points, too, have to know what moved
        collection[WORLD] = list(take.solution.world_from_camera)
    if MARKERS in collection:
        mark_people(scene, collection, work)
    return ImportResult(collection, camera, people, work.notes)


def _world_moved(collection: bpy.types.Collection, take: FootageTake) -> bool:
    """Whether a static camera is elsewhere than at the last import or update: then keys from before
    and new ones are not of one world."""
    former, now = list(collection.get(WORLD, ())), take.solution.world_from_camera
    return len(former) == len(now) and not np.allclose(former, now, rtol=0.0, atol=SAME_WORLD)


def _renew_people(
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    work: FootageWork,
    options: UpdateOptions,
    prepared: Mapping[int, PreparedMotion | None] | None,
) -> list[PersonObjects]:
    known, people, added = list(collection[PEOPLE]), [], []
    for person in work.take.people:
        if prepared is not None and person.info.id not in prepared:
            continue
        rig = find(bpy.data.objects, work.new.tag, RIG, person.info.id)
        if rig is not None:
            motion = None if prepared is None else prepared[person.info.id]
            objects = renew_person(work, person, rig, options, motion)
            _restore(objects)
            people.append(objects)
        elif person.info.id not in known:
            objects = make_person(work, person, len(known), collection, heat=False)
            known.append(person.info.id)
            people.append(objects)
            added.append(objects)
    for layer in scene.view_layers if added else ():
        layer.update()
    for objects in added:
        show_person(scene, objects, ImportOptions())
    collection[PEOPLE] = known
    return people


def _renew_camera(collection: bpy.types.Collection, work: FootageWork) -> bpy.types.Object | None:
    """The take's camera where it is known to be now; the artist's stays as it is."""
    own = collection.get(CAMERA)
    if own is not None:
        return own
    camera = find(bpy.data.objects, work.new.tag, CAMERA_PART)
    if camera is not None:
        update_footage_camera(camera, work.take, work.times)
        renew_clip(work.new, camera, work.take, work.times)
    return camera


def _hide_dropped(collection: bpy.types.Collection, work: FootageWork) -> None:
    """Hide everybody of this import who is not in the solution any more."""
    here = {person.info.id for person in work.take.people}
    for number in set(collection[PEOPLE]) - here:
        parts = [find(bpy.data.objects, work.new.tag, part, number) for part in (RIG, BODY, POINTS)]
        for obj in (*parts, *result_objects(work.new.tag, number)):
            if obj is not None:
                hide_dropped(obj)


def _restore(objects: PersonObjects) -> None:
    """Show those who are back as they were shown."""
    for obj in (objects.rig, objects.body, objects.points):
        if obj is not None:
            show_again(obj)
