# SPDX-License-Identifier: GPL-3.0-or-later
"""All points of a set as one mesh: the artist's own mesh as localized, or many markers as loose
points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ...protocol.point_set import MARKERS, PointSet, Polygons
from ..footage.dropped import show_again
from ..footage.mesh_cache import CachePlan, attach_cache, cache_path, renew_cache
from ..footage.objects import rename
from ..footage.presence import limit_presence
from ..heatmap import HEAT_SWITCH, UNCERTAINTY, add_heatmap, heat_colors
from .person_sets import PersonSet
from .person_work import SET_MESH, PersonWork
from .point_sets import mesh_polygons

MARKER_ID = "marker_id"  # integer attribute: a marker's place in the set, from 0
NAMES = "nlf_marker_names"  # the text with the markers' names, one a line in their order
NOT_LOCALIZED = -1.0  # in the uncertainty attribute
BLOCK_BYTES = 1 << 24


@dataclass(frozen=True, eq=False)
class _Shape:
    """places [V,3]: at the first moment; doubt [V]: mean over time; ids [V]: which of the set's
    points these are."""

    places: Float64Array
    doubt: Float64Array
    ids: NDArray[np.int64]


def bring_in_mesh(
    work: PersonWork, own: PersonSet, root: bpy.types.Object, known: bool
) -> bpy.types.Object | None:
    """Make or renew the mesh of a set; None where the artist deleted it (`known`, and no longer
    there), or, with a note, where its cache cannot be written."""
    obj = work.made(bpy.data.objects, SET_MESH).get((own.slug, ""))
    if obj is None and known:
        return None
    shape = _shape(work, own)
    if not len(shape.places) or not _write_cache(work, own, fits=_fits(obj, own, shape)):
        return obj
    if obj is None:
        obj = _make(work, own, shape, root)
    else:
        _renew(work, own, shape, obj)
    playing = work.playing
    if playing is not None:
        plan = CachePlan(playing.times, playing.moments)
        attach_cache(obj, _cache(work, own), plan)
        frames = playing.times.frames(playing.moments)
        limit_presence(work.new, obj, (frames[0], frames[-1]), playing.whole, work.person)
    obj.update_tag(refresh={"OBJECT", "DATA", "TIME"})
    return obj


def _shape(work: PersonWork, own: PersonSet) -> _Shape:
    places = own.places[0].astype(np.float64)
    if work.playing is not None and work.playing.travel is not None:
        places = places - work.playing.travel[0]
    doubt = _mean_over_time(own.doubt)
    found = np.isfinite(places).all(axis=1)
    ids = np.arange(len(places))
    if own.points.kind == MARKERS:
        ids = ids[found]
    elif not found.all() and found.any():
        places = _closed(own.points.points, places, found)
    return _Shape(places[ids], doubt[ids], ids)


def _closed(
    canonical: Float64Array, places: Float64Array, found: NDArray[np.bool_]
) -> Float64Array:
    """Places [K,3] in which a point that was not localized lies at the one that is nearest to it
    on the canonical body [K,3]."""
    closed, there = places.copy(), np.flatnonzero(found)
    for point in np.flatnonzero(~found):
        distances = np.square(canonical[there] - canonical[point]).sum(axis=1)
        closed[point] = places[there[distances.argmin()]]
    return closed


def _mean_over_time(doubt: NDArray[np.float32]) -> Float64Array:
    """The mean of uncertainties [T,K] over the moments in which they are known [K], NaN without
    any."""
    count, total = np.zeros(doubt.shape[1]), np.zeros(doubt.shape[1])
    rows = max(1, BLOCK_BYTES // (4 * doubt.shape[1]))
    for first in range(0, len(doubt), rows):
        block = np.asarray(doubt[first : first + rows], dtype=np.float64)
        count += np.isfinite(block).sum(axis=0)
        total += np.nansum(block, axis=0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _fits(obj: bpy.types.Object | None, own: PersonSet, shape: _Shape) -> bool:
    """Whether a former result has the same points, so that a range of it can stay."""
    return obj is not None and len(obj.data.vertices) == len(shape.places) == len(own.points.points)


def _cache(work: PersonWork, own: PersonSet) -> Path:
    return cache_path(work.take, work.new.tag, work.person, own.slug)


def _write_cache(work: PersonWork, own: PersonSet, *, fits: bool) -> bool:
    """Write the cache of footage; whether that went well."""
    playing = work.playing
    if playing is None:
        return True
    plan = CachePlan(playing.times, playing.moments)
    span = playing.span if fits else None
    failing = f"{own.points.name} of {work.name} is not up to date"
    return renew_cache(
        _cache(work, own), own.places, plan, playing.travel, span, failing, work.files, work.notes
    )


def _make(
    work: PersonWork, own: PersonSet, shape: _Shape, root: bpy.types.Object
) -> bpy.types.Object:
    name = f"{work.name} {own.points.name}"
    mesh = _mesh(work, own.points, shape, name)
    obj = work.new.add(bpy.data.objects.new(name, mesh))
    work.mark(obj, SET_MESH, own.slug)
    obj.parent = root
    _color(obj, shape)
    _name_points(work, own.points, obj)
    for collection in root.users_collection:
        collection.objects.link(obj)
    return obj


def _renew(work: PersonWork, own: PersonSet, shape: _Shape, obj: bpy.types.Object) -> None:
    """Points as they are now; of another number, the mesh is made again."""
    rename(obj, f"{work.name} {own.points.name}")
    show_again(obj)
    if len(obj.data.vertices) != len(shape.places) or not _same_polygons(obj.data, own.points):
        former = obj.data
        obj.data = _mesh(work, own.points, shape, former.name)
        bpy.data.batch_remove([former])
    else:
        obj.data.vertices.foreach_set("co", shape.places.astype(np.float32).ravel())
        obj.data.update()
    _color(obj, shape)
    _name_points(work, own.points, obj)


def _same_polygons(mesh: bpy.types.Mesh, points: PointSet) -> bool:
    """Whether a mesh has the faces of a set."""
    found, wanted = mesh_polygons(mesh), points.polygons
    if found is None or wanted is None:
        return found is wanted
    return np.array_equal(found.sizes, wanted.sizes) and np.array_equal(
        found.corners, wanted.corners
    )


def _mesh(work: PersonWork, points: PointSet, shape: _Shape, name: str) -> bpy.types.Mesh:
    """A mesh with the points in place: with all that the artist's mesh has, where the scene has it
    still."""
    mesh = _copy_of_artists(points, name)
    if mesh is None:
        mesh = bpy.data.meshes.new(name)
        mesh.vertices.add(len(shape.places))
        if points.polygons is not None:
            _add_polygons(mesh, points.polygons)
    work.new.add(mesh)
    if not mesh.materials and work.skin is not None:
        mesh.materials.append(work.skin)
    mesh.vertices.foreach_set("co", shape.places.astype(np.float32).ravel())
    mesh.update(calc_edges=True)
    if points.kind == MARKERS:
        ids = mesh.attributes.new(MARKER_ID, "INT", "POINT")
        ids.data.foreach_set("value", shape.ids.astype(np.int32))
    return mesh


def _copy_of_artists(points: PointSet, name: str) -> bpy.types.Mesh | None:
    """A copy of the evaluated mesh that was localized, if the file still has one of its name with
    the same faces and points; None else."""
    obj = bpy.data.objects.get(points.name)
    if points.kind == MARKERS or points.polygons is None or obj is None or obj.type != "MESH":
        return None
    depsgraph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(
        obj.evaluated_get(depsgraph), preserve_all_data_layers=True, depsgraph=depsgraph
    )
    if not _same_polygons(mesh, points):
        mesh.flip_normals()  # that of a mirrored object
    if len(mesh.vertices) != len(points.points) or not _same_polygons(mesh, points):
        bpy.data.meshes.remove(mesh)
        return None
    mesh.name = name
    return mesh


def _add_polygons(mesh: bpy.types.Mesh, polygons: Polygons) -> None:
    starts = np.cumsum(polygons.sizes) - polygons.sizes
    mesh.loops.add(len(polygons.corners))
    mesh.loops.foreach_set("vertex_index", polygons.corners.astype(np.int32))
    mesh.polygons.add(len(polygons.sizes))
    mesh.polygons.foreach_set("loop_start", starts.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(starts), dtype=bool))


def _color(obj: bpy.types.Object, shape: _Shape) -> None:
    """Uncertainty as attribute and heat map; points that were not localized look least sure."""
    known = np.isfinite(shape.doubt)
    values = np.where(known, shape.doubt, NOT_LOCALIZED)
    mesh = obj.data
    if UNCERTAINTY.attribute not in mesh.attributes:
        add_heatmap(obj, UNCERTAINTY, values, bool(obj.get(HEAT_SWITCH, False)))
    shown = np.where(known, shape.doubt, UNCERTAINTY.full_scale)
    mesh.attributes[UNCERTAINTY.attribute].data.foreach_set("value", values.astype(np.float32))
    colors = mesh.attributes.get(UNCERTAINTY.colors)
    if colors is not None:
        colors.data.foreach_set("color", heat_colors(shown, UNCERTAINTY.full_scale).ravel())
    mesh.update_tag()


def _name_points(work: PersonWork, points: PointSet, obj: bpy.types.Object) -> None:
    """Keep the names of many markers as a text, which their marker_id counts the lines of."""
    if points.kind != MARKERS:
        return
    text = obj.get(NAMES)
    if text is None:
        text = work.new.add(bpy.data.texts.new(f"{obj.name} Names"))
        obj[NAMES] = text
    text.from_string("\n".join(points.names))
