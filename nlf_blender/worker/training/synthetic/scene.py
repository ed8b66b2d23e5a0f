# SPDX-License-Identifier: GPL-3.0-or-later
"""What a synthetic picture shows: people, what they sit and stand on, light and the camera.

Everything is in the axes of the picture's camera (x right, y down, z forward), metres; pixels have
(0,0) in the middle of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

from ....body.arrays import Float64Array
from ..datasets.example import BodyTruth

PROP_KINDS = ("box", "stool", "chair", "bench", "ledge")


@dataclass(frozen=True, eq=False)
class Prop:
    """A thing that people sit, lie or step on. kind: one of PROP_KINDS. rotation [3,3] turns its
    axes (x right, y up, z to its front) into the camera's; place [3]: the middle of its bottom
    face; size [3]: width (x), height (y) and depth (z). Its top face, a seat, lies `height` above
    its bottom; a chair's back rises above the seat at z = -depth/2. seed: of its looks."""

    kind: str
    rotation: Float64Array
    place: Float64Array
    size: Float64Array
    seed: int


@dataclass(frozen=True, eq=False)
class ScenePerson:
    """A person of the open body. betas [16]; rotations [24,3,3] relative to the parent, the
    pelvis's turning SMPL's axes into the camera's; translation [3] and scale as in BodyTruth.
    posture: a name for reports."""

    betas: Float64Array
    rotations: Float64Array
    translation: Float64Array
    scale: float
    posture: str

    def truth(self) -> BodyTruth:
        """The person's parameters as an example records them."""
        return BodyTruth("open", self.betas, self.rotations, self.translation, scale=self.scale)


@dataclass(frozen=True, eq=False)
class Lighting:
    """sky, ground [3]: light from above and below that comes from everywhere; directions [L,3]:
    unit vectors towards far lamps; colors [L,3]; all linear RGB. softness: of the first lamp's
    shadow, 0 (hard) to 1, negative for none."""

    sky: Float64Array
    ground: Float64Array
    directions: Float64Array
    colors: Float64Array
    softness: float


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture. size: width, height. up [3]: the world's up, unit. camera_height: above the
    ground, the plane up . x = -camera_height. The first person is whom a crop is made for."""

    size: tuple[int, int]
    intrinsics: Float64Array
    up: Float64Array
    camera_height: float
    people: tuple[ScenePerson, ...]
    props: tuple[Prop, ...]
    lighting: Lighting
