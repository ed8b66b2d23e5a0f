# SPDX-License-Identifier: GPL-3.0-or-later
"""The native format of localizers: one safetensors file, read (`native_writer` writes it).

Its tensors have the official release's names below `heatmap_head` and `backbone`; its metadata
(see `backbones`) says which backbone it is for and how crops are made. What it tells of its
canonical space are tensors below `canonical`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...body.arrays import Float64Array
from ...errors import UserError
from ...protocol.files import file_sha256
from ...protocol.take import ModelInfo
from .backbones import build_backbone
from .canonical_space import OPEN_SPACE, CanonicalBody, CanonicalSpace
from .field import FieldConfig
from .head import HeatmapHead
from .model import CropStyle, LocalizerModel, as_float32, unusable

SUFFIX = ".safetensors"
HEAD = "heatmap_head."
FIELD = "heatmap_head.weight_field."
CANONICAL = "canonical."
LOCATIONS = "canonical.locations"
WHOLE = "canonical_whole"  # metadata: bodies of which all vertices are there
JOINT_SETS = "joint_sets"  # metadata: names of the joints of each set, JSON


def read_native(path: Path) -> LocalizerModel:
    """A native file's model, on the CPU. UserError if its contents cannot be used."""
    metadata, tensors = _read(path)
    try:
        return _build(path, metadata, tensors)
    except (KeyError, ValueError) as error:
        raise unusable(path, f"its contents do not fit together ({error})") from error


def read_part(path: Path, names: tuple[str, ...]) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata of a native file and those of its tensors whose names start with one of `names`.

    UserError if it is damaged.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = dict(file.metadata() or {})
            wanted = [name for name in file.keys() if name.startswith(names)]  # noqa: SIM118
            return metadata, {name: file.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, ValueError) as error:
        raise unusable(path, f"it is damaged or not a {SUFFIX} file ({error})") from error


def read_header(path: Path) -> tuple[dict[str, str], dict[str, tuple[list[int], str]]]:
    """Metadata of a native file, and shape and type of its tensors. UserError if it is damaged."""
    try:
        with safe_open(str(path), framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            shapes = {name: (part.get_shape(), part.get_dtype()) for name, part in slices.items()}
            return dict(file.metadata() or {}), shapes
    except (SafetensorError, OSError, ValueError) as error:
        raise unusable(path, f"it is damaged or not a {SUFFIX} file ({error})") from error


def canonical_from(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> CanonicalSpace:
    """What a native file tells of its canonical space. ValueError if that is no use."""
    whole = metadata.get(WHOLE, "").split()
    arrays = {name: tensor.double().numpy() for name, tensor in tensors.items()}
    for name, array in arrays.items():
        if array.ndim != 2 or array.shape[1] != 3 or not bool(torch.isfinite(tensors[name]).all()):
            raise ValueError(f"{name} is no list of finite points")
    joint_sets = _joint_sets(metadata, arrays)
    others = arrays.keys() - {LOCATIONS, *(joint_set_tensor(name) for name in joint_sets)}
    kinds = sorted({name.split(".")[1] for name in others})
    bodies = {
        kind: CanonicalBody(
            arrays[f"{CANONICAL}{kind}.vertices"],
            arrays[f"{CANONICAL}{kind}.joints"],
            kind in whole,
        )
        for kind in kinds
    }
    name = metadata.get("canonical_space", OPEN_SPACE)
    return CanonicalSpace(name, bodies, arrays.get(LOCATIONS), joint_sets=joint_sets)


def joint_set_tensor(name: str) -> str:
    """The name of the tensor with the places of a joint set."""
    return f"{CANONICAL}{JOINT_SETS}.{name}"


def _joint_sets(
    metadata: Mapping[str, str], arrays: Mapping[str, Float64Array]
) -> dict[str, dict[str, Float64Array]]:
    """The places of the joints of each set that the file lists. ValueError if it lists them
    wrongly."""
    listed = json.loads(metadata.get(JOINT_SETS, "{}"))
    if not isinstance(listed, dict):
        raise ValueError(f"{JOINT_SETS} is no list of names by set")
    found: dict[str, dict[str, Float64Array]] = {}
    for name, joints in listed.items():
        places = arrays.get(joint_set_tensor(name), np.zeros((0, 3)))
        if not isinstance(joints, list) or len(joints) != len(places):
            raise ValueError(f"{joint_set_tensor(name)} is no list of the set's joints")
        found[name] = {str(joint): at for joint, at in zip(joints, places, strict=True)}
    return found


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a native file, the network's in float32 and finite."""
    metadata, tensors = read_part(path, ("",))
    network = {n: value for n, value in tensors.items() if not n.startswith(CANONICAL)}
    try:
        return metadata, {**tensors, **as_float32(network)}
    except ValueError as error:
        raise unusable(path, str(error)) from error


def _build(path: Path, metadata: dict[str, str], tensors: dict[str, Tensor]) -> LocalizerModel:
    """The model that a file describes. KeyError or ValueError if it does not describe one."""
    if "backbone" not in metadata:
        raise unusable(path, "it does not say which backbone it is for")
    network = {n: value for n, value in tensors.items() if not n.startswith(CANONICAL)}
    backbone = _backbone(metadata["backbone"])
    low, high = (float(text) for text in metadata["gamma"].split())
    style = CropStyle(
        linear_light=_flag(metadata, "linear_light"),
        gamma_range=(low, high),
        aligned=_flag(metadata, "aligned"),
    )
    info = ModelInfo(
        name=metadata.get("name", path.stem),
        sha256=file_sha256(path),
        license=metadata.get("license", "unknown"),
    )
    points = {n: value for n, value in tensors.items() if n.startswith(CANONICAL)}
    canonical = canonical_from(metadata, points)
    head = _head(metadata, network, backbone)
    return filled(LocalizerModel(backbone, head, style, info, canonical), network)


def _head(metadata: dict[str, str], tensors: dict[str, Tensor], backbone: nn.Module) -> HeatmapHead:
    """The head, yet without values, that metadata and shapes describe."""
    side, stride = int(metadata["proc_side"]), int(metadata["stride"])
    if (side, stride) != (backbone.crop_side, backbone.stride):
        raise ValueError(f"crops of {side} pixels, stride {stride}, do not suit its backbone")
    config = field_config(tensors)
    if config.depth != int(metadata["depth"]):
        raise ValueError(f"{config.depth} depth slices instead of {metadata['depth']}")
    channels = _shape(tensors, HEAD + "layer.0.weight", 4)[1]
    if channels != backbone.channels:
        raise ValueError(f"its head takes {channels} channels, not {backbone.channels}")
    with torch.device("meta"):
        return HeatmapHead(channels, side, stride, config, float(metadata["box_size_m"]))


def filled(model: LocalizerModel, tensors: dict[str, Tensor]) -> LocalizerModel:
    """The model with these tensors for values, which are not copied. ValueError if they do not fit.

    Convolutions get the memory order in which a CPU and half precision on a GPU are faster.
    """
    try:
        model.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())[:300]) from error
    for value in model.backbone.parameters():
        if value.ndim == 4 and not value.is_contiguous(memory_format=torch.channels_last):
            value.data = value.data.contiguous(memory_format=torch.channels_last)
    return model.eval().requires_grad_(False)


