# SPDX-License-Identifier: GPL-3.0-or-later
"""BlazePose's own 3D landmarks on the same pictures: what the default model starts from, and has
to be better than. Run as its authors do: its detector on the whole picture, then its landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...body.arrays import Float64Array
from ..nlf.backbones.blazepose import CROP_SIDE
from ..nlf.camera import Camera
from ..people.finder import PeopleFinder
from ..people.person import Frame
from ..people.pixels import frame_pixels
from . import metrics
from .image_truth import bounds
from .items import Image, Item, JointLabel, TruePerson
from .limbs import BLAZEPOSE_LIMBS, LIMB_NAMES
from .matching import match_item

PEER_METRICS = ("p_mpjpe_12",)
CONFIDENCE = 0.5  # of detector and landmarks: the default of its authors' release


@dataclass(frozen=True, eq=False)
class PeerPerson:
    """limbs [12,3]: metres about the hips, turned with the crop; pixels [12,2] of the picture;
    score: how surely there is a person."""

    limbs: Float64Array
    pixels: Float64Array
    score: float


class BlazePosePeer:
    """BlazePose, compared with the true people of items."""

    def __init__(self, finder: PeopleFinder, labels: Sequence[JointLabel]) -> None:
        self.finder, self.labels = finder, tuple(labels)

    def run(
        self, item: Item, image: Image, camera: Camera, given: Sequence[Frame] | None
    ) -> tuple[list[PeerPerson | None], int]:
        """Whom it finds, for each of the item's people, None: missed; and how many others. camera:
        the item's or an assumed one. given: each one's frame, if boxes are given and nobody is to
        be found."""
        if given is not None:
            seen = self._look(image, given)
            return [person if person.score > CONFIDENCE else None for person in seen], 0
        frames = [
            found.frame for found in self.finder.detector.detect(image) if found.score > CONFIDENCE
        ]
        people = [person for person in self._look(image, frames) if person.score > CONFIDENCE]
        found = [
            None if row is None else people[row] for row in self._matches(item, camera, people)
        ]
        return found, len(people) - sum(person is not None for person in found)

    def _matches(self, item: Item, camera: Camera, people: list[PeerPerson]) -> list[int | None]:
        pixels = []
        for person in people:
            row = np.full((len(self.labels), 2), np.nan)
            for index, (_, name) in enumerate(self.labels):
                if name in LIMB_NAMES:
                    row[index] = person.pixels[LIMB_NAMES.index(name)]
            pixels.append(row)
        boxes = [bounds(person.pixels) for person in people]
        return match_item(
            item,
            camera,
            self.labels,
            pixels,
            [np.zeros(4) if box is None else box for box in boxes],
        )

    @torch.inference_mode()
    def _look(self, image: Image, frames: Sequence[Frame]) -> list[PeerPerson]:
        """What the landmark network sees in each frame."""
        people = []
        for frame in frames:
            pixels = frame_pixels(image, frame, CROP_SIDE)
            batch = torch.from_numpy(pixels).to(self.finder.device).permute(2, 0, 1)[None]
            output = self.finder.encoder(batch.float() / 255, names=())
            rows = list(BLAZEPOSE_LIMBS)
            landmarks, world = (
                values[0, rows].double().cpu().numpy()
                for values in (output.landmarks, output.world)
            )
            places = frame.to_image(landmarks[:, :2] - 0.5, CROP_SIDE)
            people.append(PeerPerson(world, places, float(output.score[0])))
        return people


def peer_errors(person: TruePerson, found: PeerPerson) -> dict[str, float]:
    """Its errors of one person, by metric; none unless all twelve joints are known."""
    joints = person.joints
    names = [] if joints is None else [name for _, name in joints.labels]
    if joints is None or not set(LIMB_NAMES) <= set(names):
        return {}
    limbs = joints.places[[names.index(name) for name in LIMB_NAMES]]
    if not np.isfinite(limbs).all():
        return {}
    pair = (torch.from_numpy(part)[None] for part in (found.limbs, limbs))
    return {"p_mpjpe_12": float(metrics.p_mpjpe(*pair))}
