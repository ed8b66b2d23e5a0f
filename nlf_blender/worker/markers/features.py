# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network saw of people, kept in a take's `features/`, so that further points need neither
the source nor the network.

    features/chunk_00000.npy    float16 [R,A,C,H,W]: of each row of the chunk of that number, the
                                backbone's maps of its A variations
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...protocol.files import write_whole
from ...protocol.take_sets import FEATURES_FOLDER

DTYPE = np.float16
HALF_MAX = float(np.finfo(DTYPE).max)
AXES = 5  # R,A,C,H,W


@dataclass(eq=False)
class FeatureKeeper:
    """Keeps the features of all crops of one call of `Localizer.localize`."""

    parts: list[NDArray[np.float16]] = field(default_factory=list)

    def given(self, first: int, count: int) -> Tensor | None:
        """None: all are to be computed."""
        return None

    def made(self, first: int, features: Tensor) -> None:
        """Keep features [P,C,H,W]."""
        limited = features.detach().clamp(-HALF_MAX, HALF_MAX)
        self.parts.extend(limited.to("cpu", torch.float16).numpy())

    def of_person(self, number: int, variations: int) -> NDArray[np.float16]:
        """Those of a person, who are counted through the call: [A,C,H,W]."""
        return np.stack(self.parts[number * variations : (number + 1) * variations])


@dataclass(frozen=True, eq=False)
class GivenFeatures:
    """Gives features [P,C,H,W] of all crops of a call of `Localizer.localize`."""

    kept: NDArray[np.float16]

    def given(self, first: int, count: int) -> Tensor:
        """Features of crops from number `first` on, in single precision."""
        return torch.from_numpy(self.kept[first : first + count].astype(np.float32))

    def made(self, first: int, features: Tensor) -> None:
        """Never called: all are given."""
        raise AssertionError("features were computed though they were given")


def features_file(take: Path, index: int) -> Path:
    """Where the features of the rows of the take's chunk of this number are."""
    return take / FEATURES_FOLDER / f"chunk_{index:05d}.npy"


def write_features(take: Path, index: int, people: Sequence[NDArray[np.float16]]) -> None:
    """Write the features [A,C,H,W] of each row of a chunk. OSError from the disk."""
    rows = np.stack(people) if people else np.zeros((0,) * AXES, DTYPE)
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    path = features_file(take, index)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, buffer.getvalue())


def read_features(take: Path, index: int, rows: int, variations: int) -> NDArray[np.float16] | None:
    """The features [R,A,C,H,W] of a chunk, as a map of the file; None if they were not kept, or if
    they are not those of so many rows and variations."""
    path = features_file(take, index)
    try:
        kept = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if kept.dtype != DTYPE or kept.ndim != AXES or kept.shape[:2] != (rows, variations):
        return None
    return kept
