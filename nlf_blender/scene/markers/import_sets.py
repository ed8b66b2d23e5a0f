# SPDX-License-Identifier: GPL-3.0-or-later
"""The point sets of one person come into the scene, or are renewed where they stand in it.

All of them are children of one empty, the person's root, which goes with the rig. What the artist
made stays: names, parents, hidden state, keys, and what was deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import bpy

from ...protocol.point_set import MARKERS, RIG
from ..datablocks import IMPORT_TAG
from ..footage.dropped import hide_dropped, show_again
from ..footage.objects import PART, PERSON, find, rename
from .gaps import store_gaps
from .person_sets import PersonSet
from .person_work import LABEL, MARKER, MARKER_MOTION, SET, SET_MESH, PersonWork
from .result_markers import bring_in_markers
from .result_mesh import bring_in_mesh

MOST_EMPTIES = 200  # a set with more markers becomes one mesh of points
ROOT, ROOT_COLLECTION = "markers root", "markers"  # parts: a person's
KNOWN = "nlf_sets"  # of a person's collection: which results were made, by set; JSON


def bring_in_sets(
    work: PersonWork, sets: Sequence[PersonSet], of_take: Iterable[str]
) -> list[bpy.types.Object]:
    """Make or renew a person's results of these sets; those of sets that the take (`of_take`: all
    that it has) lost are removed. Returns the objects that are there."""
    known: dict[str, list[str]] = json.loads(work.collection.get(KNOWN, "{}"))
    _remove(work, set(known) - set(of_take))
    known = {slug: labels for slug, labels in known.items() if slug in set(of_take)}
    wanted = [own for own in sets if own.points.kind != RIG]
    work.notes.extend(
        f"{own.points.name} was solved for {work.name}: Markers > Your Rig > Apply Motion to Rig."
        for own in sets
        if own.points.kind == RIG
    )
    objects: list[bpy.types.Object] = []
    for own in wanted:
        made = _bring_in(work, own, _root(work), set(known.get(own.slug, ())))
        labels = {str(obj.get(LABEL, "")) for obj in made}
        known[own.slug] = sorted(labels.union(known.get(own.slug, ())))
        _hide_stale(work, own.slug, made)
        objects += made
    work.collection[KNOWN] = json.dumps(known)
    return objects


def _bring_in(
    work: PersonWork, own: PersonSet, root: bpy.types.Object, known: set[str]
) -> list[bpy.types.Object]:
    if own.points.kind == MARKERS and len(own.points.points) <= MOST_EMPTIES:
        return bring_in_markers(work, own, root, known)
    obj = bring_in_mesh(work, own, root, "" in known)
    return [] if obj is None else [obj]


def _hide_stale(work: PersonWork, slug: str, made: list[bpy.types.Object]) -> None:
    """Hide the markers of a set that it does not have any more."""
    for part in (MARKER, SET_MESH):
        for (found, _), obj in work.made(bpy.data.objects, part).items():
            if found == slug and obj not in made:
                hide_dropped(obj)


def _root(work: PersonWork) -> bpy.types.Object:
    """The parent of all results of a person, in a collection of their own."""
    root = find(bpy.data.objects, work.new.tag, ROOT, work.person)
    name = f"{work.name} Markers"
    if root is not None:
        rename(root, name)
        show_again(root)
        collection = find(bpy.data.collections, work.new.tag, ROOT_COLLECTION, work.person)
        if collection is not None:
            rename(collection, name)
        return root
    collection = work.new.add(bpy.data.collections.new(name))
    work.collection.children.link(collection)
    work.mark(collection, ROOT_COLLECTION, "")
    root = work.new.add(bpy.data.objects.new(name, None))
    root.hide_viewport = root.hide_render = True  # or Blender draws a line from each marker to it
    root.parent = work.rig
    work.mark(root, ROOT, "")
    collection.objects.link(root)
    if work.playing is not None:
        store_gaps(root, work.playing.gaps, work.playing.whole)
    return root


def _remove(work: PersonWork, slugs: set[str]) -> None:
    """Remove the results of sets that the take has not any more."""
    blocks: list[bpy.types.ID] = []
    for part, kind in (
        (MARKER, bpy.data.objects),
        (SET_MESH, bpy.data.objects),
        (MARKER_MOTION, bpy.data.actions),
    ):
        blocks += [b for (slug, _), b in work.made(kind, part).items() if slug in slugs]
    bpy.data.batch_remove(blocks)


def result_objects(tag: str, person: int) -> list[bpy.types.Object]:
    """All results of a person of an import."""
    return [
        obj
        for obj in bpy.data.objects
        if SET in obj and obj.get(IMPORT_TAG) == tag and obj.get(PERSON) == person and PART in obj
    ]
