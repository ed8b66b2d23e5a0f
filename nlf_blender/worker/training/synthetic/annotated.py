# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawn pictures as annotated examples: what a dataset keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..datasets.example import BodyTruth, Example, PersonTruth
from .stage import SUBJECT, People
from .studio import Pictures, Studio

# What is seen less of is no person of the picture: nobody could say how they stand.
LEAST_SEEN = 0.08  # share of the skin's vertices; of nobody more than half face the camera
LEAST_SIDE = 12.0  # pixels of the box


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture [H,W,3] that need not be decoded; processes can hand it on."""

    pixels: NDArray[np.uint8]

    def __call__(self) -> NDArray[np.uint8]:
        """The picture."""
        return self.pixels


def example_name(number: int, scenes: bool) -> str:
    """What the picture of this number is called in its dataset."""
    return f"{'scene' if scenes else 'crop'}-{number:08d}"


def number_of(name: str) -> int:
    """The number that `example_name` put into a name."""
    return int(name.rpartition("-")[2])


def examples_of(studio: Studio, pictures: Pictures, scenes: bool) -> Iterator[Example]:
    """The pictures with their people: of a crop its subject alone, of a scene all who are seen.
    Pictures in which nobody is seen are left out."""
    people, cameras = pictures.cast.people, pictures.cast.cameras
    rows = torch.arange(len(people.owner), device=people.owner.device)
    rows = rows if scenes else rows[people.owner == SUBJECT]
    visible = studio.visible(pictures, rows).cpu().numpy()
    at = people.picture[rows].tolist()
    images = pictures.images.cpu().numpy()
    intrinsics = cameras.intrinsics.double().cpu().numpy()
    up = cameras.up.double().cpu().numpy()
    known: list[list[PersonTruth]] = [[] for _ in images]
    for person, picture, seen in zip(rows.tolist(), at, visible, strict=True):
        if seen.mean() >= LEAST_SEEN:
            truth = _truth(pictures, person, seen, intrinsics[picture])
            if truth.box[2:].min() >= LEAST_SIDE:
                known[picture].append(truth)
    for row, number in enumerate(pictures.cast.numbers):
        if known[row]:
            yield Example(
                name=example_name(number, scenes),
                image=Drawn(images[row]),
                size=cameras.size,
                people=tuple(known[row]),
                intrinsics=intrinsics[row],
                up=up[row],
            )


def _truth(
    pictures: Pictures,
    person: int,
    visible: NDArray[np.bool_],
    intrinsics: NDArray[np.float64],
) -> PersonTruth:
    people = pictures.cast.people
    return PersonTruth(
        box=_box(people, person, intrinsics, pictures.cast.cameras.size),
        body=BodyTruth(
            "open",
            people.betas[person].double().cpu().numpy(),
            people.rotations[person].double().cpu().numpy(),
            people.translation[person].double().cpu().numpy(),
            scale=float(people.scale[person]),
        ),
        mask=pictures.mask(person).cpu().numpy(),
        visible=visible,
    )


def _box(
    people: People, person: int, intrinsics: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Left, top, width and height of the body within the picture, occluded parts included."""
    vertices = people.vertices[person].double().cpu().numpy()
    seen = vertices[vertices[:, 2] > 0.05] @ intrinsics.T
    pixels = seen[:, :2] / seen[:, 2:]
    edge = np.array(size) - 0.5
    low = pixels.min(axis=0, initial=np.inf).clip(-0.5, edge)
    high = pixels.max(axis=0, initial=-np.inf).clip(-0.5, edge)
    return np.array([*low, *(high - low)])
