# SPDX-License-Identifier: GPL-3.0-or-later
"""A cache of what a frozen backbone says about crops, so that two cores can train the rest.

A cache is a folder: `features.json`, the first few `pictures.npy`, and one folder per block of
crops, which holds an .npy array for every field of their batch but the pictures, and one for each
of the backbone's values, in half precision. A block is written under another name and renamed, so
caching goes on after the last whole block. `lock` is held by the program that caches. Training
reads the arrays through memory maps.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ....errors import UserError
from ....protocol.files import read_versioned, write_whole
from ....protocol.json_fields import as_int, as_str
from ...take_writer import disk_errors
from ..crops.batch import CropBatch

FORMAT, VERSION = "nlf_blender features", 1
INDEX = "features.json"
FROZEN = "frozen."  # begins the names of the backbone's values
PLACES, JOINTS = "queries.places", "queries.joints"
NOT_PER_CROP = ("images", "queries")
PICTURES, SHOWN = "pictures.npy", 8  # of the first crops, for sample pictures


@dataclass(frozen=True)
class CacheAbout:
    """What a cache was made of. recipe: everything that decides its contents, as text; a cache of
    another recipe is never continued. leading: so many points of each crop, its first ones, are the
    body's joints, which every step takes."""

    recipe: str
    leading: int


def read_about(folder: Path) -> CacheAbout:
    """What a cache says of itself. UserError if there is none or it is damaged."""
    try:
        data = read_versioned(folder / INDEX, FORMAT, VERSION)
        return CacheAbout(as_str(data["recipe"], "recipe"), as_int(data["leading"], "leading"))
    except (OSError, ValueError, KeyError) as error:
        raise unusable(folder / INDEX, str(error)) from error


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

    def has(self, block: int, crops: int) -> bool:
        """Whether a block is there, with so many crops or more."""
        path = self._path(block) / "columns.npy"
        return path.is_file() and len(np.load(path, mmap_mode="r")) >= crops

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
            shutil.rmtree(final, ignore_errors=True)  # one that had fewer crops
            unfinished.rename(final)

    def _path(self, block: int) -> Path:
        return self.folder / f"block_{block:06d}"


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


def unusable(path: Path, reason: str) -> UserError:
    """The error for a cache that is damaged or not there."""
    return UserError(
        "Cached features cannot be used",
        f"{path}: {reason}.",
        "Delete what is damaged and make the cache again with the same command.",
    )
