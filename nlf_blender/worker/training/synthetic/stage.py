# SPDX-License-Identifier: GPL-3.0-or-later
"""What a batch of pictures shows: people, meshes, looks, lights and cameras.

The contract of those who arrange people, those who dress them and the renderer. All tensors are
float32 unless said, on one device; positions are metres in the axes of each picture's camera
(x right, y down, z forward); colours are linear RGB, 0 to 1. P pictures, N people over all
pictures, V vertices and J joints of the open body.

Whatever is drawn by chance for a picture comes from `chance(seed, picture, role)`: a picture is the
same in whichever batch it is drawn, and what one role draws does not change the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from .scene import Prop

THING = -1  # owner of what belongs to nobody
SUBJECT = 0  # the person whom a crop is about; the others of a picture are 1, 2, ...
NOTHING = -2  # owner of the background, in maps of owners
ROLES = ("people", "camera", "light", "clothes", "things", "background", "lens")
KINDS = (
    "plain",
    "stripes",  # across the texture's first axis
    "checks",  # in its first two axes
    "dots",
    "patches",  # of three colours, with ragged edges
    "blocks",  # broad bands of the three colours along the second axis
    "streaks",  # fine, along the second axis: hair, brushed wood
    "tiles",  # of the first colour with joints of the second, in the first two axes
    "bricks",  # the same, every second row moved by half
    "planks",  # long boards of the three colours along the second axis, with grain
    "print",  # the second colour in a few blobs on the first: prints, logos
)


def chance(seed: int, picture: int, role: str) -> Generator:
    """The random numbers of one role in one picture."""
    return np.random.default_rng([seed, picture, ROLES.index(role)])


@dataclass(frozen=True, eq=False)
class Look:
    """How a surface looks, as a function of where it is on the body at rest.

    kind: one of KINDS. colors: [3,3], three linear RGB. period: metres of one repeat. axes: [3,3]
    whose rows are the texture's axes in the rest body's. offset: [3] in repeats. mottle: 0..1,
    fine random change of brightness. folds: 0..1, random tilt of the normals, as of creased cloth,
    over about `fold_size` metres. gloss: 0..1, strength of highlights; shininess: their exponent.
    """

    kind: str
    colors: NDArray[np.float32]
    period: float = 0.1
    axes: NDArray[np.float32] = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    offset: NDArray[np.float32] = field(default_factory=lambda: np.zeros(3, np.float32))
    mottle: float = 0.1
    folds: float = 0.0
    fold_size: float = 0.15
    gloss: float = 0.0
    shininess: float = 16.0


@dataclass(frozen=True, eq=False)
class MeshGroup:
    """N posed copies of one mesh.

    vertices: [N,V,3]. faces: [F,3] int64, corners counter-clockwise seen from outside. rings:
    [V,K] int64, the faces about each vertex, padded with F (see normals.rings). rest: [V,3] or
    [N,V,3], where the surface is at rest, metres: the place in the texture. picture, owner, look:
    [N] int64: the picture; THING, or the person's number in it; the row of the looks. tint:
    [V,3] or [N,V,3], multiplies the colour, None for none. shown: [N,F] bool, None for all.
    two_sided: whether the inside is drawn, too (cloth, hair, leaves).
    """

    vertices: Tensor
    faces: Tensor
    rings: Tensor
    rest: Tensor
    picture: Tensor
    owner: Tensor
    look: Tensor
    tint: Tensor | None = None
    shown: Tensor | None = None
    two_sided: bool = False


@dataclass(frozen=True, eq=False)
class People:
    """The posed people of all pictures.

    picture, owner: [N] int64, ordered by both. betas [N,B], rotations [N,J,3,3], translation
    [N,3], scale [N]: as in datasets.example.BodyTruth (kind "open"). shaped: [N,V,3], each at rest,
    body's axes. transforms: [N,J,3,4], each joint's from rest to the camera, as skinning blends
    them. vertices [N,V,3], joints [N,J,3]: posed, in the camera.
    """

    picture: Tensor
    owner: Tensor
    betas: Tensor
    rotations: Tensor
    translation: Tensor
    scale: Tensor
    shaped: Tensor
    transforms: Tensor
    vertices: Tensor
    joints: Tensor


@dataclass(frozen=True, eq=False)
class Cameras:
    """size: width and height in pixels of all pictures. intrinsics: [P,3,3], pixel (0,0) is the
    middle of the first pixel. up: [P,3], the world's, of unit length. height: [P], of the camera
    over the ground on which people stand; the ground is the plane up . x = -height."""

    size: tuple[int, int]
    intrinsics: Tensor
    up: Tensor
    height: Tensor


@dataclass(frozen=True, eq=False)
class Lights:
    """sky, ground: [P,3], light from above and from below that comes from everywhere. directions:
    [P,L,3], unit vectors towards L far lamps; colors: [P,L,3], zero for a lamp that is not there.
    The first lamp casts shadows: softness [P], 0 (hard) to 1, negative for no shadow at all."""

    sky: Tensor
    ground: Tensor
    directions: Tensor
    colors: Tensor
    softness: Tensor


@dataclass(frozen=True, eq=False)
class Cast:
    """Who is where, before which camera, in which light: P pictures numbered `numbers` of the
    stream of `seed`. props: of each picture, what its people sit, lie and step on."""

    seed: int
    numbers: tuple[int, ...]
    people: People
    cameras: Cameras
    lights: Lights
    props: tuple[tuple[Prop, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class Clothing:
    """What the people of a cast are seen as: their skin, too, is among the groups."""

    groups: tuple[MeshGroup, ...]
    looks: tuple[Look, ...]


def device_of(cast: Cast) -> torch.device:
    """Where the tensors of a cast are."""
    return cast.people.vertices.device
