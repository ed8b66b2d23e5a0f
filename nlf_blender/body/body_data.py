# SPDX-License-Identifier: GPL-3.0-or-later
"""A body model's arrays in SMPL's layout, and its files: npz, whole or reduced for a scene.

Nothing depends on how many vertices, joints and betas a body has.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .array_fields import Arrays, as_float64, floats_of, indices_of, optional_floats_of, texts_of
from .arrays import Float64Array, FloatArray, IntArray
from .hands import HandPoses
from .npz_file import DAMAGED, read_npz
from .posedirs import posedirs_of, stored_posedirs
from .skeleton import Skeleton, kind_of
from .smpl_layout import (
    ARRAY_KEYS,
    NO_PARENT,
    TEXT_KEYS,
    hands_arrays,
    hands_of,
    joint_directions_of,
    kid_of,
    rest_joints_of,
    shape_and_expression,
    skeleton_of,
    weights_of,
)

# More than any fit uses. SMPL-X's 300 and 100 would be most of every take.
BETAS_IN_SCENE, EXPRESSIONS_IN_SCENE = 16, 10


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
    def has_canonical_points(self) -> bool:
        """Whether the body's file says how it stands in canonical space."""
        return self.canonical_vertices is not None and self.canonical_joints is not None

    @property
    def beta_count(self) -> int:
        """B."""
        return self.shapedirs.shape[2]

    @property
    def expression_count(self) -> int:
        """E, 0 for a body without expressions."""
        return 0 if self.expression_dirs is None else self.expression_dirs.shape[2]


def body_from_arrays(
    arrays: Arrays, name: str = "", license: str = "", sha256: str = "", gender: str = "neutral"
) -> BodyData:
    """A body from arrays named as in SMPL's files; ValueError says which one is wrong, and how.

    Needs v_template, shapedirs, weights, kintree_table, f and either J_regressor or both of
    J_template and J_shapedirs; takes posedirs, joint_names, canonical_vertices, canonical_joints,
    uv with f_uv, vertex_part with part_names, mirror_vertices, kid_template (AGORA's child) and
    the hands' means and components where they are there. An SMPL-X's expressions are the last part
    of its shapedirs, as `shape_and_expression` tells.
    """
    template = floats_of(arrays, "v_template", (None, 3)).astype(np.float64)
    vertices = len(template)
    skeleton = skeleton_of(arrays)
    joints, kind = skeleton.joint_count, kind_of(skeleton.parents)
    shapedirs, expression_dirs = shape_and_expression(arrays, vertices, kind)
    regressor = optional_floats_of(arrays, "J_regressor", (joints, vertices))
    joints_template = rest_joints_of(arrays, template, regressor, joints)
    uv = optional_floats_of(arrays, "uv", (None, 2))
    faces = indices_of(arrays, "f", (None, 3), vertices)
    part_names = texts_of(arrays, "part_names")
    canonical_vertices = optional_floats_of(arrays, "canonical_vertices", (vertices, 3))
    canonical_joints = optional_floats_of(arrays, "canonical_joints", (joints, 3))
    kid_direction, joints_kid_direction = kid_of(arrays, template, regressor)
    return BodyData(
        v_template=template,
        shapedirs=shapedirs,
        weights=weights_of(arrays, vertices, joints),
        faces=faces,
        skeleton=skeleton,
        joints_template=joints_template,
        joints_shapedirs=joint_directions_of(arrays, "J_shapedirs", shapedirs, regressor, joints),
        posedirs=posedirs_of(arrays, vertices, joints),
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
        expression_dirs=expression_dirs,
        joints_expression_dirs=(
            None
            if expression_dirs is None
            else joint_directions_of(
                arrays, "J_expression_dirs", expression_dirs, regressor, joints
            )
        ),
        hands=hands_of(arrays),
        kind=kind,
        name=name,
        license=license,
        sha256=sha256,
        gender=gender,
    )


def load_body_npz(path: Path, posed: bool = True) -> BodyData:
    """The body in an npz, whole or made by `reduced_body_npz`. posed: False leaves posedirs out,
    most of the file, for a body that is never posed.

    A reduced file tells the sha256 of the one it was made from; else it is "". UserError names the
    file and what to do if it is missing, is no npz, or holds something else than a body.
    """
    try:
        keys = [key for key in ARRAY_KEYS if posed or not key.startswith("posedirs")]
        arrays = read_npz(path, (*keys, *TEXT_KEYS))
        texts = {key: str(arrays.pop(key)) for key in TEXT_KEYS if key in arrays}
        texts.setdefault("name", path.stem)
        return body_from_arrays(arrays, **texts)
    except FileNotFoundError as error:
        raise UserError(
            "Body file not found", f"{path} does not exist.", "Choose the body file again."
        ) from error
    except (OSError, *DAMAGED) as error:
        raise UserError(
            "Not a body file",
            f"{path}: {error}.",
            "Choose an npz file in SMPL's layout, or the open body.",
        ) from error


def reduced_body_npz(
    body: BodyData,
    beta_count: int = BETAS_IN_SCENE,
    expression_count: int = EXPRESSIONS_IN_SCENE,
) -> bytes:
    """An npz of the body, reduced to what a scene needs: float32, without the joint regressor,
    with the first beta_count shape components and expression_count expressions, and posedirs in
    fewer digits (posedirs.py).

    `load_body_npz` reads it back from a file; joints come from J_template and J_shapedirs.
    """
    parents = [NO_PARENT if parent < 0 else parent for parent in body.skeleton.parents]
    arrays: dict[str, NDArray[Any]] = {
        "v_template": body.v_template.astype(np.float32),
        "shapedirs": body.shapedirs[..., :beta_count].astype(np.float32),
        "weights": body.weights.astype(np.float32),
        "kintree_table": np.array([parents, range(len(parents))], dtype=np.uint32),
        "f": body.faces.astype(np.uint32),
        "J_template": body.joints_template,
        "J_shapedirs": body.joints_shapedirs[..., :beta_count],
        "joint_names": np.array(body.skeleton.joint_names),
        "name": np.array(body.name),
        "license": np.array(body.license),
        "sha256": np.array(body.sha256),
        "gender": np.array(body.gender),
        **stored_posedirs(body.posedirs),
        **hands_arrays(body.hands),
    }
    if body.expression_dirs is not None and body.joints_expression_dirs is not None:
        kept = body.expression_dirs[..., :expression_count].astype(np.float32)
        arrays["expression_dirs"] = kept
        arrays["J_expression_dirs"] = body.joints_expression_dirs[..., :expression_count]
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
