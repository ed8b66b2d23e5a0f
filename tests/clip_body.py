# SPDX-License-Identifier: GPL-3.0-or-later
"""The open body of rendered clips, with clothes that move with its skin."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nlf_blender.worker.training.synthetic.skeleton import PARENTS, to_world

_BETAS = 16


class ClipBody:
    """The body file's arrays in float32, and skinning."""

    def __init__(self, path: Path) -> None:
        data = np.load(path)

        def read(name: str) -> np.ndarray:
            return np.asarray(data[name], np.float32)

        self.template, self.shapes = read("v_template"), read("shapedirs")[..., :_BETAS]
        self.correctives, self.weights = read("posedirs"), read("weights")
        self.regressor = read("J_regressor")
        self.faces = np.asarray(data["f"], np.int32)
        self.part = self.weights.argmax(axis=1)
        self.joints = self.regressor @ self.template

    def shape(self, betas: np.ndarray) -> np.ndarray:
        """Vertices at rest [V,3] of shape `betas` [B]."""
        return self.template + self.shapes[..., : len(betas)] @ betas.astype(np.float32)

    def pose(self, shaped: np.ndarray, local: np.ndarray, worn: np.ndarray) -> np.ndarray:
        """The drawn surface [V,3]: `worn` at rest, moved as the skin of the body `shaped` is."""
        joints = self.regressor @ shaped
        bend = (local[1:] - np.eye(3)).reshape(-1).astype(np.float32)
        corrective = self.correctives @ bend
        world = to_world(local)
        placed = np.zeros((len(joints), 3))
        for joint, parent in enumerate(PARENTS):
            if parent >= 0:
                placed[joint] = placed[parent] + world[parent] @ (joints[joint] - joints[parent])
        shift = placed - np.einsum("jab,jb->ja", world, joints)
        transforms = np.concatenate([world, shift[:, :, None]], axis=2).astype(np.float32)
        blended = (self.weights @ transforms.reshape(len(joints), 12)).reshape(-1, 3, 4)
        surface = worn + corrective
        return np.einsum("vab,vb->va", blended[..., :3], surface) + blended[..., 3]
