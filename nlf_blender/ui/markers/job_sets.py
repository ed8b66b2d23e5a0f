# SPDX-License-Identifier: GPL-3.0-or-later
"""Which marker sets and objects of the scene go with the next job, and how they are handed over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ...errors import UserError
from ...protocol.point_set import write_point_set
from ...scene.markers.point_sets import Owner, gather, owner_settings, owners
from .. import places


def chosen_owners(scene: bpy.types.Scene) -> list[Owner]:
    """What is checked in the list."""
    return [owner for owner in owners(scene) if owner_settings(owner).localize]


def write_sets(
    scene: bpy.types.Scene, chosen: Sequence[Owner], folder: Path
) -> tuple[tuple[str, ...], list[str]]:
    """Write point sets into a job's folder. Returns their paths and what the user should know.
    UserError if one is not usable, two would be one in a take, or the disk refuses."""
    paths: list[str] = []
    notes: list[str] = []
    slugs: dict[str, str] = {}
    for owner in chosen:
        found = gather(scene, owner)
        slug = found.points.slug
        if slug.lower() in slugs:
            raise UserError(
                "Two sets of one name",
                f"'{slugs[slug.lower()]}' and '{found.points.name}' would be one in the take.",
                "Rename one of them, or uncheck it.",
            )
        slugs[slug.lower()] = found.points.name
        path = folder / f"{slug}.npz"
        try:
            write_point_set(path, found.points)
        except OSError as error:
            raise places.not_handed_over("marker set", error) from error
        paths.append(str(path))
        notes += found.notes
    return tuple(paths), notes


def draw_owners(layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
    """Draw the list of what can go with a job, if there is anything."""
    everything = owners(scene)
    if not everything:
        return
    column = layout.column(align=True)
    for owner in everything:
        row = column.row(align=True)
        row.prop(owner_settings(owner), "localize", text=owner.name, translate=False)
        if isinstance(owner, bpy.types.Collection):
            row.label(text="", icon="OUTLINER_COLLECTION")
        else:
            row.prop(owner.nlf_points, "force", text="", icon="CON_DISTLIMIT")
            row.operator("nlf.forget_object", text="", icon="X", emboss=False).name = owner.name
