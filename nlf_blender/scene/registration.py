# SPDX-License-Identifier: GPL-3.0-or-later
"""A registration becomes a collection: an armature and its skinned body, standing over the scan."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import bpy
import numpy as np

from ..body.arrays import Float64Array
from ..body.body_data import BodyData, load_body_npz
from ..body.conventions import blender_points_from_smpl
from ..protocol.registration import RegistrationInfo, damaged, read_arrays, read_info
from ..protocol.take import BODY_FILE
from .armature import describe_fit, describe_origin, make_rig, rest_axes, set_pose
from .bones import lay_out_bones
from .datablocks import NewDatablocks
from .heatmap import SCAN_DISTANCE, add_heatmap
from .materials import make_skin, person_color
from .meshes import Topology
from .posing import channels_in_place, pose_correctives, rest_body
from .skinned import attach, make_body

FRAME = 0  # a scan is one moment
# Custom properties of a registered rig, beside those of every rig
DISTANCES = ("nlf_scan_mean_metres", "nlf_scan_median_metres", "nlf_scan_p95_metres")
UNDETERMINED = "nlf_undetermined"  # the names of joints that the scan says nothing of


@dataclass(frozen=True)
class ScanFit:
    """The fit to a scan, in the scan's units and SMPL's axes: pose [1,J,3], translation [1,3],
    betas [B]; scale: the scan's units in a metre."""

    pose: Float64Array
    translation: Float64Array
    betas: Float64Array
    scale: float


@dataclass(frozen=True)
class Registration:
    """A registration as it lies in its folder. vertex_distances [V]: body to scan, metres."""

    folder: Path
    info: RegistrationInfo
    body: BodyData
    fit: ScanFit
    vertex_distances: Float64Array


@dataclass(frozen=True)
class RegistrationObjects:
    """What a registration became; notes: what the user should know, one sentence each."""

    collection: bpy.types.Collection
    rig: bpy.types.Object
    body: bpy.types.Object
    notes: list[str] = field(default_factory=list)


def read_registration(folder: Path) -> Registration:
    """Read a registration's folder. UserError if it is missing or damaged."""
    info = read_info(folder)
    arrays = read_arrays(folder, info)
    body = load_body_npz(folder / BODY_FILE)
    shapes = {
        "pose": (body.joint_count, 3),
        "translation": (3,),
        "vertex_distances": (body.vertex_count,),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise damaged(folder, ValueError(f"{name} has shape {arrays[name].shape}, not {shape}"))
    if len(arrays["betas"]) > body.beta_count or info.figures.scale <= 0:
        raise damaged(folder, ValueError("its shape is not one of its body"))
    fit = ScanFit(
        pose=arrays["pose"][None],
        translation=arrays["translation"][None],
        betas=arrays["betas"],
        scale=info.figures.scale,
    )
    return Registration(folder, info, body, fit, arrays["vertex_distances"])


def import_registration(scene: bpy.types.Scene, folder: Path) -> RegistrationObjects:
    """Import a registration's folder into a scene. Always makes new datablocks; the scan is not
    needed, nor touched. UserError if it is damaged; whatever fails, nothing of it remains."""
    registration = read_registration(folder)
    new = NewDatablocks()
    try:
        return _build(scene, registration, new)
    except BaseException:
        new.discard_all()
        raise


def _build(
    scene: bpy.types.Scene, registration: Registration, new: NewDatablocks
) -> RegistrationObjects:
    name = registration.info.source.name
    collection = new.add(bpy.data.collections.new(f"{name} Registration"))
    scene.collection.children.link(collection)
    rig = _build_rig(new, name, registration)
    body = _build_body(new, name, registration)
    attach(body, rig)
    for obj in (rig, body):
        collection.objects.link(obj)
    for layer in scene.view_layers:
        layer.update()  # before that it does not know the new objects
    return RegistrationObjects(collection, rig, body, _notes(registration.info))


def _build_rig(new: NewDatablocks, name: str, registration: Registration) -> bpy.types.Object:
    """The posed armature, itself standing where the body does.

    A scan in other units than metres makes the armature and the mesh larger, not the object's
    scale: bones and vertices are in the scene's units like all of the scene, and whatever copies or
    exports transforms finds a scale of 1.
    """
    body, fit = registration.body, registration.fit
    rig = make_rig(new, f"{name} Rig", body.skeleton, lay_out_bones(body, rest_body(body, fit)))
    channels = channels_in_place(body, fit, rest_axes(rig, body.skeleton))
    set_pose(rig, body.skeleton, channels, FRAME)
    rig.location = blender_points_from_smpl(fit.translation[FRAME])
    _describe(rig, registration)
    return rig


def _build_body(new: NewDatablocks, name: str, registration: Registration) -> bpy.types.Object:
    data, fit = registration.body, registration.fit
    correctives = pose_correctives(data, fit, FRAME)
    body = make_body(new, f"{name} Body", data, fit, Topology.of_body(data), correctives)
    body.data.materials.append(make_skin(new, f"{name} Skin", person_color(0), SCAN_DISTANCE))
    add_heatmap(body, SCAN_DISTANCE, np.asarray(registration.vertex_distances), on=False)
    return body


def _describe(rig: bpy.types.Object, registration: Registration) -> None:
    """Write pose, shape, distances and provenance as custom properties."""
    info = registration.info
    describe_fit(rig, registration.fit, FRAME)
    figures = info.figures
    values = (figures.mean_distance, figures.median_distance, figures.p95_distance)
    for key, value in zip(DISTANCES, values, strict=True):
        rig[key] = value
    rig[UNDETERMINED] = ", ".join(info.undetermined)
    texts = {
        "source": info.source.name,
        "scan_file": info.source.origin,
        "scan_sha256": info.source.sha256,
        "registration": str(registration.folder),
        "software": info.software,
        "created": info.created,
    }
    describe_origin(rig, info.body, texts)


def _notes(info: RegistrationInfo) -> list[str]:
    """What came of it, one sentence each."""
    figures = info.figures
    notes = [
        f"{info.source.name}: body registered, {1000 * figures.mean_distance:.1f} mm from the scan "
        f"on average, 95 % below {1000 * figures.p95_distance:.1f} mm."
    ]
    if info.undetermined:
        notes.append(f"The scan says nothing of {', '.join(info.undetermined)}.")
    return [*notes, *info.notes]
