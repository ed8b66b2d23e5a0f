# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic bodies and takes for the tests of the scene: random shapes and poses, known answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nlf_blender.body.body_data import (
    NO_PARENT,
    BodyData,
    body_from_arrays,
    reduced_body_npz,
)
from nlf_blender.body.kinematics import global_transforms, rest_joints, skinning_transforms
from nlf_blender.body.rotations import matrix_from_rotvec
from nlf_blender.body.skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS
from nlf_blender.protocol.rows import write_chunk
from nlf_blender.protocol.take import (
    BODY_FILE,
    CameraInfo,
    ModelInfo,
    SourceInfo,
    TakeInfo,
    TrackInfo,
    write_info,
)

# A T-pose in SMPL's axes, metres: the middle, then the left side of each pair.
MIDDLE = {
    "Pelvis": (0.0, 0.0, 0.0),
    "Spine1": (0.0, 0.1, -0.05),
    "Spine2": (0.0, 0.25, -0.01),
    "Spine3": (0.0, 0.31, 0.02),
    "Neck": (0.0, 0.52, -0.02),
    "Head": (0.0, 0.6, 0.02),
}
LEFT = {
    "Hip": (0.07, -0.08, 0.0),
    "Knee": (0.1, -0.46, 0.01),
    "Ankle": (0.09, -0.86, -0.03),
    "Foot": (0.12, -0.91, 0.1),
    "Collar": (0.08, 0.43, 0.0),
    "Shoulder": (0.19, 0.46, -0.01),
    "Elbow": (0.45, 0.45, -0.03),
    "Wrist": (0.7, 0.46, -0.02),
    "Hand": (0.78, 0.45, -0.01),
}
VERTICES_PER_JOINT = 12
BETAS = 5


def joint_positions() -> np.ndarray:
    """The joints [24,3] of the T-pose, exactly symmetric."""
    places = dict(MIDDLE)
    for name, (x, y, z) in LEFT.items():
        places[f"L_{name}"], places[f"R_{name}"] = (x, y, z), (-x, y, z)
    return np.array([places[name] for name in SMPL_JOINT_NAMES])


