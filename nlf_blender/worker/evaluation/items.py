# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model is evaluated on: pictures with cameras, and what is true of the people in them.

Lengths are metres, in the axes of the picture's camera (x right, y down, z forward); pixels have
(0,0) in the middle of the first pixel. NaN is what nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...body.arrays import Float64Array
from ..nlf.camera import Camera

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
# A joint set's name (training/datasets/joint_sets.py), "" for names that most sets share, and the
# joint's name in it.
JointLabel = tuple[str, str]


class BadItem(Exception):
    """An item that cannot be measured; the text says why, and names what is wrong in it."""


@dataclass(frozen=True)
class Picture:
    """image [H,W,3] RGB; focal_px: as the file tells, None if it does not."""

    image: Image
    focal_px: float | None = None


@dataclass(frozen=True, eq=False)
class TrueJoints:
    """Joints of one person: labels [K], places [K,3] metres or [K,2] pixels. absolute: whether
    places are in the camera, not only up to a translation."""

    labels: tuple[JointLabel, ...]
    places: Float64Array
    absolute: bool = True

    @property
    def known(self) -> Mask:
        """Which joints have a place: [K]."""
        return np.isfinite(self.places).all(axis=-1)


@dataclass(frozen=True, eq=False)
class TrueMesh:
    """All vertices [V,3] of a posed body of a kind ("open", "smpl", ...), "" if nothing tells of
    which; betas [B]: its shape, if the truth tells."""

    kind: str
    vertices: Float64Array
    betas: Float64Array | None = None


@dataclass(frozen=True, eq=False)
class TruePerson:
    """What is true of one person. box: left, top, right, bottom in pixels. mask: reads where the
    person is in the picture, [H,W]. seen: share of the skin that is not hidden or turned away."""

    box: Float64Array | None = None
    joints: TrueJoints | None = None
    pixels: TrueJoints | None = None
    mesh: TrueMesh | None = None
    mask: Callable[[], Mask] | None = None
    seen: float | None = None


@dataclass(frozen=True, eq=False)
class Item:
    """One picture. read: decodes it (UserError if it cannot); camera: None where it is unknown.
    notes: what was left out of its truth, and why."""

    name: str
    read: Callable[[], Picture]
    people: tuple[TruePerson, ...]
    camera: Camera | None = None
    notes: tuple[str, ...] = ()

    @property
    def boxes(self) -> list[Float64Array] | None:
        """Every person's box [4], None if one has none."""
        boxes = [person.box for person in self.people if person.box is not None]
        return boxes if len(boxes) == len(self.people) else None
