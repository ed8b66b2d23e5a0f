# SPDX-License-Identifier: GPL-3.0-or-later
"""Default model v1: what it is trained on and how, on two cores and on a GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ...assets import ASSETS
from ..crops.background import BackgroundSettings
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
from ..loop.settings import LoopSettings, OptimizerSettings, OutputSettings, ScheduleSettings
from ..model.settings import ModelSettings

NAME = "default model v1"
V0 = ASSETS / "default_model.safetensors"
CACHED_POINTS = 640
HELD_OUT_TRIED = 400
BACKGROUND = BackgroundSettings(share=0.1)  # rendered crops have backgrounds of their own
UNTUNED_ON_CPU = 0.35  # the layers up to maps of 8x8, three quarters of a crop's time


@dataclass(frozen=True)
class Sizes:
    """How much of everything. crops, held_out: rendered. cached: crops whose features are cached,
    more than `crops` are further variations. steps: with a frozen backbone. tune_steps: with one
    that learns."""

    crops: int
    held_out: int
    cached: int
    steps: int
    tune_steps: int


# Two cores and two hours; the README of training has what each stage takes.
CPU = Sizes(crops=42_000, held_out=600, cached=46_000, steps=7_500, tune_steps=800)
GPU = Sizes(crops=220_000, held_out=2_000, cached=0, steps=0, tune_steps=40_000)


def cpu_settings(work: Path, sizes: Sizes, workers: int) -> RunSettings:
    """Neck, head and field on cached features of the frozen BlazePose, from v0's weights."""
    return RunSettings(
        format=FORMAT,
        version=VERSION,
        name=NAME,
        data=DataSettings(
            sets=(SetSettings(str(work / "train")),),
            crops_per_step=32,
            workers=workers,
            crops=CropSettings(CACHED_POINTS, shared_points=True, background=BACKGROUND),
            features=FeatureSettings(str(work / "features"), sizes.cached),
        ),
        validation=ValidationSettings(
            sets=(SetSettings(str(work / "held_out")),),
            crops=min(sizes.held_out, HELD_OUT_TRIED),
            features=str(work / "held_out_features"),
        ),
        model=ModelSettings(backbone="blazepose_heavy"),
        training=LoopSettings(
            steps=sizes.steps,
            optimizer=OptimizerSettings(learning_rate=1.5e-3),
            average_decay=0.998,
            output=OutputSettings(trial_every=max(1, sizes.steps // 10)),
        ),
        start=str(V0),
    )


def cpu_tuning(work: Path, sizes: Sizes, workers: int) -> RunSettings:
    """With the later layers of BlazePose, at a low rate, from what `cpu_settings` gave."""
    before = cpu_settings(work, sizes, workers)
    return replace(
        before,
        data=replace(
            before.data,
            crops_per_step=16,
            crops=CropSettings(128, background=BACKGROUND),
            features=None,
        ),
        validation=replace(before.validation, features=None, crops=min(sizes.held_out, 100)),
        model=ModelSettings(
            backbone="blazepose_heavy_tuned", untuned_layers=UNTUNED_ON_CPU, distilled=0.25
        ),
        training=LoopSettings(
            steps=sizes.tune_steps,
            optimizer=OptimizerSettings(learning_rate=4e-4),
            schedule=ScheduleSettings(warmup=0.3),  # a sudden start wrecks the landmarks
            average_decay=0.99,
            output=OutputSettings(trial_every=max(1, sizes.tune_steps // 4), checkpoint_every=50),
        ),
        start=str(work / "frozen"),
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
            crops=CropSettings(CACHED_POINTS, background=BACKGROUND),
        ),
        validation=ValidationSettings(
            sets=(SetSettings(str(work / "held_out")),), crops=min(sizes.held_out, HELD_OUT_TRIED)
        ),
        model=ModelSettings(backbone="blazepose_heavy_tuned"),
        training=LoopSettings(
            steps=sizes.tune_steps,
            optimizer=OptimizerSettings(learning_rate=1e-3),
            average_decay=0.9995,
            precision="float16",
            output=OutputSettings(
                curves_every=100,
                trial_every=max(1, sizes.tune_steps // 20),
                checkpoint_every=1000,
            ),
        ),
        start=str(V0),
    )
