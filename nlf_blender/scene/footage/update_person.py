# SPDX-License-Identifier: GPL-3.0-or-later
"""One person of footage, renewed in place after a solve."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ..actions import Channel, new_action
from ..heatmap import UNCERTAINTY, heat_colors
from ..person.armature import describe_shape, move_bones, rest_axes
from ..person.bones import lay_out_bones
from ..person.posing import bind_at_rest
from ..person.skinned import reshape_body
from ..take_people import PersonObjects
from .channels import FootageChannels
from .doubt import doubtful_ranges, mark_action
from .key_merge import Span
from .key_table import merge_channels
from .layers import fit_strip, solved_action, whole_strips
from .mesh_cache import CachePlan, attach_cache, cache_path
from .objects import BODY, MOTION, MOTION_FILE, POINTS, SKIN, find, mark, rename
from .person import (
    FootageWork,
    bring_in_person_sets,
    make_cached_points,
    write_person_cache,
)
from .presence import limit_presence
from .rig import Resting, describe_motion, motion_channels, root_bone_place
from .take import FootagePerson
from .update_options import UpdateOptions

SAME_SHAPE = 1e-6


@dataclass(frozen=True, eq=False)
class PreparedMotion:
    """What moves a rig whose bones rest along axes [J,3,3]."""

    axes: Float64Array
    channels: list[Channel]
    found: FootageChannels


def prepare_motion(
    work: FootageWork, person: FootagePerson, rig: bpy.types.Object
) -> PreparedMotion:
    """What is to move a rig, which stays as it is."""
    resting = Resting.of(work.take, person, work.rig)
    samples = work.times.samples(person.times)
    axes = rest_axes(rig, work.take.body.skeleton)
    return PreparedMotion(
        axes, *motion_channels(rig, work.take, person, resting, samples, work.style)
    )


def renew_person(
    work: FootageWork,
    person: FootagePerson,
    rig: bpy.types.Object,
    options: UpdateOptions,
    prepared: PreparedMotion | None = None,
) -> PersonObjects:
    """Bring rig, body and points up to date. prepared: the person's motion, if it was."""
    tag, number = work.new.tag, person.info.id
    body = find(bpy.data.objects, tag, BODY, number)
    if _shape_changed(rig, person):
        _reshape(work, person, rig, body)
    found = None
    if not (options.after_motion and rig.get(MOTION_FILE) == person.info.file):
        axes = rest_axes(rig, work.take.body.skeleton)
        if prepared is None or not np.array_equal(axes, prepared.axes):
            prepared = prepare_motion(work, person, rig)
        found = prepared.found
        _renew_motion(work, person, rig, prepared.channels, options)
    collection = find(bpy.data.collections, tag, "person", number)
    if options.motion_only:
        points = find(bpy.data.objects, tag, POINTS, number)
    else:
        start = _start(work, person, rig, found)
        points = _renew_points(work, person, rig, start, options.span)
        if collection is not None:
            bring_in_person_sets(
                work, person, collection, rig, start, options.span, keep_keys=options.keep_keys
            )
    ends = work.times.frames(person.times)[[0, -1]]
    for obj in (body, points):
        if obj is not None:
            limit_presence(work.new, obj, (ends[0], ends[1]), work.whole, number)
    _rename(work, person, collection, rig, body, points)
    return PersonObjects(number, collection, rig, body, points)


def _shape_changed(rig: bpy.types.Object, person: FootagePerson) -> bool:
    former = np.array([*rig["nlf_betas"], rig["nlf_scale"]])
    shape = np.array([*person.betas, person.scale])
    return len(former) != len(shape) or not np.allclose(former, shape, rtol=0.0, atol=SAME_SHAPE)


def _reshape(
    work: FootageWork,
    person: FootagePerson,
    rig: bpy.types.Object,
    body: bpy.types.Object | None,
) -> None:
    resting = Resting.of(work.take, person, work.rig)
    layout = lay_out_bones(work.take.body, resting.body, resting.pose)
    ground = root_bone_place(work.take, resting, work.style)
    move_bones(rig, work.take.body.skeleton, layout, ground)
    describe_shape(rig, person)
    if body is not None and body.data.shape_keys is not None:
        binding = bind_at_rest(work.take.body, person, resting.pose)
        reshape_body(body, work.take.body, person, binding)


