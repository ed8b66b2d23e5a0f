# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist corrected of who is who in footage: `edits.json` of a take.

The linker joins sightings to people by itself; these edits are applied to its answer, in order, and
are kept: the same sightings and edits always give the same people. A person is meant by the id
that they have after the edits before; in a merge, a tracklet's id also means whoever has it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import UserError
from .files import read_versioned, write_whole
from .json_fields import Json, as_int, as_list, as_object, as_str

FORMAT = "nlf_blender.edits"
VERSION = 1
EDITS_FILE = "edits.json"
MERGE = "merge"  # `other` is the same person; where both are seen, the surer sighting stays
SPLIT = "split"  # from `frame` on it is somebody else, whose id is SPLIT_IDS + place in the list
DROP = "drop"  # not wanted in the scene
KEEP = "keep"  # wanted again, though dropped or beyond the most people
RENAME = "rename"  # is called `name`
SPLIT_IDS = 100_000  # so that ids stay when people are added
KINDS = (MERGE, SPLIT, DROP, KEEP, RENAME)


@dataclass(frozen=True)
class Edit:
    """One correction. frame: index into the source."""

    kind: str
    person: int
    other: int = -1
    frame: int = -1
    name: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"'{self.kind}' is no kind of edit")


def edits_to_json(edits: Sequence[Edit]) -> list[Json]:
    """A JSON list that `edits_from_json` reads back."""
    return [{**asdict(edit)} for edit in edits]


def edits_from_json(value: object) -> tuple[Edit, ...]:
    """What `edits_to_json` made; ValueError naming what is wrong."""
    return tuple(_edit(as_object(item, "an edit")) for item in as_list(value, "edits"))


def _edit(data: Json) -> Edit:
    return Edit(
        kind=as_str(data.get("kind"), "edit.kind"),
        person=as_int(data.get("person"), "edit.person"),
        other=as_int(data.get("other", -1), "edit.other"),
        frame=as_int(data.get("frame", -1), "edit.frame"),
        name=as_str(data.get("name", ""), "edit.name"),
    )


def write_edits(take: Path, edits: Sequence[Edit]) -> None:
    """Write edits.json of a take folder. OSError from the disk."""
    data = {"format": FORMAT, "version": VERSION, "edits": edits_to_json(edits)}
    write_whole(take / EDITS_FILE, json.dumps(data, indent=1, ensure_ascii=False).encode())


def read_edits(take: Path) -> tuple[Edit, ...]:
    """The edits of a take folder, none if it has no such file. UserError if it is damaged."""
    path = take / EDITS_FILE
    try:
        return edits_from_json(read_versioned(path, FORMAT, VERSION).get("edits"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise UserError(
            "Damaged edits",
            f"{path}: {error}.",
            "Put the file back, or remove it: what was corrected of who is who is lost then.",
        ) from error
