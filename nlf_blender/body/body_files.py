# SPDX-License-Identifier: GPL-3.0-or-later
"""Body files: npz in SMPL's layout, whole or reduced to what a scene needs."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .body_data import NO_PARENT, BodyData, body_from_arrays

# All that is read of an npz. Others stay untouched: SMPL-X's files hold pickled dictionaries.
ARRAY_KEYS = (
    "v_template",
    "shapedirs",
    "posedirs",
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
)
TEXT_KEYS = ("name", "license", "sha256", "gender")


def load_body_npz(path: Path) -> BodyData:
    """The body in an npz, whole or written by `save_body_npz`.

    The sha256 of a reduced file is that of the body it was made from. UserError names the file
    and what to do if it is missing, is no npz, or holds something else than a body.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            keys = (*ARRAY_KEYS, *TEXT_KEYS)
            arrays: dict[str, NDArray[Any]] = {key: file[key] for key in keys if key in file}
        texts = {key: str(arrays.pop(key)) for key in TEXT_KEYS if key in arrays}
        texts.setdefault("name", path.stem)
        texts.setdefault("sha256", _sha256(path))
        return body_from_arrays(arrays, **texts)
    except FileNotFoundError as error:
        raise UserError(
            "Body file not found", f"{path} does not exist.", "Choose the body file again."
        ) from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            "Not a body file",
            f"{path}: {error}.",
            "Choose an npz file in SMPL's layout, or the open body.",
        ) from error


def save_body_npz(path: Path, body: BodyData) -> None:
    """Write the body, reduced to what a scene needs: no posedirs, no joint regressor, float32.

    `load_body_npz` reads it back; joints come from J_template and J_shapedirs. OSError as of
    `open`; the caller renames a finished file into place.
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
    with open(path, "wb") as file:  # np.savez would append .npz to a temporary name
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
