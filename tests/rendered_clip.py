# SPDX-License-Identifier: GPL-3.0-or-later
"""A rendered clip with truth: two open bodies in different clothes who walk, turn and cross, seen
by a tilted camera that stands still. Needs numba, as training's renderer does."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from walking import Walk, turning, walk

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.conventions import BLENDER_FROM_CAMERA
from nlf_blender.body.rotations import matrix_from_rotvec

ASSETS = Path(__file__).resolve().parents[1] / "nlf_blender" / "assets"
OPEN_BODY = ASSETS / "open_body.npz"
FIELD_OF_VIEW = 60.0  # degrees, of the width
SAMPLES = 2  # per pixel, along each axis


@dataclass(frozen=True)
class Size:
    """How long and how large a clip is."""

    width: int
    height: int
    frames: int
    fps: int


SMALL = Size(640, 360, 75, 15)
LARGE = Size(1280, 720, 150, 30)


@dataclass(frozen=True, eq=False)
class Truth:
    """walks: of both people, in the world; intrinsics [3,3]: pixels, the middle of the top-left
    pixel at 0, 0; world_from_camera [4,4]; size."""

    body: BodyData
    walks: tuple[Walk, ...]
    intrinsics: np.ndarray
    world_from_camera: np.ndarray
    size: Size

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """Points [...,3] of the world in camera space."""
        rotation, place = self.world_from_camera[:3, :3], self.world_from_camera[:3, 3]
        return (points - place) @ rotation


def truth_of(size: Size = SMALL, pitch: float = 8.0, roll: float = 1.0) -> Truth:
    """What a clip shows. pitch, roll: degrees that the camera looks down, and leans."""
    body = load_body_npz(OPEN_BODY)
    times = np.arange(size.frames) / size.fps
    turned = turning((-1.6, 4.9), np.pi / 2, 0.75, turn=-0.6 * np.pi, begin=2.6, seconds=2.0)
    passing = turning((1.7, 6.0), -np.pi / 2, 0.75, turn=-0.2 * np.pi, begin=3.0, seconds=1.5)
    shapes = np.random.default_rng(5).normal(size=(2, 10)) * 0.7
    walks = (
        walk(body, turned, times, shapes[0]),
        walk(body, passing, times, shapes[1], phase=0.35),
    )
    focal = size.width / 2 / np.tan(np.radians(FIELD_OF_VIEW / 2))
    intrinsics = np.array(
        [[focal, 0, (size.width - 1) / 2], [0, focal, (size.height - 1) / 2], [0, 0, 1]]
    )
    tilt = matrix_from_rotvec(np.radians([-pitch, 0, 0])) @ matrix_from_rotvec(
        np.radians([0, 0, roll])
    )
    world_from_camera = np.eye(4)
    world_from_camera[:3, :3] = BLENDER_FROM_CAMERA @ tilt
    world_from_camera[2, 3] = 1.5
    return Truth(body, walks, intrinsics, world_from_camera, size)


def write_clip(path: Path, truth: Truth, seed: int = 3) -> None:
    """Render the truth into a video file (H.264)."""
    size = truth.size
    painter = Painter(truth, seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(size.fps), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        for row in range(size.frames):
            frame = av.VideoFrame.from_ndarray(painter.frame(row), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


class Painter:
    """Draws the frames of a truth; clothes, light and background come from the seed."""

    def __init__(self, truth: Truth, seed: int) -> None:
        from nlf_blender.worker.training import appearance
        from nlf_blender.worker.training.body import RenderBody
        from nlf_blender.worker.training.raster import vertex_normals

        self.truth, self.seed = truth, seed
        self.body = RenderBody(OPEN_BODY)
        self.shade, self.normals = appearance.shade, vertex_normals
        wardrobe = appearance.Wardrobe(self.body)
        self.people = []
        for number, one in enumerate(truth.walks):
            shaped = self.body.shape(one.motion.betas)
            random = np.random.default_rng([seed, number])
            colors, stand_off = wardrobe.dress(random, shaped)
            worn = shaped + vertex_normals(shaped, self.body.faces) * stand_off[:, None]
            self.people.append((shaped, worn.astype(np.float32), colors))
        side = truth.size.width * SAMPLES
        picture = appearance.background(np.random.default_rng([seed, 99]), truth.size.width)
        self.background = cv2.resize(picture, (side, side))

    def vertices(self, person: int, row: int) -> np.ndarray:
        """The clothed surface [V,3] in camera space, metres."""
        motion = self.truth.walks[person].motion
        shaped, worn, _ = self.people[person]
        _, _, drawn = self.body.pose(shaped, motion.rotations[row], worn)
        return self.truth.to_camera(drawn + motion.root[row])

    def frame(self, row: int) -> np.ndarray:
        """One frame [H,W,3] uint8 RGB."""
        from nlf_blender.worker.training.raster import rasterize

        size = self.truth.size
        image = self.background.copy()  # square, for the renderer knows no other
        nearness = np.zeros(image.shape[:2], np.float32)
        for person, (_, _, colors) in enumerate(self.people):
            placed = self.vertices(person, row)
            seen = placed @ self.truth.intrinsics.T
            pixels = ((seen[:, :2] / seen[:, 2:] + 0.5) * SAMPLES - 0.5).astype(np.float32)
            light = np.random.default_rng([self.seed, 7])  # the same in every frame
            normals = self.normals(placed, self.body.faces)
            lit = np.clip(colors * self.shade(light, normals), 0, 1).astype(np.float32)
            depths = placed[:, 2].astype(np.float32)
            rasterize(pixels, depths, lit, self.body.faces, image, nearness)
        cut = image[: size.height * SAMPLES]
        small = cv2.resize(cut, (size.width, size.height), interpolation=cv2.INTER_AREA)
        return (np.clip(small, 0, 1) * 255).astype(np.uint8)
