# SPDX-License-Identifier: GPL-3.0-or-later
"""Our fitter, as it comes, in the benchmark's terms."""

from __future__ import annotations

import torch
from torch import Tensor

from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.fitting.fit import fit

from .sampling import Seen, Solution


def fit_ours(model: BodyModel, seen: Seen) -> Solution:
    """Fit with the default settings; points of known noise get it as their uncertainty."""
    joint_indices = None
    if seen.joints is not None and seen.vertex_indices is not None:
        joint_indices = torch.arange(seen.joints.shape[1])
    found = fit(
        _join(seen.vertices, seen.joints),
        model,
        uncertainties=_join(seen.vertex_sigmas, seen.joint_sigmas),
        vertex_indices=seen.vertex_indices,
        joint_indices=joint_indices,
    )
    return Solution(found.pose, found.betas, found.translation)


def _join(of_vertices: Tensor | None, of_joints: Tensor | None) -> Tensor | None:
    parts = [part for part in (of_vertices, of_joints) if part is not None]
    return torch.cat(parts, dim=1) if parts else None
