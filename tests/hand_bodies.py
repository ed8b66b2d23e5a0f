# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies with SMPL-H's and SMPL-X's joints, made of the open body: fingers, jaw, eyes, ten made-up
facial expressions, and a mean hand. Places are read off the open body's mesh."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.body.hands import HandPoses
from nlf_blender.body.skeleton import SMPLH_SKELETON, SMPLX_SKELETON, Skeleton

FINGER_BONES = (1, 2, 3)
BODY_JOINTS = 22  # all of SMPL's but the hands
EXPRESSIONS = 10
BLEND_METRES = 0.006  # over which a finger's bones share their vertices
# The left fingers' joints and tip from knuckle to tip, metres, SMPL's axes
FINGER_PLACES = {
    "Index": (
        (0.755, 0.436, 0.031),
        (0.789, 0.430, 0.036),
        (0.812, 0.420, 0.041),
        (0.84, 0.41, 0.046),
    ),
    "Middle": (
        (0.758, 0.438, 0.008),
        (0.797, 0.431, 0.006),
        (0.825, 0.419, 0.006),
        (0.855, 0.408, 0.005),
    ),
    "Pinky": (
        (0.742, 0.433, -0.035),
        (0.771, 0.428, -0.040),
        (0.791, 0.418, -0.046),
        (0.81, 0.412, -0.05),
    ),
    "Ring": (
        (0.752, 0.436, -0.015),
        (0.789, 0.429, -0.020),
        (0.815, 0.417, -0.025),
        (0.845, 0.407, -0.028),
    ),
    "Thumb": (
        (0.690, 0.428, 0.026),
        (0.722, 0.410, 0.048),
        (0.742, 0.396, 0.066),
        (0.76, 0.382, 0.078),
    ),
}
JAW_PLACE = (0.0, 0.60, 0.045)
MEAN_FLEXION = {"Index": 0.2, "Middle": 0.3, "Pinky": 0.5, "Ring": 0.4, "Thumb": 0.1}  # radians


@cache
def hand_body(kind: Literal["smplh", "smplx"], whole: bool = True) -> BodyData:
    """The open body with 52 or 55 joints; whole: with its pose correctives."""
    body = load_body_npz(OPEN_BODY)
    skeleton = SMPLX_SKELETON if kind == "smplx" else SMPLH_SKELETON
    names, count, old = skeleton.joint_names, skeleton.joint_count, body.skeleton
    places = _places(body, skeleton)
    closest = [old.index(n if n in old.joint_names else _stands_for(n)) for n in names]
    directions = body.joints_shapedirs[closest]
    posedirs = None
    if whole and body.posedirs is not None:
        posedirs = np.zeros((body.vertex_count, 3, 9 * (count - 1)), dtype=np.float32)
        posedirs[:, :, : 9 * (BODY_JOINTS - 1)] = body.posedirs[:, :, : 9 * (BODY_JOINTS - 1)]
    expressions = _expressions(body) if kind == "smplx" else None
    return replace(
        body,
        skeleton=skeleton,
        joints_template=places,
        joints_shapedirs=directions,
        joint_regressor=None,
        canonical_joints=None,
        posedirs=posedirs,
        weights=_weights(body, skeleton, places),
        expression_dirs=expressions,
        joints_expression_dirs=None if expressions is None else np.zeros((count, 3, EXPRESSIONS)),
        hands=mean_hands(),
        kind=kind,
    )


def mean_hands() -> HandPoses:
    """Fingers curled a little, mirrored; the components move one angle each."""
    curls = [(0.0, 0.05, -MEAN_FLEXION[finger]) for finger in FINGER_PLACES for _ in FINGER_BONES]
    left = np.array(curls)
    return HandPoses(left.ravel(), (left * (1, -1, -1)).ravel(), np.eye(45)[:6], np.eye(45)[:6])


def _stands_for(name: str) -> str:
    """SMPL's joint whose shape directions another one gets."""
    return "Head" if name in ("Jaw", "L_Eye", "R_Eye") else f"{name[0]}_Hand"


