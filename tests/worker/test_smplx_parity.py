# SPDX-License-Identifier: GPL-3.0-or-later
"""The forward pass, in torch and in numpy, against the smplx package on files of every layout."""

from __future__ import annotations

import contextlib
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from body_examples import FAMILY_VERTICES, family_arrays
from scipy import sparse

from nlf_blender.body.body_data import BodyData
from nlf_blender.body.forward import posed_body
from nlf_blender.body.hands import SIDES, hand_joints, hand_pose_from_pca
from nlf_blender.worker.smpl.body_files import load_body
from nlf_blender.worker.smpl.body_model import BodyModel

smplx = pytest.importorskip("smplx")

TOLERANCE = 1e-5  # metres
DOUBLE_TOLERANCE = 1e-6  # smplx rounds the arrays of a file to float32, whatever its dtype
NAMES = {"smpl": "SMPL", "smplh": "SMPLH", "smplx": "SMPLX"}
PEOPLE = 2


@pytest.fixture(autouse=True)
def extra_keypoints_of_small_meshes(monkeypatch: pytest.MonkeyPatch) -> None:
    """smplx appends some vertices to the joints, by numbers that a small mesh does not have."""
    for ids in smplx.body_models.VERTEX_IDS.values():
        for name in list(ids):
            monkeypatch.setitem(ids, name, 0)


def write_body(folder: Path, kind: str, gender: str, suffix: str, columns: int) -> Path:
    """A random file of this kind, laid out as the published one of this suffix."""
    arrays: dict[str, object] = dict(family_arrays(kind, columns, seed=len(gender)))
    path = folder / f"{NAMES[kind]}_{gender.upper()}{suffix}"
    if suffix == ".npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]
    else:
        arrays["J_regressor"] = sparse.csc_matrix(arrays["J_regressor"])
        path.write_bytes(pickle.dumps(arrays, 2))
    return path


class Case:
    """Random parameters of people, as smplx takes them and as we do."""

    def __init__(self, body: BodyData, betas: int, expressions: int, components: int) -> None:
        rng = np.random.default_rng(7)
        self.betas = rng.normal(size=(PEOPLE, betas))
        self.pose = rng.normal(size=(PEOPLE, body.joint_count, 3)) * 0.4
        self.translation = rng.normal(size=(PEOPLE, 3))
        self.expression = rng.normal(size=(PEOPLE, expressions)) if expressions else None
        self.hands = {
            side: rng.normal(size=(PEOPLE, components or 45)) * 0.5 for side in SIDES if body.hands
        }

    def pose_of(self, body: BodyData, pca: bool, flat: bool) -> np.ndarray:
        """The whole pose [P,J,3], the hands from what smplx is given."""
        pose = self.pose.copy()
        for side, values in self.hands.items():
            assert body.hands is not None
            if pca:
                hand = hand_pose_from_pca(body.hands, side, values, flat)
            else:
                hand = values.reshape(PEOPLE, 15, 3) + (0 if flat else body.hands.mean(side))
            pose[:, list(hand_joints(body.skeleton, side))] = hand
        return pose

    def arguments(self, dtype: torch.dtype) -> dict[str, torch.Tensor]:
        """Everything by smplx's names."""
        count = 24 if self.pose.shape[1] == 24 else 22
        arrays = {
            "betas": self.betas,
            "global_orient": self.pose[:, 0],
            "body_pose": self.pose[:, 1:count].reshape(PEOPLE, -1),
            "transl": self.translation,
            **{f"{side}_hand_pose": values for side, values in self.hands.items()},
        }
        if self.pose.shape[1] == 55:
            arrays |= {f"{name}_pose": self.pose[:, 22 + i] for i, name in enumerate(FACE_JOINTS)}
        if self.expression is not None:
            arrays["expression"] = self.expression
        return {name: torch.tensor(array, dtype=dtype) for name, array in arrays.items()}


FACE_JOINTS = ("jaw", "leye", "reye")


