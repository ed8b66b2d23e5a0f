# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is measured of one person who was found. Metres, shares; README.md defines it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ...body.arrays import Float64Array
from ..engine import Models
from ..nlf.camera import Camera
from . import metrics
from .found import FoundPerson
from .image_truth import box_of, joint_pixels
from .items import BadItem, JointLabel, Mask, TrueMesh, TruePerson
from .limbs import LIMB_NAMES
from .shapes import fitted_betas, regressed_joints, silhouette, t_pose

LEAST_ALIGNED = 4  # points; three fit any triangle but for its shape
Doubts = dict[str, list[tuple[Float64Array, Float64Array]]]


@dataclass
class PersonErrors:
    """figures: by metric. joints: the same for single joints. doubts: stated uncertainties with
    the errors of the same points, by what they are of. seen: how much of the person's skin is seen,
    as a share, None if nothing tells."""

    figures: dict[str, float] = field(default_factory=dict[str, float])
    joints: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    doubts: Doubts = field(default_factory=Doubts)
    seen: float | None = None


class Measure:
    """Compares people found with true ones, for one model and table of joints."""

    def __init__(self, models: Models, labels: Sequence[JointLabel]) -> None:
        self.models, self.labels = models, tuple(labels)
        self.rows = {label: row for row, label in enumerate(labels)}

    def errors(
        self, person: TruePerson, found: FoundPerson, camera: Camera | None, size: tuple[int, int]
    ) -> PersonErrors:
        """Errors of one person, whose truth is `completed`; camera: None where it is unknown;
        size: width and height."""
        result = PersonErrors(seen=person.seen)
        self._joints_3d(result, person, found, camera is not None)
        self._pixels(result, person, found, camera, size)
        if person.mesh is not None:
            self._mesh(result, person.mesh, found, camera is not None)
        self._silhouette(result, person, found, camera, size)
        return result

    def _joints_3d(
        self, result: PersonErrors, person: TruePerson, found: FoundPerson, seen: bool
    ) -> None:
        joints = person.joints
        if joints is None:
            return
        labels = [label for label, known in zip(joints.labels, joints.known, strict=True) if known]
        rows = [self.rows[label] for label in labels]
        names = [name for _, name in labels]
        points, target = _one(found.joints[rows]), _one(joints.places[joints.known])
        roots = root_rows(names)
        errors = metrics.distances(
            metrics.about_root(points, roots), metrics.about_root(target, roots)
        )
        result.figures["mpjpe"] = float(errors.mean())
        result.figures["pck_150"] = float(metrics.pck(errors))
        result.figures["auc_150"] = float(metrics.auc(errors))
        _per_joint(result, names, "mpjpe", errors[0])
        if len(names) >= LEAST_ALIGNED:
            aligned = metrics.similarity_aligned(points, target)
            after = metrics.distances(aligned, target)
            result.figures["p_mpjpe"] = float(after.mean())
            _per_joint(result, names, "p_mpjpe", after[0])
        if set(LIMB_NAMES) <= set(names):
            limbs = [names.index(name) for name in LIMB_NAMES]
            figure = float(metrics.p_mpjpe(points[:, limbs], target[:, limbs]))
            result.figures["p_mpjpe_12"] = figure
        if joints.absolute and seen:
            result.figures["mpjpe_abs"] = float(metrics.distances(points, target).mean())
        _add_doubts(result, "joints", found.doubt[rows], points, target)

    def _pixels(
        self,
        result: PersonErrors,
        person: TruePerson,
        found: FoundPerson,
        camera: Camera | None,
        size: tuple[int, int],
    ) -> None:
        """2D errors; of joints within the picture, for nobody sees the others."""
        target = joint_pixels(person, camera, self.labels)
        inside = ((target >= -0.5) & (target < np.array(size) - 0.5)).all(axis=1)
        box = box_of(person, camera)
        known = inside & np.isfinite(found.pixels).all(axis=1)
        if box is None or not known.any():
            return
        side = float((box[2:] - box[:2]).max())
        pair = _one(found.pixels[known]), _one(target[known])
        shares = metrics.distances(*pair) / side
        result.figures["error_2d"] = float(metrics.box_share(*pair, torch.tensor([side])))
        names = [self.labels[row][1] for row in np.flatnonzero(known)]
        _per_joint(result, names, "error_2d", shares[0])

    def _mesh(self, result: PersonErrors, mesh: TrueMesh, found: FoundPerson, seen: bool) -> None:
        body, model = self.models.body, self.models.body_model
        count = body.vertex_count
        found_joints, true_joints = (
            regressed_joints(body, part) for part in (found.body[:count], mesh.vertices)
        )
        points, target = _one(found.body[:count]), _one(mesh.vertices)
        rooted = points - _one(found_joints[:1]), target - _one(true_joints[:1])
        result.figures["mve"] = float(metrics.distances(*rooted).mean())
        result.figures["p_mve"] = float(metrics.p_mpjpe(points, target))
        if seen:
            result.figures["mve_abs"] = float(metrics.distances(points, target).mean())
        _add_doubts(result, "vertices", found.body_doubt[:count], points, target)
        true_betas = mesh.betas
        if true_betas is None:
            true_betas = fitted_betas(model, np.concatenate([mesh.vertices, true_joints]))
        betas = fitted_betas(model, found.body, found.body_doubt)
        shape, true_shape = (t_pose(model, part) for part in (betas, true_betas))
        corrected = metrics.scale_aligned(shape, true_shape)
        result.figures["pve_t_sc"] = float(metrics.distances(corrected, true_shape).mean())

    def _silhouette(
        self,
        result: PersonErrors,
        person: TruePerson,
        found: FoundPerson,
        camera: Camera | None,
        size: tuple[int, int],
    ) -> None:
        """Overlap with the silhouette of the true vertices, else with the mask. What is seen of
        the model's depends on no camera but the one it was localized with. BadItem for a mask of
        another picture."""
        body = self.models.body
        target: Mask | None = None
        if camera is not None and person.mesh is not None:
            target = silhouette(person.mesh.vertices, body.faces, camera, size)
        elif person.mask is not None:
            target = person.mask()
        if target is None or not target.any():
            return
        if target.shape != (size[1], size[0]):
            told = f"{target.shape[1]}x{target.shape[0]} pixels, the picture {size[0]}x{size[1]}"
            raise BadItem(f"a mask has {told}.")
        seen = silhouette(found.body[: body.vertex_count], body.faces, found.camera, size)
        pair = (torch.from_numpy(part)[None] for part in (seen, target))
        result.figures["miou"] = float(metrics.mask_iou(*pair))


def root_rows(names: Sequence[str]) -> list[int]:
    """Which joints errors are about: the pelvis, else both hips, else all."""
    for roots in (("pelvis",), ("left_hip", "right_hip")):
        if set(roots) <= set(names):
            return [names.index(root) for root in roots]
    return list(range(len(names)))


def _one(array: Float64Array) -> Tensor:
    """As a batch of one person."""
    return torch.from_numpy(np.ascontiguousarray(array))[None]


def _per_joint(result: PersonErrors, names: Sequence[str], metric: str, values: Tensor) -> None:
    for name, value in zip(names, values.tolist(), strict=True):
        result.joints.setdefault(name, {})[metric] = value


def _add_doubts(
    result: PersonErrors, what: str, doubt: Float64Array, points: Tensor, target: Tensor
) -> None:
    """Stated uncertainties with errors about the mean, which is what training makes them state."""
    errors = metrics.distances(metrics.about_mean(points), metrics.about_mean(target))
    result.doubts.setdefault(what, []).append((doubt, errors[0].numpy()))
