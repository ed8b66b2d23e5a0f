# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered clips with truth: two open bodies in different clothes who walk, turn and cross, seen by
a tilted camera that stands still."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import clip_looks
import cv2
import numpy as np
import torch
from clip_body import ClipBody
from motion_noise import camera_at
from walking import Walk, turning, walk

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.worker.training.synthetic.normals import rings, vertex_normals
from nlf_blender.worker.training.synthetic.raster import Corners, rasterize, shares_at

ASSETS = Path(__file__).resolve().parents[1] / "nlf_blender" / "assets"
OPEN_BODY = ASSETS / "open_body.npz"
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


@dataclass(frozen=True)
class Scene:
    """What a clip shows. paths: the arguments of `turning` for each person; field_of_view: of the
    width, degrees; pitch, roll: degrees that the camera looks down, and leans; height: metres;
    shapes: a seed, of the people's."""

    paths: tuple[tuple[tuple[float, float], float, float, float, float, float], ...]
    field_of_view: float = 60.0
    pitch: float = 8.0
    roll: float = 1.0
    height: float = 1.5
    shapes: int = 5


QUARTER = np.pi / 2
CROSSING = "crossing"
SCENES = {
    CROSSING: Scene(
        (
            ((-1.6, 4.9), QUARTER, 0.75, -1.2 * QUARTER, 2.6, 2.0),
            ((1.7, 6.0), -QUARTER, 0.75, -0.4 * QUARTER, 3.0, 1.5),
        )
    ),
    "from above": Scene(
        (
            ((-1.0, 7.4), 0.1 * QUARTER, 0.75, 0.3 * QUARTER, 1.5, 1.5),
            ((1.9, 5.4), -QUARTER, 0.8, 0.5 * QUARTER, 2.5, 1.2),
        ),
        field_of_view=55.0,
        pitch=15.0,
        roll=-2.0,
        height=2.4,
        shapes=21,
    ),
    "from low": Scene(
        (
            ((-1.3, 4.2), 0.9 * QUARTER, 0.7, 1.4 * QUARTER, 0.8, 2.2),
            ((1.2, 4.0), 2.3 * QUARTER, 0.75, -0.6 * QUARTER, 1.0, 2.0),
        ),
        field_of_view=68.0,
        pitch=1.0,
        roll=0.5,
        height=1.0,
        shapes=33,
    ),
    "long lens": Scene(
        (
            ((-1.9, 7.0), QUARTER, 0.78, 0.3 * QUARTER, 1.0, 2.0),
            ((1.0, 9.0), -0.2 * QUARTER, 0.7, -0.5 * QUARTER, 2.0, 1.5),
        ),
        field_of_view=40.0,
        pitch=6.0,
        roll=2.5,
        height=1.7,
        shapes=47,
    ),
    "wide lens": Scene(
        (
            ((-1.5, 5.0), 0.8 * QUARTER, 0.8, -0.5 * QUARTER, 0.8, 1.2),
            ((1.6, 5.6), -0.7 * QUARTER, 0.75, 0.0, 1.0, 1.0),
        ),
        field_of_view=65.0,
        pitch=11.0,
        roll=-1.0,
        height=1.9,
        shapes=58,
    ),
}


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


