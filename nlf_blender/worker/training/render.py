# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic crops with the positions of the point pool, in the crop's camera.

A crop is what the localizer sees at run time: the camera looks at the person's hips (principal
point in the middle), is rolled so that hips to shoulders point up, and frames a circle about the
hips that holds the body, enlarged by a quarter.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator

from . import appearance
from .body import RenderBody
from .poses import sample_heading, sample_pose
from .raster import rasterize, vertex_normals
from .synthetic.skeleton import INDEX

CROP_SIDE = 256
FRAME_MARGIN = 1.25
CUT_SHARE = 0.4  # of the crops reach beyond the photo's border: portraits have no legs
_BODY_TO_CAMERA = np.array([1.0, -1.0, -1.0], np.float32)


@dataclass(frozen=True)
class Person:
    """A posed body about its hips in camera axes, metres, before it is put before the camera."""

    drawn: np.ndarray
    points: np.ndarray
    colors: np.ndarray


@dataclass(frozen=True)
class Crop:
    """pixels [256,256,3] uint8 RGB; points [N,3] metres in the camera; focal length in pixels."""

    pixels: np.ndarray
    points: np.ndarray
    focal: float


class Studio:
    """Draws crops; crop `seed` is always the same."""

    def __init__(self, body: RenderBody, motions: list[np.ndarray]) -> None:
        self.body = body
        self.motions = motions
        self.wardrobe = appearance.Wardrobe(body)

    def crop(self, seed: int) -> Crop:
        random = np.random.default_rng(seed)
        person = self._person(random)
        focal, place = _camera(random, person)
        image = appearance.background(random, CROP_SIDE)
        behind = image.copy()
        nearness = np.zeros((CROP_SIDE, CROP_SIDE), np.float32)
        if random.random() < 0.2:
            aside = random.choice([-1, 1]) * random.uniform(0.25, 1.2)
            offset = np.array([aside, random.normal() * 0.15, random.normal() * 0.6])
            self._draw(self._person(random), place + offset, focal, image, nearness)
        self._draw(person, place, focal, image, nearness)
        if random.random() < 0.7:
            edge = cv2.GaussianBlur((nearness > 0).astype(np.float32), (0, 0), 0.7)[..., None]
            image = behind * (1 - edge) + image * edge
        if random.random() < 0.35:
            image = appearance.occlude(random, image)
        if random.random() < CUT_SHARE:
            _cut_at_border(random, image)
        pixels = appearance.camera_faults(random, image)
        return Crop(pixels, (person.points + place).astype(np.float32), focal)

    def _person(self, random: Generator) -> Person:
        shaped = self.body.shape(random.normal(size=16) * random.uniform(0.7, 1.3))
        colors, stand_off = self.wardrobe.dress(random, shaped)
        worn = shaped + vertex_normals(shaped, self.body.faces) * stand_off[:, None]
        local = sample_pose(random, self.motions)
        local[0] = sample_heading(random)
        skin, joints, drawn = self.body.pose(shaped, local, worn.astype(np.float32))
        points = self.body.pool.gather(skin, joints) * _BODY_TO_CAMERA
        drawn = drawn * _BODY_TO_CAMERA
        hips = points[[INDEX["left_hip"], INDEX["right_hip"]]].mean(axis=0)
        shoulders = points[[INDEX["left_shoulder"], INDEX["right_shoulder"]]].mean(axis=0)
        rolled = _upright(random, shoulders - hips)
        drawn, points = (drawn - hips) @ rolled.T, (points - hips) @ rolled.T
        lit = colors * appearance.shade(random, vertex_normals(drawn, self.body.faces))
        return Person(drawn, points, np.clip(lit, 0, 1).astype(np.float32))

    def _draw(
        self,
        person: Person,
        place: np.ndarray,
        focal: float,
        image: np.ndarray,
        nearness: np.ndarray,
    ) -> None:
        placed = (person.drawn + place).astype(np.float32)
        pixels = placed[:, :2] / np.maximum(placed[:, 2:], 0.05) * focal + CROP_SIDE / 2
        rasterize(pixels, placed[:, 2], person.colors, self.body.faces, image, nearness)


def _upright(random: Generator, trunk: np.ndarray) -> np.ndarray:
    """Roll [3,3] about the view axis that turns `trunk` up, with the detector's jitter."""
    if random.random() < 0.85:
        angle = np.arctan2(trunk[0], -trunk[1]) + np.radians(random.normal() * 12)
    else:
        angle = np.radians(random.normal() * 25)
    cosine, sine = np.cos(angle), np.sin(angle)
    roll = [[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]
    return np.array(roll, np.float32)


def _camera(random: Generator, person: Person) -> tuple[float, np.ndarray]:
    """Focal length in pixels and the place of the hips, metres."""
    radius = np.linalg.norm(person.drawn[:, :2], axis=1).max() * FRAME_MARGIN
    radius *= np.exp(random.normal() * 0.1)
    if random.random() < 0.12:
        radius *= random.uniform(0.4, 0.9)
    view = np.radians(np.exp(random.uniform(np.log(8), np.log(60))))
    depth = max(radius / np.tan(view / 2), 0.4 - person.drawn[:, 2].min())
    aside = random.normal(size=2) * 0.05 * radius
    focal = CROP_SIDE / 2 / np.tan(view / 2)
    return float(focal), np.array([*aside, depth])


def _cut_at_border(random: Generator, image: np.ndarray) -> None:
    """Black where the photo ends: below, as in portraits, more often and higher than elsewhere."""
    height, width = image.shape[:2]
    if random.random() < 0.7:
        image[height - int(random.uniform(0.05, 0.6) * height) :] = 0
    if random.random() < 0.3:
        image[:, : int(random.uniform(0.03, 0.35) * width)] = 0
    if random.random() < 0.3:
        image[:, width - int(random.uniform(0.03, 0.35) * width) :] = 0
    if random.random() < 0.25:
        image[: int(random.uniform(0.02, 0.2) * height)] = 0


def render_shards(studio: Studio, folder: Path, first: int, last: int, shard_size: int) -> None:
    """Write crops `first`..`last`-1 as npz shards; shards that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(first, last, shard_size):
        target = folder / f"crops_{start:06d}.npz"
        if target.exists():
            continue
        began = time.monotonic()
        crops = [studio.crop(seed) for seed in range(start, min(start + shard_size, last))]
        partial = target.with_suffix(".part.npz")
        np.savez(
            partial,
            pixels=np.stack([crop.pixels for crop in crops]),
            points=np.stack([crop.points for crop in crops]),
            focal=np.array([crop.focal for crop in crops], np.float32),
        )
        partial.rename(target)
        pace = (time.monotonic() - began) / len(crops) * 1000
        print(f"{target.name}: {pace:.0f} ms a crop", flush=True)
