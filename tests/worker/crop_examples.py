# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of people who are made of coloured dots, as sources of crops: what is where is known.

Dots of the left side are red, those of the right side blue, on dark discs.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.sparse import csr_matrix

from nlf_blender.errors import UserError
from nlf_blender.worker.nlf.camera import Camera
from nlf_blender.worker.training.datasets.example import (
    Example,
    Joints2D,
    Joints3D,
    MeshTruth,
    PersonTruth,
)
from nlf_blender.worker.training.datasets.joint_sets import JointCatalogue
from nlf_blender.worker.training.points.pool import PointPool

WIDTH, HEIGHT = 640, 480
LANDMARKS = 33
SIDES = 14  # dots on each side of the body
RED, BLUE = (250, 40, 40), (40, 40, 250)
BARREL = (-0.25, 0.08, 0.001, -0.002, 0.0)


def dot_places() -> np.ndarray:
    """[28,3]: canonical places, left ones first, the right ones their mirror images."""
    random = np.random.default_rng(1)
    left = np.column_stack(
        [
            random.uniform(0.08, 0.6, SIDES),
            np.linspace(-1.1, 0.7, SIDES),
            random.uniform(-0.2, 0.2, SIDES),
        ]
    )
    return np.concatenate([left, left * [-1, 1, 1]])


def landmark_places() -> np.ndarray:
    """[33,3]: all in the middle but ankles, hips and shoulders."""
    places = np.zeros((LANDMARKS, 3))
    places[[27, 28]] = [[0.3, -1.1, 0], [-0.3, -1.1, 0]]
    places[[11, 12]] = [[0.2, 0.4, 0], [-0.2, 0.4, 0]]
    places[[23, 24]] = [[0.1, -0.2, 0], [-0.1, -0.2, 0]]
    return places


