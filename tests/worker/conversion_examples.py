# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of bodies for tests of conversion, each aligned once for all of them."""

from __future__ import annotations

import functools
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from benchmarks.sampling import draw_people
from benchmarks.second_body import second_body, shuffled_body
from body_examples import OPEN_BODY
from scipy import sparse

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.conversion.correspondence import (
    Correspondence,
    closest_surface_correspondence,
)

Motion = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Pair:
    """The open body, another, and where the vertices of each lie on the other."""

    model: BodyModel
    other: BodyModel
    there: Correspondence
    back: Correspondence


@functools.cache
def open_body() -> BodyData:
    """The open body."""
    return load_body_npz(OPEN_BODY)


@functools.cache
def second_pair() -> Pair:
    """The open body and one that is other in everything."""
    return _pair_of(second_body(open_body()))


@functools.cache
def shuffled_pair() -> Pair:
    """The open body and itself with other vertices."""
    return _pair_of(shuffled_body(open_body()))


def _pair_of(other: BodyData) -> Pair:
    first, second = BodyModel(open_body()), BodyModel(other)
    return Pair(
        first,
        second,
        closest_surface_correspondence(first, other),
        closest_surface_correspondence(second, open_body()),
    )


def motion_of(model: BodyModel, frames: int = 6, seed: int = 3) -> Motion:
    """Random poses and shapes of a body."""
    with torch.no_grad():
        return tuple(draw_people(model, frames, seed).truth)


def write_published(path: Path, matrix: sparse.csr_matrix) -> Path:
    """A file laid out as the SMPL-X project's: columns for vertices, then as many for normals."""
    wide = sparse.hstack([matrix, 0.1 * matrix]).tocsc()
    path.write_bytes(pickle.dumps({"mtx": wide, "valid_pixels": np.arange(3)}, protocol=2))
    return path
