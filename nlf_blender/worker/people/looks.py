# SPDX-License-Identifier: GPL-3.0-or-later
"""What people look like over runs of sightings."""

from __future__ import annotations

import numpy as np

from .appearance import BINS, PARTS
from .sightings import Float64Array, Int64Array
from .table import Table


class Looks:
    """Mean appearance over runs of the table, where parts count by how well they are seen and
    sightings by how free they are of others."""

    def __init__(self, whole: Table) -> None:
        values = np.asarray(whole.sightings.appearance[whole.row], np.float64)
        free = (1 - 1.5 * whole.crowd).clip(0.05, 1.0)
        seen = values[:, PARTS * BINS :] * free[:, None]
        weighted = values[:, : PARTS * BINS].reshape(len(whole), PARTS, BINS) * seen[..., None]
        self.weighted = _sums(weighted.reshape(len(whole), PARTS * BINS))
        self.seen = _sums(seen)
        self.free = _sums(free[:, None])

    def mean(self, first: Int64Array, last: Int64Array) -> Float64Array:
        """Appearances [n,A] of the runs from `first` to `last`, both included."""
        seen = self.seen[last + 1] - self.seen[first]
        weighted = self.weighted[last + 1] - self.weighted[first]
        parts = weighted.reshape(len(first), PARTS, BINS) / seen.clip(1e-9)[..., None]
        visible = seen / (self.free[last + 1] - self.free[first])
        return np.concatenate([parts.reshape(len(first), PARTS * BINS), visible], axis=1)

    def weight(self, first: Int64Array, last: Int64Array) -> Float64Array:
        """How many free sightings [n] the runs have."""
        return (self.free[last + 1] - self.free[first])[:, 0]


def _sums(values: Float64Array) -> Float64Array:
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
