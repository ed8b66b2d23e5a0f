# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding what an import of footage made again: by custom properties, never by names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import bpy

from ...protocol.take import TAKE_FILE
from ..datablocks import IMPORT_TAG
from .mesh_cache import blend_path
from .options import OPTIONS

TAKE = "nlf_take"  # path of the take's folder, relative to the .blend where that is possible
TAKE_THEN = "nlf_take_then"  # where it lay when it was imported; Save As elsewhere breaks the other
PERSON = "nlf_person"  # PersonInfo.id
PART = "nlf_part"  # which of a person's things it is, or CAMERA_PART
WORLD = "nlf_world"  # of a take's collection: world_from_camera of a static camera, row by row
MOTION_FILE = "nlf_motion"  # of a rig: PersonInfo.file, whose motion it has
GIVEN_NAME = "nlf_name"  # the name that it got, to see whether the artist renamed it
PEOPLE = "nlf_people"  # of a take's collection: ids of all people whom it ever had
RIG, BODY, POINTS, SKIN = "rig", "body", "points", "skin"
CAMERA_PART, MOTION, SHOWN = "camera", "motion", "shown"


def mark(block: bpy.types.ID, take: Path, part: str, person: int | None = None) -> None:
    """Write on a datablock what it is."""
    block[TAKE], block[TAKE_THEN] = blend_path(take), str(take.resolve())
    block[PART] = part
    if person is not None:
        block[PERSON] = person
    block[GIVEN_NAME] = block.name


def rename(block: bpy.types.ID, name: str) -> None:
    """Give a datablock a new name, unless the artist gave it one."""
    if block.name == block.get(GIVEN_NAME) and block.name != name:
        block.name = name
        block[GIVEN_NAME] = block.name


def take_folder(block: bpy.types.ID) -> Path | None:
    """The folder of the take that a datablock came from, or None: where it lies from the .blend, as
    at the import, else where it lay then."""
    path, then = block.get(TAKE), block.get(TAKE_THEN)
    if not isinstance(path, str) or not path:
        return None
    here = Path(bpy.path.abspath(path)).resolve()
    if isinstance(then, str) and not _is_take(here) and _is_take(Path(then)):
        return Path(then)
    return here


def _is_take(folder: Path) -> bool:
    return (folder / TAKE_FILE).is_file()


def person_id(block: bpy.types.ID) -> int | None:
    """The id of the person that a datablock is of, or None."""
    return block.get(PERSON)


def take_collections(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The collections of the footage that is in a scene, the oldest import of a take first."""
    return [c for c in scene.collection.children_recursive if OPTIONS in c]


def collection_of(scene: bpy.types.Scene, take: Path) -> bpy.types.Collection | None:
    """The collection of a take that is in a scene, the newest import; None if there is none."""
    found = [c for c in take_collections(scene) if take_folder(c) == take.resolve()]
    return max(found, key=lambda c: c.session_uid, default=None)


def takes_in(scene: bpy.types.Scene) -> list[Path]:
    """The folders of the footage that is in a scene, each once."""
    folders = [take_folder(collection) for collection in take_collections(scene)]
    return list(dict.fromkeys(folder for folder in folders if folder is not None))


def take_collection(block: bpy.types.ID) -> bpy.types.Collection | None:
    """The collection of the import that a datablock came with, or None."""
    tag = block.get(IMPORT_TAG)
    return next(
        (c for c in bpy.data.collections if OPTIONS in c and c.get(IMPORT_TAG) == tag), None
    )


def find(
    blocks: Iterable[bpy.types.ID], tag: str, part: str, person: int | None = None
) -> bpy.types.ID | None:
    """The datablock that an import made as this part; of copies, which carry the same properties,
    the first."""
    return next(iter(find_all(blocks, tag, part, person)), None)


def find_all(
    blocks: Iterable[bpy.types.ID], tag: str, part: str, person: int | None = None
) -> list[bpy.types.ID]:
    """All datablocks that an import made as this part, and copies of them, the oldest first."""
    found = [
        block
        for block in blocks
        if block.get(IMPORT_TAG) == tag
        and block.get(PART) == part
        and block.get(PERSON) == person
        and block.library is None
    ]
    return sorted(found, key=lambda block: block.session_uid)
