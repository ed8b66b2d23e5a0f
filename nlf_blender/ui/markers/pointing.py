# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mouse points at in a 3D View: canonical bodies, markers, places on and in a body."""

from __future__ import annotations

from typing import NamedTuple

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...scene.markers.canonical_body import canonical_bodies, world_from_canonical
from ...scene.markers.marker_sets import marker_sets
from ...scene.markers.positions import single_markers
from ...scene.markers.raycast import Pierced, pierce
from ...scene.markers.snapping import Screen

MARKER_PIXELS = 10.0  # at scale 1, from the mouse

Mouse = tuple[float, float]


class Ray(NamedTuple):
    """origin [3] and direction [3] in the world, metres."""

    origin: Float64Array
    direction: Float64Array


def view_ray(region: bpy.types.Region, view: bpy.types.RegionView3D, mouse: Mouse) -> Ray:
    """The ray from a view into the scene at a pixel of its region, with or without perspective."""
    inverse = np.linalg.inv(np.array(view.perspective_matrix, dtype=np.float64))
    x = 2.0 * mouse[0] / region.width - 1.0
    y = 2.0 * mouse[1] / region.height - 1.0
    near, far = (inverse @ np.array([x, y, z, 1.0]) for z in (-1.0, 1.0))
    near, far = near[:3] / near[3], far[:3] / far[3]
    return Ray(near, (far - near) / np.linalg.norm(far - near))


def view_screen(region: bpy.types.Region, view: bpy.types.RegionView3D, ray: Ray) -> Screen:
    """A view as snapping needs it."""
    size = (float(region.width), float(region.height))
    return Screen(view.perspective_matrix.copy(), size, ray.direction)


def body_under(context: bpy.types.Context, ray: Ray) -> tuple[bpy.types.Object, Pierced] | None:
    """The canonical body that a ray meets first, of those that the view shows, and where."""
    graph = context.evaluated_depsgraph_get()
    found: list[tuple[float, bpy.types.Object, Pierced]] = []
    for body in canonical_bodies(context.scene):
        if not shown(context, body):
            continue
        pierced = pierce(body, *ray, graph)
        if pierced is not None:
            front = world_from_canonical(body, pierced.front)[0]
            found.append((float((front - ray.origin) @ ray.direction), body, pierced))
    return min(found, key=lambda item: item[0])[1:] if found else None


def shown_markers(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The markers of all sets that the view shows and that can be selected, those of a mesh or a
    curve left out."""
    return [
        obj
        for collection in marker_sets(context.scene)
        for obj in single_markers(collection).values()
        if shown(context, obj) and not obj.hide_select
    ]


def labelled_markers(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The empties that the view shows and that are markers, of sets or of what was localized."""
    own = [o for c in marker_sets(context.scene) for o in single_markers(c).values()]
    found = dict.fromkeys(own)
    for obj in context.scene.objects:
        if obj.type == "EMPTY" and obj.nlf_marker.name:
            found[obj] = None
    return [obj for obj in found if shown(context, obj)]


def marker_under(
    context: bpy.types.Context,
    region: bpy.types.Region,
    view: bpy.types.RegionView3D,
    mouse: Mouse,
) -> bpy.types.Object | None:
    """The marker nearest to the mouse, within some pixels."""
    markers = shown_markers(context)
    if not markers:
        return None
    off = np.linalg.norm(seen_at(region, view, markers) - mouse, axis=1)
    off = np.nan_to_num(off, nan=np.inf)
    best = int(np.argmin(off))
    return markers[best] if off[best] <= MARKER_PIXELS * scale(context) else None


def seen_at(
    region: bpy.types.Region, view: bpy.types.RegionView3D, objects: list[bpy.types.Object]
) -> Float64Array:
    """The pixels of a region [K,2] at which objects are seen, NaN for those behind the viewer."""
    return pixels_of(region, view, np.array([obj.matrix_world.translation for obj in objects]))


def pixels_of(
    region: bpy.types.Region, view: bpy.types.RegionView3D, points: Float64Array
) -> Float64Array:
    """The pixels of a region [K,2] at which world points [K,3] are seen, NaN behind the viewer."""
    matrix = np.array(view.perspective_matrix, dtype=np.float64)
    clip = np.asarray(points, dtype=np.float64).reshape(-1, 3) @ matrix[:, :3].T + matrix[:, 3]
    w = np.where(clip[:, 3:] > 0, clip[:, 3:], np.nan)
    return (clip[:, :2] / w * 0.5 + 0.5) * (region.width, region.height)


def shown(context: bpy.types.Context, obj: bpy.types.Object) -> bool:
    """Whether the view shows an object: it is not hidden, nor left out of the local view."""
    space = context.space_data
    if space is None or space.type != "VIEW_3D":
        return obj.visible_get()
    return obj.visible_in_viewport_get(space)


def scale(context: bpy.types.Context) -> float:
    """Pixels in a pixel at scale 1."""
    return context.preferences.system.ui_scale or 1.0  # 0 while there is no window
