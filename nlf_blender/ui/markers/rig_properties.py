# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender keeps of the artist's rigs: how they are localized, and whose motion they get."""

from __future__ import annotations

import bpy

from ...scene.rigs.people import is_imported_rig


def _is_person(_: bpy.types.PropertyGroup, obj: bpy.types.Object) -> bool:
    return is_imported_rig(obj)


class NLF_RigProperties(bpy.types.PropertyGroup):
    """Of an armature of the artist's."""

    fingers: bpy.props.BoolProperty(
        name="Fingers and Toes",
        description=(
            "Solve the small bones of hands and feet, too; they are at the limit of what can be"
            " seen, and keep their pose otherwise"
        ),
    )
    person: bpy.props.PointerProperty(
        name="Person",
        description="The imported person whose motion the rig gets. Empty: the only one",
        type=bpy.types.Object,
        poll=_is_person,
    )
    size: bpy.props.EnumProperty(
        name="Size",
        description="What is done where the rig is larger or smaller than the person",
        items=(
            (
                "PERSON",
                "As the Person",
                "Scale the armature's object until it is as large, so that it lies over the"
                " picture",
            ),
            (
                "RIG",
                "As It Is",
                "Keep the rig's size, and make the way over the ground as much longer or shorter",
            ),
        ),
    )


CLASSES = (NLF_RigProperties,)


def register() -> None:
    """Give objects their property."""
    bpy.types.Object.nlf_rig = bpy.props.PointerProperty(type=NLF_RigProperties)


def unregister() -> None:
    """Take it back."""
    del bpy.types.Object.nlf_rig
