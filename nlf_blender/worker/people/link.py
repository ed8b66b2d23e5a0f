# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who in footage: tracklets joined into people, over the whole footage at once.

A person's id is that of the first tracklet that begins with them, so that ids stay as they are when
tracklets are added by hand later, each of which is a person of its own until it is merged. People
of whom only later parts of tracklets are left have ids from TAIL_IDS on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...protocol.edits import Edit
from .apply_edits import apply_edits, one_per_frame
from .chains import chains
from .joining import successors
from .sightings import Int64Array, LinkedPerson, Sightings
from .table import Table, table
from .tracklets import pieces

TAIL_IDS = 200_000
# Who is seen less is likely no person, and not kept unless there was no more to be seen.
LEAST_FRAMES = 3
LEAST_SECONDS = 0.1


def link(
    sightings: Sightings,
    cuts: Sequence[int],
    *,
    max_people: int,
    gap_seconds: float,
    edits: Sequence[Edit] = (),
) -> tuple[LinkedPerson, ...]:
    """The people of all sightings, in order of appearance, with the artist's edits applied.

    cuts: frames in which another shot begins, where people end. Of people whom the follower found,
    the `max_people` seen longest are kept; gaps of up to `gap_seconds` are bridged. The same
    arguments always give the same answer. UserError where an edit names nobody.
    """
    people = _found(sightings, cuts, max_people, gap_seconds) + _drawn(sightings)
    named = [replace(person, name=f"Person {i + 1}") for i, person in enumerate(people)]
    return apply_edits(named, sightings, edits)


def _found(
    sightings: Sightings, cuts: Sequence[int], max_people: int, gap_seconds: float
) -> list[LinkedPerson]:
    """The people whom the follower found, in order of appearance, the brief ones last."""
    whole = table(sightings, np.asarray(sorted(cuts), dtype=np.int64))
    if not len(whole):
        return []
    parts = pieces(whole)
    found = chains(whole, parts, successors(whole, parts, gap_seconds))
    believed = [chain for chain in found if not _is_brief(whole, chain)]
    brief = [chain for chain in found if _is_brief(whole, chain)]
    ordered = [
        chain
        for some in (believed, brief)
        for chain in sorted(some, key=lambda chain: _appears(whole, chain))
    ]
    kept = _longest(whole, ordered[: len(believed)], max_people)
    ids = _ids(whole, ordered)
    return [
        LinkedPerson(ids[i], "", i in kept, whole.row[chain]) for i, chain in enumerate(ordered)
    ]


def _appears(whole: Table, chain: Int64Array) -> tuple[int, float, int]:
    """When and where somebody appears first, for sorting."""
    return int(whole.order[chain[0]]), float(whole.middle[chain[0], 0]), int(chain[0])


def _is_brief(whole: Table, chain: Int64Array) -> bool:
    """Whether somebody is seen too little to be believed, in a shot that has more to show."""
    shot = whole.order[whole.shot == whole.shot[chain[0]]]
    shown = int(shot.max() - shot.min()) + 1
    frames = max(LEAST_FRAMES, int(np.ceil(LEAST_SECONDS / whole.dt - 1e-6)))
    return len(chain) < min(frames, shown)


def _longest(whole: Table, people: list[Int64Array], max_people: int) -> set[int]:
    """Which people are seen longest, by the sum of their scores."""
    score = whole.sightings.score[whole.row]
    seen = [(-float(score[chain].sum()), i) for i, chain in enumerate(people)]
    return {i for _, i in sorted(seen)[:max_people]}


def _ids(whole: Table, people: list[Int64Array]) -> list[int]:
    tracklet = whole.sightings.tracklet[whole.row]
    begins = np.ones(len(whole), bool)
    begins[1:] = np.diff(tracklet) != 0
    ids: list[int] = []
    tails = 0
    for chain in people:
        begun = chain[begins[chain]]
        if len(begun):
            ids.append(int(tracklet[begun].min()))
        else:
            ids.append(TAIL_IDS + tails)
            tails += 1
    return ids


def _drawn(sightings: Sightings) -> list[LinkedPerson]:
    """A person for each tracklet that was drawn by hand, in the order of the drawing."""
    drawn = np.flatnonzero(sightings.extra)
    return [
        LinkedPerson(
            int(tracklet),
            "",
            True,
            one_per_frame(sightings, drawn[sightings.tracklet[drawn] == tracklet]),
        )
        for tracklet in np.unique(sightings.tracklet[drawn])
    ]
