# SPDX-License-Identifier: GPL-3.0-or-later
"""A registration becomes a collection: an armature and its skinned body, standing over the scan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy
import numpy as np

from ..body.arrays import Float64Array
from ..body.body_data import BodyData, load_body_npz
from ..body.conventions import blender_points_from_smpl
from ..body.rest_pose import RestPose, rest_pose
from ..protocol.registration import RegistrationInfo, damaged, read_arrays, read_info
from ..protocol.take import BODY_FILE
from .datablocks import NewDatablocks
from .heatmap import SCAN_DISTANCE, add_heatmap
from .materials import make_skin, person_color
from .meshes import Topology
from .person.armature import describe_fit, describe_origin, make_rig, rest_axes, set_pose
from .person.bones import lay_out_bones
from .person.hand_pose import hand_notes, with_hands
from .person.posing import RestBody, bind, channels_in_place, rest_body
from .person.rig_options import RigOptions
from .person.skinned import make_body

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


def import_registration(
    scene: bpy.types.Scene, folder: Path, options: RigOptions | None = None
) -> RegistrationObjects:
    """Import a registration's folder into a scene. Always makes new datablocks; the scan is not
    needed, nor touched. UserError if it is damaged; whatever fails, nothing of it remains."""
    options = options or RigOptions()
    registration = _with_hands(read_registration(folder), options)
    new = NewDatablocks()
    try:
        return _build(scene, registration, options, new)
    except BaseException:
        new.discard_all()
        raise


def _with_hands(registration: Registration, options: RigOptions) -> Registration:
    pose = with_hands(registration.body, registration.fit.pose, options.hands)
    return replace(registration, fit=replace(registration.fit, pose=pose))


def _build(
    scene: bpy.types.Scene, registration: Registration, options: RigOptions, new: NewDatablocks
) -> RegistrationObjects:
    name = registration.info.source.name
    collection = new.add(bpy.data.collections.new(f"{name} Registration"))
    scene.collection.children.link(collection)
    rest = rest_body(registration.body, registration.fit)
    pose = rest_pose(registration.body, rest.joints, options.rest_pose)
    rig = _build_rig(new, name, registration, rest, pose, options)
    body = _build_body(new, name, registration, rest, pose, rig)
    for obj in (rig, body):
        collection.objects.link(obj)
    for layer in scene.view_layers:
        layer.update()  # before that it does not know the new objects
    notes = _notes(registration.info) + hand_notes(registration.body, options.hands)
    return RegistrationObjects(collection, rig, body, notes)


def _build_rig(
    new: NewDatablocks,
    name: str,
    registration: Registration,
    rest: RestBody,
    pose: RestPose,
    options: RigOptions,
) -> bpy.types.Object:
    """The posed armature, itself standing where the body does.

    A scan in other units than metres makes the armature and the mesh larger, not the object's
    scale: bones and vertices are in the scene's units like all of the scene, and whatever copies or
    exports transforms finds a scale of 1.
    """
    body, fit = registration.body, registration.fit
    layout = lay_out_bones(body, rest, pose)
    rig = make_rig(new, f"{name} Rig", body.skeleton, layout, options)
    channels = channels_in_place(body, fit, pose, rest_axes(rig, body.skeleton))
    set_pose(rig, body.skeleton, channels, FRAME)
    rig.location = blender_points_from_smpl(fit.translation[FRAME])
    _describe(rig, registration)
    return rig


def _build_body(
    new: NewDatablocks,
    name: str,
    registration: Registration,
    rest: RestBody,
    pose: RestPose,
    rig: bpy.types.Object,
) -> bpy.types.Object:
    data, fit = registration.body, registration.fit
    binding = bind(data, fit, rest, pose, FRAME)
    body = make_body(new, f"{name} Body", data, fit, Topology.of_body(data), binding, rig)
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
