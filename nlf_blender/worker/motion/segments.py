# SPDX-License-Identifier: GPL-3.0-or-later
"""Stretches of a motion: its shots, and runs of frames that have something in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .motion import PersonMotion


def shots_of(motion: PersonMotion) -> list[slice]:
    """The rows of each shot, in order."""
    ends = np.flatnonzero(np.diff(motion.shot)) + 1
    return [
        slice(int(first), int(end))
        for first, end in zip([0, *ends], [*ends, len(motion.shot)], strict=True)
    ]


def runs_of(values: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of each run of True in values [T]."""
    padded = np.concatenate([[False], values, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
