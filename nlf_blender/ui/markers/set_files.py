# SPDX-License-Identifier: GPL-3.0-or-later
"""Marker sets come out of files into the scene, and go from the scene into files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...body.conventions import smpl_points_from_blender
from ...body.model_folder import KIND_TITLES
from ...errors import UserError
from ...protocol.marker_axes import BLENDER_AXES, SMPL_AXES
from ...protocol.marker_files import (
    CSV_SUFFIXES,
    SUFFIXES,
    TableOptions,
    read_markers,
    write_markers,
)
from ...protocol.marker_set import OPEN, SMPL, SMPLH, SMPLX, SUFFIX, MarkerSet
from ...scene.datablocks import NewDatablocks
from ...scene.markers.canonical_body import canonical_bodies, canonical_gender, canonical_kind
from ...scene.markers.marker_sets import add_markers, read_scene_set
from .. import places
from ..jobs.runtime import RUNTIME, errors_reported
from ..setup.preferences import preferences
from .active_set import active_body, active_set
from .canonical_files import canonical_file
from .canonical_operators import add_body
from .canonical_work import CANONICAL
from .set_operators import new_set

MOST_MARKERS = 2000  # as many objects are slow to work with already
AUTO = "AUTO"
# Of a body that a set brings: beside the people of photos and footage, and out of sight of their
# camera, which stands over the world's origin; metres
BESIDE = (-2.5, 0.0, 0.0)
UNIT_ITEMS = (
    (AUTO, "Automatic", "As the file says, else metres"),
    ("m", "Metres", ""),
    ("cm", "Centimetres", ""),
    ("mm", "Millimetres", ""),
    ("in", "Inches", ""),
)
AXES_ITEMS = (
    (SMPL_AXES, "Y Up", "X to the body's left, Y up, Z to the front, as SMPL has them"),
    (BLENDER_AXES, "Z Up", "X to the body's left, Y to the back, Z up, as in Blender"),
)
BODY_ITEMS = (
    (AUTO, "Automatic", "As the file says; of vertex numbers, the scene's only canonical body"),
    (OPEN, "Open Body", ""),
    (SMPL, "SMPL", ""),
    (SMPLH, "SMPL-H", ""),
    (SMPLX, "SMPL-X", ""),
)


def body_of_kind(context: bpy.types.Context, kind: str, gender: str = "") -> bpy.types.Object:
    """A canonical body of a kind and gender ("" for any) in the scene, the one at hand before
    others; added if there is none. UserError if that asks for a file that is not at hand."""
    at_hand = active_body(context)
    bodies = [*([at_hand] if at_hand is not None else []), *canonical_bodies(context.scene)]
    of_kind = [body for body in bodies if canonical_kind(body) == kind]
    found = next((b for b in of_kind if not gender or canonical_gender(b) in ("", gender)), None)
    if found is not None:
        return found
    work = RUNTIME.canonical
    if kind == OPEN:
        return add_body(context, work.open_body(), OPEN, BESIDE)
    small = work.small_file(canonical_file(preferences(context), kind))
    if small.is_file() and gender in ("", work.body(small).gender):
        return add_body(context, work.body(small), kind, BESIDE)
    title = f"{KIND_TITLES[kind]} {gender}".strip()
    raise UserError(
        f"No canonical {title} body",
        f"The set was placed on the canonical body of {title}, which is not in the scene yet.",
        f"Choose {title} as Body in the preferences, then Add > Mesh > NLF Canonical Body.",
    )


def bring_in(context: bpy.types.Context, markers: MarkerSet) -> bpy.types.Collection:
    """A marker set in the scene, the active one, on a canonical body of its kind. UserError if
    there is no such body, or it has more markers than can be worked with."""
    if len(markers.markers) > MOST_MARKERS:
        raise UserError(
            "Too many markers",
            f"{markers.name} has {len(markers.markers)} markers, and each would be an object.",
            f"Load {MOST_MARKERS} or less; more can be a mesh's vertices, or go to"
            " 'worker localize --markers'.",
        )
    body = body_of_kind(context, markers.body, markers.gender)
    collection = new_set(context, body, markers.name)
    collection.nlf_markers.description = markers.description
    add_markers(NewDatablocks(), collection, markers)
    return collection


def _vertices(scene: bpy.types.Scene) -> dict[str, object]:
    """By body, what gives the canonical vertices of those in the scene."""
    bodies = {canonical_kind(body): body for body in canonical_bodies(scene)}
    return {kind: lambda body=body: _own_vertices(body) for kind, body in bodies.items()}


def _own_vertices(body: bpy.types.Object) -> Float64Array:
    """The canonical vertices [V,3] of a canonical body, SMPL's axes, metres."""
    values = np.empty(3 * len(body.data.vertices), dtype=np.float32)
    body.data.vertices.foreach_get("co", values)
    return smpl_points_from_blender(values.reshape(-1, 3).astype(np.float64))


