# SPDX-License-Identifier: GPL-3.0-or-later
"""A localizer in memory: its networks, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import UserError
from ...protocol.take import ModelInfo
from .canonical_space import OPEN_SPACE, CanonicalSpace
from .head import HeatmapHead


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

    @property
    def space(self) -> CanonicalSpace:
        """The canonical space with the bounds that the field was made for."""
        corners = self.heatmap_head.weight_field.gps_net
        bounds = torch.stack([corners.mini, corners.maxi]).double().cpu().numpy()
        return replace(self.canonical, bounds=bounds)

    def features(self, images: Tensor, half: bool = False) -> Tensor:
        """images [P,3,S,S] RGB 0..1 -> the backbone's map [P,C,H,W]. half: compute in float16."""
        with torch.autocast(images.device.type, torch.float16, enabled=half), _whole_float32():
            features = self.backbone(images)
        return features.float()


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Convolutions on CUDA with all of float32's digits, not the eleven bits of TF32."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def unusable(path: Path, reason: str, fix: str = "") -> UserError:
    """The error for a model file that is there but cannot be loaded."""
    return UserError(
        "Model file cannot be used",
        f"{path.name} cannot be loaded: {reason}.",
        fix or "Download or copy the file again, or choose the default model.",
    )


def unsafe(path: Path, reason: str) -> UserError:
    """The error for a model file that no honest program writes."""
    return UserError(
        "Unsafe model file",
        f"{path.name} {reason}; it was not loaded, and no code of it was run.",
        "Do not trust it: get the model from its authors again.",
    )


def unreadable(path: Path, error: OSError) -> UserError:
    """The error for a model file that the disk does not give."""
    return UserError(
        "Model not readable",
        f"{path} cannot be read ({error.strerror or error}).",
        "Check the path, the file's permissions and that its disk is there, then try again.",
    )


def as_float32(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floating tensors in single precision. ValueError naming the first that is not finite."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ValueError(f"{name} holds values that are not finite")
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
