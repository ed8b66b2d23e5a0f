# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the model on an evaluation's pictures, as a job runs it on photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...body.arrays import Float64Array
from ...protocol.settings import LocalizeSettings
from ..camera_choice import choose_camera
from ..engine import Models
from ..nlf.camera import Camera
from ..nlf.crop_plan import CropOptions
from ..nlf.localized import LocalizedPerson
from ..people.person import Frame, Person
from ..pipeline import LocalizedPeople, antialias_factor, believable, crop_of
from ..reframing import reframed
from .items import Item, JointLabel, Picture
from .joint_names import canonical_joints
from .matching import match_item


@dataclass(frozen=True)
class RunOptions:
    """variations: crops per person; from_detector: people are found even where boxes are given;
    landmark_frames: the localizer has no first look at people whom landmarks do not tell how to
    frame."""

    variations: int = LocalizeSettings.test_time_augmentations
    batch_size: int = LocalizeSettings.batch_size
    max_people: int = 50
    from_detector: bool = False
    landmark_frames: bool = False


@dataclass(frozen=True, eq=False)
class FoundPerson:
    """What was localized of one person, metres in the camera: joints [L,3] with doubt [L] and
    pixels [L,2], the body's points [V+J,3] with body_doubt [V+J]. person: how it was found; camera:
    what it was seen through."""

    joints: Float64Array
    doubt: Float64Array
    pixels: Float64Array
    body: Float64Array
    body_doubt: Float64Array
    person: Person
    camera: Camera


@dataclass(frozen=True, eq=False)
class FoundPeople:
    """Everybody in a picture. matches: for each true person the row of `people`, None: missed;
    false: how many are nobody of the true ones. camera: what the picture was seen through, the
    item's or an assumed one. frames: if they were shown to the model in the boxes given, one person
    in each, how the finder framed each; None if they were found."""

    people: list[FoundPerson]
    matches: list[int | None]
    camera: Camera
    frames: list[Frame] | None

    @property
    def false(self) -> int:
        return len(self.people) - sum(match is not None for match in self.matches)


class ItemRunner:
    """A model, ready to localize these joints beside its body."""

    def __init__(self, models: Models, labels: Sequence[JointLabel], options: RunOptions) -> None:
        """UserError if nothing tells where the joints are in the model's canonical space."""
        self.models, self.options = models, options
        self.labels = tuple(labels)
        self._joints = models.localizer.point_weights(canonical_joints(labels, models))

    def run(self, item: Item, picture: Picture) -> FoundPeople:
        """Find and localize everybody in an item's picture."""
        height, width = picture.image.shape[:2]
        settings = LocalizeSettings()
        camera = item.camera or Camera.create(
            choose_camera((width, height), picture.focal_px, settings).matrix()
        )
        boxes = None if self.options.from_detector or not item.people else item.boxes
        people = self._people(picture, boxes)
        frames = [person.frame for person in people]
        if not self.options.landmark_frames:
            people = reframed(people, picture.image, camera, self.models)
        found = self._localized(picture, camera, people, judged=boxes is None)
        if boxes is not None:
            return FoundPeople(found, list(range(len(found))), camera, frames)
        matches = match_item(
            item,
            camera,
            self.labels,
            [person.pixels for person in found],
            [person.person.box for person in found],
        )
        return FoundPeople(found, matches, camera, None)

    def _people(self, picture: Picture, boxes: list[Float64Array] | None) -> list[Person]:
        finder = self.models.finder
        if boxes is None:
            return finder.find(picture.image, self.options.max_people)
        return finder.people_in_boxes(picture.image, [box.tolist() for box in boxes])

    def _localized(
        self, picture: Picture, camera: Camera, people: list[Person], *, judged: bool
    ) -> list[FoundPerson]:
        if not people:
            return []
        models = self.models
        crops = [crop_of(person, models) for person in people]
        factor = antialias_factor([person.box for person in people], models)
        localized = models.localizer.localize(
            [picture.image],
            [crops],
            [camera],
            models.point_weights,
            num_aug=self.options.variations,
            batch_size=self.options.batch_size,
            options=CropOptions(antialias_factor=factor),
            beside=self._joints,
        )[0]
        everybody = LocalizedPeople(people, localized)
        if judged:
            everybody = believable(everybody, models)
        pairs = zip(everybody.people, everybody.points, strict=True)
        return [_found(person, points, camera) for person, points in pairs]


def _found(person: Person, localized: LocalizedPerson, camera: Camera) -> FoundPerson:
    joints = localized.beside
    assert joints is not None  # they were asked for
    places = joints.points.astype(np.float64)
    return FoundPerson(
        places,
        joints.uncertainty.astype(np.float64),
        camera.project(places),
        localized.points.astype(np.float64),
        localized.uncertainty.astype(np.float64),
        person,
        camera,
    )
