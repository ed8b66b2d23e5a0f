# SPDX-License-Identifier: GPL-3.0-or-later
"""What bringing one person's point sets into the scene goes by, and how their objects are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from ...body.arrays import Float64Array
from ..datablocks import NewDatablocks
from ..footage.key_merge import ALL, Span
from ..footage.objects import GIVEN_NAME, PART, PERSON, find_all, mark
from ..footage.time_map import TimeMap
from .gap_options import Gaps

SET = "nlf_set"  # of a result: the folder of its set in the take's sets/
LABEL = "nlf_label"  # of a result marker: the marker's name in the set
MARKER, MARKER_MOTION = "marker", "marker motion"  # parts: an empty, and its action
SET_MESH = "set mesh"  # part: a mesh with all points of a set


@dataclass(frozen=True, eq=False)
class Playing:
    """When a person of footage is where. moments [T]: seconds from the start of the source; travel
    [T,3]: what in_place leaves out, metres, or None; whole: first and last scene frame of the take;
    gaps: how gaps are shown where that was not chosen yet; span, keep_keys: which keys are
    renewed."""

    times: TimeMap
    moments: Float64Array
    travel: Float64Array | None
    whole: tuple[float, float]
    gaps: Gaps
    span: Span = ALL
    keep_keys: bool = True


@dataclass(frozen=True, eq=False)
class PersonWork:
    """One person. collection: theirs; rig: what results go with; skin: their material; files:
    caches written so far; playing: None of a photo."""

    new: NewDatablocks
    take: Path
    person: int
    name: str
    collection: bpy.types.Collection
    rig: bpy.types.Object
    skin: bpy.types.Material | None
    files: list[Path]
    notes: list[str]
    playing: Playing | None = None

    def mark(self, block: bpy.types.ID, part: str, slug: str, label: str = "") -> None:
        """Write on a datablock what it is; of footage, also the take, whose panels it leads to."""
        if self.playing is not None:
            mark(block, self.take, part, self.person)
        else:
            block[PART], block[PERSON], block[GIVEN_NAME] = part, self.person, block.name
        block[SET] = slug
        if label:
            block[LABEL] = label

    def made(
        self, blocks: bpy.types.bpy_prop_collection, part: str
    ) -> dict[tuple[str, str], bpy.types.ID]:
        """This person's datablocks of a part by set and marker."""
        return made(blocks, self.new.tag, part, self.person)


def made(
    blocks: bpy.types.bpy_prop_collection, tag: str, part: str, person: int
) -> dict[tuple[str, str], bpy.types.ID]:
    """The datablocks of a part that an import made of a person, by set and marker; of copies, the
    first."""
    found = find_all(blocks, tag, part, person)
    return {(str(block[SET]), str(block.get(LABEL, ""))): block for block in reversed(found)}
