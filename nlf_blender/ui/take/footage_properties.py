# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets of how footage comes into the scene."""

from __future__ import annotations

import bpy

from ...scene.footage.options import FootageOptions
from ..markers.gap_properties import GapProperties

TIME_ITEMS = (
    (
        "MATCH",
        "Match the Clip",
        "The scene takes the clip's frame rate: a key on every frame. With other footage in it, it "
        "keeps its own",
    ),
    ("RESAMPLE", "Keep the Scene's", "The scene keeps its frame rate: the motion is resampled"),
)


class FootageProperties(GapProperties):
    """The part of the scene's properties that is about the import of footage."""

    time_mode: bpy.props.EnumProperty(
        name="Frame Rate", description="Whose frame rate counts", items=TIME_ITEMS
    )
    root_bone: bpy.props.BoolProperty(
        name="Root Bone",
        description="Add a bone on the ground below the person that carries their travel",
    )
    in_place: bpy.props.BoolProperty(
        name="In Place",
        description="Leave the travel over the ground out: people stay where they were first",
    )
    timeline_markers: bpy.props.BoolProperty(
        name="Doubt Markers",
        description="Mark ranges on the scene's timeline in which the motion is doubtful",
    )

    def footage_options(self) -> FootageOptions:
        """How footage comes in, but for where it came from."""
        return FootageOptions(
            time_mode=self.time_mode,
            root_bone=self.root_bone,
            in_place=self.in_place,
            timeline_markers=self.timeline_markers,
            gap_metres=self.gap_metres,
            fill_gaps=self.fill_gaps,
        )