def _backbone(name: str) -> nn.Module:
    """A backbone whose frozen weights were read and are finite."""
    try:
        return build_backbone(name)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(
            "A model file cannot be used",
            f"The file with the frozen weights of the backbone '{name}' is damaged ({error}).",
            "Install the extension again from its zip.",
        ) from error


def field_config(tensors: dict[str, Tensor]) -> FieldConfig:
    """Layer widths by the shapes of a state dict's field. KeyError, ValueError if it has none."""
    feature_dim = _shape(tensors, HEAD + "layer.0.weight", 4)[0]
    outputs = _shape(tensors, FIELD + "pred_mlp.2.weight", 2)[0]
    channels, rest = divmod(outputs, feature_dim + 1)
    if rest or channels < 3:
        raise ValueError(f"{outputs} field outputs do not suit {feature_dim} features")
    fourier = FIELD + "gps_net.learnable_fourier.linear.weight"
    return FieldConfig(
        fourier_dim=2 * _shape(tensors, fourier, 2)[0] if fourier in tensors else 0,
        gps_hidden_dim=_shape(tensors, FIELD + "gps_net.mlp.0.weight", 2)[0],
        signature_dim=_shape(tensors, FIELD + "gps_net.mlp.2.weight", 2)[0],
        code_dim=_shape(tensors, FIELD + "pred_mlp.0.weight", 2)[0],
        feature_dim=feature_dim,
        depth=channels - 2,
        eigenvalue_count=_shape(tensors, FIELD + "r_sqrt_eigva", 1)[0],
    )


def _shape(tensors: dict[str, Tensor], name: str, dimensions: int) -> tuple[int, ...]:
    shape = tuple(tensors[name].shape)
    if len(shape) != dimensions:
        raise ValueError(f"{name} has {len(shape)} dimensions instead of {dimensions}")
    return shape


def _flag(metadata: dict[str, str], key: str) -> bool:
    if metadata[key] not in ("true", "false"):
        raise ValueError(f"{key} is '{metadata[key]}', neither true nor false")
    return metadata[key] == "true"
