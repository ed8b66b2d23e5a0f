# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is who: made-up people who cross, hide, come and go, against the truth."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from walking_people import Footage, Walk, crowd, drawn, film, swapped, without

from nlf_blender.errors import UserError
from nlf_blender.protocol.edits import DROP, KEEP, MERGE, RENAME, SPLIT, SPLIT_IDS, Edit
from nlf_blender.worker.people.link import link
from nlf_blender.worker.people.sightings import LinkedPerson, Sightings

CROSSING = [Walk(0, 99, (-2, 4), (2, 4), 1), Walk(0, 99, (2, 5.5), (-2, 5.5), 2)]
ALIKE = [replace(walk, clothes=1) for walk in CROSSING]


def linked(footage: Footage, cuts: tuple[int, ...] = (), gap: float = 1.0, most: int = 8,
           edits: tuple[Edit, ...] = ()) -> tuple[LinkedPerson, ...]:  # fmt: skip
    return link(footage.sightings, cuts, max_people=most, gap_seconds=gap, edits=edits)


def switches(footage: Footage, people: tuple[LinkedPerson, ...]) -> int:
    """How often people go over to somebody else."""
    return sum(int(np.count_nonzero(np.diff(footage.person[p.rows]))) for p in people)


@pytest.mark.parametrize("walks", [CROSSING, ALIKE])
@pytest.mark.parametrize("drop", [0.0, 0.05])
def test_people_who_cross_keep_their_names(walks: list[Walk], drop: float) -> None:
    for seed in range(3):
        footage = film(walks, drop=drop, seed=seed)
        people = linked(footage)
        assert len(people) == 2
        assert switches(footage, people) == 0
        assert sum(len(person.rows) for person in people) == len(footage.person)


@pytest.mark.parametrize("frame", [45, 50, 55])
def test_a_follower_that_takes_one_for_the_other_is_found_out(frame: int) -> None:
    footage = swapped(film(CROSSING, hidden=2.0), 0, 1, frame)
    people = linked(footage)
    assert len(people) == 2
    assert switches(footage, people) == 0


def test_people_alike_who_stay_apart_are_not_taken_for_each_other() -> None:
    footage = film([Walk(0, 99, (-2, 4), (-1, 4), 1), Walk(0, 99, (2, 5), (1, 5), 1)], drop=0.05)
    people = linked(footage)
    assert len(people) == 2
    assert switches(footage, people) == 0


def test_a_gap_is_bridged_up_to_the_limit() -> None:
    footage = without(film([Walk(0, 99, (-1, 4), (1, 4), 1)]), 0, 40, 52, 7)
    assert [len(person.rows) for person in linked(footage, gap=0.6)] == [87]
    apart = linked(footage, gap=0.4)
    assert [person.id for person in apart] == [0, 7]
    assert [footage.sightings.frame[person.rows[0]] for person in apart] == [0, 53]


def test_who_enters_as_another_leaves_is_somebody_else() -> None:
    footage = film([Walk(0, 50, (-2, 4), (-1, 4), 1), Walk(51, 99, (-0.8, 4.2), (1, 4), 2)])
    people = linked(footage)
    assert [person.name for person in people] == ["Person 1", "Person 2"]
    assert switches(footage, people) == 0


def test_who_is_seen_far_off_is_somebody_else_though_dressed_alike() -> None:
    footage = film([Walk(0, 50, (-2, 4), (0, 4), 1), Walk(55, 99, (3, 4), (2, 4), 1)])
    assert len(linked(footage)) == 2


def test_people_end_at_cuts() -> None:
    footage = film([Walk(0, 99, (-1, 4), (1, 4), 1)])
    people = linked(footage, cuts=(50,))
    assert [len(person.rows) for person in people] == [50, 50]
    assert len({person.id for person in people}) == 2


def test_a_crowd_of_twenty_is_told_apart() -> None:
    wrong = total = 0
    for seed in (50, 51):
        footage = film(crowd(20, seed), drop=0.02, seed=seed)
        for person in linked(footage, most=20):
            truth = np.bincount(footage.person[person.rows])
            wrong += int(truth.sum() - truth.max())
            total += int(truth.sum())
    assert total > 5000
    assert wrong <= 0.005 * total


def test_a_body_that_two_tracklets_follow_is_one_person() -> None:
    footage = film([Walk(0, 99, (-1, 4), (1, 4), 1)])
    again = np.flatnonzero((footage.sightings.frame >= 30) & (footage.sightings.frame < 70))
    fields = {
        name: np.concatenate([values, values[again]])
        for name, values in footage.sightings.__dict__.items()
    }
    fields["tracklet"][100:] = 5
    fields["score"][100:] -= 0.1
    (person,) = linked(Footage(Sightings(**fields), np.zeros(140, np.int64)))
    assert person.rows.tolist() == list(range(100))


def test_the_order_of_the_rows_means_nothing() -> None:
    footage = film(crowd(20, 3)[:8], drop=0.05)
    shuffled = np.random.default_rng(1).permutation(len(footage.person))
    fields = {n: values[shuffled] for n, values in footage.sightings.__dict__.items()}
    people = linked(footage)
    others = linked(Footage(Sightings(**fields), footage.person[shuffled]))
    assert [p.id for p in people] == [p.id for p in others]
    for one, other in zip(people, others, strict=True):
        assert one.rows.tolist() == shuffled[other.rows].tolist()


def test_those_seen_longest_are_kept() -> None:
    walks = [Walk(0, last, (x, 5.0), (x, 5.0), x) for x, last in ((-2, 30), (0, 90), (2, 60))]
    people = linked(film(walks), most=2)
    assert [(person.id, person.kept) for person in people] == [(0, False), (1, True), (2, True)]


