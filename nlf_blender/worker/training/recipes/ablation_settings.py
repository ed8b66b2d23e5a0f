# SPDX-License-Identifier: GPL-3.0-or-later
"""What all trainings of a comparison have in common: sets, crops, cached backbone, schedule."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

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
from ..loop.telling import progress_printer
from ..synthetic.render_set import RenderPlan, render_set
from .default_model import BACKGROUND

SEED, HELD_OUT_SEED = 101, 102
CACHED_POINTS = 640


def ablation_settings(options: argparse.Namespace, device: torch.device) -> RunSettings:
    """The settings that every variant starts from; sets that were not given are rendered."""
    train = options.set or _rendered(options, "train", device)
    held_out = options.held_out or _rendered(options, "held-out", device)
    every = max(1, options.steps // 4)
    return RunSettings(
        format=FORMAT,
        version=VERSION,
        name=f"comparison of {options.topic}",
        data=DataSettings(
            sets=(SetSettings(str(train.resolve())),),
            crops_per_step=32,
            workers=options.workers,
            crops=CropSettings(CACHED_POINTS, shared_points=True, background=BACKGROUND),
            features=FeatureSettings(str((options.work / "features").resolve()), options.crops),
        ),
        validation=ValidationSettings(
            sets=(SetSettings(str(held_out.resolve())),),
            crops=options.held_out_crops,
            features=str((options.work / "held_out_features").resolve()),
        ),
        training=LoopSettings(
            steps=options.steps,
            optimizer=OptimizerSettings(learning_rate=1.5e-3),
            average_decay=0.99,
            output=OutputSettings(trial_every=options.steps, checkpoint_every=every, keep=1),
        ),
    )


def _rendered(options: argparse.Namespace, split: str, device: torch.device) -> Path:
    """A set of synthetic people in the work folder."""
    held_out = split == "held-out"
    plan = RenderPlan(
        out=options.work / split,
        count=options.held_out_crops if held_out else options.crops,
        seed=HELD_OUT_SEED if held_out else SEED,
        split=split,
        wardrobe=options.wardrobe,
        motions=tuple(options.motions),
    )
    render_set(plan, device, max(1, options.workers), progress_printer(split))
    return plan.out
