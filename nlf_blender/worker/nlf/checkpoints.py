# SPDX-License-Identifier: GPL-3.0-or-later
"""Localizer files: what can be loaded, and a clear refusal of what cannot.

The native format is a safetensors file with the official release's names below `heatmap_head` and
`backbone`; its metadata (see `backbones`) says which backbone it is for and how crops are made.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ...errors import UserError
from ...protocol.take import ModelInfo
from .backbones import build_backbone
from .canonical_space import OPEN_SPACE, CanonicalSpace
from .field import FieldConfig
from .head import HeatmapHead

DEFAULT_MODEL = "default"
DEFAULT_FILE = "default_model.safetensors"
SUFFIX = ".safetensors"
HEAD = "heatmap_head."
FIELD = "heatmap_head.weight_field."


@dataclass(frozen=True)
class CropStyle:
    """How a model wants its crops.

    linear_light: pixels are mixed by their light rather than by their sRGB values. gamma_range:
    exponents of the sRGB values, first to last variation. aligned: a person's hips to head point
    up in the crop; otherwise the crop is upright as the world is.
    """

    linear_light: bool
    gamma_range: tuple[float, float]
    aligned: bool


class LocalizerModel(nn.Module):
    """Backbone and head with what goes with them."""

    def __init__(
        self,
        backbone: nn.Module,
        heatmap_head: HeatmapHead,
        style: CropStyle,
        info: ModelInfo,
        canonical: CanonicalSpace | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.heatmap_head = heatmap_head
        self.style = style
        self.info = info
        self.canonical = canonical or CanonicalSpace(OPEN_SPACE)

    def features(self, images: Tensor, half: bool = False) -> Tensor:
        """images [P,3,S,S] RGB 0..1 -> the backbone's map [P,C,H,W]. half: compute in float16."""
        with torch.autocast(images.device.type, torch.float16, enabled=half):
            features = self.backbone(images)
        return features.float()


def load_localizer(
    name_or_path: str, device: torch.device | str, assets_dir: Path
) -> LocalizerModel:
    """The default model (name `default`) or a native file, ready on a device.

    UserError if there is no such file, or its contents cannot be used.
    """
    path = model_path(name_or_path, assets_dir)
    metadata, tensors = _read(path)
    try:
        model = _build(path, metadata, tensors)
    except (KeyError, ValueError) as error:
        raise _unusable(path, f"its contents do not fit together ({error})") from error
    return model.to(device).eval().requires_grad_(False)


def model_path(name_or_path: str, assets_dir: Path) -> Path:
    """The file behind a model's name or path. UserError if there is none of a known kind."""
    if name_or_path == DEFAULT_MODEL:
        path = assets_dir / DEFAULT_FILE
        if not path.is_file():
            raise UserError(
                "The default model is missing",
                f"{path.name} is not in the extension's assets.",
                "Install the extension again from its zip.",
            )
        return path
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise UserError(
            "Model not found",
            f"There is no file {path}.",
            f"Choose '{DEFAULT_MODEL}', or the path of a {SUFFIX} file made for this extension.",
        )
    if path.suffix.lower() != SUFFIX:
        raise UserError(
            "Unsupported model file",
            f"{path.name} is not a {SUFFIX} file; official NLF files cannot be read yet.",
            f"Choose '{DEFAULT_MODEL}', or the path of a {SUFFIX} file made for this extension.",
        )
    return path


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and float32 tensors of a safetensors file."""
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise _unusable(path, f"it is damaged or not a {SUFFIX} file ({error})") from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            if not torch.isfinite(tensor).all():
                raise _unusable(path, f"{name} holds values that are not finite")
            tensors[name] = tensor.float()
    return metadata, tensors


def _build(path: Path, metadata: dict[str, str], tensors: dict[str, Tensor]) -> LocalizerModel:
    """The model that a file describes. KeyError or ValueError if it does not describe one."""
    if "backbone" not in metadata:
        raise _unusable(path, "it does not say which backbone it is for")
    backbone = _backbone(metadata["backbone"])
    side, stride = int(metadata["proc_side"]), int(metadata["stride"])
    if (side, stride) != (backbone.crop_side, backbone.stride):
        raise ValueError(f"crops of {side} pixels, stride {stride}, do not suit its backbone")
    config = field_config(tensors)
    if config.depth != int(metadata["depth"]):
        raise ValueError(f"{config.depth} depth slices instead of {metadata['depth']}")
    channels = _shape(tensors, HEAD + "layer.0.weight", 4)[1]
    if channels != backbone.channels:
        raise ValueError(f"its head takes {channels} channels, not {backbone.channels}")
    head = HeatmapHead(channels, side, stride, config, float(metadata["box_size_m"]))
    low, high = (float(text) for text in metadata["gamma"].split())
    style = CropStyle(
        linear_light=_flag(metadata, "linear_light"),
        gamma_range=(low, high),
        aligned=_flag(metadata, "aligned"),
    )
    info = ModelInfo(
        name=metadata.get("name", path.stem),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        license=metadata.get("license", "unknown"),
    )
    model = LocalizerModel(backbone, head, style, info)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())[:300]) from error
    return model


def _backbone(name: str) -> nn.Module:
    """A backbone whose frozen weights were read and are finite."""
    try:
        backbone = build_backbone(name)
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(
            "A model file cannot be used",
            f"The file with the frozen weights of the backbone '{name}' is damaged ({error}).",
            "Install the extension again from its zip.",
        ) from error
    return backbone


def field_config(tensors: dict[str, Tensor]) -> FieldConfig:
    """Layer widths by the shapes of a state dict's field. KeyError, ValueError if it has none."""
    feature_dim = _shape(tensors, HEAD + "layer.0.weight", 4)[0]
    outputs = _shape(tensors, FIELD + "pred_mlp.2.weight", 2)[0]
    channels, rest = divmod(outputs, feature_dim + 1)
    if rest or channels < 3:
        raise ValueError(f"{outputs} field outputs do not suit {feature_dim} features")
    return FieldConfig(
        fourier_dim=2 * _shape(tensors, FIELD + "gps_net.learnable_fourier.linear.weight", 2)[0],
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


def _unusable(path: Path, reason: str) -> UserError:
    return UserError(
        "Model file cannot be used",
        f"{path.name} cannot be loaded: {reason}.",
        "Download or copy the file again, or choose the default model.",
    )
