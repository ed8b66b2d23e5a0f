# SPDX-License-Identifier: GPL-3.0-or-later
"""A take becomes a collection: camera, and per person a mesh of points, a rig and its body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..body.arrays import Float64Array
from ..body.conventions import (
    BlenderCamera,
    blender_camera_matrices,
    blender_points_from_camera,
)
from ..body.rest_pose import RestPose, rest_pose
from ..protocol.take import read_info
from .camera import add_background, camera_settings, level_camera, make_camera, set_render
from .datablocks import NewDatablocks
from .footage.import_footage import import_footage
from .footage.take import read_footage
from .import_options import ImportOptions, ImportResult, show_person
from .markers.photo_sets import bring_in_photo_sets
from .materials import make_skin, person_color
from .meshes import Topology
from .person.armature import describe_fit, describe_origin, make_rig, rest_axes, set_pose
from .person.bones import lay_out_bones
from .person.hand_pose import hand_notes, with_hands
from .person.posing import UP, RestBody, bind, bone_channels
from .person.rig_options import Hands, RigOptions
from .person.skinned import make_body
from .photo_ground import Ground, find_ground
from .points import make_points
from .take_people import Person, PersonObjects, Take, read_take

FIRST_FRAME = 0


def import_take(
    scene: bpy.types.Scene, take_folder: Path, options: ImportOptions | None = None
) -> ImportResult:
    """Import a take folder into a scene. Always makes new datablocks.

    UserError if the take is missing or damaged; whatever fails, nothing of the import remains.
    """
    options = options or ImportOptions()
    if read_info(take_folder).is_footage:
        return import_footage(scene, read_footage(take_folder), options)
    take = _with_hands(read_take(take_folder), options.rig.hands)
    settings = camera_settings(take.info)
    new = NewDatablocks()
    try:
        return _build(scene, take, settings, options, new)
    except BaseException:
        new.discard_all()
        raise


def _with_hands(take: Take, hands: Hands) -> Take:
    people = tuple(
        replace(person, pose=with_hands(take.body, person.pose, hands)) for person in take.people
    )
    return replace(take, people=people)


def _build(
    scene: bpy.types.Scene,
    take: Take,
    settings: BlenderCamera,
    options: ImportOptions,
    new: NewDatablocks,
) -> ImportResult:
    stem = Path(take.info.source.path).stem
    notes = _notes(take) + hand_notes(take.body, options.rig.hands)
    ground = find_ground(take)
    collection = new.add(bpy.data.collections.new(stem))
    (options.parent or scene.collection).children.link(collection)
    own = options.footage.use_camera if options.footage.seen_from else None
    camera = own or _make_camera(new, collection, take, settings, ground, notes)
    topology = Topology.of_body(take.body)
    people = [
        _build_person(new, collection, take, index, ground, topology, options)
        for index in range(len(take.people))
    ]
    for layer in scene.view_layers:
        layer.update()  # before that it does not know the new objects
    for person in people:
        if own is not None:
            _place(person, ground, options)
        show_person(scene, person, options)
    if options.set_render_resolution and own is None:
        set_render(scene, take.info.source, settings)
    if options.set_scene_camera:
        scene.camera = camera
    return ImportResult(collection, camera, people, notes)


def _make_camera(
    new: NewDatablocks,
    collection: bpy.types.Collection,
    take: Take,
    settings: BlenderCamera,
    ground: Ground,
    notes: list[str],
) -> bpy.types.Object:
    """The camera over the ground with the photo behind the scene."""
    name = f"{Path(take.info.source.path).stem} Camera"
    matrix = level_camera(ground.height)
    camera = make_camera(new, name, settings, matrix, ground.farthest)
    collection.objects.link(camera)
    add_background(new, camera, take, notes)
    return camera


def _place(person: PersonObjects, ground: Ground, options: ImportOptions) -> None:
    """Move somebody from before the level camera to before the scene's."""
    seen_from = blender_camera_matrices(np.reshape(options.footage.seen_from, (4, 4)))
    matrix = seen_from @ np.linalg.inv(level_camera(ground.height))
    matrix[:3] /= options.footage.unit
    for obj in (person.rig, person.points):  # the body goes with the rig
        obj.matrix_world = Matrix(matrix)


def _notes(take: Take) -> list[str]:
    notes = [*take.info.notes, *take.sets.notes]
    if any(len(person.frames) > 1 for person in take.people):
        notes.append("Only the first frame of each person was imported.")
    if any(take.info.camera.distortion):
        notes.append("Blender's camera does not show the lens distortion of this take.")
    return notes


def _build_person(
    new: NewDatablocks,
    parent: bpy.types.Collection,
    take: Take,
    index: int,
    ground: Ground,
    topology: Topology,
    options: ImportOptions,
) -> PersonObjects:
    person, rest = take.people[index], ground.rests[index]
    name = person.track.name
    collection = new.add(bpy.data.collections.new(name))
    parent.children.link(collection)
    skin = make_skin(new, f"{name} Skin", person_color(index))
    pose = rest_pose(take.body, rest.joints, options.rig.rest_pose)
    rig = _build_rig(new, take, person, rest, pose, ground.height, options.rig)
    binding = bind(take.body, person, rest, pose, FIRST_FRAME)
    body = make_body(new, f"{name} Body", take.body, person, topology, binding, rig)
    body.data.materials.append(skin)
    points = make_points(
        new,
        f"{name} Points",
        _world_points(take, person, ground.height),
        person.uncertainty[FIRST_FRAME, : take.body.vertex_count],
        topology,
        skin,
        options.heatmap,
    )
    for obj in (rig, body, points):
        collection.objects.link(obj)
    objects = PersonObjects(person.track.id, collection, rig, body, points)
    bring_in_photo_sets(new, take, person, objects, ground.height)
    return objects


def _world_points(take: Take, person: Person, height: float) -> Float64Array:
    vertices = person.points[FIRST_FRAME, : take.body.vertex_count]
    return blender_points_from_camera(vertices) + height * UP


def _build_rig(
    new: NewDatablocks,
    take: Take,
    person: Person,
    rest: RestBody,
    pose: RestPose,
    height: float,
    options: RigOptions,
) -> bpy.types.Object:
    skeleton = take.body.skeleton
    layout = lay_out_bones(take.body, rest, pose)
    rig = make_rig(new, f"{person.track.name} Rig", skeleton, layout, options)
    channels = bone_channels(take.body, person, rest, pose, rest_axes(rig, skeleton), height)
    set_pose(rig, skeleton, channels, FIRST_FRAME)
    describe_fit(rig, person, FIRST_FRAME)
    rig["nlf_fit_error_metres"] = float(person.fit_error[FIRST_FRAME])
    describe_origin(rig, take.info.body, _origin(take, person))
    return rig


def _origin(take: Take, person: Person) -> dict[str, str]:
    info = take.info
    return {
        "track": person.track.name,
        "source": info.source.path,
        "take": str(take.folder),
        "software": info.software,
        "created": info.created,
        "model": info.model.name,
        "model_sha256": info.model.sha256,
        "model_license": info.model.license,
    }
