# SPDX-License-Identifier: GPL-3.0-or-later
"""The peer: smplfitter (PyPI, MIT), the reference implementation of the NLF paper's fitter."""

from __future__ import annotations

import pickle
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from smplfitter.pt import BodyFitter
from smplfitter.pt import BodyModel as PeerModel
from torch import Tensor

from nlf_blender.body.body_data import BodyData
from nlf_blender.worker.smpl.body_model import BodyModel

from .sampling import BETAS, Seen, Solution, draw_people

NAME = f"smplfitter {version('smplfitter')}"
ITERATIONS = 3
DEFAULT_REGULARIZER = 1.0
WEIGHT_EXPONENT = -1.5  # weights from uncertainties in metres, as in the NLF paper
MODEL_FILE = "basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl"
REGRESSOR_PEOPLE, REGRESSOR_SEED = 512, 1_000_003
REGRESSOR_NOISE = 0.002  # metres; it keeps single vertices from weighing much


def write_model_files(body: BodyData, folder: Path) -> None:
    """Write what the peer reads of a body: SMPL's pickle, and zeros for the kid template."""
    arrays = {
        "v_template": body.v_template,
        "shapedirs": body.shapedirs,
        "posedirs": body.posedirs,
        "J_regressor": body.joint_regressor,
        "weights": body.weights,
        "f": body.faces,
        "kintree_table": np.array([body.skeleton.parents, range(body.joint_count)]),
    }
    (folder / MODEL_FILE).write_bytes(pickle.dumps(arrays))
    np.save(folder / "kid_template.npy", np.zeros_like(body.v_template))


def learn_regressor(model: BodyModel, vertex_indices: Tensor) -> Tensor:
    """Weights [J,Nv] that give posed joints from posed vertices; each row sums to 1.

    Its documentation asks for such a regressor where only some vertices are given and no joints.
    By ridge regression, which is least squares over points with noise (Bishop, 1995), on people
    that no case has.
    """
    people = draw_people(model, REGRESSOR_PEOPLE, REGRESSOR_SEED)
    vertices = people.vertices[:, vertex_indices].double()
    center = vertices.mean(1, keepdim=True)
    matrix = (vertices - center).transpose(1, 2).flatten(0, 1)
    aims = (people.joints - center).transpose(1, 2).flatten(0, 1)
    ridge = len(matrix) * REGRESSOR_NOISE**2
    gram = matrix.T @ matrix + ridge * torch.eye(matrix.shape[1], dtype=matrix.dtype)
    weights = torch.linalg.solve(gram, matrix.T @ aims).T
    return weights + (1 - weights.sum(1, keepdim=True)) / weights.shape[1]


class Peer:
    """The peer's fitter for some of a body's vertices, all by default, on one device."""

    def __init__(
        self,
        folder: Path,
        vertex_indices: Tensor | None = None,
        regressor: Tensor | None = None,
        device: str = "cpu",
    ) -> None:
        """folder: of `write_model_files`; regressor [J,Nv]: joints from vertices.

        Its documentation compiles it with TorchScript for speed, and so do we.
        """
        options = {} if regressor is None else {"joint_regressor_post_lbs": regressor.numpy()}
        if vertex_indices is not None:
            options["vertex_subset"] = vertex_indices.numpy()
        model = PeerModel("smpl", "neutral", model_root=str(folder), num_betas=BETAS, **options)
        fitter = BodyFitter(model.to(device)).to(device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch deprecates TorchScript
            self.fitter = torch.jit.script(fitter)

    def fit(self, seen: Seen, regularizer: float = DEFAULT_REGULARIZER) -> Solution:
        """Fit with ITERATIONS; points of known noise weigh by it. On the device of `seen`."""
        found = self.fitter.fit(
            seen.vertices,
            target_joints=seen.joints,
            vertex_weights=_weights(seen.vertex_sigmas),
            joint_weights=_weights(seen.joint_sigmas),
            num_iter=ITERATIONS,
            beta_regularizer=regularizer,
            requested_keys=["pose_rotvecs", "shape_betas", "trans"],
        )
        pose = found["pose_rotvecs"].unflatten(1, (-1, 3))
        return Solution(pose, found["shape_betas"], found["trans"])


def _weights(sigmas: Tensor | None) -> Tensor | None:
    return None if sigmas is None else sigmas**WEIGHT_EXPONENT
