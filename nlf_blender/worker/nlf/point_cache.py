# SPDX-License-Identifier: GPL-3.0-or-later
"""Readouts of point sets, kept in memory and, where a folder is given, on disk.

Reading a body's points out of the field takes about a second, and the same points are asked for
with every photo.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from .head import HeatmapHead, PointWeights

SETS_IN_MEMORY = 4
_log = logging.getLogger(__name__)


class PointWeightCache:
    """Readouts by one head, found again by the content of the point set.

    model_key: tells the files of one model from another's.
    """

    def __init__(self, head: HeatmapHead, model_key: str, folder: Path | None = None) -> None:
        self._head = head
        self._model_key = model_key
        self._folder = folder
        self._sets: OrderedDict[str, PointWeights] = OrderedDict()

    def get(self, canonical_points: Tensor) -> PointWeights:
        """The readout of canonical points [N,3] float32, on their device."""
        key = hashlib.sha256(canonical_points.cpu().numpy().tobytes()).hexdigest()
        weights = self._sets.pop(key, None)
        if weights is None:
            path = self._path(key)
            weights = self._load(path, canonical_points)
            if weights is None:
                weights = self._head.point_weights(canonical_points)
                self._save(path, weights)
        self._sets[key] = weights
        if len(self._sets) > SETS_IN_MEMORY:
            self._sets.popitem(last=False)
        return weights

    def _path(self, key: str) -> Path | None:
        if self._folder is None:
            return None
        return self._folder / f"points_{self._model_key[:16]}_{key[:16]}.safetensors"

    def _load(self, path: Path | None, points: Tensor) -> PointWeights | None:
        """A stored readout, or None if there is none that can be used."""
        if path is None or not path.is_file():
            return None
        try:
            stored = load_file(path)
            weights = PointWeights(stored["codes"], stored["mirrored_codes"])
        except (SafetensorError, OSError, KeyError) as error:
            _log.warning("The cached readout %s is damaged and will be made again: %s", path, error)
            return None
        expected = (len(points), self._head.weight_field.config.code_dim)
        if not weights.codes.shape == weights.mirrored_codes.shape == expected:
            return None
        return weights.to(points.device)

    def _save(self, path: Path | None, weights: PointWeights) -> None:
        """Store a readout under its final name at once; without a place for it, go on without."""
        if path is None:
            return
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        tensors = {"codes": weights.codes.cpu(), "mirrored_codes": weights.mirrored_codes.cpu()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, unfinished)
            unfinished.replace(path)
        except (OSError, SafetensorError) as error:
            if unfinished.is_file():
                unfinished.unlink()
            _log.warning("The readout could not be cached as %s: %s", path, error)


def as_points(canonical_points: object, device: torch.device) -> Tensor:
    """Canonical points as a float32 tensor [N,3] on a device. ValueError if they are none."""
    points = torch.as_tensor(canonical_points, dtype=torch.float32, device=device)
    if points.ndim != 2 or points.shape[1] != 3 or not torch.isfinite(points).all():
        raise ValueError(f"canonical points must be finite and [N,3], not {tuple(points.shape)}")
    return points.contiguous()
