# SPDX-License-Identifier: GPL-3.0-or-later
"""The frozen network's output for every rendered crop, cached in half precision."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..nlf.backbones.blazepose import BlazePoseEncoder

BATCH = 8


def cache_shards(encoder: BlazePoseEncoder, folder: Path, wait_s: float = 0.0) -> None:
    """Write features_*.npz beside crops_*.npz; waits up to `wait_s` for further shards."""
    last_news = time.monotonic()
    while True:
        waiting = [path for path in sorted(folder.glob("crops_??????.npz"))
                   if not _features_path(path).exists()]  # fmt: skip
        for path in waiting:
            _cache(encoder, path)
            last_news = time.monotonic()
        if time.monotonic() - last_news > wait_s:
            return
        if not waiting:
            time.sleep(5.0)


def _features_path(crops: Path) -> Path:
    return crops.with_name(crops.name.replace("crops", "features"))


def _cache(encoder: BlazePoseEncoder, path: Path) -> None:
    pixels = torch.from_numpy(np.load(path)["pixels"])
    began = time.monotonic()
    parts: dict[str, list[Tensor]] = {}
    for batch in pixels.split(BATCH):
        output = encoder(batch.permute(0, 3, 1, 2).float() / 255)
        values = {**output.maps, "landmarks": output.landmarks, "world": output.world}
        for name, value in values.items():
            parts.setdefault(name, []).append(value.half())
    arrays = {name: torch.cat(values).numpy() for name, values in parts.items()}
    target = _features_path(path)
    partial = target.with_suffix(".part.npz")
    np.savez(partial, **arrays)
    partial.rename(target)
    pace = (time.monotonic() - began) / len(pixels) * 1000
    print(f"{target.name}: {pace:.0f} ms a crop", flush=True)
