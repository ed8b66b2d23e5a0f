# SPDX-License-Identifier: GPL-3.0-or-later
"""How an artist's rig stood in the canonical body when its points were taken, kept on the rig: what
the artist does with its pose, place and size afterwards changes nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import bpy
import numpy as np

from ...body.arrays import Float64Array
from ...errors import UserError

RECORD = "nlf_rig"  # custom property of the armature's object
EVEN = 0.01  # by how much of itself the scale may differ from axis to axis


@dataclass(frozen=True, eq=False)
class RigRecord:
    """set_name: of the point set; bones: names of its J joints; axes [J,3,3]: of the bones, in
    columns, in the canonical body's own space (Blender's axes); size: how large the object was for
    one metre of canonical space."""

    set_name: str
    bones: tuple[str, ...]
    axes: Float64Array
    size: float


def write_record(rig: bpy.types.Object, record: RigRecord) -> None:
    """Keep a record on the rig, instead of any before it."""
    rig[RECORD] = json.dumps(
        {
            "set": record.set_name,
            "bones": record.bones,
            "axes": record.axes.ravel().tolist(),
            "size": record.size,
        }
    )


def read_record(rig: bpy.types.Object) -> RigRecord | None:
    """What `write_record` wrote, None without it. UserError if it is damaged."""
    text = rig.get(RECORD)
    if not isinstance(text, str):
        return None
    try:
        data = json.loads(text)
        bones = tuple(str(name) for name in data["bones"])
        axes = np.array(data["axes"], dtype=np.float64).reshape(len(bones), 3, 3)
        return RigRecord(str(data["set"]), bones, axes, float(data["size"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            "Rig not usable",
            f"What {rig.name} remembers of the canonical body is damaged: {error}.",
            "Put the rig into the canonical body and add it again.",
        ) from error


def even_scale(obj: bpy.types.Object) -> float:
    """An object's scale in the world. UserError if it differs from axis to axis, or mirrors."""
    matrix = np.array(obj.matrix_world, dtype=np.float64)[:3, :3]
    lengths = np.linalg.norm(matrix, axis=0)
    mean = float(lengths.mean())
    skewed = mean <= 0 or not np.allclose(matrix.T @ matrix / mean**2, np.eye(3), atol=2 * EVEN)
    if skewed or np.linalg.det(matrix) <= 0:
        raise UserError(
            "Uneven scale",
            f"The scale of {obj.name} differs from axis to axis, or mirrors it.",
            "Apply its scale: Object > Apply > Scale.",
        )
    return mean


def axes_of(matrices: Float64Array) -> Float64Array:
    """Rotations [...,3,3] nearest to matrices [...,3,3] of even or uneven scale."""
    left, _, right = np.linalg.svd(np.asarray(matrices, dtype=np.float64))
    return left @ right
