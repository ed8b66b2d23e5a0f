# SPDX-License-Identifier: GPL-3.0-or-later
"""Small datasets for tests: examples with every kind of truth, and their folders."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from nlf_blender.worker.training.datasets.example import (
    BodyTruth,
    Example,
    Joints2D,
    Joints3D,
    MeshTruth,
    PersonTruth,
    SurfacePixels,
)
from nlf_blender.worker.training.datasets.layout import DatasetInfo
from nlf_blender.worker.training.datasets.pictures import encoded
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter

SIZE = (40, 30)
INFO = DatasetInfo("set", "CC0-1.0", joint_sets={"lab": ("left_x", "right_x")})


def rotation(random: np.random.Generator, count: int) -> np.ndarray:
    """Random rotations [count,3,3]."""
    turned, _ = np.linalg.qr(random.normal(size=(count, 3, 3)))
    return turned * np.linalg.det(turned)[:, None, None]


def person(random: np.random.Generator) -> PersonTruth:
    """A person with every kind of truth."""
    weights = random.dirichlet(np.ones(3), 5)
    body = BodyTruth("open", random.normal(size=16), rotation(random, 24), random.normal(size=3))
    pixels = random.uniform(0, 29, (17, 2))
    pixels[3] = np.nan
    return PersonTruth(
        box=np.array([4.0, 3.0, 20.0, 25.0]),
        body=replace(body, gender="female", scale=1.1),
        mesh=MeshTruth("smpl", random.normal(size=(50, 3))),
        joints_3d=(
            Joints3D("h36m17", random.normal(size=(17, 3)), absolute=False),
            Joints3D("lab", random.normal(size=(2, 3))),
        ),
        joints_2d=(Joints2D("coco17", pixels),),
        surface=SurfacePixels("smpl", pixels[4:9], random.integers(0, 6890, (5, 3)), weights),
        mask=random.random(SIZE[::-1]) < 0.5,
        visible=random.random(50) < 0.5,
    )


def example(number: int, people: int = 1) -> Example:
    """An example that its number decides."""
    random = np.random.default_rng(number)
    rgb = random.integers(0, 255, (*SIZE[::-1], 3), np.uint8)
    return Example(
        name=f"item-{number}",
        image=lambda: rgb,
        size=SIZE,
        people=tuple(person(random) for _ in range(people)),
        intrinsics=np.array([[50.0, 0, 19.5], [0, 51, 14.5], [0, 0, 1]]),
        distortion=np.array([0.1, 0, 0, 0]),
        up=np.array([0.0, -1, 0]),
    )


def written(folder: Path, examples: list[Example], shard_bytes: int = 20_000) -> Path:
    with DatasetWriter(folder, INFO, shard_bytes) as writer:
        for item in examples:
            writer.add(item, encoded(item.image(), "png"))
    return folder


def member_at(folder: Path, name: str) -> tuple[Path, int, int]:
    """The shard, offset and size of the content of the first member with this name."""
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name == name:
                    return path, member.offset_data, member.size
    raise AssertionError(name)
