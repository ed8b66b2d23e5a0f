# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the open body with known joints, drawn by the painter's algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nlf_blender.body.body_data import BodyData
from nlf_blender.worker.evaluation.limbs import LIMB_NAMES
from nlf_blender.worker.training.datasets.example import BodyTruth
from nlf_blender.worker.training.synthetic.bodies import open_body, pose_truths
from nlf_blender.worker.training.synthetic.skeleton import INDEX, JOINT_NAMES
from nlf_blender.worker.training.synthetic.turns import turn

LIMBS = [INDEX[name] for name in LIMB_NAMES]
ASSETS = Path(__file__).resolve().parents[2] / "nlf_blender" / "assets"
SKIN, SHIRT, TROUSERS, SHOES, HAIR = (
    np.array(color, float)
    for color in ([224, 172, 145], [60, 90, 170], [50, 50, 60], [230, 230, 225], [60, 40, 30])
)


@dataclass(frozen=True)
class Painted:
    """image [H,W,3] RGB; joints [24,3] and vertices [V,3] in the camera, metres; intrinsics."""

    image: np.ndarray
    joints: np.ndarray
    vertices: np.ndarray
    intrinsics: np.ndarray

    @property
    def joint_pixels(self) -> np.ndarray:
        seen = self.joints @ self.intrinsics.T
        return seen[:, :2] / seen[:, 2:]


def paint_person(
    width: int = 480,
    height: int = 640,
    heading: float = 20.0,
    roll: float = 0.0,
    place: tuple[float, float, float] = (0.0, 0.0, 3.2),
) -> Painted:
    """A person with the arms down and out. heading, roll: degrees; place: hips, metres."""
    model = open_body()
    body = model.body
    local = np.tile(np.eye(3), (len(JOINT_NAMES), 1, 1))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        local[INDEX[f"{side}_shoulder"]] = turn("z", -sign * 50)
        local[INDEX[f"{side}_hip"]] = turn("z", sign * 8)
    local[INDEX["right_elbow"]] = turn("y", 50)
    local[0] = turn("z", roll) @ np.diag([1.0, -1.0, -1.0]) @ turn("y", heading)
    hips = np.array(place) - body.joints_template[0]
    posed = pose_truths(model, [BodyTruth("open", np.zeros(16), local, hips)])
    vertices, joints = (tensor[0].double().numpy() for tensor in posed[:2])
    focal = 1.1 * max(width, height)
    intrinsics = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    image = np.full((height, width, 3), (150, 165, 160), np.uint8)
    image[int(height * 0.75) :] = (120, 110, 95)
    _paint(image, vertices @ intrinsics.T, vertices, body.faces, _colors(body))
    return Painted(cv2.GaussianBlur(image, (0, 0), 0.8), joints, vertices, intrinsics)


def _colors(body: BodyData) -> np.ndarray:
    part = body.weights.argmax(axis=1)
    colors = np.tile(SKIN, (len(body.v_template), 1))
    for names, color in (
        (("spine1", "spine2", "spine3", "collar", "shoulder"), SHIRT),
        (("pelvis", "hip", "knee"), TROUSERS),
        (("ankle", "foot"), SHOES),
    ):
        joints = [i for i, name in enumerate(JOINT_NAMES) if name.endswith(names)]
        colors[np.isin(part, joints)] = color
    head = body.joints_template[INDEX["head"]]
    above, ahead = body.v_template[:, 1] - head[1], body.v_template[:, 2] - head[2]
    on_head = part == INDEX["head"]
    colors[on_head & ((above > 0.1) | ((ahead < -0.02) & (above > -0.02)))] = HAIR
    return colors


def _paint(
    image: np.ndarray,
    seen: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    colors: np.ndarray,
) -> None:
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    light = 0.45 + 0.65 * (normals @ [-0.3, -0.6, -0.74]).clip(0)
    shades = (colors[faces].mean(axis=1) * light[:, None]).clip(0, 255)
    pixels = np.round(seen[:, :2] / seen[:, 2:] * 16).astype(np.int32)
    depth = corners[..., 2].mean(axis=1)
    facing = (normals * corners.mean(axis=1)).sum(axis=1) < 0
    for face in np.argsort(-depth):
        if facing[face]:
            cv2.fillConvexPoly(
                image, pixels[faces[face]], shades[face].tolist(), cv2.LINE_8, shift=4
            )
