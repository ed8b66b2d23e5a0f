# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a localizer as one file in the native format (see `native_file`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from ...errors import UserError
from .model import LocalizerModel
from .native_file import CANONICAL, FIELD, HEAD, JOINT_SETS, LOCATIONS, WHOLE, joint_set_tensor

FORMAT = "nlf_blender localizer 1"
# Statistics of batch norm, whose range or precision half floats may not have.
STATISTICS = ("running_mean", "running_var")
NETWORK = ("backbone.", HEAD + "layer.")
LAYERS_OF_FIELD = (
    FIELD + "pred_mlp.",
    FIELD + "gps_net.mlp.",
    FIELD + "gps_net.learnable_fourier.",
)


def save_native(
    model: LocalizerModel,
    path: Path,
    half: bool = False,
    half_field: bool = False,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a model as one file that `load_localizer` reads back to the same outputs.

    half: the backbone and the head's first layer as float16, half the size and lossless for what
    came from float16; batch norm's statistics only where they lose nothing. half_field: the field's
    layers, too. notes: further metadata, such as `figures`. UserError if a weight
    is too large for that, or the file cannot be written; an older one is only replaced by a whole
    one.
    """
    tensors = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    if half:
        tensors = {name: _halved(name, value, NETWORK) for name, value in tensors.items()}
    if half_field:
        tensors = {name: _halved(name, value, LAYERS_OF_FIELD) for name, value in tensors.items()}
    for kind, body in model.canonical.bodies.items():
        tensors[f"{CANONICAL}{kind}.vertices"] = torch.tensor(body.vertices)
        tensors[f"{CANONICAL}{kind}.joints"] = torch.tensor(body.joints)
    if model.canonical.locations is not None:
        tensors[LOCATIONS] = torch.tensor(model.canonical.locations)
    for name, places in model.canonical.joint_sets.items():
        tensors[joint_set_tensor(name)] = torch.tensor(np.stack(list(places.values())))
    tensors = {name: value.contiguous().clone() for name, value in tensors.items()}
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.touch()
        usual_mode = unfinished.stat().st_mode  # save_file's own files are for their owner alone
        save_file(tensors, unfinished, metadata={**(notes or {}), **_metadata(model)})
        unfinished.chmod(usual_mode)
        unfinished.replace(path)
    except (OSError, SafetensorError) as error:
        raise UserError(
            "The model could not be saved",
            f"{path} cannot be written ({error}).",
            "Give yourself the right to write there and see that the disk has space, or choose "
            "another folder.",
        ) from error
    finally:
        if unfinished.is_file():
            unfinished.unlink()


def _halved(name: str, value: Tensor, names: tuple[str, ...]) -> Tensor:
    """A tensor as float16 if it is one that may be and its name starts with one of `names`."""
    if not value.is_floating_point() or not name.startswith(names):
        return value
    half = value.half()
    if name.endswith(STATISTICS) and not torch.equal(half.float(), value):
        return value
    if not torch.isfinite(half).all():
        raise UserError(
            "The model could not be saved",
            f"{name} holds values too large for half precision.",
            "Save it in single precision.",
        )
    return half


def _metadata(model: LocalizerModel) -> dict[str, str]:
    head, style = model.heatmap_head, model.style
    bodies = model.canonical.bodies
    return {
        "format": FORMAT,
        "name": model.info.name,
        "license": model.info.license,
        "source_sha256": model.info.sha256,
        "backbone": str(model.backbone.name),
        "proc_side": str(head.crop_side),
        "stride": str(head.stride),
        "depth": str(head.weight_field.config.depth),
        "box_size_m": str(head.box_size_m),
        "linear_light": json.dumps(style.linear_light),
        "gamma": " ".join(map(str, style.gamma_range)),
        "aligned": json.dumps(style.aligned),
        "canonical_space": model.canonical.name,
        JOINT_SETS: json.dumps({name: list(at) for name, at in model.canonical.joint_sets.items()}),
        WHOLE: " ".join(kind for kind, body in bodies.items() if body.whole),
    }
