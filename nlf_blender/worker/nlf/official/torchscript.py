# SPDX-License-Identifier: GPL-3.0-or-later
"""Official TorchScript files: the crop model's weights and the canonical points taken out of them.

Such a file holds the multi-person model of the release as a program. It is opened only with
consent; none of its functions is called, only tensors and plain values are read.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....body.arrays import Float64Array
from ....errors import UserError
from ....protocol.licenses import OFFICIAL_MODEL
from ....protocol.take import ModelInfo
from ..canonical_space import SMPL_SPACE, CanonicalBody, CanonicalSpace
from ..model import LocalizerModel, unusable
from .build import build_official
from .consent import require_consent
from .locations import learnt_locations
from .nms_operator import define_nms
from .torchscript_archive import check_archive
from .variants import JOINTS, variant_of

CROP_MODEL = "crop_model."
WEIGHTS = ("backbone.1.", "heatmap_head.")
# What the native model computes; another value would be another model.
HEAD_ATTRIBUTES: dict[str, int | float | bool] = {
    "depth": 8,
    "stride_test": 32,
    "centered_stride": True,
    "box_size_m": 2.2,
    "uncert_bias": 0.0,
    "uncert_bias2": 0.001,
    "backbone_link_dim": 512,
    "mix_3d_inside_fov": 0.5,
    "weak_perspective": False,
    "fix_uncert_factor": False,
}
SHARED_JOINTS = 22  # the first ones of both bodies
SAME_JOINT_M = 0.2  # farther apart than this, in the median, they are no joints


@dataclass(frozen=True, eq=False)
class OfficialRelease:
    """What a TorchScript file holds for the native model.

    tensors: the crop model's, by their official names, floats as stored (float16 for backbone and
    head layer, float32 for the field), not yet checked. crop_side: pixels. sha256: of the file.
    """

    tensors: dict[str, Tensor]
    canonical: CanonicalSpace
    crop_side: int
    sha256: str


def load_torchscript(path: Path, trusted: Collection[str]) -> LocalizerModel:
    """The model of an official TorchScript file, float32 on the CPU. Errors as read_torchscript."""
    release = read_torchscript(path, trusted)
    info = ModelInfo(name=path.stem, sha256=release.sha256, license=OFFICIAL_MODEL)
    try:
        return build_official(release.tensors, release.canonical, info)
    except ValueError as error:
        raise unusable(path, str(error)) from error


def read_torchscript(path: Path, trusted: Collection[str]) -> OfficialRelease:
    """Weights, buffers and canonical points of an official TorchScript file.

    trusted: SHA-256 of the files that the user agreed to run. UserError without such consent,
    before anything of the file runs; or if the file is damaged or holds something else.
    """
    check_archive(path)
    digest = require_consent(path, trusted)
    define_nms()
    module = _open(path)
    side = _check_attributes(path, module)
    crop = {
        name.removeprefix(CROP_MODEL): value.detach()
        for name, value in module.state_dict().items()
        if name.startswith(CROP_MODEL)
    }
    points = dict(_attribute(path, module, "cano_all"))
    del module  # and with it detector, fitters and body models
    tensors = {name: value for name, value in crop.items() if name.startswith(WEIGHTS)}
    variant = variant_of(tensors)
    if variant is None or variant.layout.crop_side != side:
        raise _foreign(path, f"its backbone is none of those known for crops of {side} pixels")
    bodies = {kind: _body(path, kind, points) for kind in JOINTS}
    _check_joints(path, bodies)
    canonical = CanonicalSpace(SMPL_SPACE, bodies, _locations(path, crop))
    return OfficialRelease(tensors, canonical, side, digest)


def _open(path: Path) -> Any:
    """The loaded program. Runs the code that its objects restore themselves by."""
    try:
        return torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        if "Unknown builtin op" in reason:
            operator = reason.split("Unknown builtin op:")[1].split()[0].rstrip(".")
            raise UserError(
                "Model file cannot be used",
                f"{path.name} calls the operator {operator}, which torch {torch.__version__} "
                "does not have.",
                "Update torch in the worker's environment, or use a crop checkpoint (.pt).",
            ) from error
        raise unusable(path, f"torch cannot open it ({reason[:200]})") from error


def _check_attributes(path: Path, module: Any) -> int:
    """The side of the crops in pixels. UserError if the file's model is not the native one."""
    crop_model = _attribute(path, module, "crop_model")
    head = _attribute(path, crop_model, "heatmap_head")
    for name, expected in HEAD_ATTRIBUTES.items():
        value = _attribute(path, head, name)
        if not (isinstance(value, (int, float)) and abs(value - expected) < 1e-9):
            raise _foreign(path, f"its attribute {name} is {value}, where {expected} is known")
    colours = _attribute(path, _attribute(path, crop_model, "backbone"), "0")
    for name in ("mean", "std"):
        value = _attribute(path, colours, name)
        if not (isinstance(value, Tensor) and (value.float() - 0.5).abs().max() < 1e-3):
            raise _foreign(path, f"the {name} of its colours is not 0.5")
    side = _attribute(path, head, "proc_side")
    if getattr(crop_model, "input_resolution", side) != side:
        raise _foreign(path, f"its input_resolution differs from its proc_side {side}")
    return int(side)


def _attribute(path: Path, owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError as error:
        raise _foreign(path, f"it has no attribute {name}") from error


def _body(path: Path, kind: str, points: dict[str, Tensor]) -> CanonicalBody:
    """A body in canonical space: some of its vertices, then all of its joints."""
    rows = points.get(kind)
    joints = JOINTS[kind]
    if not isinstance(rows, Tensor) or rows.ndim != 2 or rows.shape[1] != 3 or len(rows) <= joints:
        raise _foreign(path, f"it holds no canonical points of {kind}")
    if not rows.isfinite().all():
        raise unusable(path, f"canonical points of {kind} are not finite")
    array = rows.double().numpy()
    return CanonicalBody(vertices=array[:-joints].copy(), joints=array[-joints:].copy())


def _check_joints(path: Path, bodies: dict[str, CanonicalBody]) -> None:
    """UserError unless the bodies' joints are where both say, as their rows' order implies."""
    first, second = (body.joints[:SHARED_JOINTS] for body in bodies.values())
    if np.median(np.linalg.norm(first - second, axis=1)) > SAME_JOINT_M:
        raise _foreign(path, "its canonical points are not in the order vertices, joints")


def _locations(path: Path, crop: dict[str, Tensor]) -> Float64Array:
    """The learnt canonical points [L,3], metres."""
    names = ("locs_init", "lefts", "centers", "delta_mask")
    try:
        parts = [crop[f"canonical_{name}"].numpy() for name in names]
        places = learnt_locations(*parts)
    except KeyError as error:
        raise _foreign(path, f"it has no {error.args[0]}") from error
    except ValueError as error:
        raise _foreign(path, str(error)) from error
    if not np.isfinite(places).all():
        raise unusable(path, "its canonical points are not finite")
    return places


def _foreign(path: Path, reason: str) -> UserError:
    return UserError(
        "Unknown TorchScript model",
        f"{path.name} is no NLF model that this version knows: {reason}.",
        "Choose an official multi-person TorchScript file (nlf_s_multi or nlf_l_multi), or "
        "update the extension.",
    )
