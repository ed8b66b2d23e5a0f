# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that localizes the disc of tests/footage_files.py as if it were a person, in no time.

Everything else, the fit and the clean-up included, is the worker's own.
"""

from __future__ import annotations

import functools
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from scipy.spatial import cKDTree

from nlf_blender.body.body_data import BodyData, reduced_body_npz
from nlf_blender.body.forward import unposed_body
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.take import ModelInfo
from nlf_blender.worker.engine import Engine, LoadedBody, Models, load_body
from nlf_blender.worker.markers.placed_bodies import PlacedBodies
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.nlf.canonical_space import OPEN_SPACE, CanonicalSpace
from nlf_blender.worker.nlf.crops import CropSpec
from nlf_blender.worker.nlf.head import PointWeights
from nlf_blender.worker.nlf.localized import LocalizedPerson, PointsBeside
from nlf_blender.worker.nlf.localizer import Features
from nlf_blender.worker.people.person import Frame, Person
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.canonical.placement import CanonicalPlacement, canonical_points
from tests.body_examples import OPEN_BODY

CPU = LocalizeSettings(device="cpu")
DARK = 60  # the disc is darker, all else is not
DEPTH = 4.0  # metres
NOISE = 0.01
MODEL = ModelInfo("fake model", "f" * 64, "none")


@functools.cache
def body() -> LoadedBody:
    """The open body."""
    data = load_body(OPEN_BODY)
    return LoadedBody(data, reduced_body_npz(data), BodyModel(data))


@functools.cache
def standing() -> np.ndarray:
    """Its vertices, then joints [N,3], upright in a camera's axes about the origin."""
    unposed = unposed_body(body().data, np.zeros(0))
    points = np.concatenate([unposed.vertices, unposed.joints])
    return (points - points.mean(axis=0)) * [1.0, -1.0, -1.0]


def place(data: BodyData) -> CanonicalPlacement:
    """A body in the canonical space of our models."""
    return canonical_points(data, CanonicalSpace(OPEN_SPACE))


@functools.cache
def placement() -> CanonicalPlacement:
    """The open body there."""
    return place(body().data)


def disc_in(image: np.ndarray) -> Person | None:
    """The disc of a picture as a person."""
    top = image.shape[0] // 4
    y, x = np.nonzero(image[top:, :, 0] < DARK)
    if len(x) < 20:
        return None
    y = y + top
    box = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], dtype=np.float64)
    middle = (box[:2] + box[2:]) / 2
    side = 2.0 * float((box[2:] - box[:2]).max())
    around = np.linspace(0, 2 * np.pi, 33)
    keypoints = np.column_stack([np.cos(around), np.sin(around)]) * side / 4 + middle
    frame = Frame(middle, side, 0.0)
    return Person(box, 0.9, frame, np.column_stack([keypoints, np.ones(33)]))


@dataclass
class DiscFinder:
    """Finds the disc. blind: how often `find` has yet to miss it."""

    blind: int = 0

    def find(
        self, image: np.ndarray, max_people: int, known: Sequence[Person] = ()
    ) -> list[Person]:
        """The disc, unless it is known."""
        person = disc_in(image)
        if person is None or known:
            return []
        if self.blind:
            self.blind -= 1
            return []
        return [person][:max_people]

    def look(self, image: np.ndarray, frames: Sequence[Frame]) -> list[Person]:
        """The disc in each frame, with a score of 0 where it is not."""
        person = disc_in(image)
        nobody = Person(np.zeros(4), 0.0, Frame(np.zeros(2), 1.0, 0.0), np.zeros((33, 3)))
        return [person or nobody for _ in frames]

    def people_in_boxes(self, image: np.ndarray, boxes: Sequence[Sequence[float]]) -> list[Person]:
        """The disc in each box."""
        return self.look(image, [Frame(np.zeros(2), 1.0, 0.0)] * len(boxes))


