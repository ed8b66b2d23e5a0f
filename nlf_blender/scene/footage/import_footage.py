# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage becomes a collection: the camera with the clip, and everybody with their motion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy

from ..camera import set_render
from ..datablocks import NewDatablocks
from ..import_options import ImportOptions, ImportResult, show_person
from ..meshes import Topology
from ..person.hand_pose import hand_notes
from .camera import make_footage_camera
from .clip_background import add_clip
from .doubt import doubtful_ranges, mark_timeline
from .objects import CAMERA_PART, PEOPLE, WORLD, mark
from .options import store_options, store_time
from .person import FootageWork, make_person
from .placing import as_placed
from .scene_time import new_time_map, set_scene_time
from .take import FootageTake, with_rig_hands


def import_footage(
    scene: bpy.types.Scene, take: FootageTake, options: ImportOptions
) -> ImportResult:
    """Import a take of footage into a scene. Always makes new datablocks and files; whatever fails,
    none of them remain."""
    take = with_rig_hands(take, options.rig.hands)
    options = replace(options, footage=as_placed(scene, take, options.footage))
    if options.footage.use_camera is None:  # or it is gone: the take's own is made, in metres
        options = replace(options, footage=replace(options.footage, unit=1.0))
    times = new_time_map(scene, options.footage, take.rate, float(take.times[0]))
    work = FootageWork(
        take=take,
        times=times,
        footage=options.footage,
        rig=options.rig,
        topology=Topology.of_body(take.body),
        new=NewDatablocks(),
        files=[],
        notes=footage_notes(take) + hand_notes(take.body, options.rig.hands),
    )
    try:
        return _build(scene, work, options)
    except BaseException:
        work.new.discard_all()
        for path in work.files:
            path.unlink(missing_ok=True)
        raise


def _build(scene: bpy.types.Scene, work: FootageWork, options: ImportOptions) -> ImportResult:
    take, new, stem = work.take, work.new, Path(work.take.info.source.path).stem
    collection = new.add(bpy.data.collections.new(stem))
    (options.parent or scene.collection).children.link(collection)
    mark(collection, take.folder, "take")
    store_options(collection, work.footage, work.rig)
    store_time(collection, work.times)
    collection[WORLD] = list(take.solution.world_from_camera)
    camera = options.footage.use_camera
    settings = None
    if camera is None:
        camera, settings = make_footage_camera(new, f"{stem} Camera", take, work.times)
        collection.objects.link(camera)
        mark(camera, take.folder, CAMERA_PART)
        if options.footage.background:
            add_clip(new, camera, take, work.times, work.notes)
    collection[PEOPLE] = [person.info.id for person in take.people]
    people = [
        make_person(work, person, index, collection, options.heatmap)
        for index, person in enumerate(take.people)
    ]
    for layer in scene.view_layers:
        layer.update()  # before that it does not know the new objects
    for objects in people:
        show_person(scene, objects, options)
    if options.set_render_resolution and settings is not None:
        set_render(scene, take.info.source, settings)
    if options.set_scene_camera:
        scene.camera = camera
    set_scene_time(scene, work.footage, work.times, work.whole[1], work.notes)
    if options.footage.timeline_markers:
        mark_people(scene, collection, work)
    return ImportResult(collection, camera, people, work.notes)


def mark_people(
    scene: bpy.types.Scene, collection: bpy.types.Collection, work: FootageWork
) -> None:
    """Mark everybody's doubtful ranges in the scene."""
    people = [
        (person.info.name, doubtful_ranges(person.motion, work.times.frames(person.times)))
        for person in work.take.people
    ]
    mark_timeline(scene, collection, people)


def footage_notes(take: FootageTake) -> list[str]:
    """What the user should know of a take, one sentence each."""
    notes = [*take.info.notes, *take.sets.notes]
    if any(take.info.camera.distortion):
        notes.append(
            "Blender's camera does not show the lens distortion of this take: undistort the clip"
            " to see people exactly over it."
        )
    return notes
