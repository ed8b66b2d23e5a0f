# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches out of a cache of features (see `cache_files`), read through memory maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from ..crops.batch import CropBatch, Queries
from .cache_files import FROZEN, JOINTS, NOT_PER_CROP, PICTURES, PLACES, read_about, unusable
from .source import StepInput

SAME_PLACE_M = 1e-5
PER_POINT = ("points_3d", "points_2d", "has_3d", "has_2d", "is_inside")
NEEDED = {f.name for f in fields(CropBatch) if f.default is MISSING} - {*NOT_PER_CROP} | {
    PLACES,
    JOINTS,
}


class CachedCrops:
    """The crops of a cache, the first `limit` if that is given, as batches of some of them."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.leading = read_about(folder).leading
        self.pictures = torch.from_numpy(np.load(folder / PICTURES))
        blocks = _open_blocks(folder)
        self._starts = np.cumsum([0, *(len(block["columns"]) for block in blocks)])
        whole = int(self._starts[-1])
        self._count = whole if limit is None else min(whole, limit)
        self.queries, columns = _joined_queries(blocks)
        self._columns = torch.from_numpy(np.concatenate(columns))
        self._partner = _mirror_partners(self.queries.places[self._columns[0].long()].numpy())
        self._blocks = blocks

    def __len__(self) -> int:
        return self._count

    @property
    def points(self) -> int:
        """Points that every crop has."""
        return self._columns.shape[1]

    def some_points(self, random: np.random.Generator, count: int) -> Tensor:
        """The leading points' numbers and those of about as many others as make up `count`, sorted.
        With each comes its mirror image, so that mirrored crops ask for no further points."""
        others = np.arange(self.leading, self.points)
        one_side = others[others <= self._partner[others]]
        pairs = random.permutation(one_side)[: max(count - self.leading, 0) // 2]
        chosen = np.union1d(pairs, self._partner[pairs])
        return torch.from_numpy(np.concatenate([np.arange(self.leading), chosen]))

    def batch(self, rows: np.ndarray, points: Tensor) -> StepInput:
        """Crops `rows` with points number `points` of each, and the backbone's values, float32. The
        batch's pictures are empty."""
        values = self._gather(rows)
        frozen = {
            name.removeprefix(FROZEN): values.pop(name).float()
            for name in list(values)
            if name.startswith(FROZEN)
        }
        for name in PER_POINT:
            values[name] = values[name][:, points]
        columns = self._columns[torch.from_numpy(rows)][:, points].long()
        needed, columns = torch.unique(columns, return_inverse=True)
        queries = Queries(self.queries.places[needed], self.queries.joints[needed])
        images = torch.empty((len(rows), 3, 0, 0), dtype=torch.uint8)
        batch = CropBatch(images=images, queries=queries, columns=columns, **values)
        return StepInput(batch, frozen, rows)

    def with_pictures(self, inputs: StepInput) -> StepInput:
        """The first crops, if `inputs` is them, with their pictures."""
        images = self.pictures[: len(inputs.batch)]
        return replace(inputs, batch=replace(inputs.batch, images=images))

    def _gather(self, rows: np.ndarray) -> dict[str, Tensor]:
        """All arrays' rows but the columns."""
        block = np.searchsorted(self._starts, rows, side="right") - 1
        inside = rows - self._starts[block]
        result = {}
        for name in self._blocks[0]:
            if name not in (PLACES, JOINTS, "columns"):
                parts = [self._blocks[b][name][r] for b, r in zip(block, inside, strict=True)]
                result[name] = torch.from_numpy(np.stack(parts))
        return result


def _open_blocks(folder: Path) -> list[dict[str, np.ndarray]]:
    """Memory maps of all blocks. UserError naming an array that is cut short."""
    paths = sorted(path for path in folder.glob("block_??????") if path.is_dir())
    if not paths:
        raise unusable(folder, "it has no blocks yet")
    blocks = []
    for path in paths:
        try:
            arrays = {file.stem: np.load(file, mmap_mode="r") for file in path.glob("*.npy")}
        except (OSError, ValueError) as error:
            raise unusable(path, str(error)) from error
        lacking = NEEDED - arrays.keys() or (blocks and blocks[0].keys() ^ arrays.keys())
        if lacking:
            raise unusable(path, f"{', '.join(sorted(lacking))} is missing")
        blocks.append(arrays)
    return blocks


def _joined_queries(blocks: list[dict[str, np.ndarray]]) -> tuple[Queries, list[np.ndarray]]:
    """The distinct points of all blocks, and each block's columns as rows of them."""
    rows = [
        np.column_stack([block[PLACES].astype(np.float32), block[JOINTS].astype(np.float32)])
        for block in blocks
    ]
    distinct, number = np.unique(np.concatenate(rows), axis=0, return_inverse=True)
    number = number.reshape(-1)
    starts = np.cumsum([0, *map(len, rows)])
    columns = [
        number[start + block["columns"]].astype(np.int32)  # a number per point of every crop
        for start, block in zip(starts, blocks, strict=False)
    ]
    places, joints = distinct[:, :3], distinct[:, 3].astype(np.int64)
    return Queries(torch.from_numpy(places.copy()), torch.from_numpy(joints)), columns


def _mirror_partners(places: np.ndarray) -> np.ndarray:
    """For each of points [N,3] the number of its mirror image, its own if there is none."""
    apart, nearest = cKDTree(places).query(places * [-1.0, 1.0, 1.0])
    return np.where(apart < SAME_PLACE_M, nearest, np.arange(len(places)))


def shuffled_rows(count: int, size: int, seed: int, first: int) -> Iterator[np.ndarray]:
    """Batch `first`, `first` + 1, ... of `size` numbers below `count`, out of an endless row of
    random orders of all of them, so that each comes once before any comes again."""
    if count < 1:
        raise ValueError("there are no crops")
    position, orders = first * size, {}
    while True:
        rows = np.empty(size, np.int64)
        for place in range(size):
            epoch, inside = divmod(position + place, count)
            if epoch not in orders:
                orders = {epoch: np.random.default_rng([seed, epoch]).permutation(count)}
            rows[place] = orders[epoch][inside]
        position += size
        yield rows
