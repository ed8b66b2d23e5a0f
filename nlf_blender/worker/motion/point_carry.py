# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries a body's surface: its joints' transforms, and the unposed body in their axes."""

from __future__ import annotations

import numpy as np
import torch

from ...body.body_data import BodyData
from ...body.kinematics import global_transforms, rest_joints, skinning_transforms
from .motion import Float64Array, PersonMotion


def carried_rest(body: BodyData, motion: PersonMotion, device: str) -> torch.Tensor:
    """The unposed body [4J,V] as each joint carries it: vertices, and 1, times its weights."""
    betas = motion.betas
    unposed = (body.v_template + body.shapedirs[..., : len(betas)] @ betas) * motion.scale
    homogeneous = np.concatenate([unposed, np.ones((len(unposed), 1))], axis=1)
    carried = body.weights[:, :, None] * homogeneous[:, None, :]
    return as_tensor(carried.reshape(len(unposed), -1).T, device)


def skinning(body: BodyData, motion: PersonMotion) -> Float64Array:
    """The joints' transforms from the unposed body to the world, [T,3,4J]."""
    rest = rest_joints(body.joints_template, body.joints_shapedirs, motion.betas) * motion.scale
    offset = motion.root - rest[body.skeleton.root]
    placed = global_transforms(motion.rotations, rest, body.skeleton.parents, offset)
    transforms = skinning_transforms(placed, rest)[:, :, :3]
    return transforms.transpose(0, 2, 1, 3).reshape(len(offset), 3, -1)


def as_tensor(array: np.ndarray, device: str | torch.device) -> torch.Tensor:
    """A float32 tensor on a device."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)