@dataclass
class DiscLocalizer:
    """Puts somebody who stands where a crop's middle is, with noise that its picture decides.
    seconds: what a person takes."""

    seconds: float = 0.0
    info: ModelInfo = MODEL
    cameras: list[Camera] = field(default_factory=list)
    looked_at: int = 0  # people whose pictures were needed
    model: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            style=SimpleNamespace(aligned=True), heatmap_head=SimpleNamespace(crop_side=256)
        )
    )

    def localize(
        self,
        images: Sequence[np.ndarray],
        people: Sequence[Sequence[CropSpec]],
        cameras: Sequence[Camera],
        *_arguments: object,
        num_aug: int = 1,
        on_progress: object = None,
        beside: PointWeights | None = None,
        features: Features | None = None,
        **_options: object,
    ) -> list[list[LocalizedPerson]]:
        """As Localizer.localize."""
        self.cameras += cameras
        total, done = sum(len(specs) for specs in people), 0
        result: list[list[LocalizedPerson]] = []
        for image, specs, camera in zip(images, people, cameras, strict=True):
            result.append([])
            for spec in specs:
                time.sleep(self.seconds)
                rng = np.random.default_rng(self._seen(image, done, num_aug, features))
                place = camera.unproject(np.array(spec.center)) * DEPTH
                points = standing() + place + rng.normal(0, NOISE, standing().shape)
                uncertainty = np.full(len(points), 2 * NOISE, np.float32)
                seen = camera.project(points).astype(np.float32)
                found = None if beside is None else points_beside(points, beside)
                points = points.astype(np.float32)
                result[-1].append(LocalizedPerson(points, uncertainty, seen, found))
                done += 1
                if callable(on_progress):
                    on_progress(done, total)
        return result

    def point_weights(self, points: np.ndarray) -> PointWeights:
        """The points themselves."""
        return PointWeights(torch.from_numpy(points), torch.from_numpy(points))

    def _seen(self, image: np.ndarray, done: int, num_aug: int, features: Features | None) -> int:
        """What decides the noise: a number of 32 bits, of which each byte is a feature."""
        given = features and features.given(done * num_aug, num_aug)
        if given is not None:
            return int.from_bytes(given[0].to(torch.uint8).numpy().tobytes(), "little")
        self.looked_at += 1
        number = zlib.crc32(image.tobytes())
        if features is not None:
            numbers = torch.tensor(list(number.to_bytes(4, "little")), dtype=torch.float32)
            features.made(done * num_aug, numbers.reshape(1, 4, 1, 1).repeat(num_aug, 1, 1, 1))
        return number


def points_beside(points: np.ndarray, beside: PointWeights) -> PointsBeside:
    """Canonical points that go with the nearest of somebody's vertices and joints [N,3]."""
    canonical = beside.codes.numpy()
    own = placement().own.points
    nearest = cKDTree(own).query(canonical)[1]
    places = points[nearest] + (canonical - own[nearest]) * [1.0, -1.0, -1.0]
    doubt = np.full(len(places), 2 * NOISE, np.float32)
    return PointsBeside(places.astype(np.float32), doubt)


class DiscEngine(Engine):
    """An engine with these models."""

    def __init__(self, seconds: float = 0.0, info: ModelInfo = MODEL) -> None:
        super().__init__()
        self.finder = DiscFinder()
        self.localizer = DiscLocalizer(seconds, info)

    def models(self, settings: LocalizeSettings) -> Models:
        """The fakes, with the open body."""
        return Models(
            device=torch.device("cpu"),
            finder=self.finder,
            localizer=self.localizer,
            body=body().data,
            body_file=body().file,
            body_model=body().model,
            point_weights=None,
            bodies=PlacedBodies(placement(), place, ()),
        )


def content(take: Path) -> dict[str, bytes]:
    """All files of a take by name; what tells when it was begun is left out."""
    files = {
        path.relative_to(take).as_posix(): path.read_bytes()
        for path in sorted(take.rglob("*"))
        if path.is_file()
    }
    lines = files["take.json"].splitlines(keepends=True)
    files["take.json"] = b"".join(line for line in lines if b'"created"' not in line)
    return files
