# SPDX-License-Identifier: GPL-3.0-or-later
"""People whom landmarks do not tell how to frame, framed by the localizer.

Crops are turned squares about the hips, and the finder knows from landmarks where those are. Of
people in boxes drawn by hand who are half hidden, lie or stand on their heads, it may find none
that it is sure of; one look through the localizer, which was trained on such people, then tells
better where the crop should be. Where landmarks are sure they stay: they were learnt from photos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .engine import Models
from .nlf.camera import Camera
from .nlf.localized import LocalizedPerson
from .nlf.localizer import OnProgress
from .people.finder import PERSON_THRESHOLD, about_same
from .people.person import BODY_CIRCLE, Float64Array, Frame, Person

FARTHEST = 0.5  # from the first frame's middle, in its sides; beyond that is somebody else
CIRCLE = 0.96 / BODY_CIRCLE  # the circle that the finder would draw, over the farthest vertex
BATCH = 8  # whatever a job's is, so that it changes no frame
HIPS, SHOULDERS = ("L_Hip", "R_Hip"), ("L_Shoulder", "R_Shoulder")


def reframed(
    people: Sequence[Person],
    image: NDArray[np.uint8],
    camera: Camera,
    models: Models,
    on_progress: OnProgress | None = None,
) -> list[Person]:
    """The people of a picture [H,W,3] RGB, with frames of the localizer's own for those of whom the
    finder was not sure. Models that look at upright boxes leave all as they are, and so do bodies
    without named hips and shoulders."""
    named = set(HIPS + SHOULDERS) <= set(models.body.skeleton.joint_names)
    doubtful = [row for row, person in enumerate(people) if person.score <= PERSON_THRESHOLD]
    answer = list(people)
    if not doubtful or not named or not models.localizer.model.style.aligned:
        return answer
    first = models.localizer.localize(
        [image],
        [[people[row].crop for row in doubtful]],
        [camera],
        models.point_weights,
        batch_size=BATCH,
        on_progress=on_progress,
    )[0]
    for row, localized in zip(doubtful, first, strict=True):
        own = _own_frame(localized, models)
        if own is not None and about_same(people[row].frame, own, FARTHEST):
            answer[row] = replace(people[row], frame=own)
    return answer


def _own_frame(localized: LocalizedPerson, models: Models) -> Frame | None:
    """The frame of somebody who was localized; None if a part of them is behind the camera."""
    pixels = localized.points_2d.astype(np.float64)
    skeleton, vertices = models.body.skeleton, models.body.vertex_count

    def middle(names: tuple[str, str]) -> Float64Array:
        return pixels[[vertices + skeleton.index(name) for name in names]].mean(axis=0)

    hips = middle(HIPS)
    up = middle(SHOULDERS) - hips
    reach = CIRCLE * float(np.linalg.norm(pixels - hips, axis=1).max())
    length = float(np.linalg.norm(up))
    if not math.isfinite(reach) or length == 0:
        return None
    return Frame.from_hips(hips, hips + up / length * reach)
