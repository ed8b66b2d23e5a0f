# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies for tests: the open body, and a small one that is like SMPL in nothing but its layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nlf_blender.body.body_data import BodyData, body_from_arrays
from nlf_blender.body.skeleton import SKELETONS

OPEN_BODY = Path(__file__).resolve().parent.parent / "nlf_blender" / "assets" / "open_body.npz"

SMALL_NAMES = ("L_Arm", "Trunk", "R_Arm", "L_Hand", "Head")
SMALL_PARENTS = (1, -1, 1, 0, 1)  # the root is not the first, and L_Hand follows its parent
SMALL_STARTS = np.array([[0.2, 0.4, 0], [0, 0, 0], [-0.2, 0.4, 0], [0.5, 0.4, 0], [0, 0.6, 0]])
SMALL_BONES = np.array([[0.3, 0, 0], [0, 0.6, 0], [-0.4, 0, 0], [0.2, 0, 0], [0, 0.3, 0]])
RINGS, SIDES = 7, 8
FAMILY_VERTICES = 240


def small_arrays() -> dict[str, np.ndarray]:
    """Five oval tubes with blended joints, three betas and pose correctives, as in a body file."""
    rng = np.random.default_rng(5)
    vertices, weights = zip(*(_tube(joint) for joint in range(len(SMALL_PARENTS))), strict=True)
    template = np.concatenate(vertices)
    count, joints = len(template), len(SMALL_PARENTS)
    regressor = np.zeros((joints, count))
    for joint in range(joints):
        regressor[joint, joint * RINGS * SIDES : joint * RINGS * SIDES + SIDES] = 1 / SIDES
    # larger, wider, thicker: nothing that a turn could imitate
    stretch = np.stack([np.diag(axes) for axes in ([0.08, 0.08, 0.08], [0.1, 0, 0], [0, 0, 0.2])])
    parents = [4294967295 if parent < 0 else parent for parent in SMALL_PARENTS]
    return {
        "v_template": template,
        "shapedirs": np.einsum("bcd,vd->vcb", stretch, template),
        "posedirs": rng.normal(size=(count, 3, 9 * (joints - 1))) * 1e-3,
        "J_regressor": regressor,
        "weights": np.concatenate(weights),
        "kintree_table": np.array([parents, range(joints)], dtype=np.uint32),
        "f": np.concatenate([_tube_faces(joint) for joint in range(joints)]),
        "joint_names": np.array(SMALL_NAMES),
    }


def small_body() -> BodyData:
    """The body of `small_arrays`."""
    return body_from_arrays(small_arrays(), name="Small", license="CC0-1.0", sha256="0" * 64)


def random_pose(
    rng: np.random.Generator, people: int, body: BodyData, degrees: float = 20.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pose [P,J,3] with turns of about these degrees and any root, betas [P,B], translation."""
    pose = rng.normal(size=(people, body.joint_count, 3)) * np.deg2rad(degrees) / np.sqrt(3)
    pose[:, body.skeleton.root] = rng.uniform(-1.7, 1.7, size=(people, 3))
    translation = rng.normal(size=(people, 3)) + np.array([0.0, 0.0, 4.0])
    return pose, rng.normal(size=(people, body.beta_count)), translation


def family_arrays(
    kind: str, components: int = 10, seed: int = 0, vertices: int = FAMILY_VERTICES
) -> dict[str, np.ndarray]:
    """Random numbers in the layout of a published "smpl", "smplh" or "smplx" file: a cloud of body
    size, this many columns of shapedirs, hand poses, and what smplx asks for besides."""
    rng = np.random.default_rng(seed)
    parents = SKELETONS[kind].parents
    joints = len(parents)
    table = np.array([parents, range(joints)], dtype=np.int64) % 2**32  # -1 as 4294967295
    arrays = {
        "v_template": rng.normal(size=(vertices, 3)) * np.array([0.3, 0.5, 0.1]),
        "shapedirs": rng.normal(size=(vertices, 3, components)) * 0.01,
        "posedirs": rng.normal(size=(vertices, 3, 9 * (joints - 1))) * 1e-3,
        "J_regressor": _normalized(rng.random((joints, vertices)) ** 40),
        "weights": _normalized(rng.random((vertices, joints)) ** 20),
        "kintree_table": table.astype(np.uint32),
        "f": rng.integers(0, vertices, size=(400, 3)).astype(np.uint32),
    }
    if kind != "smpl":
        for side in "lr":
            arrays[f"hands_mean{side}"] = rng.normal(size=45) * 0.3
            arrays[f"hands_components{side}"] = rng.normal(size=(45, 45)) * 0.2
    if kind == "smplx":
        arrays["lmk_faces_idx"] = np.arange(51)
        arrays["lmk_bary_coords"] = _normalized(rng.random((51, 3)))
        arrays["joint2num"] = np.array({"Pelvis": 0}, dtype=object)
    return arrays


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """The arrays as an npz, whatever the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return path


def _normalized(rows: np.ndarray) -> np.ndarray:
    return rows / rows.sum(axis=1, keepdims=True)


def _tube(joint: int) -> tuple[np.ndarray, np.ndarray]:
    start, bone = SMALL_STARTS[joint], SMALL_BONES[joint]
    along = np.repeat(np.linspace(0, 1, RINGS), SIDES)
    angle = np.tile(np.arange(SIDES) * 2 * np.pi / SIDES, RINGS)
    direction = bone / np.linalg.norm(bone)
    depth = np.array([0.0, 0.0, 1.0])
    width = np.cross(direction, depth)
    ring = 0.06 * np.cos(angle)[:, None] * width + 0.04 * np.sin(angle)[:, None] * depth
    weights = np.zeros((len(along), len(SMALL_PARENTS)))
    own = np.clip(0.5 + 2.0 * along, 0, 1) if SMALL_PARENTS[joint] >= 0 else np.ones_like(along)
    weights[:, SMALL_PARENTS[joint]] += 1 - own
    weights[:, joint] += own
    return start + along[:, None] * bone + ring, weights


def _tube_faces(joint: int) -> np.ndarray:
    first = joint * RINGS * SIDES
    faces = []
    for ring in range(RINGS - 1):
        for side in range(SIDES):
            a, b = ring * SIDES + side, ring * SIDES + (side + 1) % SIDES
            faces += [(a, b, a + SIDES), (b, b + SIDES, a + SIDES)]
    return np.array(faces, dtype=np.uint32) + first