def make_body(seed: int = 0, correctives: bool = False) -> BodyData:
    """A cloud of triangles around the joints, skinned to the joint and its parent; seeded."""
    rng = np.random.default_rng(seed)
    joints, count = joint_positions(), len(SMPL_PARENTS)
    owner = np.repeat(np.arange(count), VERTICES_PER_JOINT)
    vertices = joints[owner] + rng.normal(0.0, 0.04, (len(owner), 3))
    share = rng.uniform(0.0, 0.4, len(owner))
    parents = np.array([max(parent, 0) for parent in SMPL_PARENTS])
    weights = np.zeros((len(owner), count))
    weights[np.arange(len(owner)), owner] += 1.0 - share
    weights[np.arange(len(owner)), parents[owner]] += share
    joint_directions = rng.normal(0.0, 0.01, (count, 3, BETAS))
    arrays = {
        "v_template": vertices,
        "shapedirs": joint_directions[owner] + rng.normal(0.0, 0.004, (len(owner), 3, BETAS)),
        "J_template": joints,
        "J_shapedirs": joint_directions,
        "weights": weights,
        "kintree_table": np.array([[NO_PARENT, *SMPL_PARENTS[1:]], range(count)], dtype=np.uint32),
        "f": np.arange(len(owner)).reshape(-1, 3),
        "joint_names": np.array(SMPL_JOINT_NAMES),
        "uv": rng.uniform(0.0, 1.0, (40, 2)),
        "f_uv": rng.integers(0, 40, (len(owner) // 3, 3)),
    }
    if correctives:
        # one of the 255 levels that a take stores, so that it stores them as they are
        levels = rng.normal(0.0, 40.0, (len(owner), 3, 9 * (count - 1))).round().clip(-127, 127)
        levels[0, 0] = 127.0
        arrays["posedirs"] = 1e-4 * levels
    return body_from_arrays(arrays, name="test body", license="CC0-1.0", sha256="b" * 64)


@dataclass(frozen=True)
class FitParameters:
    """What a fit knows: pose [J,3], betas [B], translation [3] in camera space, scale."""

    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    scale: float = 1.0


def random_fit(body: BodyData, seed: int, scale: float = 1.0) -> FitParameters:
    """A random shape in a random pose, upright on the whole, two to six metres away."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0.0, 0.5, (body.joint_count, 3))
    pose[0] = (np.pi, 0.0, 0.0)  # camera space is y down
    pose[0] += rng.normal(0.0, 0.3, 3)
    return FitParameters(
        # as the take stores it, so that the reference sees the same numbers
        pose=pose.astype(np.float32),
        betas=rng.normal(0.0, 1.0, body.beta_count).astype(np.float32),
        translation=rng.uniform((-1.0, -0.5, 2.0), (1.0, 0.5, 6.0)).astype(np.float32),
        scale=scale,
    )


def reference_joints(body: BodyData, fit: FitParameters) -> np.ndarray:
    """Global transforms [J,4,4] in camera space."""
    rest = fit.scale * rest_joints(body.joints_template, body.joints_shapedirs, fit.betas)
    rotations = matrix_from_rotvec(fit.pose)
    return global_transforms(rotations, rest, body.skeleton.parents, fit.translation)


def reference_vertices(body: BodyData, fit: FitParameters) -> np.ndarray:
    """Posed vertices [V,3] in camera space, vertex by vertex from the definition of skinning."""
    rest = fit.scale * rest_joints(body.joints_template, body.joints_shapedirs, fit.betas)
    unposed = body.v_template + np.einsum("vcb,b->vc", body.shapedirs, fit.betas)
    if body.posedirs is not None:
        feature = (matrix_from_rotvec(fit.pose)[1:] - np.eye(3)).ravel()
        unposed = unposed + np.einsum("vcp,p->vc", body.posedirs, feature)
    moves = skinning_transforms(reference_joints(body, fit), rest)
    homogeneous = np.concatenate([fit.scale * unposed, np.ones((len(unposed), 1))], axis=1)
    return np.einsum("vj,jrc,vc->vr", body.weights, moves[:, :3], homogeneous)


def default_info(people: int) -> TakeInfo:
    """A take of a photo that does not exist, with an off-centre principal point."""
    return TakeInfo(
        source=SourceInfo("image", "/nowhere/holiday photo.jpg", "c" * 64, 640, 480),
        camera=CameraInfo((700.0, 0.0, 300.0, 0.0, 700.0, 250.0, 0.0, 0.0, 1.0)),
        model=ModelInfo("test model", "a" * 64, "Apache-2.0"),
        body=ModelInfo("test body", "b" * 64, "CC0-1.0"),
        settings={},
        software="nlf_blender test",
        created="2026-01-01T00:00:00+00:00",
        tracks=tuple(TrackInfo(10 + i, f"Person {i + 1}") for i in range(people)),
    )


def write_take(
    folder: Path, body: BodyData, fits: list[FitParameters], info: TakeInfo | None = None
) -> Path:
    """Write a take of one photo; points are the fits' vertices and joints, a centimetre off."""
    folder.mkdir(parents=True)
    info = info or default_info(len(fits))
    rng = np.random.default_rng(5)
    points = np.stack(
        [
            np.concatenate([reference_vertices(body, fit), reference_joints(body, fit)[:, :3, 3]])
            for fit in fits
        ]
    )
    count = len(fits)
    rows = {
        "frame": np.zeros(count),
        "timestamp": np.zeros(count),
        "track": np.array([track.id for track in info.tracks]),
        "box": np.tile((10.0, 10.0, 200.0, 400.0), (count, 1)),
        "score": np.ones(count),
        "points": points + rng.normal(0.0, 0.01, points.shape),
        "uncertainty": rng.uniform(0.0, 0.15, points.shape[:2]),
        "pose": np.stack([fit.pose for fit in fits]),
        "betas": np.stack([fit.betas for fit in fits]),
        "translation": np.stack([fit.translation for fit in fits]),
        "scale": np.array([fit.scale for fit in fits]),
        "fit_error": np.full(count, 0.01),
    }
    (folder / BODY_FILE).write_bytes(reduced_body_npz(body))
    chunk = write_chunk(folder, 0, rows)
    write_info(folder, replace(info, chunks=(chunk,)))
    return folder
