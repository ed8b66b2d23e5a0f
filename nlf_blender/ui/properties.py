# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets per scene: the source, its camera, how to localize, how to register."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..protocol.scan_settings import ScanSettings
from ..protocol.settings import LocalizeSettings
from ..protocol.solve_settings import SolveSettings
from ..scene import RigOptions
from . import places
from .selection import select_person
from .source.source_properties import SourceProperties
from .take.footage_properties import FootageProperties

if TYPE_CHECKING:
    from .setup.preferences import NLF_Preferences

UNIT_ITEMS = (
    ("auto", "Automatic", "Chosen by the size of the scan"),
    ("m", "Metres", "A person is about 1.7 units high"),
    ("cm", "Centimetres", "A person is about 170 units high"),
    ("mm", "Millimetres", "A person is about 1700 units high"),
    ("in", "Inches", "A person is about 67 units high"),
)
BONE_NAME_ITEMS = (
    ("SMPL", "SMPL", "Pelvis, L_Hip, R_Hip. Mirrors in Blender"),
    ("BLENDER", "Blender", "spine, thigh.L, thigh.R, as Rigify has them. Mirrors in Blender"),
    (
        "MIXAMO",
        "Mixamo",
        "mixamorig:Hips, mixamorig:LeftUpLeg. Does not mirror in Blender: for retargeting",
    ),
    ("UE", "Unreal Engine", "pelvis, thigh_l, thigh_r, as the mannequin has. Mirrors in Blender"),
)
REST_POSE_ITEMS = (
    ("T", "T-Pose", "Arms straight out, as the body's file has them"),
    ("A", "A-Pose", "Arms 45 degrees below level"),
)
HANDS_ITEMS = (
    ("FITTED", "Fitted", "As they were fitted to the person"),
    ("FLAT", "Flat", "Straight fingers, as the body's file has them"),
    ("RELAXED", "Relaxed", "The mean hand of the body's file, for bodies with fingers"),
)


def _select_person(self: NLF_SceneProperties, context: bpy.types.Context) -> None:
    objects = bpy.data.objects
    if 0 <= self.person_index < len(objects):
        select_person(context, objects[self.person_index])


class NLF_SceneProperties(SourceProperties, FootageProperties, bpy.types.PropertyGroup):
    """Settings of the NLF tab, saved with the scene."""

    takes: bpy.props.StringProperty(
        name="Takes",
        description="Folder for the results. Empty: beside the saved .blend file, "
        "else in the extension's own folder",
        subtype="DIR_PATH",
    )
    max_people: bpy.props.IntProperty(
        name="Max People",
        description="The most people to localize, clearest first",
        default=LocalizeSettings.max_people,
        min=1,
        max=1000,
    )
    augmentations: bpy.props.IntProperty(
        name="Augmentations",
        description="Looks at each person this many times, turned and mirrored, and combines the "
        "results: steadier, and slower by as much",
        default=LocalizeSettings.test_time_augmentations,
        min=1,
        max=64,
    )
    keep_features: bpy.props.BoolProperty(
        name="Keep Features",
        description="Keep what the network saw of everybody in the take, so that markers can be"
        " localized later without the source, and sooner. With the default model, 32 KiB of disk a"
        " person, frame and augmentation",
    )
    scan_partial: bpy.props.BoolProperty(
        name="Partial",
        description="Parts of the person are missing from the scan, as from one side or above the "
        "waist only",
    )
    scan_upright: bpy.props.BoolProperty(
        name="Upright",
        description="The person's up is the scene's up, whichever way they face: orientations that "
        "tip them over are not tried",
    )
    scan_units: bpy.props.EnumProperty(
        name="Units", description="What a Blender unit of the scan is", items=UNIT_ITEMS
    )
    bone_names: bpy.props.EnumProperty(
        name="Bone Names",
        description="What the bones and vertex groups of imported people are called",
        items=BONE_NAME_ITEMS,
    )
    rest_pose: bpy.props.EnumProperty(
        name="Rest Pose",
        description="What imported armatures and bodies look like at rest",
        items=REST_POSE_ITEMS,
    )
    hands: bpy.props.EnumProperty(
        name="Hands", description="How imported people hold their fingers", items=HANDS_ITEMS
    )
    person_index: bpy.props.IntProperty(name="Person", options={"SKIP_SAVE"}, update=_select_person)

    def takes_folder(self) -> Path:
        """Where takes go; it may not exist yet."""
        return places.absolute(self.takes) if self.takes else places.default_takes_folder()

    def settings(self, preferences: NLF_Preferences) -> LocalizeSettings:
        """The settings of a job, but for its source and camera. UserError if one is out of
        range."""
        return LocalizeSettings(
            model=preferences.model_name(),
            model_data=preferences.model_data_name(),
            trusted=preferences.trusted_hashes(),
            body=preferences.body_name(),
            device=preferences.device,
            test_time_augmentations=self.augmentations,
            max_people=self.max_people,
            keep_features=self.keep_features,
            body_folders=preferences.body_folders(),
            solve=SolveSettings(max_people=self.max_people),
        )

    def rig_options(self) -> RigOptions:
        """How the rigs of imported people are to be."""
        return RigOptions(self.bone_names, self.rest_pose, self.hands)

    def scan_settings(self, preferences: NLF_Preferences) -> ScanSettings:
        """The settings of a registration to a scan. UserError if the body is not there."""
        return ScanSettings(
            body=preferences.body_name(),
            partial=self.scan_partial,
            upright=self.scan_upright,
            units=self.scan_units,
        )


CLASSES = (NLF_SceneProperties,)


def register() -> None:
    """Give every scene the properties."""
    bpy.types.Scene.nlf = bpy.props.PointerProperty(type=NLF_SceneProperties)


def unregister() -> None:
    """Take them away again."""
    del bpy.types.Scene.nlf
