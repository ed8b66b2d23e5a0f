# SPDX-License-Identifier: GPL-3.0-or-later
"""Posed bodies of many people at once, and any points on and in them.

A point of a body is a weighted sum of its vertices and joints, the same sum in every shape and
pose: a vertex, a point of a triangle, a point inside by natural-neighbour weights (paper section
3.3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ....body.body_data import load_body_npz
from ...assets import OPEN_BODY
from ...smpl.body_model import BodyModel, PosedBody
from ..datasets.example import BodyTruth


def open_body(device: torch.device | str = "cpu") -> BodyModel:
    """The open body that ships with the extension."""
    return BodyModel(load_body_npz(OPEN_BODY)).to(device)


@torch.no_grad()
def pose_truths(body: BodyModel, truths: Sequence[BodyTruth]) -> PosedBody:
    """P people of one kind of body, on the body's device: vertices [P,V,3], joints [P,J,3] in the
    camera, metres; orientations [P,J,3,3]. ValueError for more betas than the body has."""
    device = body.v_template.device
    betas = np.zeros((len(truths), max((len(truth.betas) for truth in truths), default=0)))
    for row, truth in zip(betas, truths, strict=True):
        row[: len(truth.betas)] = truth.betas

    def tensor(values: object) -> Tensor:
        return torch.as_tensor(np.asarray(values), dtype=torch.float32, device=device)

    return body(
        tensor([truth.rotations for truth in truths]),
        tensor(betas),
        tensor([truth.translation for truth in truths]),
        tensor([truth.scale for truth in truths]),
    )


def skinning_transforms(posed: PosedBody, rest_joints: Tensor, scale: Tensor) -> Tensor:
    """What moves a point at rest with each joint, [P,J,3,4]: scale * orientation and a shift.

    rest_joints [P,J,3]: of the unposed bodies (`BodyModel.rest_joints`); scale [P].
    """
    turned = posed.orientations * scale[:, None, None, None]
    shifts = posed.joints - (turned @ rest_joints[..., None])[..., 0]
    return torch.cat([turned, shifts[..., None]], dim=-1)
