# SPDX-License-Identifier: GPL-3.0-or-later
"""BlazePose (heavy) as a backbone: a landmark network and a small trained neck.

The network sees a square crop of 256 pixels in which hips to head point up. Its feature maps and
its own landmarks both go to the neck, which makes one 8x8 map of them. It is either frozen, and a
file of its own, or adapted by small changes of its later layers, or trained together with the neck;
changes and trained networks are part of the model's file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as functional
from torch import Tensor, nn

from ...assets import ASSETS
from .adapter import Adapter
from .graph import GraphNet
from .neck import LandmarkNeck

CROP_SIDE = 256
STRIDE = 32
LANDMARK_COUNT = 39
ASSET = ASSETS / "blazepose_heavy.safetensors"
# Average pooling that brings a map to the neck's 8x8 (the coarser maps stay as they are).
_POOLING = {"encoder_16": 2, "decoder_16": 2, "decoder_64": 8}
MAP_CHANNELS = {
    "encoder_8": 272,
    "landmark_8": 288,
    "encoder_16": 160,
    "decoder_16": 192,
    "decoder_64": 48,
    "landmark_4": 288,
    "landmark_2": 288,
}
# What the adapted encoder makes anew, and the value that it starts from: the encoder's map
# [112,16,16] before its channels become 160.
ADAPTED = ("encoder_16", "encoder_8")
_EARLY = "v476"


@dataclass(frozen=True)
class BlazePoseOutput:
    """What the landmark network says about P crops.

    landmarks: [P,39,5] x, y in pixels of the crop (0,0 the corner of the first pixel), z on the
    same scale, visibility and presence as logits; 33 is the middle of the hips and 34 a point of
    the circle about the person. world: [P,39,3] metres about the hips, axes of the crop's camera.
    score: [P] how surely the crop holds a person. maps: feature maps by name, at most 8x8.
    """

    landmarks: Tensor
    world: Tensor
    score: Tensor
    maps: dict[str, Tensor]

    def __getitem__(self, rows: slice) -> BlazePoseOutput:
        maps = {name: value[rows] for name, value in self.maps.items()}
        return BlazePoseOutput(self.landmarks[rows], self.world[rows], self.score[rows], maps)


class BlazePoseEncoder(nn.Module):
    """The landmark network, frozen as it ships, or `learnt`."""

    def __init__(self, graph: GraphNet) -> None:
        super().__init__()
        self.graph = graph

    @classmethod
    def from_assets(cls, path: Path = ASSET, learnt: bool = False) -> BlazePoseEncoder:
        """Read the network that ships with the extension. Raises UserError if it is missing."""
        return cls(GraphNet.from_file(path, learnt))

    def forward(
        self, images: Tensor, names: Sequence[str] = tuple(MAP_CHANNELS)
    ) -> BlazePoseOutput:
        """images: [P,3,256,256] RGB 0..1. names: of the maps that are wanted."""
        wanted = ["landmarks", "world_landmarks", "person_score"]
        values = self.graph(images, [*wanted, *names])
        maps = {name: _pooled(name, values[name]) for name in names}
        return BlazePoseOutput(
            landmarks=values["landmarks"].reshape(-1, LANDMARK_COUNT, 5),
            world=values["world_landmarks"].reshape(-1, LANDMARK_COUNT, 3),
            score=values["person_score"].reshape(-1),
            maps=maps,
        )


def _pooled(name: str, value: Tensor) -> Tensor:
    return functional.avg_pool2d(value, _POOLING.get(name, 1))


class BlazePoseBackbone(nn.Module):
    """images [P,3,256,256] RGB 0..1 -> features [P,channels,8,8]; only the neck has state."""

    name = "blazepose_heavy"
    crop_side = CROP_SIDE
    stride = STRIDE
    learnt = False

    def __init__(self, encoder: BlazePoseEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.neck = LandmarkNeck(MAP_CHANNELS)
        self.channels = self.neck.channels

    @classmethod
    def from_assets(cls) -> BlazePoseBackbone:
        """With the network that ships with the extension and an untrained neck."""
        return cls(BlazePoseEncoder.from_assets(learnt=cls.learnt))

    def frozen(self, images: Tensor) -> BlazePoseOutput:
        """What the landmark network says about images, as it is given to `maps`."""
        return self.encoder(images)

    def maps(self, frozen: dict[str, Tensor]) -> dict[str, Tensor]:
        """The neck's maps from those of the landmark network."""
        return frozen

    def forward(self, images: Tensor) -> Tensor:
        output = self.frozen(images)
        return self.neck(self.maps(output.maps), output.landmarks, output.world)


class TunedBlazePoseBackbone(BlazePoseBackbone):
    """The same with a landmark network of its own, which is state, too."""

    name = "blazepose_heavy_tuned"
    learnt = True


class AdaptedBlazePoseBackbone(BlazePoseBackbone):
    """The same with a second, adapted run of the encoder's later layers. Landmarks, and the maps
    that they come from, stay the frozen network's."""

    name = "blazepose_heavy_adapted"

    def __init__(self, encoder: BlazePoseEncoder) -> None:
        super().__init__(encoder)
        self.adapter = Adapter(encoder.graph, _EARLY, ADAPTED)

    def frozen(self, images: Tensor) -> BlazePoseOutput:
        kept = [name for name in MAP_CHANNELS if name not in ADAPTED]
        return self.encoder(images, [_EARLY, *kept])

    def maps(self, frozen: dict[str, Tensor]) -> dict[str, Tensor]:
        kept = {name: value for name, value in frozen.items() if name != _EARLY}
        adapted = self.adapter(frozen[_EARLY])
        return kept | {name: _pooled(name, value) for name, value in adapted.items()}
