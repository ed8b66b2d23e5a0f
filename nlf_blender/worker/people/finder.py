# SPDX-License-Identifier: GPL-3.0-or-later
"""People in a picture: candidates from the picture and its tiles, each confirmed by landmarks.

The detector was made for people who fill a good part of the picture; tiles find smaller ones, but
people lower than about a seventh of the picture, and those deep in a crowd, are often missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..nlf.backbones.blazepose import CROP_SIDE, BlazePoseEncoder
from ..nlf.network_time import NetworkTime
from .detector import SIDE, Detection, Detector
from .person import Float64Array, Frame, Person
from .pixels import frame_pixels

PERSON_THRESHOLD = 0.5
# Two people are one if their landmarks lie closer than this share of the smaller one's frame.
SAME_LANDMARKS = 0.08
SAME_HIPS = 0.12
OWN_MIDDLE = 0.4  # of a frame's side: as far may the middle of who was framed be off
SEEN = 0.5  # visibility from which a landmark counts
# Mean motion of the landmarks between two looks, as a share of the frame, that is far too much.
UNSTEADY = 0.04
TILE_ROWS = (2, 3)
TILE_OVERLAP = 1.5
BODY_LANDMARKS = 33
HIPS, CIRCLE = 33, 34
EYES, MOUTH = (2, 5), (9, 10)
BATCH = 8
Image = NDArray[np.uint8]


class PeopleFinder:
    """Finds people, or looks at the boxes that the user drew."""

    def __init__(self, device: torch.device | str, assets: Path) -> None:
        self.device = device
        self.network_time = NetworkTime(device)
        detector = assets / "person_detector.safetensors"
        self.detector = Detector(device, detector, self.network_time)
        self.encoder = BlazePoseEncoder.from_assets(assets / "blazepose_heavy.safetensors")
        self.encoder.to(device)

    def find(self, image: Image, max_people: int, known: Sequence[Person] = ()) -> list[Person]:
        """At most `max_people` people in a picture [H,W,3] RGB, the largest first; of people who
        are known to be in it, none."""
        whole = self.detector.detect(image)
        candidates = [
            candidate
            for candidate in distinct_candidates([*whole, *self._in_tiles(image)])
            if not any(same_hips(candidate.frame, person.frame) for person in known)
        ][: 2 * max_people + 4]
        people = self._confirm(image, [candidate.frame for candidate in candidates], not known)
        if not known:
            people += self._sure(image, whole, people)
        new = [p for p in people if not any(same_person(p, other) for other in known)]
        return distinct_people(new)[:max_people]

    def people_in_boxes(self, image: Image, boxes: Sequence[Sequence[float]]) -> list[Person]:
        """The person in each box (left, top, right, bottom), in the order given.

        Landmarks in the upright box tell where the hips are and which way is up; where they find
        nobody, the box itself is framed.
        """
        upright = [Frame.of_box(np.asarray(box, dtype=np.float64)) for box in boxes]
        aligned = [
            person.frame if _belongs(person, frame) else frame
            for person, frame in zip(self.look(image, upright), upright, strict=True)
        ]
        people = []
        for person, frame, box in zip(self.look(image, aligned), aligned, boxes, strict=True):
            chosen = person.frame if _belongs(person, frame) else frame
            given = np.asarray(box, dtype=np.float64)
            people.append(Person(given, person.score, chosen, person.keypoints))
        return people

    def _in_tiles(self, image: Image) -> list[Detection]:
        """Detections in tiles of a picture, where they see more than all of it does."""
        found: list[Detection] = []
        height, width = image.shape[:2]
        for rows in TILE_ROWS:
            side = round(min(max(height, width), TILE_OVERLAP * max(height, width) / rows))
            if side < SIDE:
                break
            for top in _starts(height, side, rows):
                for left in _starts(width, side, rows):
                    tile = np.ascontiguousarray(image[top : top + side, left : left + side])
                    found += [_moved(item, left, top) for item in self.detector.detect(tile)]
        return found

    def _confirm(self, image: Image, frames: list[Frame], alone: bool) -> list[Person]:
        """People whom the landmark network recognizes, framed by their landmarks.

        It looks twice, and landmarks that move meanwhile are doubted; but if nobody else is in the
        picture (`alone`), the surest of those who only fail that test is believed.
        """
        first = [person for person in self.look(image, frames) if person.score > PERSON_THRESHOLD]
        second = self.look(image, [person.frame for person in first])
        seen = [person for person in second if person.score > PERSON_THRESHOLD]
        steady = [steadied(*looks) for looks in zip(first, second, strict=True)]
        believed = [person for person in steady if person.score > PERSON_THRESHOLD]
        if believed or not alone:
            return believed
        return sorted(seen, key=lambda person: -person.score)[:1]

    def _sure(
        self, image: Image, whole: Sequence[Detection], others: Sequence[Person]
    ) -> list[Person]:
        """Those whom detector and landmarks believe in at the first look, in the whole picture, and
        who are none of the others at the second one either: whom BlazePose finds shall not be
        missed for landmarks that move."""
        sure = [
            found.frame
            for found in whole
            if found.score > PERSON_THRESHOLD
            and not any(same_hips(found.frame, other.frame) for other in others)
        ]
        first = [person for person in self.look(image, sure) if person.score > PERSON_THRESHOLD]
        second = self.look(image, [person.frame for person in first])
        return [
            looks[0]
            for looks in zip(first, second, strict=True)
            if not any(is_near(look, other) for look in looks for other in others)
        ]

    @torch.inference_mode()
    def look(self, image: Image, frames: Sequence[Frame]) -> list[Person]:
        """What the landmark network sees in each frame of a picture [H,W,3] RGB: one person per
        frame, in order, whose score tells how sure it is that there is one."""
        people = []
        for start in range(0, len(frames), BATCH):
            part = frames[start : start + BATCH]
            crops = np.stack([frame_pixels(image, frame, CROP_SIDE) for frame in part])
            pixels = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2)
            with self.network_time.running():
                output = self.encoder(pixels.float() / 255, names=())
            landmarks = output.landmarks.double().cpu().numpy()
            scores = output.score.double().cpu().numpy()
            people += [
                _person(*values, image.shape[:2])
                for values in zip(landmarks, scores, part, strict=True)
            ]
        return people


def _person(
    landmarks: Float64Array, score: float, frame: Frame, image_size: tuple[int, ...]
) -> Person:
    """landmarks: [39,5] in the frame's crop. The new frame follows the landmarks."""
    places = frame.to_image(landmarks[:, :2] - 0.5, CROP_SIDE)
    visibility = 1 / (1 + np.exp(-landmarks[:BODY_LANDMARKS, 3].clip(-50, 50)))
    keypoints = np.column_stack([places[:BODY_LANDMARKS], visibility])
    refined = Frame.from_hips(places[HIPS], places[CIRCLE])
    plausible = 0.25 * frame.side < refined.side < 4 * frame.side
    box = _box_of(keypoints, image_size)
    return Person(box, float(score), refined if plausible else frame, keypoints)


