# SPDX-License-Identifier: GPL-3.0-or-later
"""Small datasets of open bodies drawn as dots, for tests of whole training runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from painted_person import ASSETS
from scipy.spatial.transform import Rotation

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.training.datasets.example import BodyTruth, Example, PersonTruth
from nlf_blender.worker.training.datasets.layout import DatasetInfo
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter

SIDE = 128
FOCAL = 200.0
INTRINSICS = np.array([[FOCAL, 0, (SIDE - 1) / 2], [0, FOCAL, (SIDE - 1) / 2], [0, 0, 1]])


def write_set(folder: Path, count: int, seed: int = 0) -> Path:
    """A dataset of `count` people at rest who stand about, each in a picture."""
    body = BodyModel(load_body_npz(ASSETS / "open_body.npz"))
    random = np.random.default_rng(seed)
    with DatasetWriter(folder, DatasetInfo(folder.name, "CC0-1.0", body_kinds=("open",))) as out:
        for number in range(count):
            out.add(_example(f"p{number:04d}", body, random))
    return folder


def _example(name: str, body: BodyModel, random: np.random.Generator) -> Example:
    truth = _truth(random)
    rotations = torch.from_numpy(truth.rotations)[None].float()
    betas = torch.from_numpy(truth.betas)[None].float()
    posed = body(rotations, betas, torch.zeros(1, 3)).vertices[0].numpy() + truth.translation
    pixels = posed @ INTRINSICS.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    image = np.full((SIDE, SIDE, 3), 40, np.uint8)
    colours = (np.abs(body.v_template.numpy()) * 180 + 60).clip(0, 255)
    places = np.round(pixels).astype(int).clip(0, SIDE - 1)
    image[places[:, 1], places[:, 0]] = colours
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    person = PersonTruth(np.concatenate([low, high - low]), body=truth)
    return Example(name, lambda: image, (SIDE, SIDE), (person,), INTRINSICS)


def _truth(random: np.random.Generator) -> BodyTruth:
    turns = random.normal(size=(24, 3)) * 0.15
    rotations = Rotation.from_rotvec(turns).as_matrix()
    heading = Rotation.from_euler("y", random.uniform(-180, 180), degrees=True).as_matrix()
    rotations[0] = np.diag([1.0, -1.0, -1.0]) @ heading  # SMPL's y is up, the camera's down
    place = np.array([random.normal() * 0.1, 0.2, random.uniform(3.5, 5.0)])
    return BodyTruth("open", random.normal(size=10) * 0.5, rotations, place)
