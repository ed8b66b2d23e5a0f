# SPDX-License-Identifier: GPL-3.0-or-later
"""A body model's arrays in SMPL's layout, of any number of vertices, joints and betas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Float64Array, FloatArray, IntArray
from .skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

Arrays = Mapping[str, NDArray[Any]]

NO_PARENT = 4294967295  # how SMPL's files write -1 in an unsigned table
# Weights of one vertex must sum to 1; files in float32 or rounded to 4 digits miss by this much.
WEIGHT_SUM_TOLERANCE = 1e-2


@dataclass(frozen=True)
class BodyData:
    """A body: V vertices, J joints, B shape components, F triangles; metres, SMPL's axes.

    v_template [V,3]; shapedirs [V,3,B]; posedirs [V,3,9(J-1)] or None; joint_regressor [J,V] or
    None in a body reduced to what a scene needs; joints_template [J,3] and joints_shapedirs
    [J,3,B]: the regressor's product with the two; weights [V,J], rows sum to 1; faces [F,3].
    canonical_vertices [V,3] and canonical_joints [J,3]: the body in canonical space.
    uv [U,2] with face_uv [F,3]; vertex_part [V] indexes part_names; mirror_vertices [V]: each
    vertex's other side. sha256 is that of the file that all this came from.
    """

    v_template: Float64Array
    shapedirs: FloatArray
    weights: FloatArray
    faces: IntArray
    skeleton: Skeleton
    joints_template: Float64Array
    joints_shapedirs: Float64Array
    posedirs: FloatArray | None = None
    joint_regressor: FloatArray | None = None
    canonical_vertices: Float64Array | None = None
    canonical_joints: Float64Array | None = None
    uv: Float64Array | None = None
    face_uv: IntArray | None = None
    vertex_part: IntArray | None = None
    part_names: tuple[str, ...] = ()
    mirror_vertices: IntArray | None = None
    name: str = ""
    license: str = ""
    sha256: str = ""
    gender: str = "neutral"

    @property
    def vertex_count(self) -> int:
        """V."""
        return len(self.v_template)

    @property
    def joint_count(self) -> int:
        """J."""
        return self.skeleton.joint_count

    @property
    def beta_count(self) -> int:
        """B."""
        return self.shapedirs.shape[2]


def body_from_arrays(
    arrays: Arrays, name: str = "", license: str = "", sha256: str = "", gender: str = "neutral"
) -> BodyData:
    """A body from arrays named as in SMPL's files; ValueError says which one is wrong, and how.

    Needs v_template, shapedirs, weights, kintree_table, f and either J_regressor or both of
    J_template and J_shapedirs; takes posedirs, joint_names, canonical_vertices, canonical_joints,
    uv with f_uv, vertex_part with part_names, and mirror_vertices where they are there.
    """
    template = _floats(arrays, "v_template", (None, 3)).astype(np.float64)
    vertices = len(template)
    shapedirs = _floats(arrays, "shapedirs", (vertices, 3, None))
    skeleton = _skeleton(arrays)
    joints = skeleton.joint_count
    regressor = _optional_floats(arrays, "J_regressor", (joints, vertices))
    joints_template, joints_shapedirs = _rest_joints(arrays, template, shapedirs, regressor, joints)
    uv = _optional_floats(arrays, "uv", (None, 2))
    faces = _indices(arrays, "f", (None, 3), vertices)
    part_names = _texts(arrays, "part_names")
    canonical_vertices = _optional_floats(arrays, "canonical_vertices", (vertices, 3))
    canonical_joints = _optional_floats(arrays, "canonical_joints", (joints, 3))
    return BodyData(
        v_template=template,
        shapedirs=shapedirs,
        weights=_weights(arrays, vertices, joints),
        faces=faces,
        skeleton=skeleton,
        joints_template=joints_template,
        joints_shapedirs=joints_shapedirs,
        posedirs=_optional_floats(arrays, "posedirs", (vertices, 3, 9 * (joints - 1))),
        joint_regressor=regressor,
        canonical_vertices=_as_float64(canonical_vertices),
        canonical_joints=_as_float64(canonical_joints),
        uv=_as_float64(uv),
        face_uv=None if uv is None else _indices(arrays, "f_uv", (len(faces), 3), len(uv)),
        vertex_part=(
            _indices(arrays, "vertex_part", (vertices,), len(part_names)) if part_names else None
        ),
        part_names=part_names,
        mirror_vertices=(
            _indices(arrays, "mirror_vertices", (vertices,), vertices)
            if "mirror_vertices" in arrays
            else None
        ),
        name=name,
        license=license,
        sha256=sha256,
        gender=gender,
    )


def _rest_joints(
    arrays: Arrays,
    template: Float64Array,
    shapedirs: FloatArray,
    regressor: FloatArray | None,
    joints: int,
) -> tuple[Float64Array, Float64Array]:
    if regressor is None:
        stored = _floats(arrays, "J_template", (joints, 3))
        directions = _floats(arrays, "J_shapedirs", (joints, 3, shapedirs.shape[2]))
        return stored.astype(np.float64), directions.astype(np.float64)
    rows = regressor.astype(np.float64)
    return rows @ template, np.einsum("jv,vcb->jcb", rows, shapedirs, optimize=True)


def _skeleton(arrays: Arrays) -> Skeleton:
    table = _array(arrays, "kintree_table")
    if table.ndim != 2 or table.shape[0] != 2 or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"kintree_table has shape {table.shape} of {table.dtype}, not 2 rows")
    parents = tuple(-1 if int(parent) == NO_PARENT else int(parent) for parent in table[0])
    if list(map(int, table[1])) != list(range(len(parents))):
        raise ValueError("kintree_table does not number its joints from 0 upward")
    names = _texts(arrays, "joint_names")
    if not names:
        numbered = tuple(f"Joint_{joint:02d}" for joint in range(len(parents)))
        names = SMPL_JOINT_NAMES if parents == SMPL_PARENTS else numbered
    return Skeleton(names, parents)


def _weights(arrays: Arrays, vertices: int, joints: int) -> FloatArray:
    weights = _floats(arrays, "weights", (vertices, joints))
    sums = weights.sum(axis=1, keepdims=True)
    if (weights < 0).any() or np.abs(sums - 1).max() > WEIGHT_SUM_TOLERANCE:
        raise ValueError("weights are negative or do not sum to 1 at every vertex")
    return weights / sums


def _array(arrays: Arrays, key: str) -> NDArray[Any]:
    if key not in arrays:
        raise ValueError(f"{key} is missing")
    return np.asarray(arrays[key])


def _check_shape(array: NDArray[Any], key: str, shape: tuple[int | None, ...]) -> None:
    fits = array.ndim == len(shape) and all(
        wanted is None or size == wanted for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or array.size == 0:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{key} has shape {array.shape}, not ({wanted})")


def _floats(arrays: Arrays, key: str, shape: tuple[int | None, ...]) -> FloatArray:
    array = _array(arrays, key)
    _check_shape(array, key, shape)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{key} holds {array.dtype}, not floating-point numbers")
    if not np.isfinite(array).all():
        raise ValueError(f"{key} has values that are not finite")
    # a float16 file is as good, but sums over its vertices would not be
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _optional_floats(arrays: Arrays, key: str, shape: tuple[int | None, ...]) -> FloatArray | None:
    return _floats(arrays, key, shape) if key in arrays else None


def _as_float64(array: FloatArray | None) -> Float64Array | None:
    return None if array is None else array.astype(np.float64)


def _indices(arrays: Arrays, key: str, shape: tuple[int | None, ...], count: int) -> IntArray:
    array = _array(arrays, key)
    _check_shape(array, key, shape)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{key} holds {array.dtype}, not whole numbers")
    values = array.astype(np.int64)
    if values.min() < 0 or values.max() >= count:
        raise ValueError(f"{key} refers to {int(values.max())}, but there are {count}")
    return values


def _texts(arrays: Arrays, key: str) -> tuple[str, ...]:
    if key not in arrays:
        return ()
    array = np.asarray(arrays[key])
    if array.ndim != 1 or array.dtype.kind != "U":
        raise ValueError(f"{key} is not a list of texts")
    return tuple(str(text) for text in array)