def _box_of(keypoints: Float64Array, image_size: tuple[int, ...]) -> Float64Array:
    """The box about the landmarks and the top of the head, with a margin for flesh, inside of the
    picture."""
    places = np.vstack([keypoints[:, :2], _head_top(keypoints[:, :2])])
    first, last = places.min(axis=0), places.max(axis=0)
    margin = 0.06 * (last - first).max()
    limits = np.array([image_size[1], image_size[0]], dtype=np.float64)
    first, last = (value.clip(0, limits) for value in (first - margin, last + margin))
    return np.concatenate([first, last])


def _head_top(places: Float64Array) -> Float64Array:
    """About where the head ends: the eyes lie halfway up a head, whose mouth is two fifths of the
    way from the chin to the eyes."""
    eyes, mouth = places[list(EYES)].mean(axis=0), places[list(MOUTH)].mean(axis=0)
    return eyes + (eyes - mouth) / 0.6


def steadied(first: Person, second: Person) -> Person:
    """The second look at a person, its score lowered by how far the landmarks moved."""
    moved = np.linalg.norm(first.keypoints[:, :2] - second.keypoints[:, :2], axis=1).mean()
    steadiness = np.exp(-((moved / second.frame.side / UNSTEADY) ** 2))
    return replace(second, score=float(min(first.score, second.score) * steadiness))


def _belongs(person: Person, frame: Frame) -> bool:
    """Whether landmarks found in a frame are of the person who was framed."""
    return person.score > PERSON_THRESHOLD and about_same(frame, person.frame, OWN_MIDDLE)


def about_same(frame: Frame, other: Frame, farthest: float) -> bool:
    """Whether another frame may be about whom a frame is about: of a like size, and its middle no
    farther off than so many of the frame's sides."""
    distance = float(np.linalg.norm(other.center - frame.center))
    return 0.4 * frame.side < other.side < 2.5 * frame.side and distance < farthest * frame.side


def _starts(length: int, side: int, count: int) -> list[int]:
    """Where `count` tiles of a side begin along an axis; fewer where they would coincide."""
    starts = np.linspace(0, max(length - side, 0), count).round().astype(int)
    return sorted(set(starts.tolist()))


def _moved(detection: Detection, left: int, top: int) -> Detection:
    offset = np.array([left, top], dtype=np.float64)
    frame = detection.frame
    return Detection(
        detection.score,
        Frame(frame.center + offset, frame.side, frame.roll),
        detection.face_box + np.tile(offset, 2),
    )


def distinct_candidates(candidates: list[Detection]) -> list[Detection]:
    """The surest of candidates that share their hips, surest first."""
    kept: list[Detection] = []
    for candidate in sorted(candidates, key=lambda item: -item.score):
        if not any(same_hips(candidate.frame, other.frame) for other in kept):
            kept.append(candidate)
    return kept


def same_hips(first: Frame, second: Frame) -> bool:
    """Whether both frames are about the same hips."""
    reach = SAME_HIPS * min(first.side, second.side)
    alike = 0.5 < first.side / second.side < 2.0
    return alike and float(np.linalg.norm(first.center - second.center)) < reach


def distinct_people(people: list[Person]) -> list[Person]:
    """The surest of people whose landmarks agree, the largest first."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda item: -item.score):
        if not any(same_person(person, other) for other in kept):
            kept.append(person)
    return sorted(kept, key=lambda item: -item.area * item.score)


def is_near(first: Person, second: Person) -> bool:
    """Whether two looks may well be at one person: landmarks or hips agree."""
    return same_person(first, second) or same_hips(first.frame, second.frame)


def same_person(first: Person, second: Person) -> bool:
    """Whether the landmarks agree that both see; those beyond the photo's border are guesses."""
    distance = np.linalg.norm(first.keypoints[:, :2] - second.keypoints[:, :2], axis=1)
    seen = np.minimum(first.keypoints[:, 2], second.keypoints[:, 2]) > SEEN
    if not seen.any():
        seen[:] = True
    reach = SAME_LANDMARKS * min(first.frame.side, second.frame.side)
    return float(np.median(distance[seen])) < reach
