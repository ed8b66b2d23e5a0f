# SPDX-License-Identifier: GPL-3.0-or-later
"""One annotated picture: its camera, and per person whatever the annotators knew.

Positions are in the axes of the picture's camera (x right, y down, z forward), metres; pixels have
(0,0) in the middle of the first pixel. An unknown entry is NaN; what is unknown as a whole is None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ....body.arrays import Float64Array

UInt8Array = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BodyTruth:
    """A posed body by its parameters. kind: "open", "smpl", "smplh" or "smplx"; gender of the
    body file. betas [B]; rotations [J,3,3] of the joints relative to their parents, the root's
    turning SMPL's axes into the camera's; translation [3] in the camera: vertices are those that
    the body's forward pass gives at zero translation, plus it. scale: of the whole body."""

    kind: str
    betas: Float64Array
    rotations: Float64Array
    translation: Float64Array
    gender: str = "neutral"
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class MeshTruth:
    """All vertices [V,3] of a posed body of a kind, in its file's order."""

    kind: str
    vertices: Float64Array


@dataclass(frozen=True, eq=False)
class Joints3D:
    """Positions [K,3] of the joints of a named set; absolute: in the camera; else up to one
    translation, as of datasets without a camera's place."""

    joint_set: str
    positions: Float64Array
    absolute: bool = True


@dataclass(frozen=True, eq=False)
class Joints2D:
    """Pixels [K,2] of the joints of a named set."""

    joint_set: str
    pixels: Float64Array


@dataclass(frozen=True, eq=False)
class SurfacePixels:
    """DensePose-like pairs: pixels [M,2] and the points of a body's surface seen there, by the
    faces' corners [M,3] (vertex numbers of a body kind) and their weights [M,3]."""

    kind: str
    pixels: Float64Array
    corners: IntArray
    weights: Float64Array


@dataclass(frozen=True, eq=False)
class PersonTruth:
    """What is known of one person. box: left, top, width, height in pixels. mask [H,W]: where the
    person is seen. visible [V]: which vertices of the body's file are seen in the picture."""

    box: Float64Array
    body: BodyTruth | None = None
    mesh: MeshTruth | None = None
    joints_3d: tuple[Joints3D, ...] = ()
    joints_2d: tuple[Joints2D, ...] = ()
    surface: SurfacePixels | None = None
    mask: BoolArray | None = None
    visible: BoolArray | None = None


@dataclass(frozen=True, eq=False)
class Example:
    """A picture and its people. name: unique in its dataset, for messages. image: decodes it,
    [H,W,3] uint8 RGB. size: width, height. intrinsics [3,3]: None where the camera is unknown (only
    2D truth is used then). distortion: as OpenCV's, none if empty. up [3]: the world's up in the
    camera's axes, if known."""

    name: str
    image: Callable[[], UInt8Array]
    size: tuple[int, int]
    people: tuple[PersonTruth, ...]
    intrinsics: Float64Array | None = None
    distortion: Float64Array = field(default_factory=lambda: np.zeros(0))
    up: Float64Array | None = None
