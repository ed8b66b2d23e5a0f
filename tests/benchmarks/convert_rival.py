# SPDX-License-Identifier: GPL-3.0-or-later
"""The rival in conversion: an optimiser with the objective of SMPL-X's converter.

The converter itself is licensed for research only and is not used. As published (Pavlakos et al.,
SMPL-X, 2019, and the documentation of its transfer tool), it fits each frame in three stages: the
pose, by the differences between the ends of the target's edges; the translation, by its vertices;
all parameters, by its vertices. Written here anew, frame by frame, with L-BFGS.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nlf_blender.worker.smpl.body_model import BodyModel

from .sampling import Solution

METRES_TO_CENTIMETRES = 100.0  # losses near 1, for the optimiser's tolerances


class EdgeOptimiser:
    """Fits a body to its own vertices, of which some may have no counterpart.

    target: the body; confidence [V]; steps: L-BFGS iterations of each stage, at most.
    """

    def __init__(self, target: BodyModel, confidence: Tensor, steps: int, betas: int) -> None:
        faces = target.body.faces
        pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        self.edges = torch.from_numpy(np.unique(np.sort(pairs, axis=1), axis=0))
        self.edge_weights = confidence[self.edges].prod(dim=1)
        self.target, self.weights = target, confidence
        self.steps, self.betas = steps, betas

    def fit(self, vertices: Tensor, root: Tensor) -> Solution:
        """Parameters for vertices [T,V,3]. root [T,3]: rotation vectors to begin with, which the
        published tool does not get; without, it ends upside down for people who are."""
        frames = [self._fit_frame(*frame) for frame in zip(vertices, root, strict=True)]
        return Solution(*(torch.stack(parts) for parts in zip(*frames, strict=True)))

    def _fit_frame(self, vertices: Tensor, root: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pose = torch.zeros(1, len(self.target.parents), 3)
        pose[0, self.target.parents.index(-1)] = root
        betas, translation = torch.zeros(1, self.betas), torch.zeros(1, 3)

        def difference() -> Tensor:
            return self.target(pose, betas, translation).vertices[0] - vertices

        def edge_loss() -> Tensor:
            start, end = difference()[self.edges].unbind(1)
            return _mean_square(end - start, self.edge_weights)

        def vertex_loss() -> Tensor:
            return _mean_square(difference(), self.weights)

        self._minimise(edge_loss, [pose])
        self._minimise(vertex_loss, [translation])
        self._minimise(vertex_loss, [pose, betas, translation])
        return pose[0], betas[0], translation[0]

    def _minimise(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> None:
        for parameter in parameters:
            parameter.requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            parameters, max_iter=self.steps, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            value = loss()
            value.backward()
            return value

        with torch.enable_grad():
            optimiser.step(closure)
        for parameter in parameters:
            parameter.requires_grad_(False)


def _mean_square(vectors: Tensor, weights: Tensor) -> Tensor:
    squares = (METRES_TO_CENTIMETRES * vectors).square().sum(-1)
    return (squares * weights).sum() / weights.sum()
