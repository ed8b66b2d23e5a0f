# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose correctives as files hold them: whole, or small enough to go into every take.

All functions raise ValueError that names the array and its fault.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .array_fields import Arrays, array_of, floats_of, indices_of
from .arrays import FloatArray

STORED_KEYS = ("posedirs_index", "posedirs_value", "posedirs_level", "posedirs_step")
# A list of the values that matter, if that is short, as with the open body's correctives, which
# reach one joint far; else, as with SMPL's, all of them as multiples of one step, vertex after
# vertex for each feature: most are near 0, and neighbours alike, so that they pack well.
LEAST_POSEDIR = 1e-5  # metres per unit of a pose feature
MOST_POSEDIRS_LISTED = 0.2  # of all values
POSEDIR_STEP = 5e-5
MOST_LEVEL = np.iinfo(np.int16).max


def posedirs_of(arrays: Arrays, vertices: int, joints: int) -> FloatArray | None:
    """Pose correctives [V,3,9(J-1)], or None for a file without.

    Files hold them in this shape, as a matrix of 3V rows or columns, or as `stored_posedirs` makes
    them. STAR's, which are of other features (4 per joint, 1 shape component), count as none.
    """
    features = 9 * (joints - 1)
    shape = (vertices, 3, features)
    if "posedirs_index" in arrays:
        dense = np.zeros(shape, dtype=np.float32)
        index = indices_of(arrays, "posedirs_index", (None,), dense.size)
        dense.ravel()[index] = floats_of(arrays, "posedirs_value", (len(index),))
        return dense
    if "posedirs_level" in arrays:
        levels = array_of(arrays, "posedirs_level")
        if levels.shape != shape[::-1] or levels.dtype != np.int16:
            raise ValueError(f"posedirs_level has shape {levels.shape} of {levels.dtype}")
        step = floats_of(arrays, "posedirs_step", (1,)).astype(np.float32)
        return np.ascontiguousarray(levels.T) * step
    if "posedirs" not in arrays or has_star_posedirs(arrays, joints):
        return None
    found = np.asarray(arrays["posedirs"]).shape
    if found == (3 * vertices, features):
        return floats_of(arrays, "posedirs", found).reshape(shape)
    if found == (features, 3 * vertices):
        return floats_of(arrays, "posedirs", found).T.reshape(shape)
    return floats_of(arrays, "posedirs", shape)


def has_star_posedirs(arrays: Arrays, joints: int) -> bool:
    """Whether the file's pose correctives are as STAR's: linear in quaternions, not matrices
    (Osman et al., STAR, 2020, section 3.1)."""
    return "posedirs" in arrays and np.shape(arrays["posedirs"])[2:] == (4 * (joints - 1) + 1,)


def stored_posedirs(posedirs: FloatArray | None) -> dict[str, NDArray[Any]]:
    """Arrays that `posedirs_of` reads, small: what is not zero in half precision, or levels
    [9(J-1),3,V] of a step."""
    if posedirs is None:
        return {}
    index = np.flatnonzero(np.abs(posedirs) >= LEAST_POSEDIR)
    if len(index) <= MOST_POSEDIRS_LISTED * posedirs.size:
        values = posedirs.ravel()[index].astype(np.float16)
        return {"posedirs_index": index.astype(np.uint32), "posedirs_value": values}
    step = max(POSEDIR_STEP, float(np.abs(posedirs).max()) / MOST_LEVEL)
    levels = np.ascontiguousarray(np.rint(posedirs / step).astype(np.int16).T)
    return {"posedirs_level": levels, "posedirs_step": np.array([step], dtype=np.float32)}
