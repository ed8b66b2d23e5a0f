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
from .joining import successors
from .sightings import Int64Array, LinkedPerson, Sightings
from .tracklets import Table, pieces, table

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
    whole, pairs = table(sightings, np.asarray(sorted(cuts), dtype=np.int64))
    chains = _chains(whole, *pieces(whole, pairs), gap_seconds) if len(whole) else []
    brief = np.array([_is_brief(whole, chain) for chain in chains], bool)
    order = sorted(range(len(chains)), key=lambda i: (brief[i], *_appears(whole, chains[i])))
    chains = [chains[i] for i in order]
    kept = _longest(whole, chains, ~brief[order], max_people) if chains else set()
    ids = _ids(whole, chains)
    people = [
        LinkedPerson(ids[i], "", i in kept, whole.row[chain]) for i, chain in enumerate(chains)
    ]
    people += _drawn(sightings)
    named = [replace(person, name=f"Person {i + 1}") for i, person in enumerate(people)]
    return apply_edits(named, sightings, edits)


def _chains(
    whole: Table, first: Int64Array, last: Int64Array, gap_seconds: float
) -> list[Int64Array]:
    """The sightings of each person, indices into the table in the order of the frames."""
    following = successors(whole, first, last, gap_seconds)
    heads = np.setdiff1d(np.arange(len(first)), following)
    chains: list[Int64Array] = []
    for head in heads.tolist():
        runs: list[Int64Array] = []
        piece = head
        while piece >= 0:
            runs.append(np.arange(first[piece], last[piece] + 1))
            piece = int(following[piece])
        chains.append(np.concatenate(runs))
    return chains


def _appears(whole: Table, chain: Int64Array) -> tuple[int, float, int]:
    """When and where somebody appears first, for sorting."""
    return int(whole.order[chain[0]]), float(whole.middle[chain[0], 0]), int(chain[0])


def _is_brief(whole: Table, chain: Int64Array) -> bool:
    """Whether somebody is seen too little to be believed, in a shot that has more to show."""
    shot = whole.order[whole.shot == whole.shot[chain[0]]]
    shown = int(shot.max() - shot.min()) + 1
    frames = max(LEAST_FRAMES, int(np.ceil(LEAST_SECONDS / whole.dt - 1e-6)))
    return len(chain) < min(frames, shown)


def _longest(
    whole: Table, chains: list[Int64Array], eligible: np.ndarray, max_people: int
) -> set[int]:
    """Which people are seen longest, by the sum of their scores."""
    score = whole.sightings.score[whole.row]
    seen = [(-float(score[chain].sum()), i) for i, chain in enumerate(chains) if eligible[i]]
    return {i for _, i in sorted(seen)[:max_people]}


def _ids(whole: Table, chains: list[Int64Array]) -> list[int]:
    tracklet = whole.sightings.tracklet[whole.row]
    begins = np.ones(len(whole), bool)
    begins[1:] = np.diff(tracklet) != 0
    ids: list[int] = []
    tails = 0
    for chain in chains:
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