class NLF_OT_marker_set_load(bpy.types.Operator):
    """Load a marker set: JSON, a table of positions (CSV), or vertex numbers of a body"""

    bl_idname = "nlf.marker_set_load"
    bl_label = "Load Marker Set"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(
        default=";".join(f"*{suffix}" for suffix in SUFFIXES), options={"HIDDEN", "SKIP_SAVE"}
    )
    unit: bpy.props.EnumProperty(
        name="Unit", description="Of the positions in a table", items=UNIT_ITEMS
    )
    axes: bpy.props.EnumProperty(
        name="Axes", description="Of the positions in a table", items=AXES_ITEMS
    )
    body: bpy.props.EnumProperty(
        name="Body",
        description="That positions or vertex numbers of a table are of",
        items=BODY_ITEMS,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In object mode."""
        return context.mode == "OBJECT"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Load it."""
        with errors_reported(self, CANONICAL):
            body = "" if self.body == AUTO else self.body
            unit = "" if self.unit == AUTO else self.unit
            if body not in ("", OPEN):
                body_of_kind(context, body)  # whose vertices may be wanted
            options = TableOptions(body, unit, self.axes)
            path = places.absolute(self.filepath)
            collection = bring_in(context, read_markers(path, _vertices(context.scene), options))
            count = len(collection.objects)
            self.report({"INFO"}, f"{collection.name}: {count} markers")
            return {"FINISHED"}
        return {"CANCELLED"}


class NLF_OT_marker_set_save(bpy.types.Operator):
    """Save the active marker set as JSON, or as a table of positions (CSV)"""

    bl_idname = "nlf.marker_set_save"
    bl_label = "Save Marker Set"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(
        default=f"*{SUFFIX};*{CSV_SUFFIXES[0]}", options={"HIDDEN", "SKIP_SAVE"}
    )
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    unit: bpy.props.EnumProperty(
        name="Unit", description="Of the positions in a table", items=UNIT_ITEMS[1:]
    )
    axes: bpy.props.EnumProperty(
        name="Axes", description="Of the positions in a table", items=AXES_ITEMS
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There is a marker set."""
        return active_set(context) is not None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        if not self.filepath:
            name = bpy.path.clean_name(active_set(context).name)
            self.filepath = f"{name}{SUFFIX}"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _: bpy.types.Context) -> bool:
        """Give the file an ending while its name is typed, so that Blender warns of one that is
        there."""
        before, self.filepath = self.filepath, with_ending(self.filepath)
        return self.filepath != before

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Save it."""
        with errors_reported(self, CANONICAL):
            save_set(
                places.absolute(with_ending(self.filepath)),
                read_scene_set(active_set(context)),
                unit=self.unit,
                axes=self.axes,
            )
            return {"FINISHED"}
        return {"CANCELLED"}


def with_ending(path: str) -> str:
    """The path of a marker set's file, with JSON's ending if it has none."""
    return path if Path(path).suffix else f"{path}{SUFFIX}"


def save_set(path: Path, markers: MarkerSet, **table: str) -> None:
    """Write a marker set's file. UserError if the disk refuses."""
    try:
        write_markers(path, markers, **table)
    except OSError as error:
        raise UserError(
            "Marker set not saved",
            f"{path} cannot be written: {error.strerror}.",
            "Choose another folder, or make room there.",
        ) from error


CLASSES = (NLF_OT_marker_set_load, NLF_OT_marker_set_save)
