# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a body as SMPL-family files write them, which differ by file, made uniform.

All functions raise ValueError that names the array and its fault.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .array_fields import Arrays, array_of, floats_of, optional_floats_of, texts_of
from .arrays import Float64Array, FloatArray
from .hands import JOINTS_PER_HAND, HandPoses
from .posedirs import STORED_KEYS
from .skeleton import SKELETONS, Skeleton, kind_of

TEXT_KEYS = ("name", "license", "sha256", "gender")
# All that is read of an npz. Others stay untouched: SMPL-X's files hold pickled dictionaries.
ARRAY_KEYS = (
    "v_template",
    "shapedirs",
    "expression_dirs",
    "posedirs",
    *STORED_KEYS,
    "J_regressor",
    "J_template",
    "J_shapedirs",
    "J_expression_dirs",
    "weights",
    "kintree_table",
    "f",
    "joint_names",
    "canonical_vertices",
    "canonical_joints",
    "uv",
    "f_uv",
    "vertex_part",
    "part_names",
    "mirror_vertices",
    "kid_template",
    "hands_meanl",
    "hands_meanr",
    "hands_componentsl",
    "hands_componentsr",
)

# By these one knows the published meshes, whatever their files are called.
PUBLISHED_VERTICES = {"smpl": 6890, "smplh": 6890, "smplx": 10475}

NO_PARENT = 4294967295  # how SMPL's files write -1 in an unsigned table
# Weights of one vertex must sum to 1; files in float32 or rounded to 4 digits miss by this much.
WEIGHT_SUM_TOLERANCE = 1e-2
LEAST_WEIGHT = -1e-6  # rounding may push a 0 below 0

# SMPL-X writes expressions behind the shape components, in one array; as the smplx package reads
# it, 300 shape components if there are at least 400 in all, else 10, then up to 100 or 10.
SMPLX_LONG_SHAPE, SMPLX_LONG_EXPRESSION = 300, 100
SMPLX_SHORT_SHAPE, SMPLX_SHORT_EXPRESSION = 10, 10


def skeleton_of(arrays: Arrays) -> Skeleton:
    """The joints of kintree_table, named by joint_names, else as in SMPL's family, else numbered.

    The root's parent may be -1 or 4294967295.
    """
    table = array_of(arrays, "kintree_table")
    if table.ndim != 2 or table.shape[0] != 2 or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"kintree_table has shape {table.shape} of {table.dtype}, not 2 rows")
    parents = tuple(-1 if int(parent) == NO_PARENT else int(parent) for parent in table[0])
    if list(map(int, table[1])) != list(range(len(parents))):
        raise ValueError("kintree_table does not number its joints from 0 upward")
    names = texts_of(arrays, "joint_names")
    if names:
        return Skeleton(names, parents)
    known = SKELETONS.get(kind_of(parents))
    return known or Skeleton(tuple(f"Joint_{joint:02d}" for joint in range(len(parents))), parents)


def shape_and_expression(
    arrays: Arrays, vertices: int, kind: str
) -> tuple[FloatArray, FloatArray | None]:
    """Shape components [V,3,B] and expressions [V,3,E] or None.

    Expressions are an array of their own, or the part of an SMPL-X's shapedirs behind the shape.
    """
    every = floats_of(arrays, "shapedirs", (vertices, 3, None))
    own = optional_floats_of(arrays, "expression_dirs", (vertices, 3, None))
    if own is not None or kind != "smplx" or "J_template" in arrays:  # reduced: split already
        return every, own
    long = every.shape[2] >= SMPLX_LONG_SHAPE + SMPLX_LONG_EXPRESSION
    shape = SMPLX_LONG_SHAPE if long else SMPLX_SHORT_SHAPE
    end = shape + (SMPLX_LONG_EXPRESSION if long else SMPLX_SHORT_EXPRESSION)
    expression = every[..., shape:end]
    return every[..., :shape], expression if expression.shape[2] else None


def rest_joints_of(
    arrays: Arrays, template: Float64Array, regressor: FloatArray | None, joints: int
) -> Float64Array:
    """Joints [J,3] of the template [V,3]: by the regressor [J,V], else stored as J_template."""
    if regressor is None:
        if "J_template" not in arrays:  # which only reduced bodies have
            raise ValueError("J_regressor is missing")
        return floats_of(arrays, "J_template", (joints, 3)).astype(np.float64)
    return regressor.astype(np.float64) @ template


def joint_directions_of(
    arrays: Arrays, key: str, columns: FloatArray, regressor: FloatArray | None, joints: int
) -> Float64Array:
    """How joints [J,3,C] follow columns [V,3,C]: by the regressor [J,V], else under the key."""
    if regressor is None:
        return floats_of(arrays, key, (joints, 3, columns.shape[2])).astype(np.float64)
    return np.einsum("jv,vcb->jcb", regressor.astype(np.float64), columns, optimize=True)


def kid_of(
    arrays: Arrays, template: Float64Array, regressor: FloatArray | None
) -> tuple[Float64Array | None, Float64Array | None]:
    """From the template to AGORA's child, its vertices taken about their mean as in smplx: of
    vertices [V,3] and joints [J,3]; None where the file has no child or no regressor."""
    child = optional_floats_of(arrays, "kid_template", template.shape)
    if child is None or regressor is None:
        return None, None
    direction = child.astype(np.float64) - child.mean(axis=0) - template
    return direction, regressor.astype(np.float64) @ direction


def weights_of(arrays: Arrays, vertices: int, joints: int) -> FloatArray:
    """Skinning weights [V,J], at least 0, rows that sum to 1."""
    weights = floats_of(arrays, "weights", (vertices, joints))
    sums = weights.sum(axis=1, keepdims=True)
    if (weights < LEAST_WEIGHT).any() or np.abs(sums - 1).max() > WEIGHT_SUM_TOLERANCE:
        raise ValueError("weights are negative or do not sum to 1 at every vertex")
    kept = np.maximum(weights, 0)
    return kept / kept.sum(axis=1, keepdims=True)


def hands_of(arrays: Arrays) -> HandPoses | None:
    """The hand poses under hands_mean[lr] and hands_components[lr]; None if one is missing."""
    keys = [f"hands_{part}{side}" for part in ("mean", "components") for side in "lr"]
    if not all(key in arrays for key in keys):
        return None
    numbers = 3 * JOINTS_PER_HAND
    means = [floats_of(arrays, key, (numbers,)).astype(np.float64) for key in keys[:2]]
    rows = [floats_of(arrays, key, (None, numbers)).astype(np.float64) for key in keys[2:]]
    return HandPoses(*means, *rows)


def hands_arrays(hands: HandPoses | None) -> dict[str, NDArray[Any]]:
    """The arrays that `hands_of` reads."""
    if hands is None:
        return {}
    return {
        "hands_meanl": hands.left_mean.astype(np.float32),
        "hands_meanr": hands.right_mean.astype(np.float32),
        "hands_componentsl": hands.left_components.astype(np.float32),
        "hands_componentsr": hands.right_components.astype(np.float32),
    }
