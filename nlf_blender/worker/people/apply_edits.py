# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's corrections of who is who."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...errors import UserError
from ...protocol.edits import DROP, KEEP, MERGE, RENAME, SPLIT, SPLIT_IDS, Edit
from .sightings import Int64Array, LinkedPerson, Sightings

People = dict[int, LinkedPerson]


def apply_edits(
    people: Sequence[LinkedPerson], sightings: Sightings, edits: Sequence[Edit]
) -> tuple[LinkedPerson, ...]:
    """The people after all edits, those who are new at the end. UserError where an edit names a
    person who is not there, or splits one where nothing is to be split."""
    known = {person.id: person for person in people}
    for place, edit in enumerate(edits):
        person = _person(known, sightings, edit, edit.person)
        if edit.kind == MERGE:
            _merge(known, sightings, person, _person(known, sightings, edit, edit.other))
        elif edit.kind == SPLIT:
            _split(known, sightings, person, edit, SPLIT_IDS + place)
        elif edit.kind in (DROP, KEEP):
            known[person.id] = replace(person, kept=edit.kind == KEEP)
        elif edit.kind == RENAME:
            known[person.id] = replace(person, name=edit.name.strip() or person.name)
    return tuple(known.values())


def one_per_frame(sightings: Sightings, rows: Int64Array) -> Int64Array:
    """Rows in the order of their frames; of several in one frame the one drawn by hand, else the
    surest, else the first."""
    order = np.lexsort(
        (rows, -sightings.score[rows], ~sightings.extra[rows], sightings.frame[rows])
    )
    rows = rows[order]
    return rows[np.unique(sightings.frame[rows], return_index=True)[1]]


def _person(known: People, sightings: Sightings, edit: Edit, wanted: int) -> LinkedPerson:
    if wanted in known:
        return known[wanted]
    if edit.kind == MERGE:
        holders = {
            key: int(np.count_nonzero(sightings.tracklet[person.rows] == wanted))
            for key, person in known.items()
        }
        holder = max(holders, key=lambda key: holders[key], default=-1)
        if holders.get(holder):
            return known[holder]
    raise UserError(
        "Correction of nobody",
        f"The correction '{edit.kind}' is of person {wanted}, who is not in this take.",
        "Undo that correction, or set the gap limit back to what it was then.",
    )


def _merge(known: People, sightings: Sightings, one: LinkedPerson, other: LinkedPerson) -> None:
    if one.id == other.id:
        return
    rows = one_per_frame(sightings, np.concatenate([one.rows, other.rows]))
    known[one.id] = replace(one, rows=rows, kept=one.kept or other.kept)
    del known[other.id]


def _split(
    known: People, sightings: Sightings, person: LinkedPerson, edit: Edit, new_id: int
) -> None:
    later = sightings.frame[person.rows] >= edit.frame
    if later.all() or not later.any():
        raise UserError(
            "Nothing to split",
            f"{person.name} is seen only on one side of frame {edit.frame}.",
            "Undo that correction, or split at a frame in between their first and last.",
        )
    names = {other.name for other in known.values()}
    number = next(n for n in range(2, len(names) + 3) if f"{person.name} ({n})" not in names)
    known[person.id] = replace(person, rows=person.rows[~later])
    name = f"{person.name} ({number})"
    known[new_id] = LinkedPerson(new_id, name, person.kept, person.rows[later])
