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
    joints: list[Float64Array] = []
    boxes: list[Float64Array] = []
    appearances: list[Float64Array] = []
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
            depth = 1 + noise * 0.02 * random.normal()
            joints.append(bodies[i] * depth + noise * 0.02 * random.normal(size=(JOINTS, 3)))
            height = squares[i][3] - squares[i][1]
            boxes.append(squares[i] + noise * 0.01 * height * random.normal(size=4))
            mixed = looks(walks[i].clothes)
            if other >= 0:
                mixed = (1 - cover) * mixed + cover * looks(walks[other].clothes)
            appearances.append(_noisy(mixed, noise, random))
            rows.append((frame, frame / FPS, open_tracklet[i], 0.9 - 0.3 * cover, i))
    table = np.array(rows)
    sightings = Sightings(
        frame=table[:, 0].astype(np.int64),
        time=table[:, 1],
        tracklet=table[:, 2].astype(np.int64),
        box=np.array(boxes),
        score=table[:, 3],
        joints=np.array(joints),
        uncertainty=np.full(len(table), 0.05),
        appearance=np.array(appearances),
        extra=np.zeros(len(table), bool),
    )
    return Footage(sightings, table[:, 4].astype(np.int64))


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