def test_a_glimpse_comes_last_and_is_not_kept() -> None:
    footage = film([Walk(3, 4, (-2, 5), (-2, 5), 2), Walk(0, 50, (1, 5), (1, 5), 1)])
    people = linked(footage)
    assert [(p.name, p.kept, len(p.rows)) for p in people] == [
        ("Person 1", True, 51),
        ("Person 2", False, 2),
    ]


def test_a_glimpse_is_two_frames_at_a_low_rate_too() -> None:
    whole = film([Walk(3, 4, (-2, 5), (-2, 5), 2), Walk(0, 20, (1, 5), (1, 5), 1)]).sightings
    people = link(replace(whole, time=whole.frame / 5.0), (), max_people=8, gap_seconds=1.0)
    assert [person.kept for person in people] == [True, False]


def test_a_person_in_the_only_frame_is_kept() -> None:
    (person,) = linked(film([Walk(0, 0, (0, 4), (0, 4), 1)]))
    assert person.kept
    assert person.rows.tolist() == [0]


def test_nobody_makes_no_people() -> None:
    footage = film([Walk(0, 5, (0, 4), (0, 4), 1)])
    none = Sightings(**{n: values[:0] for n, values in footage.sightings.__dict__.items()})
    assert link(none, (), max_people=8, gap_seconds=1.0) == ()


@pytest.fixture
def pair() -> Footage:
    return film([Walk(0, 60, (-2, 5), (-2, 5), 1), Walk(30, 90, (2, 5), (2, 5), 2)])


def test_merge_then_split(pair: Footage) -> None:
    merged = linked(pair, edits=(Edit(MERGE, 0, other=1),))
    assert [(p.id, len(p.rows)) for p in merged] == [(0, 91)]
    frames = pair.sightings.frame[merged[0].rows]
    assert frames.tolist() == list(range(91))
    both = linked(pair, edits=(Edit(MERGE, 0, other=1), Edit(SPLIT, 0, frame=40)))
    assert [(p.id, p.name, p.kept, len(p.rows)) for p in both] == [
        (0, "Person 1", True, 40),
        (SPLIT_IDS + 1, "Person 1 (2)", True, 51),
    ]


def test_where_both_are_seen_the_surer_sighting_stays(pair: Footage) -> None:
    pair.sightings.score[pair.person == 1] = 0.95
    (person,) = linked(pair, edits=(Edit(MERGE, 0, other=1),))
    assert pair.person[person.rows].tolist() == [0] * 30 + [1] * 61


def test_drop_keep_and_rename(pair: Footage) -> None:
    edits = (Edit(DROP, 0), Edit(RENAME, 1, name=" Ada "), Edit(DROP, 1), Edit(KEEP, 1))
    people = linked(pair, edits=edits)
    assert [(p.name, p.kept) for p in people] == [("Person 1", False), ("Ada", True)]


@pytest.mark.parametrize(
    "edits",
    [
        (Edit(DROP, 5),),
        (Edit(MERGE, 0, other=5),),
        (Edit(MERGE, 0, other=1), Edit(RENAME, 1, name="x")),
    ],
)
def test_an_edit_of_nobody_says_so(pair: Footage, edits: tuple[Edit, ...]) -> None:
    with pytest.raises(UserError, match=rf"person {5 if len(edits) == 1 else 1}\b"):
        linked(pair, edits=edits)


@pytest.mark.parametrize("frame", [0, 61])
def test_a_split_off_the_ends_says_so(pair: Footage, frame: int) -> None:
    with pytest.raises(UserError, match=f"frame {frame}"):
        linked(pair, edits=(Edit(SPLIT, 0, frame=frame),))


def test_a_drawn_tracklet_is_a_person_until_it_is_merged(pair: Footage) -> None:
    footage = drawn(pair, np.flatnonzero(pair.person == 0)[10:20], 9)
    alone = linked(footage, most=1)
    assert [(p.id, p.kept, len(p.rows)) for p in alone][-1] == (9, True, 10)
    merged = linked(footage, edits=(Edit(MERGE, 0, other=9),))
    assert [p.id for p in merged] == [0, 1]
    assert footage.sightings.extra[merged[0].rows].tolist() == [
        10 <= frame < 20 for frame in range(61)
    ]


def test_merging_with_a_tracklet_means_whoever_has_it() -> None:
    footage = without(film([Walk(0, 99, (-1, 4), (1, 4), 1)]), 0, 40, 44, 7)
    (person,) = linked(footage, edits=(Edit(MERGE, 0, other=7),))
    assert len(person.rows) == 95


def test_many_sightings_are_linked_in_less_than_a_second() -> None:
    parts = [film(crowd(20, seed)[:8], drop=0.01, seed=seed).sightings for seed in range(3)]
    fields: dict[str, np.ndarray] = {}
    for name in Sightings.__dataclass_fields__:
        values = [getattr(parts[i % 3], name) for i in range(18)]
        if name in ("frame", "tracklet"):
            step = 600 if name == "frame" else 1000
            values = [value + i * step for i, value in enumerate(values)]
        if name == "time":
            values = [value + i * 24.0 for i, value in enumerate(values)]
        fields[name] = np.concatenate(values)
    sightings = Sightings(**fields)
    assert len(sightings) > 18_000
    start = time.process_time()
    link(sightings, (), max_people=8, gap_seconds=1.0)
    assert time.process_time() - start < 1.0
