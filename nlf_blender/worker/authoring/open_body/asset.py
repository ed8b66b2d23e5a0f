# SPDX-License-Identifier: GPL-3.0-or-later
"""The open body's file: its arrays, their types, its licence and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LICENSE = "CC0-1.0"
NAME = "Open body"
DTYPES = {
    "v_template": np.float32,
    "shapedirs": np.float32,
    "posedirs": np.float16,
    "J_regressor": np.float32,
    "weights": np.float32,
    "kintree_table": np.int64,
    "f": np.int32,
    "mirror_vertices": np.int32,
    "mirror_joints": np.int32,
    "vertex_part": np.int32,
    "uv": np.float32,
    "f_uv": np.int32,
    "canonical_vertices": np.float32,
    "canonical_joints": np.float32,
}
TEXT_ARRAYS = ("joint_names", "part_names")


def content_sha256(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash over the names, types, shapes and bytes of all arrays but the provenance."""
    digest = hashlib.sha256()
    for name in sorted(set(arrays) - {"provenance"}):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_asset(path: Path, arrays: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Writes the npz and returns its content hash, which the provenance (JSON) holds as well.

    The same arrays give the same bytes: numpy stamps every entry with the same date.
    """
    typed = {name: np.asarray(arrays[name]).astype(dtype) for name, dtype in DTYPES.items()}
    typed |= {name: np.array(arrays[name], dtype=np.str_) for name in TEXT_ARRAYS}
    typed |= {"license": np.array(LICENSE), "name": np.array(NAME), "gender": np.array("neutral")}
    digest = content_sha256(typed)
    text = json.dumps({**provenance, "content_sha256": digest}, indent=1, sort_keys=True)
    write_npz(path, {**typed, "provenance": np.array(text)})
    return digest


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes a compressed npz, whole or not at all."""
    partial = path.with_name(path.name + ".part")
    with open(partial, "wb") as file:
        np.savez_compressed(file, **arrays)  # pyright: ignore[reportArgumentType]
    partial.replace(path)