def _renew_motion(
    work: FootageWork,
    person: FootagePerson,
    rig: bpy.types.Object,
    channels: list[Channel],
    options: UpdateOptions,
) -> None:
    action = solved_action(rig)
    if action is None:  # the artist deleted it: what plays now is theirs
        if rig.animation_data is None or rig.animation_data.action is None:
            action = new_action(work.new, f"{person.info.name} Motion", rig, channels)
            mark(action, work.take.folder, MOTION, person.info.id)
    else:
        strips = whole_strips(rig, action)
        merge_channels(action, rig.id_type, channels, options.span, keep_keys=options.keep_keys)
        for strip in strips:
            fit_strip(strip)
        action.update_tag()
    if action is not None:
        mark_action(action, doubtful_ranges(person.motion, work.times.frames(person.times)))
        rename(action, f"{person.info.name} Motion")
    describe_motion(rig, person)
    rig.update_tag(refresh={"OBJECT", "DATA", "TIME"})


def _start(
    work: FootageWork,
    person: FootagePerson,
    rig: bpy.types.Object,
    found: FootageChannels | None,
) -> Float64Array:
    """FootageChannels.start [2]. found: where they were made; they take a while, and only what is
    in place needs to know."""
    if found is None and work.footage.in_place:
        found = prepare_motion(work, person, rig).found
    return np.zeros(2) if found is None else found.start


def _renew_points(
    work: FootageWork,
    person: FootagePerson,
    rig: bpy.types.Object,
    start: Float64Array,
    span: Span,
) -> bpy.types.Object | None:
    """The points with a new cache; made if the solution had none before; left out where the artist
    deleted them. start [2]: as in FootageChannels."""
    obj = find(bpy.data.objects, work.new.tag, POINTS, person.info.id)
    if obj is not None:
        path = write_person_cache(work, person, start, span)
        if path is not None:
            attach_cache(obj, path, CachePlan(work.times, person.times))
        _recolor(obj, person)
        obj.update_tag(refresh={"OBJECT", "DATA", "TIME"})
        return obj
    if cache_path(work.take.folder, work.new.tag, person.info.id).exists():
        return None
    skin = find(bpy.data.materials, work.new.tag, SKIN, person.info.id)
    obj = make_cached_points(work, person, skin, start, heat=False)
    if obj is not None:
        for collection in rig.users_collection:
            collection.objects.link(obj)
    return obj


def _recolor(obj: bpy.types.Object, person: FootagePerson) -> None:
    """Renew the heat map's values, if the mesh has still its attributes."""
    values = person.motion["vertex_uncertainty"]
    plain = obj.data.attributes.get(UNCERTAINTY.attribute)
    colors = obj.data.attributes.get(UNCERTAINTY.colors)
    if plain is None or colors is None or len(plain.data) != len(values):
        return
    plain.data.foreach_set("value", values.astype(np.float32))
    colors.data.foreach_set("color", heat_colors(values, UNCERTAINTY.full_scale).ravel())
    obj.data.update_tag()


def _rename(
    work: FootageWork,
    person: FootagePerson,
    collection: bpy.types.Collection | None,
    rig: bpy.types.Object,
    body: bpy.types.Object | None,
    points: bpy.types.Object | None,
) -> None:
    """Let names follow the person's, unless the artist gave others."""
    name = person.info.name
    rig["nlf_track"] = name
    skin = find(bpy.data.materials, work.new.tag, SKIN, person.info.id)
    for block, wanted in (
        (collection, name),
        (rig, f"{name} Rig"),
        (body, f"{name} Body"),
        (points, f"{name} Points"),
        (skin, f"{name} Skin"),
    ):
        if block is not None:
            rename(block, wanted)