def truth_of(size: Size = SMALL, scene: str = CROSSING) -> Truth:
    """What a clip of one of SCENES shows."""
    shown = SCENES[scene]
    body = load_body_npz(OPEN_BODY)
    times = np.arange(size.frames) / size.fps
    shapes = np.random.default_rng(shown.shapes).normal(size=(len(shown.paths), 10)) * 0.7
    walks = tuple(
        walk(body, turning(*path), times, shape, phase=0.35 * number)
        for number, (path, shape) in enumerate(zip(shown.paths, shapes, strict=True))
    )
    focal = size.width / 2 / np.tan(np.radians(shown.field_of_view / 2))
    intrinsics = np.array(
        [[focal, 0, (size.width - 1) / 2], [0, focal, (size.height - 1) / 2], [0, 0, 1]]
    )
    matrix = camera_at(shown.pitch, shown.roll, shown.height)
    return Truth(body, walks, intrinsics, matrix, size)


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
        self.truth, self.seed = truth, seed
        self.body = ClipBody(OPEN_BODY)
        self.faces = torch.from_numpy(self.body.faces.astype(np.int64))
        self.rings = rings(self.faces.numpy(), len(self.body.template))
        wardrobe = clip_looks.Wardrobe(self.body)
        self.people = []
        for number, one in enumerate(truth.walks):
            shaped = self.body.shape(one.motion.betas)
            random = np.random.default_rng([seed, number])
            colors, stand_off = wardrobe.dress(random, shaped)
            worn = shaped + self.normals(shaped) * stand_off[:, None]
            self.people.append((shaped, worn.astype(np.float32), colors))
        side = truth.size.width * SAMPLES
        picture = clip_looks.background(np.random.default_rng([seed, 99]), truth.size.width)
        self.background = cv2.resize(picture, (side, side))

    def vertices(self, person: int, row: int) -> np.ndarray:
        """The clothed surface [V,3] in camera space, metres."""
        motion = self.truth.walks[person].motion
        shaped, worn, _ = self.people[person]
        drawn = self.body.pose(shaped, motion.rotations[row], worn)
        return self.truth.to_camera(drawn + motion.root[row])

    def frame(self, row: int) -> np.ndarray:
        """One frame [H,W,3] uint8 RGB."""
        size = self.truth.size
        across, down = size.width * SAMPLES, size.height * SAMPLES
        image = self.background[:down].copy()
        drawn = [self.drawn(person, row) for person in range(len(self.people))]
        planes = [np.concatenate(part).astype(np.float32) for part in zip(*drawn, strict=True)]
        x, y, nearness = (torch.from_numpy(np.ascontiguousarray(v)) for v in planes[0].T)
        starts = np.arange(len(drawn)) * len(self.body.template)
        faces = torch.cat([self.faces + int(start) for start in starts])
        corners = Corners.of(x, y, nearness, faces)
        none = torch.zeros(len(faces), dtype=torch.int64)
        found = rasterize(corners, none, none.bool(), 1, (across, down)).face[0]
        lines, columns = torch.nonzero(found >= 0, as_tuple=True)
        seen = found[lines, columns].long()
        chosen = corners.take(seen)
        # Colours are linear on screen, not in perspective: triangles are small.
        flat = Corners(chosen.x, chosen.y, torch.ones_like(chosen.nearness))
        shares, _ = shares_at(flat, columns.float(), lines.float())
        colors = torch.from_numpy(planes[1])[faces[seen]]
        image[lines.numpy(), columns.numpy()] = (colors * shares.t()[..., None]).sum(1).numpy()
        small = cv2.resize(image, (size.width, size.height), interpolation=cv2.INTER_AREA)
        return (np.clip(small, 0, 1) * 255).astype(np.uint8)

    def drawn(self, person: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Samples and nearness (x, y, 1/z) [V,3] of a person's surface, and its colours [V,3]."""
        placed = self.vertices(person, row)
        seen = placed @ self.truth.intrinsics.T
        samples = (seen[:, :2] / seen[:, 2:] + 0.5) * SAMPLES - 0.5
        light = np.random.default_rng([self.seed, 7])  # the same in every frame
        shade = clip_looks.shade(light, self.normals(placed))
        lit = np.clip(self.people[person][2] * shade, 0, 1)
        return np.column_stack([samples, 1 / placed[:, 2]]), lit

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Normals [V,3] of the body's mesh with these vertices [V,3]."""
        points = torch.from_numpy(vertices.astype(np.float32))[None]
        return vertex_normals(points, self.faces, self.rings)[0].numpy()
