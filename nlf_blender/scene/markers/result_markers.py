# SPDX-License-Identifier: GPL-3.0-or-later
"""The markers of a person as empties: where they were localized, how sure that is, and gaps."""

from __future__ import annotations

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ..actions import Channel, new_action
from ..datablocks import IMPORT_TAG
from ..footage.dropped import show_again
from ..footage.key_table import merge_channels
from ..footage.objects import PERSON, rename
from .animated_marker import UNCERTAINTY
from .gap_options import Gaps
from .gaps import UNCERTAINTY_PATH, show_gaps, store_gaps, stored_gaps
from .marker_empty import COLOR, make_marker_empty
from .person_sets import PersonSet
from .person_work import MARKER, MARKER_MOTION, PersonWork, Playing, made

# Radius of an empty over its uncertainty, metres: a tenth, but never too small to be seen
SIZES = ((0.0, 0.005), (0.05, 0.005), (1.0, 0.1))


def bring_in_markers(
    work: PersonWork, own: PersonSet, root: bpy.types.Object, known: set[str]
) -> list[bpy.types.Object]:
    """Make or renew a marker's empty for each of a set's markers; those that are known and no
    longer there were deleted by the artist, and stay so. Returns the objects that are there."""
    there, actions = work.made(bpy.data.objects, MARKER), work.made(bpy.data.actions, MARKER_MOTION)
    objects = []
    for index, label in enumerate(own.points.names):
        obj = there.get((own.slug, label))
        if not np.isfinite(own.places[:, index]).all() or (obj is None and label in known):
            continue
        if obj is None:
            obj = _make(work, own, index, root)
        else:
            rename(obj, _name(work, label))
            show_again(obj)
        _describe(obj, own, index)
        if work.playing is None:
            _place(obj, own, index)
        else:
            action = actions.get((own.slug, label))
            _animate(work, work.playing, own, index, obj, action, root)
        objects.append(obj)
    return objects


def _name(work: PersonWork, label: str) -> str:
    return f"{work.name} {label}"


def _make(work: PersonWork, own: PersonSet, index: int, root: bpy.types.Object) -> bpy.types.Object:
    label = own.points.names[index]
    obj = make_marker_empty(work.new, label)
    obj.name = _name(work, label)
    work.mark(obj, MARKER, own.slug, label)
    obj.parent = root
    obj[UNCERTAINTY] = 0.0
    obj.id_properties_ui(UNCERTAINTY).update(
        min=0.0, description="The localizer's uncertainty of this marker, in metres"
    )
    _drive_size(obj)
    for collection in root.users_collection:
        collection.objects.link(obj)
    return obj


def _drive_size(obj: bpy.types.Object) -> None:
    """Let the display size follow the uncertainty, by a driver that needs no Python."""
    curve = obj.driver_add("empty_display_size")
    for modifier in list(curve.modifiers):
        curve.modifiers.remove(modifier)
    curve.keyframe_points.clear()
    curve.driver.type = "SUM"
    target = curve.driver.variables.new().targets[0]
    target.id, target.data_path = obj, UNCERTAINTY_PATH
    curve.keyframe_points.add(len(SIZES))
    for point, place in zip(curve.keyframe_points, SIZES, strict=True):
        point.co, point.interpolation = place, "LINEAR"
    curve.extrapolation = "CONSTANT"
    curve.update()


def _describe(obj: bpy.types.Object, own: PersonSet, index: int) -> None:
    """Group and colour, as in the set now."""
    points = own.points
    obj.nlf_marker.group = points.groups[index] if points.groups else ""
    color = COLOR if points.colors is None else points.colors[index].tolist()
    obj.color = (*(COLOR if min(color) < 0.0 else color), 1.0)


def _place(obj: bpy.types.Object, own: PersonSet, index: int) -> None:
    obj.location = own.places[0, index].tolist()
    obj[UNCERTAINTY] = float(own.doubt[0, index])


def _animate(
    work: PersonWork,
    playing: Playing,
    own: PersonSet,
    index: int,
    obj: bpy.types.Object,
    action: bpy.types.Action | None,
    root: bpy.types.Object,
) -> None:
    """Key a marker, or merge new keys into its action; one whose action the artist deleted gets
    none if another plays."""
    channels = _channels(playing, own, index)
    if action is not None:
        merge_channels(action, obj.id_type, channels, playing.span, keep_keys=playing.keep_keys)
        rename(action, obj.name)
        action.update_tag()
    elif obj.animation_data is None or obj.animation_data.action is None:
        action = new_action(work.new, obj.name, obj, channels)
        work.mark(action, MARKER_MOTION, own.slug, own.points.names[index])
        obj.location = channels[0].values[0].tolist()
    if action is not None:
        show_gaps(obj, action, root)
    obj.update_tag()


def _channels(playing: Playing, own: PersonSet, index: int) -> list[Channel]:
    """Location in every frame, uncertainty where the marker was seen."""
    samples = playing.times.samples(playing.moments)
    places: Float64Array = own.places[:, index].astype(np.float64)
    if playing.travel is not None:
        places = places - playing.travel
    channels = [
        Channel("location", samples.frames, samples.linear(places), own.points.names[index])
    ]
    doubt = samples.linear(own.doubt[:, index].astype(np.float64))
    seen = np.isfinite(doubt)
    if seen.any():
        values = doubt[seen, None]
        channels.append(Channel(UNCERTAINTY_PATH, samples.frames[seen], values))
    return channels


def show_gaps_again(root: bpy.types.Object, gaps: Gaps) -> None:
    """Show a person's markers as these gaps want it from now on."""
    _, whole = stored_gaps(root)
    store_gaps(root, gaps, whole)
    tag, person = root[IMPORT_TAG], root[PERSON]
    actions = made(bpy.data.actions, tag, MARKER_MOTION, person)
    for key, obj in made(bpy.data.objects, tag, MARKER, person).items():
        if key in actions:
            show_gaps(obj, actions[key], root)
            actions[key].update_tag()
            obj.update_tag()
