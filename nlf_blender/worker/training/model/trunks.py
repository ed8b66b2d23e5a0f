# SPDX-License-Identifier: GPL-3.0-or-later
"""From a batch's pictures to the features that points are read from, with what training adds."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ....errors import UserError
from ...nlf.backbones import build_backbone
from ...nlf.backbones.blazepose import (
    AdaptedBlazePoseBackbone,
    BlazePoseBackbone,
    BlazePoseEncoder,
    BlazePoseOutput,
    TunedBlazePoseBackbone,
)
from ...nlf.backbones.efficientnet import LAYOUTS, EfficientNetV2
from ..crops.batch import CropBatch
from .distillation import landmark_distance
from .landmarks import changed_landmarks, left_out
from .settings import ModelSettings

Features = tuple[Tensor, dict[str, Tensor]]  # [P,C,H,W], and auxiliary losses by name


class Trunk(nn.Module):
    """A backbone that starts from nothing. `backbone` is what a model file holds of it."""

    learns_backbone = True
    rate = 1.0

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def pretrained(self) -> list[nn.Parameter]:
        """Parameters that do not start from nothing and want `rate`, a share of the others'."""
        return []

    def frozen(self, images: Tensor) -> dict[str, Tensor]:
        """What a frozen network says about pictures [P,3,S,S], bytes; ValueError without one."""
        raise ValueError(f"{self.backbone.name} has no frozen part")

    def forward(
        self,
        batch: CropBatch,
        frozen: dict[str, Tensor] | None = None,
        random: torch.Generator | None = None,
    ) -> Features:
        """frozen: as `frozen` gave it. random: of what training changes; None changes nothing."""
        return self.backbone(as_floats(batch.images)), {}


class BlazePoseTrunk(Trunk):
    """BlazePose, frozen or adapted, and its neck."""

    learns_backbone = False
    backbone: BlazePoseBackbone

    def __init__(self, backbone: BlazePoseBackbone, settings: ModelSettings) -> None:
        super().__init__(backbone)
        self.settings, self.rate = settings.landmarks, settings.adapter_rate

    def pretrained(self) -> list[nn.Parameter]:
        adapted = isinstance(self.backbone, AdaptedBlazePoseBackbone)
        return list(self.backbone.adapter.parameters()) if adapted else []

    def frozen(self, images: Tensor) -> dict[str, Tensor]:
        output = untrained(self.backbone.frozen, as_floats(images))
        return {**output.maps, "landmarks": output.landmarks, "world": output.world}

    def forward(
        self,
        batch: CropBatch,
        frozen: dict[str, Tensor] | None = None,
        random: torch.Generator | None = None,
    ) -> Features:
        values = dict(frozen if frozen is not None else self.frozen(batch.images))
        landmarks, world = values.pop("landmarks"), values.pop("world")
        return self._features(batch, values, landmarks, world, random), {}

    def _features(
        self,
        batch: CropBatch,
        maps: dict[str, Tensor],
        landmarks: Tensor,
        world: Tensor,
        random: torch.Generator | None,
    ) -> Tensor:
        """The neck's map, of landmarks changed and inputs left out if `random` is given."""
        maps, neck = self.backbone.maps(maps), self.backbone.neck
        if random is None:
            return neck(maps, landmarks, world)
        landmarks, world = changed_landmarks(
            landmarks.float(),
            world.float(),
            batch.landmarks_3d,
            batch.intrinsics,
            self.settings,
            random,
        )
        kept = [part.to(world.device) for part in left_out(len(world), self.settings, random)]
        return neck(maps, landmarks, world, *kept)


class TunedBlazePoseTrunk(BlazePoseTrunk):
    """BlazePose, tuned, and its neck.

    What the head wants trains the maps; the neck takes landmarks as they are, without a gradient,
    and distillation alone trains them.
    """

    learns_backbone = True
    backbone: TunedBlazePoseBackbone

    def __init__(self, backbone: TunedBlazePoseBackbone, settings: ModelSettings) -> None:
        super().__init__(backbone, settings)
        self.rate = settings.backbone_rate
        self.distillation, self.distilled = settings.distillation, settings.distilled
        self.untuned = BlazePoseEncoder.from_assets() if settings.distillation else None
        layers = backbone.encoder.graph.description.layers
        for layer in layers[: round(settings.untuned_layers * len(layers))]:
            if layer.kind == "conv":
                for role in ("weight", "bias"):
                    getattr(backbone.encoder.graph, layer.settings[role]).requires_grad_(False)

    def pretrained(self) -> list[nn.Parameter]:
        return list(self.backbone.encoder.parameters())

    def frozen(self, images: Tensor) -> dict[str, Tensor]:
        return Trunk.frozen(self, images)

    def forward(
        self,
        batch: CropBatch,
        frozen: dict[str, Tensor] | None = None,
        random: torch.Generator | None = None,
    ) -> Features:
        images = as_floats(batch.images)
        output: BlazePoseOutput = self.backbone.encoder(images)
        landmarks, world = output.landmarks.detach(), output.world.detach()
        features = self._features(batch, output.maps, landmarks, world, random)
        if random is None or self.untuned is None:
            return features, {}
        count = math.ceil(self.distilled * len(images))  # a step's crops come in no order
        distance = landmark_distance(output[:count], untrained(self.untuned, images[:count]))
        return features, {"landmark_distillation": self.distillation * distance}


def build_trunk(settings: ModelSettings) -> Trunk:
    """The trunk that the settings name, as it is before training."""
    for kind in (BlazePoseBackbone, AdaptedBlazePoseBackbone):
        if settings.backbone == kind.name:
            return BlazePoseTrunk(kind.from_assets(), settings)
    if settings.backbone == TunedBlazePoseBackbone.name:
        return TunedBlazePoseTrunk(TunedBlazePoseBackbone.from_assets(), settings)
    if settings.backbone in LAYOUTS:
        return Trunk(_fresh(EfficientNetV2(LAYOUTS[settings.backbone])))
    return Trunk(_fresh(build_backbone(settings.backbone)))


@torch.no_grad()
def untrained(encoder: Callable[[Tensor], BlazePoseOutput], images: Tensor) -> BlazePoseOutput:
    """What a frozen network says, in float32 whatever training runs in: bfloat16 moves its
    landmarks by centimetres."""
    with torch.autocast(images.device.type, enabled=False):
        return encoder(images)


def as_floats(images: Tensor) -> Tensor:
    """Pictures of bytes as RGB 0..1. UserError if there are none, as in a cache of features."""
    if not images.numel():
        raise UserError(
            "Pictures are needed",
            "A cache of features holds no pictures, and this model learns its backbone.",
            "Train it on sets of pictures, or choose the backbone blazepose_heavy.",
        )
    return images.float() / 255


def _fresh(backbone: nn.Module) -> nn.Module:
    """A convolutional network with the usual random start (He et al. 2015, by outputs)."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return backbone
