# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical bodies that were asked for, brought into the scene."""

from __future__ import annotations

import bpy

from ...body.body_data import BodyData
from ...errors import UserError
from ...scene.datablocks import NewDatablocks
from ...scene.markers.canonical_body import make_canonical_body
from ...scene.markers.marker_sets import is_marker_set
from ..jobs.runtime import RUNTIME
from ..redraw import tag_redraw
from .active_set import select_only
from .canonical_work import CANONICAL, BodyRequest

ADDED = "Add Canonical Body"


def add_body(
    context: bpy.types.Context, body: BodyData, kind: str, location: tuple[float, float, float]
) -> bpy.types.Object:
    """A canonical body, active and selected, standing at a place, in the active collection if that
    is no marker set; the view hides its lines from children to parents. UserError if the body has
    no canonical points."""
    new = NewDatablocks()
    try:
        obj = make_canonical_body(new, body, kind)
    except ValueError as error:
        new.discard_all()
        raise UserError(
            "Not a canonical body", f"{error}.", "Choose another body in the preferences."
        ) from error
    obj.location = [a + b for a, b in zip(obj.location, location, strict=True)]
    target = context.collection
    if is_marker_set(target):  # where it would be taken for markers
        target = context.scene.collection
    for made in (obj, *obj.children):
        target.objects.link(made)
    context.view_layer.update()
    select_only(context, obj)
    space = context.space_data
    if space is not None and space.type == "VIEW_3D":  # else a line for each marker
        space.overlay.show_relationship_lines = False
    return obj


def bring_in(request: BodyRequest) -> None:
    """Add a body that the worker has made to the scene that it was asked for, as an undo step.
    UserError if it cannot be read."""
    scene = next((s for s in bpy.data.scenes if s.session_uid == request.scene_uid), None)
    if scene is None:
        return
    body = RUNTIME.canonical.body(request.small)
    windows = bpy.context.window_manager.windows
    window = next((w for w in windows if w.scene == scene), None)
    override = {"scene": scene} if window is None else {"window": window, "scene": scene}
    with bpy.context.temp_override(**override):
        add_body(bpy.context, body, request.kind, request.location)
        bpy.ops.ed.undo_push(message=ADDED)


def take_body() -> None:
    """Bring in what the worker has made, or show why it could not."""
    work = RUNTIME.canonical
    error, request = work.error, work.arrived
    work.error = work.arrived = None
    try:
        if request is not None:
            bring_in(request)
    except UserError as failure:
        error = failure
    if error is not None:
        RUNTIME.fail(error, CANONICAL)
        tag_redraw()
