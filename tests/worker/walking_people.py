# SPDX-License-Identifier: GPL-3.0-or-later
"""Sightings of made-up people who walk in front of a camera, with the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlf_blender.worker.people.appearance import BINS, PARTS
from nlf_blender.worker.people.sightings import Sightings

FPS = 25.0
FOCAL, CENTRE = 1000.0, (640.0, 360.0)
JOINTS = 12
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Walk:
    """A person in frames first..last who goes straight from `start` to `end` (x, z in metres),
    in clothes of a number."""

    first: int
    last: int
    start: tuple[float, float]
    end: tuple[float, float]
    clothes: int


@dataclass(frozen=True, eq=False)
class Footage:
    """person [R]: the truth."""

    sightings: Sightings
    person: NDArray[np.int64]


def looks(clothes: int) -> Float64Array:
    """What clothes of a number look like, [SIZE]: six bins per part."""
    random = np.random.default_rng(1000 + clothes)
    parts = np.zeros((PARTS, BINS))
    for part in parts:
        part[random.choice(BINS, 6, replace=False)] = random.dirichlet(np.ones(6))
    return np.concatenate([parts.ravel(), np.ones(PARTS)])


def body(person: int, time: float) -> Float64Array:
    """Joints [JOINTS,3] of somebody who swings their limbs, about the middle of the body."""
    random = np.random.default_rng(person)
    y = np.linspace(-0.85, 0.85, JOINTS)
    phase, side = random.uniform(0, 6), random.uniform(0.15, 0.3)
    swing = side * np.sin(2 * np.pi * time + phase + np.arange(JOINTS) * np.pi)
    return np.column_stack([swing * np.abs(y), y, 0.5 * swing])


def box_of(joints: Float64Array) -> Float64Array:
    """[4] in pixels, with a margin."""
    pixels = joints[:, :2] / joints[:, 2:] * FOCAL + CENTRE
    low, high = pixels.min(0), pixels.max(0)
    margin = 0.08 * (high - low).max()
    return np.concatenate([low - margin, high + margin])


def film(walks: list[Walk], *, noise: float = 1.0, drop: float = 0.0, hidden: float = 0.5,
         seed: int = 0) -> Footage:  # fmt: skip
    """Everybody as a follower sees them: who is hidden by more than a share of their box by
    somebody nearer is not seen, nor in a share `drop` of the frames; either way a tracklet ends.
    """
    random = np.random.default_rng(seed)
    rows: list[tuple[float, ...]] = []
    seen: list[tuple[Float64Array, Float64Array, Float64Array]] = []
    open_tracklet: dict[int, int] = {}
    count = 0
    for frame in range(max(walk.last for walk in walks) + 1):
        present = [i for i, walk in enumerate(walks) if walk.first <= frame <= walk.last]
        bodies = {i: _placed(walks[i], i, frame) for i in present}
        squares = {i: box_of(bodies[i]) for i in present}
        for i in present:
            cover, other = _covered(i, squares, bodies)
            if cover > hidden or random.random() < drop:
                open_tracklet.pop(i, None)
                continue
            if i not in open_tracklet:
                open_tracklet[i] = count
                count += 1
            look = _noisy(_mixed(walks, i, cover, other), noise, random)
            seen.append((*_seen(bodies[i], squares[i], noise, random), look))
            rows.append((frame, frame / FPS, open_tracklet[i], 0.9 - 0.3 * cover, i))
    table = np.array(rows)
    sightings = Sightings(
        frame=table[:, 0].astype(np.int64),
        time=table[:, 1],
        tracklet=table[:, 2].astype(np.int64),
        box=np.array([box for box, _, _ in seen]),
        score=table[:, 3],
        joints=np.array([joints for _, joints, _ in seen]),
        uncertainty=np.full(len(table), 0.05),
        appearance=np.array([look for _, _, look in seen]),
        extra=np.zeros(len(table), bool),
    )
    return Footage(sightings, table[:, 4].astype(np.int64))


def _seen(
    joints: Float64Array, box: Float64Array, noise: float, random: np.random.Generator
) -> tuple[Float64Array, Float64Array]:
    """The box and the joints as a localizer gives them."""
    depth = 1 + noise * 0.02 * random.normal()
    seen = joints * depth + noise * 0.02 * random.normal(size=joints.shape)
    return box + noise * 0.01 * (box[3] - box[1]) * random.normal(size=4), seen


def _mixed(walks: list[Walk], person: int, cover: float, other: int) -> Float64Array:
    """What somebody looks like of whom a share is covered by another, or by nobody (-1)."""
    mine = looks(walks[person].clothes)
    return mine if other < 0 else (1 - cover) * mine + cover * looks(walks[other].clothes)


def _placed(walk: Walk, person: int, frame: int) -> Float64Array:
    share = (frame - walk.first) / max(walk.last - walk.first, 1)
    x, z = np.array(walk.start) + share * (np.array(walk.end) - np.array(walk.start))
    return body(person, frame / FPS) + np.array([x, 0.0, z])


def _covered(
    person: int, boxes: dict[int, Float64Array], bodies: dict[int, Float64Array]
) -> tuple[float, int]:
    """The share of somebody's box that somebody nearer covers, and who that is, else -1."""
    mine, worst, who = boxes[person], 0.0, -1
    for other, box in boxes.items():
        if other == person or bodies[other][:, 2].mean() >= bodies[person][:, 2].mean():
            continue
        low, high = np.maximum(mine[:2], box[:2]), np.minimum(mine[2:], box[2:])
        share = (high - low).clip(0).prod() / (mine[2:] - mine[:2]).prod()
        if share > worst:
            worst, who = float(share), other
    return worst, who


