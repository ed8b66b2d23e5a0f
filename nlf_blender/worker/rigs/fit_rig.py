# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits a rig to its own localized points: rotations of its joints, no retargeting.

One size is found over frames spread through the motion; all frames then follow block by block with
it, so that memory does not grow with the motion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ...body.arrays import Float64Array, FloatArray
from ...body.kinematics import global_transforms
from ...body.rotations import matrix_from_rotvec, rotvec_from_matrix
from ...protocol.point_set import PointSet
from ..fit_people import JOINT_WEIGHT, SETTINGS
from ..smpl.body_model import BodyModel
from ..smpl.fitting.fit import Fit, fit, fitting_device
from .personal_rest import RigRest
from .rig_body import RigBody, rig_body, whole_pose

VERSION = 1  # raised when the same input gives another motion
SIZE_FRAMES = 64
BLOCK = 64  # frames fitted at a time
FILLED_DOUBT = 0.3  # metres, of points that nobody saw and that only follow the body


@dataclass(frozen=True, eq=False)
class RigFit:
    """A rig of J joints over T frames, in the axes of the points; metres, radians.

    pose [T,J,3]: rotation vectors, of roots from the canonical axes, of others from their parents;
    root [T,3]: where the first joint is; scale [T]: of the rig as the user made it; error [T]: mean
    distance of its points from the localized ones, NaN without any; turn_sigma [T,J]: standard
    deviation of each joint's turn.
    """

    pose: Float64Array
    root: Float64Array
    scale: Float64Array
    error: Float64Array
    turn_sigma: Float64Array

    def arrays(
        self, frame: NDArray[np.int64], time: Float64Array
    ) -> dict[str, NDArray[np.generic]]:
        """As a file of a rig's motion holds them (RIG_FIELDS). frame, time [T]."""
        return {
            "frame": frame,
            "time": time,
            "root": self.root,
            "pose": self.pose,
            "scale": self.scale,
            "error": self.error,
            "turn_sigma": self.turn_sigma,
        }


def fit_rig_motion(
    points: PointSet,
    rest: RigRest,
    places: FloatArray,
    doubt: FloatArray,
    *,
    device: str = "cpu",
    on_block: Callable[[int], None] | None = None,
) -> RigFit:
    """Fit the rig of a point set to its points over T frames.

    rest: the rig as it stands in the canonical pose of this person; places [T,K,3]: metres, NaN
    where a point was not localized; doubt [T,K]: uncertainty, metres, NaN where the point was only
    filled in. on_block: told how many frames are done.
    """
    assert points.rig is not None
    body = rig_body(points.rig, rest)
    work = _Work(body, BodyModel(body.body).to(fitting_device(torch.device(device))))
    count = len(places)
    chosen = np.unique(np.linspace(0, count - 1, min(count, SIZE_FRAMES)).astype(np.int64))
    size = _shared_size(work, places[chosen], doubt[chosen]) if count else 1.0
    blocks = []
    for first in range(0, max(count, 1), BLOCK):
        part = slice(first, first + BLOCK)
        found = work.fit(places[part], doubt[part], size)
        blocks.append(_rig_fit(points, rest, body, found))
        if on_block is not None:
            on_block(min(first + BLOCK, count))
    names = ("pose", "root", "scale", "error", "turn_sigma")
    return RigFit(*(np.concatenate([getattr(block, name) for block in blocks]) for name in names))


@dataclass(frozen=True, eq=False)
class _Work:
    body: RigBody
    model: BodyModel

    def fit(self, places: FloatArray, doubt: FloatArray, size: float | None) -> Fit:
        """Fits of frames; size: the rig's, None if one for all of them is to be found."""
        body = self.body
        rows = np.concatenate([body.vertex_rows, body.joint_rows])
        weights = torch.ones(len(rows))
        weights[len(body.vertex_rows) :] = JOINT_WEIGHT
        uncertainty = np.where(np.isnan(doubt), FILLED_DOUBT, doubt)[:, rows]
        count = len(places)
        return fit(
            torch.from_numpy(np.asarray(places[:, rows], dtype=np.float32)),
            self.model,
            weights,
            uncertainties=torch.from_numpy(uncertainty.astype(np.float32)),
            vertex_indices=torch.from_numpy(body.vertex_rows),
            joint_indices=torch.from_numpy(body.joint_numbers),
            settings=replace(SETTINGS, beta_count=0, scale=size is None),
            known_scale=None if size is None else torch.full((count,), size),
            shape_groups=None if size is not None else torch.zeros(count, dtype=torch.long),
        )


def _shared_size(work: _Work, places: FloatArray, doubt: FloatArray) -> float:
    there = np.isfinite(places).all(axis=-1).any(axis=1)
    if not there.any():
        return 1.0
    return float(work.fit(places[there], doubt[there], None).scale[0])


def _rig_fit(points: PointSet, rest: RigRest, body: RigBody, found: Fit) -> RigFit:
    rig = points.rig
    assert rig is not None
    local = matrix_from_rotvec(_array(found.pose))
    scale, skeleton = _array(found.scale), body.body.skeleton
    joints = body.body.joints_template * scale[:, None, None]
    placed = global_transforms(local, joints, skeleton.parents, _array(found.translation))
    sigma = np.zeros((len(scale), len(rig.parents)))
    sigma[:, body.free] = _array(found.pose_sigma)
    return RigFit(
        pose=rotvec_from_matrix(whole_pose(rig, body, placed[..., :3, :3])),
        root=placed[:, 0, :3, 3],
        scale=scale * rest.size,
        error=_array(found.error),
        turn_sigma=sigma,
    )


def _array(tensor: torch.Tensor) -> Float64Array:
    return tensor.double().cpu().numpy()