class DotPool(PointPool):
    """A pool that is sampled down to its last dot."""

    def sample(self, random: np.random.Generator, count: int) -> np.ndarray:
        left = LANDMARKS + random.permutation(SIDES)[: count // 2]
        return np.concatenate([left, self.mirror[left]])


def dot_pool() -> DotPool:
    """No joints, the landmarks, then the dots, each of which is a vertex."""
    places = np.concatenate([landmark_places(), dot_places()])
    others = np.arange(SIDES) + LANDMARKS
    mirror = np.concatenate([np.arange(LANDMARKS), others + SIDES, others])
    weights = csr_matrix(np.eye(len(places)))
    return DotPool(places, weights, mirror, places, 0, LANDMARKS, 2 * SIDES)


class DotPoints:
    """The pool of people of dots, whose meshes are its points."""

    pool = dot_pool()

    def positions(self, truth: MeshTruth, rows: np.ndarray) -> np.ndarray:
        return truth.vertices[rows]

    def surface_places(self, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return (self.pool.places[corners] * weights[..., None]).sum(axis=1)


@dataclass(frozen=True)
class DotBodies:
    def open(self) -> dict[str, DotPoints]:
        return {"dots": DotPoints()}


def lens(distortion: tuple[float, ...] = ()) -> Camera:
    return Camera.create([[520, 0, 330], [0, 515, 236], [0, 0, 1]], distortion)


def dot_person(
    camera: Camera, place: tuple[float, float, float], roll: float = 0.0
) -> tuple[PersonTruth, np.ndarray]:
    """Somebody with a mesh, a box and a mask, and the dots' pixels [28,2]."""
    cos, sin = np.cos(roll), np.sin(roll)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    in_camera = DotPoints.pool.places * [1, -1, -1] @ turn.T + place
    pixels = camera.project(in_camera[LANDMARKS:])
    first, last = pixels.min(axis=0), pixels.max(axis=0)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x, y in np.rint(pixels).astype(int).tolist():
        cv2.circle(mask, (x, y), 11, 1, -1)
    box = np.concatenate([first - 8, last - first + 16])
    return PersonTruth(box, mesh=MeshTruth("dots", in_camera), mask=mask > 0), pixels


def paint(pixels: np.ndarray) -> np.ndarray:
    """A picture with dots at pixels [n,2], the first half red, the second blue."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for radius, colored in ((11, False), (5, True)):
        for index, place in enumerate(pixels):
            color = (RED if index % (2 * SIDES) < SIDES else BLUE) if colored else (10, 10, 10)
            at = np.rint(place * 16).astype(int).tolist()
            cv2.circle(image, at, radius * 16, color, -1, cv2.LINE_AA, shift=4)
    return image


def dot_example(
    name: str = "dots",
    distortion: tuple[float, ...] = (),
    place: tuple[float, float, float] = (0.3, 0.1, 3.4),
    roll: float = 0.0,
) -> Example:
    camera = lens(distortion)
    person, pixels = dot_person(camera, place, roll)
    image = paint(pixels)
    size = (WIDTH, HEIGHT)
    matrix, coefficients = camera.intrinsics, camera.distortion
    return Example(name, lambda: image, size, (person,), matrix, coefficients)


def skeleton_example(name: str, known_camera: bool = True, absolute: bool = True) -> Example:
    """A person of whom only some of COCO's joints are known, at dots: those of the left side red.

    With an unknown camera only their pixels are."""
    camera = lens()
    catalogue = JointCatalogue()
    joints = catalogue.get("coco17")
    random = np.random.default_rng(3)
    positions = np.column_stack([random.uniform(-0.5, 0.5, (17, 2)), np.full(17, 3.2)])
    positions[joints.index("nose")] = np.nan
    pixels = camera.project(positions)
    left = [index for index, joint in enumerate(joints.joints) if joint.startswith("left")]
    image = paint(np.concatenate([pixels[left], np.full((SIDES - len(left), 2), -50.0)]))
    box = np.array([200.0, 100.0, 280.0, 280.0])
    person = PersonTruth(
        box,
        joints_3d=(Joints3D("coco17", positions, absolute),) if known_camera else (),
        joints_2d=(Joints2D("coco17", pixels),) if not (known_camera and absolute) else (),
    )
    matrix = camera.intrinsics if known_camera else None
    return Example(name, lambda: image, (WIDTH, HEIGHT), (person,), matrix)


@dataclass(frozen=True)
class DotSettings:
    """A source of ten pictures with dots. Those called `broken` cannot be read; whoever reads the
    one called `deadly` dies, and the one called `endless` is never read to its end."""

    broken: tuple[str, ...] = ()
    deadly: str = ""
    endless: str = ""
    opens: bool = True

    def open(self) -> DotSource:
        if not self.opens:
            raise UserError("Dataset gone", "dots is not there.", "Bring it back.")
        return DotSource(self)


class DotSource:
    """Pictures dots0 to dots9, drawn by chance or listed."""

    names = ("dots",)

    def __init__(self, settings: DotSettings) -> None:
        self.settings = settings
        self.catalogue = JointCatalogue()
        self.datasets = (self,)

    def __len__(self) -> int:
        return 10

    def __getitem__(self, number: int) -> Example:
        name = f"dots{number}"
        if name in self.settings.broken:
            raise UserError("Item not usable", f"{name}: the picture is broken.", "Mend it.")
        example = dot_example(name, place=(0.05 * number - 0.2, 0.1, 3.4))
        if name == self.settings.deadly:
            return replace(example, image=_die)
        if name == self.settings.endless:
            return replace(example, image=_sleep)
        return example

    def people(self, number: int) -> int:
        return 1

    def draw(self, random: np.random.Generator, position: int | None = None) -> tuple[int, Example]:
        return 0, self[int(random.integers(len(self)))]


def _die() -> np.ndarray:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def _sleep() -> np.ndarray:
    time.sleep(3600)
    raise AssertionError("an hour later")
