# SPDX-License-Identifier: GPL-3.0-or-later
"""A dataset folder as an evaluation set: its examples as items."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...body.arrays import Float64Array
from ...errors import UserError
from ..engine import Models
from ..nlf.camera import Camera
from ..training.datasets.example import Example, Joints2D, Joints3D, PersonTruth
from ..training.datasets.joint_places import place_of
from ..training.datasets.joint_sets import JointCatalogue
from ..training.datasets.shard_reader import open_dataset
from ..training.synthetic.bodies import pose_truths
from .items import BadItem, Item, Mask, Picture, TrueJoints, TrueMesh, TruePerson


class DatasetItems:
    """The examples of a dataset folder."""

    def __init__(self, folder: Path) -> None:
        """UserError if the folder holds no dataset."""
        self.dataset = open_dataset(folder)

    @property
    def name(self) -> str:
        """The dataset's name, and which part of the data it is."""
        return f"{self.dataset.name} ({self.dataset.info.split})"

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the dataset is lost."""
        lost = self.dataset.report.skipped
        return tuple(f"{count} examples left out: {reason}" for reason, count in lost.items())

    def __len__(self) -> int:
        """The number of examples that are there."""
        return len(self.dataset)

    def items(self, models: Models) -> Iterator[tuple[str, Item | BadItem]]:
        """Each example as an item, or why it cannot be used, with its name."""
        for number in range(len(self)):
            name = self.dataset.item_name(number)
            try:
                yield name, item_of(self.dataset.read(number), self.dataset.catalogue, models)
            except BadItem as error:
                yield name, error
            except UserError as error:
                yield name, BadItem(error.detail)


def item_of(example: Example, catalogue: JointCatalogue, models: Models) -> Item:
    """An example as an item. BadItem for joints of which nothing tells where they are in the body;
    UserError for what is no camera."""
    camera = None
    if example.intrinsics is not None:
        camera = Camera.create(example.intrinsics, example.distortion)
    people = tuple(_person(person, catalogue, models) for person in example.people)
    return Item(example.name, functools.partial(_picture, example), people, camera)


def _picture(example: Example) -> Picture:
    return Picture(example.image())


def _person(person: PersonTruth, catalogue: JointCatalogue, models: Models) -> TruePerson:
    left, top, width, height = person.box
    joints = [_joints(part, part.positions, catalogue, part.absolute) for part in person.joints_3d]
    pixels = [_joints(part, part.pixels, catalogue) for part in person.joints_2d]
    mask = person.mask
    return TruePerson(
        box=np.array([left, top, left + width, top + height], np.float64),
        joints=joints[0] if joints else None,
        pixels=pixels[0] if pixels else None,
        mesh=_mesh(person, models),
        mask=None if mask is None else functools.partial(_same, mask),
        seen=None if person.visible is None else float(person.visible.mean()),
    )


def _joints(
    joints: Joints3D | Joints2D,
    places: Float64Array,
    catalogue: JointCatalogue,
    absolute: bool = True,
) -> TrueJoints:
    names = catalogue.get(joints.joint_set).joints
    try:
        for name in names:
            place_of(joints.joint_set, name)
    except UserError as error:
        raise BadItem(error.detail) from error
    labels = tuple((joints.joint_set, name) for name in names)
    return TrueJoints(labels, np.asarray(places, np.float64), absolute)


def _mesh(person: PersonTruth, models: Models) -> TrueMesh | None:
    """The vertices of a person, posed if need be; without any if they are of a body that is not
    the localized one, which is told of later."""
    if person.mesh is not None:
        return TrueMesh(person.mesh.kind, np.asarray(person.mesh.vertices, np.float64))
    truth = person.body
    if truth is None:
        return None
    model = models.body_model
    if truth.kind != models.bodies.fitted_kind or truth.gender != model.body.gender:
        return TrueMesh(f"{truth.kind} {truth.gender}", np.zeros((0, 3)))
    vertices = pose_truths(model, [truth]).vertices[0].double().cpu().numpy()
    return TrueMesh(truth.kind, vertices, np.asarray(truth.betas, np.float64))


def _same(mask: Mask) -> Mask:
    return mask
