# SPDX-License-Identifier: GPL-3.0-or-later
"""What is trained, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Backbone = Literal[
    "blazepose_heavy",
    "blazepose_heavy_adapted",
    "blazepose_heavy_tuned",
    "efficientnet_v2_s",
    "tiny",
]
Encoding = Literal["coordinates", "gps", "fourier_gps"]


@dataclass(frozen=True)
class LandmarkSettings:
    """What training does to what BlazePose's neck is given; shares are of crops.

    drop_maps, drop_landmarks: shares that go without; none goes without both. corrected: share
    whose landmarks are moved towards the truth, by up to `largest` of their error; noise_px and
    noise_m: standard deviations that are added to all.
    """

    drop_maps: float = 0.25
    drop_landmarks: float = 0.08
    corrected: float = 0.5
    largest: float = 0.8
    noise_px: float = 1.5
    noise_m: float = 0.01

    def __post_init__(self) -> None:
        shares = (self.drop_maps, self.drop_landmarks, self.corrected, self.largest)
        if not all(0 <= share <= 1 for share in shares) or sum(shares[:2]) > 1:
            raise ValueError("shares are from 0 to 1, and those left out at most 1 together")
        if min(self.noise_px, self.noise_m) < 0:
            raise ValueError("noise_px and noise_m are 0 or more")


@dataclass(frozen=True)
class ModelSettings:
    """backbone: `blazepose_heavy` is frozen but for its neck, `blazepose_heavy_adapted` has small
    learnt changes of its later layers as well, `blazepose_heavy_tuned` is the same network trained,
    its own landmarks kept by distillation; the others start from nothing.
    encoding: of canonical points, frozen `gps`, `fourier_gps` that starts as it and is learnt, or
    learnt layers on plain `coordinates`. aligned: crops are turned until hips to head point up.

    backbone_rate, adapter_rate, encoding_rate, joint_rate: shares of the learning rate for weights
    of a backbone that start trained, for what is added to a frozen one, for an encoding that starts
    trained, and for the places of learnt joints (metres). BlazePose's own weights bear very little:
    its norms were folded into its layers. distillation: weight of the landmarks'
    distance from the untuned network's, measured on a share `distilled` of a step's crops.
    untuned_layers: share of the tuned network's layers, from the picture on, that stay as they are.
    Both make tuning quicker.
    """

    backbone: Backbone = "blazepose_heavy"
    encoding: Encoding = "gps"
    aligned: bool = True
    backbone_rate: float = 0.002
    adapter_rate: float = 0.3
    encoding_rate: float = 0.1
    joint_rate: float = 0.1
    distillation: float = 1.0
    distilled: float = 0.5
    untuned_layers: float = 0.0
    landmarks: LandmarkSettings = field(default_factory=LandmarkSettings)

    def __post_init__(self) -> None:
        if self.backbone.startswith("blazepose") and not self.aligned:
            raise ValueError(f"{self.backbone} wants aligned crops")
        if not 0 <= self.untuned_layers <= 1 or not 0 < self.distilled <= 1:
            raise ValueError("untuned_layers and distilled are shares from 0 to 1")
        rates = (
            self.backbone_rate,
            self.adapter_rate,
            self.encoding_rate,
            self.joint_rate,
            self.distillation,
        )
        if min(rates) < 0:
            raise ValueError("rates and weights are 0 or more")
