# SPDX-License-Identifier: GPL-3.0-or-later
"""A cache of what a frozen backbone says about crops, so that two cores can train the rest.

A cache is a folder: `features.json`, the first few `pictures.npy`, and one folder per block of
crops, which holds an .npy array for every field of their batch but the pictures, and one for each
of the backbone's values, in half precision. A block is written under another name and renamed, so caching goes on after the last
whole block. Training reads the arrays through memory maps.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ....errors import UserError
from ....protocol.files import read_versioned, write_whole
from ....protocol.json_fields import as_int, as_str
from ...take_writer import disk_errors
from ..crops.batch import CropBatch, Queries
from .source import StepInput

FORMAT, VERSION = "nlf_blender features", 1
INDEX = "features.json"
FROZEN = "frozen."  # begins the names of the backbone's values
PLACES, JOINTS = "queries.places", "queries.joints"
NOT_PER_CROP = ("images", "queries")
PER_POINT = ("points_3d", "points_2d", "has_3d", "has_2d", "is_inside")
NEEDED = {f.name for f in fields(CropBatch) if f.default is MISSING} - {*NOT_PER_CROP} | {
    PLACES,
    JOINTS,
}
PICTURES, SHOWN = "pictures.npy", 8  # of the first crops, for sample pictures


@dataclass(frozen=True)
class CacheAbout:
    """What a cache was made of. recipe: everything that decides its contents, as text; a cache of
    another recipe is never continued. leading: so many points of each crop, its first ones, are the
    body's joints, which every step takes."""

    recipe: str
    leading: int


class CacheWriter:
    """Adds blocks to a cache. UserError if the folder holds one of another recipe."""

    def __init__(self, folder: Path, about: CacheAbout) -> None:
        self.folder = folder
        with disk_errors(folder, "start the same command again"):
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / INDEX).is_file():
                if read_about(folder) != about:
                    raise UserError(
                        "Another cache is there",
                        f"{folder} holds features of other crops or of another backbone.",
                        "Choose another folder, or delete that one.",
                    )
                return
            data = {"format": FORMAT, "version": VERSION, **vars(about)}
            write_whole(folder / INDEX, json.dumps(data, indent=1).encode())

    def has(self, block: int) -> bool:
        """Whether a block is there."""
        return self._path(block).is_dir()

    def add(self, block: int, batches: list[tuple[CropBatch, dict[str, Tensor]]]) -> None:
        """Write a block of batches with the frozen backbone's values for them. UserError if the
        disk is full; the blocks before it stay."""
        final = self._path(block)
        unfinished = final.with_name(final.name + ".part")
        with disk_errors(self.folder, "start the same command again"):
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            for name, value in _block(batches).items():
                np.save(unfinished / f"{name}.npy", value)
            if block == 0:
                np.save(self.folder / PICTURES, batches[0][0].images[:SHOWN].cpu().numpy())
            unfinished.rename(final)

    def _path(self, block: int) -> Path:
        return self.folder / f"block_{block:06d}"


def read_about(folder: Path) -> CacheAbout:
    """What a cache says of itself. UserError if there is none or it is damaged."""
    try:
        data = read_versioned(folder / INDEX, FORMAT, VERSION)
        return CacheAbout(as_str(data["recipe"], "recipe"), as_int(data["leading"], "leading"))
    except (OSError, ValueError, KeyError) as error:
        raise _unusable(folder / INDEX, str(error)) from error


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
        self._blocks = blocks

    def __len__(self) -> int:
        return self._count

    @property
    def points(self) -> int:
        """Points that every crop has."""
        return self._columns.shape[1]

    def some_points(self, random: np.random.Generator, count: int) -> Tensor:
        """The leading points' numbers and those of as many others as make up `count`, sorted."""
        others = self.leading + random.permutation(self.points - self.leading)
        chosen = np.concatenate([np.arange(self.leading), others])[:count]
        return torch.from_numpy(np.sort(chosen))

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
        columns = self._columns[torch.from_numpy(rows)][:, points]
        needed, columns = torch.unique(columns, return_inverse=True)
        queries = Queries(self.queries.places[needed], self.queries.joints[needed])
        images = torch.empty((len(rows), 3, 0, 0), dtype=torch.uint8)
        batch = CropBatch(images=images, queries=queries, columns=columns, **values)
        return StepInput(batch, frozen)

    def with_pictures(self, inputs: StepInput) -> StepInput:
        """The first crops, if `inputs` is them, with their pictures."""
        images = self.pictures[: len(inputs.batch)]
        return StepInput(replace(inputs.batch, images=images), inputs.frozen)

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


def _block(batches: list[tuple[CropBatch, dict[str, Tensor]]]) -> dict[str, np.ndarray]:
    """A block's arrays by name. UserError if crops have not the same number of points."""
    if len({batch.columns.shape[1] for batch, _ in batches}) > 1:
        raise UserError(
            "Features cannot be cached",
            "The sets' crops have different numbers of points.",
            "Cache crops of people whose bodies are known, or train without a cache.",
        )
    joined: dict[str, list[Tensor]] = {}
    before = 0
    for batch, frozen in batches:
        shifted = replace(batch, columns=batch.columns + before)
        for item in fields(CropBatch):
            value = getattr(shifted, item.name)
            if item.name not in NOT_PER_CROP and value is not None:
                joined.setdefault(item.name, []).append(value)
        for name, value in frozen.items():
            joined.setdefault(FROZEN + name, []).append(value.half())
        joined.setdefault(PLACES, []).append(batch.queries.places)
        joined.setdefault(JOINTS, []).append(batch.queries.joints)
        before += len(batch.queries.places)
    return {name: torch.cat(values).cpu().numpy() for name, values in joined.items()}


def _open_blocks(folder: Path) -> list[dict[str, np.ndarray]]:
    """Memory maps of all blocks. UserError naming an array that is cut short."""
    paths = sorted(path for path in folder.glob("block_??????") if path.is_dir())
    if not paths:
        raise _unusable(folder, "it has no blocks yet")
    blocks = []
    for path in paths:
        try:
            arrays = {file.stem: np.load(file, mmap_mode="r") for file in path.glob("*.npy")}
        except (OSError, ValueError) as error:
            raise _unusable(path, str(error)) from error
        lacking = NEEDED - arrays.keys() or (blocks and blocks[0].keys() ^ arrays.keys())
        if lacking:
            raise _unusable(path, f"{', '.join(sorted(lacking))} is missing")
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
        number[start + block["columns"].astype(np.int64)]
        for start, block in zip(starts, blocks, strict=False)
    ]
    places, joints = distinct[:, :3], distinct[:, 3].astype(np.int64)
    return Queries(torch.from_numpy(places.copy()), torch.from_numpy(joints)), columns


def _unusable(path: Path, reason: str) -> UserError:
    return UserError(
        "Cached features cannot be used",
        f"{path}: {reason}.",
        "Delete what is damaged and make the cache again with the same command.",
    )


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
