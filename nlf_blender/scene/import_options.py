# SPDX-License-Identifier: GPL-3.0-or-later
"""What imports of photos and of footage share: options, result, what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy

from .footage.options import FootageOptions
from .person.rig_options import RigOptions
from .take_people import PersonObjects


@dataclass(frozen=True)
class ImportOptions:
    """How to import. parent: the collection that gets the take's (None: the scene's own); footage:
    what is of takes of footage only."""

    parent: bpy.types.Collection | None = None
    rig: RigOptions = field(default_factory=RigOptions)
    set_render_resolution: bool = True
    set_scene_camera: bool = True
    show_rig: bool = True
    show_body: bool = True
    show_points: bool = False
    heatmap: bool = False
    footage: FootageOptions = field(default_factory=FootageOptions)


@dataclass(frozen=True)
class ImportResult:
    """What an import made; notes: what the user should know, one sentence each."""

    collection: bpy.types.Collection
    camera: bpy.types.Object
    people: list[PersonObjects]
    notes: list[str] = field(default_factory=list)


def show_person(scene: bpy.types.Scene, person: PersonObjects, options: ImportOptions) -> None:
    """Hide what is not to be shown, with the eye of the outliner and from renders."""
    for obj, shown in (
        (person.rig, options.show_rig),
        (person.body, options.show_body),
        (person.points, options.show_points),
    ):
        if obj is None:
            continue
        obj.hide_render = not shown
        for layer in scene.view_layers:
            if obj.name in layer.objects:  # not where the user excluded the parent collection
                obj.hide_set(not shown, view_layer=layer)
