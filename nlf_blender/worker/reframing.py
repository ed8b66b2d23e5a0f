# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a box drawn by hand the localizer looks: the best of six frames.

Crops are turned squares about the hips. Landmarks tell where those are, and the box itself frames
the person upright; one look through the localizer at either tells of a frame of its own; and the
best of these four may be a little too large or too small. Which one is right is known only after
looking: the body that is localized then fills the box, and the localizer is sure of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .engine import Models
from .nlf.camera import Camera
from .nlf.localized import LocalizedPerson
from .nlf.localizer import OnProgress
from .people.finder import PERSON_THRESHOLD, about_same
from .people.overlap import overlap
from .people.person import BODY_CIRCLE, Float64Array, Frame, Person

FARTHEST = 0.5  # from the first frame's middle, in its sides; beyond that is somebody else
CIRCLE = 0.96 / BODY_CIRCLE  # the circle that the finder would draw, over the farthest vertex
# What overlap with the box outweighs a metre of mean uncertainty, and landmarks that are sure:
# those were learnt from photos.
DOUBT, SURE = 1.0, 0.05
SIZES = (0.87, 1.15)  # beside the best frame's
BATCH = 8  # whatever a job's is, so that it changes no frame
HIPS, SHOULDERS = ("L_Hip", "R_Hip"), ("L_Shoulder", "R_Shoulder")


@dataclass
class _Candidates:
    """A person with the frames tried so far, what the localizer saw in each, and how well that
    fits."""

    person: Person
    frames: list[Frame] = field(default_factory=list[Frame])
    looks: list[LocalizedPerson] = field(default_factory=list[LocalizedPerson])
    fits: list[float] = field(default_factory=list[float])

    @property
    def best(self) -> Frame:
        """The frame that fits best."""
        return self.frames[int(np.argmax(self.fits))]

    def add(self, frame: Frame, seen: LocalizedPerson, size: tuple[int, int]) -> None:
        """A frame that was looked at in a picture of a width and height."""
        sure = frame is self.person.frame and self.person.score > PERSON_THRESHOLD
        self.frames.append(frame)
        self.looks.append(seen)
        self.fits.append(_fit(seen, self.person.box, size) + SURE * sure)


def reframed(
    people: Sequence[Person],
    image: NDArray[np.uint8],
    camera: Camera,
    models: Models,
    on_progress: OnProgress | None = None,
) -> list[Person]:
    """The people in boxes drawn by hand in a picture [H,W,3] RGB, as the finder framed them, with
    the best frame of each. Models that look at upright boxes leave all as they are, and so do
    bodies without named hips and shoulders."""
    named = set(HIPS + SHOULDERS) <= set(models.body.skeleton.joint_names)
    if not people or not named or not models.localizer.model.style.aligned:
        return list(people)
    candidates = [_Candidates(person) for person in people]
    rounds = (_given, partial(_own, models=models), _resized)
    for number, propose in enumerate(rounds):
        frames = [propose(one) for one in candidates]
        flat = [frame for pair in frames for frame in pair]
        before, total = number * len(flat), len(rounds) * len(flat)
        seen = models.localizer.localize(
            [image],
            [[frame.crop for frame in flat]],
            [camera],
            models.point_weights,
            batch_size=BATCH,
            on_progress=on_progress and partial(_tell, on_progress, before, total),
        )[0]
        owners = [one for one, pair in zip(candidates, frames, strict=True) for _ in pair]
        for owner, frame, look in zip(owners, flat, seen, strict=True):
            owner.add(frame, look, (image.shape[1], image.shape[0]))
    return [replace(one.person, frame=one.best) for one in candidates]


def _tell(on_progress: OnProgress, before: int, total: int, done: int, _: int) -> None:
    on_progress(before + done, total)


def _given(one: _Candidates) -> list[Frame]:
    return [one.person.frame, Frame.of_box(one.person.box)]


def _own(one: _Candidates, models: Models) -> list[Frame]:
    return [_own_frame(*pair, models) for pair in zip(one.frames, one.looks, strict=True)]


def _resized(one: _Candidates) -> list[Frame]:
    return [replace(one.best, side=factor * one.best.side) for factor in SIZES]


def _own_frame(frame: Frame, localized: LocalizedPerson, models: Models) -> Frame:
    """The frame about who was localized in another one; that one if a part of the person is behind
    the camera, or if it is somebody else."""
    pixels = localized.points_2d.astype(np.float64)
    skeleton, vertices = models.body.skeleton, models.body.vertex_count

    def middle(names: tuple[str, str]) -> Float64Array:
        return pixels[[vertices + skeleton.index(name) for name in names]].mean(axis=0)

    hips = middle(HIPS)
    up = middle(SHOULDERS) - hips
    reach = CIRCLE * float(np.linalg.norm(pixels - hips, axis=1).max())
    length = float(np.linalg.norm(up))
    if not math.isfinite(reach) or length == 0:
        return frame
    own = Frame.from_hips(hips, hips + up / length * reach)
    return own if about_same(frame, own, FARTHEST) else frame


def _fit(localized: LocalizedPerson, box: Float64Array, size: tuple[int, int]) -> float:
    """How well who was localized agrees with a box [4] in a picture of a width and height: the
    overlap of the box with that around the body, what is in the picture of both, less doubt."""
    pixels = localized.points_2d.astype(np.float64)
    if not np.isfinite(pixels).all():
        return -math.inf
    corners = np.stack([pixels.min(axis=0), pixels.max(axis=0), box[:2], box[2:]])
    within = corners.clip(0, np.array(size))
    shared = overlap(within[2:].ravel(), within[:2].reshape(1, 4))
    return float(shared[0]) - DOUBT * float(localized.uncertainty.mean())
