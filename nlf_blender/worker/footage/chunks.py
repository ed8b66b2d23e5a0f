# SPDX-License-Identifier: GPL-3.0-or-later
"""What is computed of a chunk of frames: people found, localized, fitted; one row for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...protocol.settings import LocalizeSettings
from ..engine import Models
from ..fit_people import SETTINGS, FittedPeople, fit_people
from ..markers.features import FeatureKeeper
from ..markers.set_rows import Beside
from ..markers.sets import JobSets
from ..media.footage import SourceFrame
from ..nlf.camera import Camera
from ..nlf.crop_plan import CropOptions
from ..nlf.localized import LocalizedPerson
from ..people.appearance import SIZE
from ..people.follow import Followed
from ..people.plausibility import plausible_people
from ..pipeline import antialias_factor, crop_of

Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """A frame and who was found in it."""

    frame: SourceFrame
    people: list[Followed]


@dataclass(frozen=True, eq=False)
class Sighting:
    """One person in one frame, localized. features: what the network saw, [A,C,H,W], if kept."""

    frame: SourceFrame
    followed: Followed
    localized: LocalizedPerson
    features: NDArray[np.float16] | None = None


def localize_frames(
    seen: Sequence[SeenFrame],
    cameras: Sequence[Camera],
    models: Models,
    settings: LocalizeSettings,
    on_progress: Callable[[int, int], None],
    *,
    sets: JobSets,
    by_hand: bool = False,
) -> list[Sighting]:
    """Everybody in some frames, in the order of `seen`, each frame with its camera; those whom an
    official model takes for no person, or for one seen twice, are left out unless they were framed
    by hand. on_progress(crops done, all crops) hears of every batch. sets: localized,
    too."""
    people = [followed.person for item in seen for followed in item.people]
    if not people:
        return []
    keeper = FeatureKeeper() if settings.keep_features else None
    localized = models.localizer.localize(
        [item.frame.rgb for item in seen],
        [[crop_of(followed.person, models) for followed in item.people] for item in seen],
        cameras,
        models.point_weights,
        num_aug=settings.test_time_augmentations,
        batch_size=settings.batch_size,
        on_progress=on_progress,
        options=CropOptions(antialias_factor=antialias_factor([p.box for p in people], models)),
        beside=sets.weights,
        features=keeper,
    )
    # ours was not made to judge
    judge = not by_hand and not models.localizer.model.style.aligned
    sightings: list[Sighting] = []
    before = 0  # people of earlier frames
    for item, points in zip(seen, localized, strict=True):
        for i in _believed(item.people, points) if judge else range(len(points)):
            kept = keeper and keeper.of_person(before + i, settings.test_time_augmentations)
            sightings.append(Sighting(item.frame, item.people[i], points[i], kept))
        before += len(points)
    return sightings


def beside(sightings: Sequence[Sighting], sets: JobSets, settings: LocalizeSettings) -> Beside:
    """What else there is of the rows of these sightings."""
    features = [s.features for s in sightings if s.features is not None]
    people = [sighting.localized for sighting in sightings]
    return Beside(sets, people, features if settings.keep_features else None)


def _believed(people: list[Followed], points: list[LocalizedPerson]) -> list[int]:
    """Which people of one frame to keep, in their order."""
    if not people:
        return []
    return sorted(
        plausible_people(
            [person.points for person in points],
            [person.points_2d for person in points],
            [person.uncertainty for person in points],
            np.stack([followed.person.box for followed in people]),
            [followed.person.score for followed in people],
        )
    )


def chunk_rows(seen: Sequence[SeenFrame], sightings: Sequence[Sighting], models: Models) -> Rows:
    """The arrays of a chunk (protocol/rows.py), its frames' included, less `fitted_rows`."""
    frames = [item.frame for item in seen]
    return {
        **located_rows(sightings, models),
        "frames": np.array([frame.index for frame in frames], dtype=np.int64),
        "times": np.array([frame.time for frame in frames], dtype=np.float64),
        "cuts": np.array([frame.cut for frame in frames], dtype=bool),
    }


def located_rows(sightings: Sequence[Sighting], models: Models) -> Rows:
    """The arrays of R sightings, one row each, less `fitted_rows`."""
    people = [sighting.followed for sighting in sightings]
    points = models.body.vertex_count + models.body.joint_count
    return {
        "frame": np.array([item.frame.index for item in sightings], dtype=np.int64),
        "timestamp": np.array([item.frame.time for item in sightings], dtype=np.float64),
        "track": np.array([item.tracklet for item in people], dtype=np.int64),
        "box": np.array([item.person.box for item in people]).reshape(-1, 4),
        "score": np.array([item.person.score for item in people]),
        "points": np.array([s.localized.points for s in sightings]).reshape(-1, points, 3),
        "uncertainty": np.array([s.localized.uncertainty for s in sightings]).reshape(-1, points),
        "crop": np.array([item.crop for item in people]).reshape(-1, 4),
        "appearance": np.array([item.appearance for item in people]).reshape(-1, SIZE),
    }


def fitted_rows(localized: Sequence[LocalizedPerson], models: Models) -> Rows:
    """The arrays of R people that a fit tells, one row each; all are fitted at once."""
    fitted = _fitted(localized, models)
    return {
        "pose": fitted.pose,
        "betas": fitted.betas,
        "translation": fitted.translation,
        "scale": np.ones(len(localized)),
        "fit_error": fitted.error,
    }


def _fitted(localized: Sequence[LocalizedPerson], models: Models) -> FittedPeople:
    if localized:
        return fit_people(models, list(localized))
    betas = min(SETTINGS.beta_count, models.body_model.beta_count)
    return FittedPeople(
        np.zeros((0, models.body.joint_count, 3), np.float32),
        np.zeros((0, betas), np.float32),
        np.zeros((0, 3), np.float32),
        np.zeros(0, np.float32),
    )
