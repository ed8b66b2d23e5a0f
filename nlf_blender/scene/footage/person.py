# SPDX-License-Identifier: GPL-3.0-or-later
"""One person of footage as objects: rig with its action, skinned body, nonparametric mesh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ..actions import new_action
from ..datablocks import NewDatablocks
from ..markers.gap_options import Gaps
from ..markers.import_sets import bring_in_sets
from ..markers.person_work import PersonWork, Playing
from ..materials import make_skin, person_color
from ..meshes import Topology
from ..person.posing import bind_at_rest
from ..person.rig_options import RigOptions
from ..person.skinned import make_body
from ..points import make_points
from ..take_people import PersonObjects
from .channels import FootageChannels, RootStyle
from .doubt import doubtful_ranges, mark_action
from .key_merge import ALL, Span
from .mesh_cache import CachePlan, attach_cache, cache_path, renew_cache
from .objects import BODY, MOTION, POINTS, SKIN, find, mark
from .options import FootageOptions
from .presence import limit_presence
from .rig import Resting, make_footage_rig, motion_channels
from .take import FootagePerson, FootageTake
from .time_map import TimeMap


@dataclass(frozen=True, eq=False)
class FootageWork:
    """What the import or the update of one take goes by. files: caches written so far."""

    take: FootageTake
    times: TimeMap
    footage: FootageOptions
    rig: RigOptions
    topology: Topology
    new: NewDatablocks
    files: list[Path]
    notes: list[str]

    @property
    def style(self) -> RootStyle:
        """How rigs carry travel and heading."""
        return RootStyle(self.footage.root_bone, self.footage.in_place)

    @property
    def whole(self) -> tuple[float, float]:
        """First and last scene frame of the take."""
        frames = self.times.frames(self.take.times)
        return float(frames[0]), float(frames[-1])


def make_person(
    work: FootageWork, person: FootagePerson, index: int, parent: bpy.types.Collection, heat: bool
) -> PersonObjects:
    """A person in a collection of their own; index: of their colour; heat: show the heat map."""
    new, take, name = work.new, work.take, person.info.name
    collection = new.add(bpy.data.collections.new(name))
    parent.children.link(collection)
    mark(collection, take.folder, "person", person.info.id)
    skin = make_skin(new, f"{name} Skin", person_color(index))
    mark(skin, take.folder, SKIN, person.info.id)
    resting = Resting.of(take, person, work.rig)
    rig = make_footage_rig(new, take, person, resting, work.rig, work.style)
    binding = bind_at_rest(take.body, person, resting.pose)
    body = make_body(new, f"{name} Body", take.body, person, work.topology, binding, rig)
    body.data.materials.append(skin)
    mark(body, take.folder, BODY, person.info.id)
    found = _animate(work, person, rig, resting)
    points = make_cached_points(work, person, skin, found.start, heat)
    for obj in (rig, body, points):
        if obj is not None:
            collection.objects.link(obj)
    rig.scale = (1.0 / work.footage.unit,) * 3  # and with it its body
    ends = work.times.frames(person.times)[[0, -1]]
    for obj in (body, points):
        if obj is not None:
            limit_presence(new, obj, (ends[0], ends[1]), work.whole, person.info.id)
    bring_in_person_sets(work, person, collection, rig, found.start)
    return PersonObjects(person.info.id, collection, rig, body, points)


def bring_in_person_sets(
    work: FootageWork,
    person: FootagePerson,
    collection: bpy.types.Collection,
    rig: bpy.types.Object,
    start: Float64Array,
    span: Span = ALL,
    *,
    keep_keys: bool = True,
) -> None:
    """Make or renew what was localized beside the body. start [2]: as in FootageChannels; span,
    keep_keys: as in an update."""
    gaps = Gaps(work.footage.gap_metres, work.footage.fill_gaps)
    travel = _travel(work, person, start) if work.footage.in_place else None
    own = PersonWork(
        new=work.new,
        take=work.take.folder,
        person=person.info.id,
        name=person.info.name,
        collection=collection,
        rig=rig,
        skin=find(bpy.data.materials, work.new.tag, SKIN, person.info.id),
        files=work.files,
        notes=work.notes,
        playing=Playing(work.times, person.times, travel, work.whole, gaps, span, keep_keys),
    )
    bring_in_sets(own, person.sets, work.take.sets.infos)


def _animate(
    work: FootageWork, person: FootagePerson, rig: bpy.types.Object, resting: Resting
) -> FootageChannels:
    samples = work.times.samples(person.times)
    channels, found = motion_channels(rig, work.take, person, resting, samples, work.style)
    action = new_action(work.new, f"{person.info.name} Motion", rig, channels)
    mark(action, work.take.folder, MOTION, person.info.id)
    mark_action(action, doubtful_ranges(person.motion, work.times.frames(person.times)))
    return found


def make_cached_points(
    work: FootageWork,
    person: FootagePerson,
    skin: bpy.types.Material,
    start: Float64Array,
    heat: bool,
) -> bpy.types.Object | None:
    """The nonparametric mesh, not yet in a collection, and its cache; None where the solution has
    none, or, with a note, where the cache cannot be written. start [2]: as in FootageChannels."""
    path = write_person_cache(work, person, start)
    points = person.read_points()
    if path is None or points is None:
        return None
    obj = make_points(
        work.new,
        f"{person.info.name} Points",
        np.asarray(points[0]) - _travel(work, person, start)[0],
        person.motion["vertex_uncertainty"],
        work.topology,
        skin,
        heat,
    )
    mark(obj, work.take.folder, POINTS, person.info.id)
    obj.scale = (1.0 / work.footage.unit,) * 3
    attach_cache(obj, path, CachePlan(work.times, person.times))
    return obj


def write_person_cache(
    work: FootageWork, person: FootagePerson, start: Float64Array, span: Span | None = None
) -> Path | None:
    """Write the cache of a person of this import, or a span of it anew; None, with a note, if the
    disk refuses."""
    points = person.read_points()
    if points is None:
        return None
    path = cache_path(work.take.folder, work.new.tag, person.info.id)
    travel = _travel(work, person, start) if work.footage.in_place else None
    plan = CachePlan(work.times, person.times)
    failing = f"{person.info.name} has no up-to-date points"
    if not renew_cache(path, points, plan, travel, span, failing, work.files, work.notes):
        return None
    return path


def _travel(work: FootageWork, person: FootagePerson, start: Float64Array) -> Float64Array:
    """What in_place leaves out [T,3], metres."""
    travel = np.zeros_like(person.motion["root"])
    if work.footage.in_place:
        travel[:, :2] = person.motion["root"][:, :2] - start
    return travel
