# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of a body's surface: its joints, its shape in the T-pose, its silhouette."""

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
from .items import Mask

# Drawing fills the pixels that a triangle's edges pass, too; small people are drawn so many times
# as large, lest that make them thicker, up to so many pixels.
FINE, FINE_UP_TO = 4, 1500
TRUTH_DOUBT = 0.001  # metres; how unsure the fit takes true vertices to be


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
    """Where a mesh is in a picture of this width and height: [H,W], the pixels whose middle it
    covers. Triangles that reach behind the camera are left out."""
    mask = np.zeros((size[1], size[0]), bool)
    pixels = camera.project(vertices)
    drawn = faces[np.isfinite(pixels).all(axis=1)[faces].all(axis=1)]
    if not len(drawn):
        return mask
    corners = pixels[drawn].reshape(-1, 2)
    low, high = (edge.clip(0, size).astype(int) for edge in (corners.min(0), corners.max(0) + 2))
    width, height = high - low
    fine = FINE if max(width, height) <= FINE_UP_TO else 1
    canvas = np.zeros((height * fine, width * fine), np.uint8)
    if canvas.size:
        limit = 4 * max(size) * fine  # the drawing's fixed point numbers end far beyond
        places = ((pixels - low) * fine + fine // 2).clip(-limit, limit)[drawn]
        for face in np.round(places * 16).astype(np.int32):
            cv2.fillConvexPoly(canvas, face, 1, cv2.LINE_8, shift=4)
        seen = canvas[fine // 2 :: fine, fine // 2 :: fine] > 0
        mask[low[1] : high[1], low[0] : high[0]] = seen
    return mask
