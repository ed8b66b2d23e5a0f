# SPDX-License-Identifier: GPL-3.0-or-later
"""Non-maximum suppression, and that the programs which ask for it by name get it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from nlf_blender.worker.nlf.official.nms_operator import define_nms, non_maximum_suppression


class Detector(nn.Module):
    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        return boxes[torch.ops.torchvision.nms(boxes, scores, 0.5)]


def test_the_operator_serves_a_program() -> None:
    define_nms()
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    kept = torch.jit.script(Detector())(boxes, torch.tensor([0.1, 0.9, 0.5]))
    assert torch.equal(kept, boxes[[1, 2]])
    assert define_nms() is define_nms()


def test_suppression_against_its_definition() -> None:
    random = np.random.default_rng(5)
    corners = random.uniform(0, 10, (60, 2))
    boxes = np.concatenate([corners, corners + random.uniform(0, 6, (60, 2))], axis=1)
    scores = random.uniform(size=60)
    kept: list[int] = []
    for index in np.argsort(-scores):
        if all(_overlap(boxes[index], boxes[other]) <= 0.3 for other in kept):
            kept.append(int(index))
    found = non_maximum_suppression(torch.tensor(boxes), torch.tensor(scores), 0.3)
    assert found.tolist() == kept and 5 < len(kept) < 55
    assert non_maximum_suppression(torch.empty(0, 4), torch.empty(0), 0.3).tolist() == []


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return shared / (sum(areas) - shared)