def reference(path: Path, case: Case, dtype: torch.dtype, **options: object) -> tuple:
    """smplx's vertices and joints for a file."""
    kind = next(kind for kind, name in NAMES.items() if path.stem.split("_")[0] == name)
    model_class = getattr(smplx, NAMES[kind])
    with contextlib.redirect_stdout(io.StringIO()):  # it warns of few shape components
        model = model_class(
            str(path), batch_size=PEOPLE, dtype=dtype, ext=path.suffix[1:], **options
        )
    with torch.no_grad():
        found = model(**case.arguments(dtype))
    return found.vertices.numpy(), found.joints.numpy()


# kind, gender, suffix, columns of shapedirs, betas, expressions, hand components (0: without PCA),
# flat_hand_mean
CASES = [
    ("smpl", "neutral", ".pkl", 10, 10, 0, 0, False),
    ("smpl", "female", ".pkl", 300, 300, 0, 0, False),
    ("smpl", "male", ".pkl", 300, 16, 0, 0, False),
    ("smplh", "male", ".pkl", 10, 10, 0, 6, False),
    ("smplh", "female", ".npz", 16, 10, 0, 45, True),
    ("smplh", "neutral", ".npz", 300, 300, 0, 0, False),
    ("smplh", "male", ".pkl", 10, 10, 0, 0, True),
    ("smplx", "neutral", ".npz", 400, 10, 10, 6, False),
    ("smplx", "male", ".npz", 400, 300, 50, 12, True),
    ("smplx", "female", ".pkl", 400, 16, 100, 0, False),
    ("smplx", "neutral", ".pkl", 20, 10, 10, 0, True),
    ("smplx", "neutral", ".npz", 14, 10, 4, 45, False),
]


@pytest.mark.parametrize("row", CASES, ids=lambda row: "-".join(map(str, row)))
def test_forward_equals_smplx(row: tuple, tmp_path: Path) -> None:
    kind, gender, suffix, columns, betas, expressions, components, flat = row
    path = write_body(tmp_path, kind, gender, suffix, columns)
    body = load_body(path)
    assert (body.kind, body.gender, body.vertex_count) == (kind, gender, FAMILY_VERTICES)
    case = Case(body, betas, expressions, components)
    options: dict[str, object] = {"num_betas": betas}
    if kind != "smpl":
        options |= {"use_pca": components > 0, "flat_hand_mean": flat}
        options |= {"num_pca_comps": components} if components else {}
    if kind == "smplx":
        options["num_expression_coeffs"] = expressions
    pose = case.pose_of(body, components > 0, flat)
    check_numpy(body, case, pose, reference(path, case, torch.float64, **options))
    check_torch(body, case, pose, reference(path, case, torch.float32, **options))


def check_numpy(body: BodyData, case: Case, pose: np.ndarray, expected: tuple) -> None:
    """The pass in double precision."""
    vertices, joints = expected
    for i in range(PEOPLE):
        expression = None if case.expression is None else case.expression[i]
        posed = posed_body(body, pose[i], case.betas[i], case.translation[i], expression)
        np.testing.assert_allclose(posed.vertices, vertices[i], atol=DOUBLE_TOLERANCE)
        found = joints[i, : body.joint_count]
        np.testing.assert_allclose(posed.joints, found, atol=DOUBLE_TOLERANCE)


def check_torch(body: BodyData, case: Case, pose: np.ndarray, expected: tuple) -> None:
    """The pass in single precision."""
    vertices, joints = expected
    arrays = (pose, case.betas, case.translation)
    values = [torch.tensor(array, dtype=torch.float32) for array in arrays]
    expression = None
    if case.expression is not None:
        expression = torch.tensor(case.expression, dtype=torch.float32)
    with torch.no_grad():
        posed = BodyModel(body)(*values, expression=expression)
    np.testing.assert_allclose(posed.vertices, vertices, atol=TOLERANCE)
    np.testing.assert_allclose(posed.joints, joints[:, : body.joint_count], atol=TOLERANCE)