def _places(body: BodyData, skeleton: Skeleton) -> np.ndarray:
    """The joints [J,3]."""
    known = dict(zip(body.skeleton.joint_names, body.joints_template, strict=True)) | _face(body)
    for finger, places in FINGER_PLACES.items():
        for bone, place in zip(FINGER_BONES, places, strict=False):
            known[f"L_{finger}{bone}"] = np.array(place)
            known[f"R_{finger}{bone}"] = np.array(place) * (-1, 1, 1)
    return np.array([known[name] for name in skeleton.joint_names])


def _face(body: BodyData) -> dict[str, np.ndarray]:
    assert body.vertex_part is not None
    eyes = {
        f"{side[0].upper()}_Eye": body.v_template[
            body.vertex_part == body.part_names.index(f"{side}_eye")
        ].mean(axis=0)
        for side in ("left", "right")
    }
    return {"Jaw": np.array(JAW_PLACE), **eyes}


def _weights(body: BodyData, skeleton: Skeleton, places: np.ndarray) -> np.ndarray:
    """The open body's weights; the hand's go to the nearest finger bones or the wrist, the head's
    to the eyes, and below the mouth to the jaw."""
    assert body.vertex_part is not None
    names, old, vertices = skeleton.joint_names, body.skeleton, body.v_template
    weights = np.zeros((len(vertices), len(names)))
    weights[:, :BODY_JOINTS] = body.weights[:, :BODY_JOINTS]
    for side, flip in (("L", 1), ("R", -1)):
        share = np.asarray(body.weights[:, old.index(f"{side}_Hand")], dtype=np.float64)
        for vertex in np.flatnonzero(share):
            for name, part in _finger_shares(vertices[vertex] * (flip, 1, 1), side):
                weights[vertex, names.index(name)] += part * share[vertex]
    if "Jaw" not in names:
        return weights
    head, jaw = names.index("Head"), names.index("Jaw")
    chin = np.clip((places[jaw] - vertices) @ (0, 60, -40) - 0.4, 0, 1)
    chin *= vertices[:, 2] > places[jaw, 2]
    weights[:, jaw] = chin * weights[:, head]
    weights[:, head] *= 1 - chin
    for side in ("left", "right"):
        eye = body.vertex_part == body.part_names.index(f"{side}_eye")
        weights[eye] = np.eye(len(names))[names.index(f"{side[0].upper()}_Eye")]
    return weights


def _finger_shares(vertex: np.ndarray, side: str) -> list[tuple[str, float]]:
    """The finger joint whose bone is nearest to a vertex of the left hand, and the joint before it,
    with which it shares the vertex near its start."""
    nearest = (np.inf, "", "", 0.0)
    for finger, places in FINGER_PLACES.items():
        before = f"{side}_Wrist"
        for bone, start, end in zip(FINGER_BONES, places, places[1:], strict=False):
            name, away = f"{side}_{finger}{bone}", vertex - np.array(start)
            length = float(np.linalg.norm(np.subtract(end, start)))
            direction = np.subtract(end, start) / length
            along = float(away @ direction)
            gap = float(np.linalg.norm(away - np.clip(along, 0, length) * direction))
            nearest = min(nearest, (gap, name, before, along))
            before = name
    _, name, before, along = nearest
    own = float(np.clip(0.5 + along / (2 * BLEND_METRES), 0, 1))
    return [(name, own), (before, 1 - own)]


def _expressions(body: BodyData) -> np.ndarray:
    """Smooth bumps of the face [V,3,E], a centimetre at most."""
    rng = np.random.default_rng(7)
    face = np.flatnonzero((body.v_template > (-1.0, 0.55, 0.1)).all(axis=1))
    centers = body.v_template[rng.choice(face, EXPRESSIONS, replace=False)]
    squared = ((body.v_template[:, None] - centers) ** 2).sum(axis=2)
    bumps = 0.01 * np.exp(-squared / (2 * 0.02**2))
    return np.einsum("ve,ec->vce", bumps, rng.normal(0.0, 0.5, (EXPRESSIONS, 3)))
