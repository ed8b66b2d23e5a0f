# SPDX-License-Identifier: GPL-3.0-or-later
"""Files laid out as the official NLF release's, with random values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nlf_blender.worker.nlf.official.variants import FIELD_CONSTANTS, VARIANTS

SMALL, LARGE = VARIANTS
LEFT, MIDDLE = 340, 186
Change = Callable[[dict[str, Tensor]], object]
DATA_FILES = (
    "canonical_nodes3.npy",
    "canonical_eigval3.npy",
    "canonical_loc_symmetric_init_866.npy",
    "canonical_verts_smpl.npy",
    "canonical_joints_smpl.npy",
)


def crop_tensors(variant: object, seed: int = 0, real: bool = True) -> dict[str, Tensor]:
    """The values of a crop checkpoint, small enough that nothing grows from layer to layer.

    not real: every tensor repeats one value, so that a file of them is small.
    """
    random = torch.Generator().manual_seed(seed)
    shapes = {"canonical_lefts": (LEFT, 3), "canonical_centers": (MIDDLE, 2)}
    shapes |= {n: s for n, s in variant.shapes(1024).items() if n not in FIELD_CONSTANTS}
    tensors = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            tensors[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            tensors[name] = torch.ones(shape)
        elif not real:
            tensors[name] = torch.full((1,) * len(shape), 0.01).expand(shape)
        else:
            fan_in = max(1, int(np.prod(shape[1:])))
            tensors[name] = torch.randn(shape, generator=random) * (0.5 / fan_in**0.5)
    return tensors


def symmetric_points(seed: int = 0) -> np.ndarray:
    """Points [866,3] on the left, on the right and in the middle, in a random order."""
    random = np.random.default_rng(seed)
    left = random.uniform([0.05, -1.1, -0.2], [0.9, 0.8, 0.2], (LEFT, 3))
    middle = random.uniform(-1, 1, (MIDDLE, 3)) * [0, 1, 0.2]
    points = np.concatenate([left, left * [-1, 1, 1], middle])
    return points[random.permutation(len(points))].astype(np.float32)


def write_data_files(folder: Path, seed: int = 0) -> Path:
    """The official data files that go with SMPL. Returns the folder."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    arrays = (
        random.uniform([-0.9, -1.2, -0.2], [0.9, 0.6, 0.2], (500, 3)),
        np.concatenate([[1e-9], np.sort(random.uniform(1.0, 400.0, 1099))]),
        symmetric_points(seed),
        random.uniform(-1, 1, (6890, 3)).astype(np.float32),
        random.uniform(-1, 1, (24, 3)).astype(np.float32),
    )
    for name, array in zip(DATA_FILES, arrays, strict=True):
        np.save(folder / name, array)
    return folder


def small_file(
    folder: Path, change: Change = lambda tensors: None, variant: object = SMALL
) -> Path:
    """A checkpoint whose tensors each repeat one value, so that it is small; `change`d."""
    tensors = crop_tensors(variant, real=False)
    change(tensors)
    torch.save(tensors, folder / "nlf_s_crop.pt")
    return folder / "nlf_s_crop.pt"