def _noisy(values: Float64Array, noise: float, random: np.random.Generator) -> Float64Array:
    split = PARTS * BINS
    parts = values[:split] + noise * 0.01 * np.abs(random.normal(size=split))
    parts = parts.reshape(PARTS, BINS)
    parts = parts / parts.sum(axis=1, keepdims=True)
    seen = (values[split:] - 0.2 * random.random(PARTS)).clip(0, 1)
    return np.concatenate([parts.ravel(), seen])


def swapped(footage: Footage, first: int, second: int, frame: int) -> Footage:
    """The same, where the follower took two people for each other from a frame on."""
    tracklet = footage.sightings.tracklet.copy()
    ids = [tracklet[footage.person == person] for person in (first, second)]
    later = footage.sightings.frame >= frame
    one, other = ids[0][0], ids[1][0]
    tracklet[later & (footage.person == first)] = other
    tracklet[later & (footage.person == second)] = one
    fields = {**footage.sightings.__dict__, "tracklet": tracklet}
    return Footage(Sightings(**fields), footage.person)


def crowd(clothes: int, seed: int) -> list[Walk]:
    """Twenty people who come, walk anywhere and go, in so many kinds of clothes."""
    random = np.random.default_rng(seed)
    places = random.uniform([-5, 4], [5, 12], size=(20, 2, 2))
    begins = random.integers(0, 300, 20)
    return [
        Walk(int(b), int(b + random.integers(80, 300)), tuple(p[0]), tuple(p[1]), i % clothes)
        for i, (b, p) in enumerate(zip(begins, places, strict=True))
    ]


def without(footage: Footage, person: int, first: int, last: int, new: int) -> Footage:
    """The same, where somebody is hidden for a while; then their tracklet is another one."""
    frame, tracklet = footage.sightings.frame, footage.sightings.tracklet.copy()
    tracklet[(footage.person == person) & (frame > last)] = new
    hidden = (footage.person == person) & (frame >= first) & (frame <= last)
    fields = {**footage.sightings.__dict__, "tracklet": tracklet}
    kept = {name: values[~hidden] for name, values in fields.items()}
    return Footage(Sightings(**kept), footage.person[~hidden])


def drawn(footage: Footage, rows: np.ndarray, tracklet: int) -> Footage:
    """The same with rows drawn by hand in the same frames."""
    fields = {
        name: np.concatenate([values, values[rows]])
        for name, values in footage.sightings.__dict__.items()
    }
    fields["tracklet"][len(footage.person) :] = tracklet
    fields["extra"][len(footage.person) :] = True
    return Footage(Sightings(**fields), np.append(footage.person, footage.person[rows]))
