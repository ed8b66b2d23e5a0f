# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays of SMPL-family pickles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy import sparse

from ...body.npz_file import MOST_BYTES
from ...body.smpl_layout import ARRAY_KEYS, TEXT_KEYS
from .safe_pickle import load_arrays

MOST_DENSE_BYTES = 1 << 28  # few bytes may say that they are a large matrix


def read_body_pickle(
    path: Path, more_keys: Iterable[str]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and texts of a body's pickle by their names, those of `more_keys` too.

    ValueError if it is larger than any body; otherwise as `load_arrays`.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"it has {path.stat().st_size / 2**30:.1f} GB, more than any body")
    keys = (*ARRAY_KEYS, *more_keys)
    content = load_arrays(path, {*keys, *TEXT_KEYS})
    arrays: dict[str, np.ndarray] = {}
    for key in keys:
        value = content.get(key)
        if isinstance(value, sparse.csr_matrix):
            arrays[key] = _dense(key, value)
        elif isinstance(value, np.ndarray):
            arrays[key] = value
    texts = {key: content[key] for key in TEXT_KEYS if isinstance(content.get(key), str)}
    return arrays, texts


def _dense(key: str, matrix: sparse.csr_matrix) -> np.ndarray:
    if matrix.shape[0] * matrix.shape[1] * 8 > MOST_DENSE_BYTES:
        raise ValueError(f"{key} is a sparse matrix of shape {matrix.shape}")
    return matrix.toarray()
