# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of a body's surface: which vertices, its shape in the T-pose, its silhouette."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from ...body.arrays import Float64Array, IntArray
from ...body.body_data import BodyData
from ..fit_people import fit_localized
from ..nlf.camera import Camera
from ..smpl.body_model import BodyModel
from ..smpl.canonical.own_canonical import in_smpl_family
from ..smpl.vertex_subset import morton_codes, vertex_areas
from .items import Mask

MEASURED = 2048
TRUTH_DOUBT = 0.001  # metres; how unsure the fit takes true vertices to be


def measured_vertices(body: BodyData) -> IntArray:
    """The vertices that errors are means over: of SMPL's family all, as in the literature; of
    other bodies 2,048 at even steps of area (a third of the open body's are on its head)."""
    if in_smpl_family(body) or body.vertex_count <= MEASURED:
        return np.arange(body.vertex_count)
    order = np.argsort(morton_codes(body.v_template), kind="stable")
    reached = np.cumsum(vertex_areas(body)[order])
    steps = (np.arange(MEASURED) + 0.5) * reached[-1] / MEASURED
    return np.unique(order[np.searchsorted(reached, steps)])


def regressed_joints(body: BodyData, vertices: Float64Array) -> Float64Array:
    """The body's joints [J,3] by the regressor of its file, of posed vertices [V,3]."""
    assert body.joint_regressor is not None  # only bodies reduced for a scene lack it
    return np.asarray(body.joint_regressor @ vertices, np.float64)


def t_pose(model: BodyModel, betas: Float64Array) -> Tensor:
    """Vertices [1,V,3] in the T-pose of a shape of B components, metres."""
    directions = model.body.shapedirs[..., : len(betas)]
    return torch.from_numpy(model.body.v_template + directions @ betas)[None]


def fitted_betas(
    model: BodyModel, points: Float64Array, doubt: Float64Array | None = None
) -> Float64Array:
    """The shape [B] that fits vertices, then joints, best: points [V+J,3] with doubt [V+J] metres,
    as a job fits them; without doubt they are taken to be exact."""
    spread = np.full(len(points), TRUTH_DOUBT) if doubt is None else doubt
    like = model.v_template
    pair = (torch.from_numpy(part[None]).to(like) for part in (points, spread))
    with torch.no_grad():
        return fit_localized(*pair, model).betas[0].double().cpu().numpy()


def silhouette(
    vertices: Float64Array, faces: IntArray, camera: Camera, size: tuple[int, int]
) -> Mask:
    """Where a mesh is in a picture of this width and height: [H,W]. Triangles that reach behind
    the camera are left out."""
    pixels = camera.project(vertices)
    seen = np.isfinite(pixels).all(axis=1)
    limit = 4 * max(size)  # the drawing's fixed point numbers end far beyond
    corners = np.round(np.where(seen[:, None], pixels, 0).clip(-limit, limit) * 16)
    canvas = np.zeros((size[1], size[0]), np.uint8)
    for face in corners.astype(np.int32)[faces[seen[faces].all(axis=1)]]:
        cv2.fillConvexPoly(canvas, face, 1, cv2.LINE_8, shift=4)
    return canvas > 0
