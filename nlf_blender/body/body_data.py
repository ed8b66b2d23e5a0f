# SPDX-License-Identifier: GPL-3.0-or-later
"""A body model's arrays in SMPL's layout, and its files: npz, whole or reduced for a scene.

Nothing depends on how many vertices, joints and betas a body has.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .array_fields import (
    Arrays,
    array_of,
    as_float64,
    floats_of,
    indices_of,
    optional_floats_of,
    texts_of,
)
from .arrays import Float64Array, FloatArray, IntArray
from .hands import HandPoses
from .skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS, Skeleton

NO_PARENT = 4294967295  # how SMPL's files write -1 in an unsigned table
# Weights of one vertex must sum to 1; files in float32 or rounded to 4 digits miss by this much.
WEIGHT_SUM_TOLERANCE = 1e-2
# Pose correctives go into a reduced body as a list of the values that matter, if that is short:
# dense ones, as SMPL's, would be the larger part of every take.
LEAST_POSEDIR = 1e-5  # metres per unit of a pose feature
MOST_POSEDIRS_LISTED = 0.2  # of all values

# All that is read of an npz. Others stay untouched: SMPL-X's files hold pickled dictionaries.
ARRAY_KEYS = (
    "v_template",
    "shapedirs",
    "posedirs",
    "posedirs_index",
    "posedirs_value",
    "J_regressor",
    "J_template",
    "J_shapedirs",
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
)
TEXT_KEYS = ("name", "license", "sha256", "gender")


@dataclass(frozen=True, eq=False)  # arrays do not compare to one truth: a body equals itself only
class BodyData:
    """A body: V vertices, J joints, B shape components, F triangles; metres, SMPL's axes.

    v_template [V,3]; shapedirs [V,3,B]; posedirs [V,3,9(J-1)] or None; joint_regressor [J,V] or
    None in a body reduced to what a scene needs; joints_template [J,3] and joints_shapedirs
    [J,3,B]: the regressor's product with the two; weights [V,J], rows sum to 1; faces [F,3].
    canonical_vertices [V,3] and canonical_joints [J,3]: the body in canonical space.
    uv [U,2] with face_uv [F,3]; vertex_part [V] indexes part_names; mirror_vertices [V]: each
    vertex's other side. kid_direction [V,3] and joints_kid_direction [J,3]: from the template to a
    child's, where there is one. expression_dirs [V,3,E] and joints_expression_dirs [J,3,E]: facial
    expressions, beside the shape components. hands: what the file tells of hand poses. kind:
    "smpl", "smplh" or "smplx" by its joints, "" for others. sha256 is that of the file that all
    this came from.
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
    kid_direction: FloatArray | None = None
    joints_kid_direction: FloatArray | None = None
    expression_dirs: FloatArray | None = None
    joints_expression_dirs: FloatArray | None = None
    hands: HandPoses | None = None
    kind: str = ""
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
    uv with f_uv, vertex_part with part_names, mirror_vertices and kid_template (AGORA's: a child's
    vertices, taken about their mean as in smplx) where they are there.
    """
    template = floats_of(arrays, "v_template", (None, 3)).astype(np.float64)
    vertices = len(template)
    shapedirs = floats_of(arrays, "shapedirs", (vertices, 3, None))
    skeleton = _skeleton(arrays)
    joints = skeleton.joint_count
    regressor = optional_floats_of(arrays, "J_regressor", (joints, vertices))
    joints_template, joints_shapedirs = _rest_joints(arrays, template, shapedirs, regressor, joints)
    uv = optional_floats_of(arrays, "uv", (None, 2))
    faces = indices_of(arrays, "f", (None, 3), vertices)
    part_names = texts_of(arrays, "part_names")
    canonical_vertices = optional_floats_of(arrays, "canonical_vertices", (vertices, 3))
    canonical_joints = optional_floats_of(arrays, "canonical_joints", (joints, 3))
    kid_direction, joints_kid_direction = _kid(arrays, template, regressor)
    return BodyData(
        v_template=template,
        shapedirs=shapedirs,
        weights=_weights(arrays, vertices, joints),
        faces=faces,
        skeleton=skeleton,
        joints_template=joints_template,
        joints_shapedirs=joints_shapedirs,
        posedirs=_posedirs(arrays, (vertices, 3, 9 * (joints - 1))),
        joint_regressor=regressor,
        canonical_vertices=as_float64(canonical_vertices),
        canonical_joints=as_float64(canonical_joints),
        uv=as_float64(uv),
        face_uv=None if uv is None else indices_of(arrays, "f_uv", (len(faces), 3), len(uv)),
        vertex_part=(
            indices_of(arrays, "vertex_part", (vertices,), len(part_names)) if part_names else None
        ),
        part_names=part_names,
        mirror_vertices=(
            indices_of(arrays, "mirror_vertices", (vertices,), vertices)
            if "mirror_vertices" in arrays
            else None
        ),
        kid_direction=kid_direction,
        joints_kid_direction=joints_kid_direction,
        name=name,
        license=license,
        sha256=sha256,
        gender=gender,
    )


def _kid(
    arrays: Arrays, template: Float64Array, regressor: FloatArray | None
) -> tuple[Float64Array | None, Float64Array | None]:
    child = optional_floats_of(arrays, "kid_template", template.shape)
    if child is None or regressor is None:
        return None, None
    direction = child.astype(np.float64) - child.mean(axis=0) - template
    return direction, regressor.astype(np.float64) @ direction


def _rest_joints(
    arrays: Arrays,
    template: Float64Array,
    shapedirs: FloatArray,
    regressor: FloatArray | None,
    joints: int,
) -> tuple[Float64Array, Float64Array]:
    if regressor is None:
        stored = floats_of(arrays, "J_template", (joints, 3))
        directions = floats_of(arrays, "J_shapedirs", (joints, 3, shapedirs.shape[2]))
        return stored.astype(np.float64), directions.astype(np.float64)
    rows = regressor.astype(np.float64)
    return rows @ template, np.einsum("jv,vcb->jcb", rows, shapedirs, optimize=True)


def _posedirs(arrays: Arrays, shape: tuple[int, int, int]) -> FloatArray | None:
    if "posedirs_index" not in arrays:
        return optional_floats_of(arrays, "posedirs", shape)
    dense = np.zeros(shape, dtype=np.float32)
    index = indices_of(arrays, "posedirs_index", (None,), dense.size)
    dense.ravel()[index] = floats_of(arrays, "posedirs_value", (len(index),))
    return dense


def _listed_posedirs(posedirs: FloatArray | None) -> dict[str, NDArray[Any]]:
    if posedirs is None:
        return {}
    index = np.flatnonzero(np.abs(posedirs) >= LEAST_POSEDIR)
    if not 0 < len(index) <= MOST_POSEDIRS_LISTED * posedirs.size:
        return {}
    values = posedirs.ravel()[index].astype(np.float16)
    return {"posedirs_index": index.astype(np.uint32), "posedirs_value": values}


def _skeleton(arrays: Arrays) -> Skeleton:
    table = array_of(arrays, "kintree_table")
    if table.ndim != 2 or table.shape[0] != 2 or not np.issubdtype(table.dtype, np.integer):
        raise ValueError(f"kintree_table has shape {table.shape} of {table.dtype}, not 2 rows")
    parents = tuple(-1 if int(parent) == NO_PARENT else int(parent) for parent in table[0])
    if list(map(int, table[1])) != list(range(len(parents))):
        raise ValueError("kintree_table does not number its joints from 0 upward")
    names = texts_of(arrays, "joint_names")
    if not names:
        numbered = tuple(f"Joint_{joint:02d}" for joint in range(len(parents)))
        names = SMPL_JOINT_NAMES if parents == SMPL_PARENTS else numbered
    return Skeleton(names, parents)


def _weights(arrays: Arrays, vertices: int, joints: int) -> FloatArray:
    weights = floats_of(arrays, "weights", (vertices, joints))
    sums = weights.sum(axis=1, keepdims=True)
    if (weights < 0).any() or np.abs(sums - 1).max() > WEIGHT_SUM_TOLERANCE:
        raise ValueError("weights are negative or do not sum to 1 at every vertex")
    return weights / sums


def load_body_npz(path: Path) -> BodyData:
    """The body in an npz, whole or made by `reduced_body_npz`.

    The sha256 of a reduced file is that of the body it was made from. UserError names the file
    and what to do if it is missing, is no npz, or holds something else than a body.
    """
    try:
        arrays = _read_npz(path)
        texts = {key: str(arrays.pop(key)) for key in TEXT_KEYS if key in arrays}
        texts.setdefault("name", path.stem)
        texts.setdefault("sha256", _sha256(path))
        return body_from_arrays(arrays, **texts)
    except FileNotFoundError as error:
        raise UserError(
            "Body file not found", f"{path} does not exist.", "Choose the body file again."
        ) from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            "Not a body file",
            f"{path}: {error}.",
            "Choose an npz file in SMPL's layout, or the open body.",
        ) from error


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    with open(path, "rb") as file:
        # numpy would take it for a pickle, and advise to load it as one
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not an npz archive, or it is cut off")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            keys = [key for key in (*ARRAY_KEYS, *TEXT_KEYS) if key in arrays]
            return {key: arrays[key] for key in keys}


def reduced_body_npz(body: BodyData) -> bytes:
    """An npz of the body, reduced to what a scene needs: float32, without the joint regressor, and
    of posedirs what is not zero, if that is little (MOST_POSEDIRS_LISTED).

    `load_body_npz` reads it back from a file; joints come from J_template and J_shapedirs.
    """
    parents = [NO_PARENT if parent < 0 else parent for parent in body.skeleton.parents]
    arrays: dict[str, NDArray[Any]] = {
        "v_template": body.v_template.astype(np.float32),
        "shapedirs": body.shapedirs.astype(np.float32),
        "weights": body.weights.astype(np.float32),
        "kintree_table": np.array([parents, range(len(parents))], dtype=np.uint32),
        "f": body.faces.astype(np.uint32),
        "J_template": body.joints_template,
        "J_shapedirs": body.joints_shapedirs,
        "joint_names": np.array(body.skeleton.joint_names),
        "name": np.array(body.name),
        "license": np.array(body.license),
        "sha256": np.array(body.sha256),
        "gender": np.array(body.gender),
        **_listed_posedirs(body.posedirs),
    }
    optional = {
        "canonical_vertices": (body.canonical_vertices, np.float32),
        "canonical_joints": (body.canonical_joints, np.float32),
        "uv": (body.uv, np.float32),
        "f_uv": (body.face_uv, np.uint32),
        "vertex_part": (body.vertex_part, np.uint16),
        "mirror_vertices": (body.mirror_vertices, np.uint32),
    }
    for key, (array, dtype) in optional.items():
        if array is not None:
            arrays[key] = array.astype(dtype)
    if body.part_names:
        arrays["part_names"] = np.array(body.part_names)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
