# SPDX-License-Identifier: GPL-3.0-or-later
"""Default model v1: what it is trained on and how, on two cores and on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...assets import ASSETS
from ..crops.background import BackgroundSettings
from ..crops.geometry import GeometrySettings
from ..crops.settings import CropSettings
from ..loop.run_file import (
    FORMAT,
    VERSION,
    DataSettings,
    FeatureSettings,
    RunSettings,
    SetSettings,
    ValidationSettings,
)
from ..loop.settings import LoopSettings, OptimizerSettings, OutputSettings
from ..model.settings import ModelSettings

NAME = "default model v1"
SHIPPED = ASSETS / "default_model.safetensors"
CACHED_POINTS = 640
HELD_OUT_TRIED = 400
BACKGROUND = BackgroundSettings(share=0.1)  # rendered crops have backgrounds of their own
# So far the finder's frames scatter about those of training (`crops/placement.py`).
GEOMETRY = GeometrySettings(size=0.14, shift=0.04)


@dataclass(frozen=True)
class Sizes:
    """How much of everything. crops, held_out: rendered. cached: crops whose features are cached, 0
    without a cache; more than `crops` are further variations. steps: of training."""

    crops: int
    held_out: int
    cached: int
    steps: int


# Two cores and two hours; the README of training has what each stage takes.
CPU = Sizes(crops=28_000, held_out=600, cached=28_000, steps=800)
CPU_PARTS = 2  # of a step
GPU = Sizes(crops=220_000, held_out=2_000, cached=0, steps=40_000)


def cpu_settings(work: Path, sizes: Sizes, workers: int) -> RunSettings:
    """Neck, head, field and what is added to BlazePose's later layers, on cached features of its
    frozen ones, from the weights of the model that ships."""
    return RunSettings(
        format=FORMAT,
        version=VERSION,
        name=NAME,
        data=DataSettings(
            sets=(SetSettings(str(work / "train")),),
            crops_per_step=64,
            workers=workers,
            crops=_crops(shared_points=True),
            features=FeatureSettings(str(work / "features"), sizes.cached),
        ),
        validation=ValidationSettings(
            sets=(SetSettings(str(work / "held_out")),),
            crops=min(sizes.held_out, HELD_OUT_TRIED),
            features=str(work / "held_out_features"),
        ),
        model=ModelSettings(backbone="blazepose_heavy_adapted"),
        training=LoopSettings(
            steps=sizes.steps,
            optimizer=OptimizerSettings(learning_rate=1.5e-3),
            average_decay=0.998,
            parts=CPU_PARTS,
            output=OutputSettings(trial_every=max(1, sizes.steps // 10)),
        ),
        start=str(SHIPPED),
    )


def gpu_settings(work: Path, sizes: Sizes, workers: int) -> RunSettings:
    """End to end at once, in float16: BlazePose's weights want its digits more than bfloat16's
    range."""
    return RunSettings(
        format=FORMAT,
        version=VERSION,
        name=NAME,
        data=DataSettings(
            sets=(SetSettings(str(work / "train")),),
            crops_per_step=96,
            workers=workers,
            crops=_crops(shared_points=False),
        ),
        validation=ValidationSettings(
            sets=(SetSettings(str(work / "held_out")),), crops=min(sizes.held_out, HELD_OUT_TRIED)
        ),
        model=ModelSettings(backbone="blazepose_heavy_tuned"),
        training=LoopSettings(
            steps=sizes.steps,
            optimizer=OptimizerSettings(learning_rate=1e-3),
            average_decay=0.9995,
            precision="float16",
            output=OutputSettings(
                curves_every=100,
                trial_every=max(1, sizes.steps // 20),
                checkpoint_every=1000,
            ),
        ),
        start=str(SHIPPED),
    )


def _crops(shared_points: bool) -> CropSettings:
    return CropSettings(CACHED_POINTS, shared_points, geometry=GEOMETRY, background=BACKGROUND)
