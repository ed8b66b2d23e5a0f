# SPDX-License-Identifier: GPL-3.0-or-later
"""The paper's comparisons (its section 5) on synthetic people: one thing varies, all else, crops
and seeds included, stays."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ..loop.assembly import open_run
from ..loop.caching import cache_features
from ..loop.curves import Table
from ..loop.features import CachedCrops
from ..loop.run_file import RunSettings
from ..loop.step import seed_of
from .withheld import Annotation, WithheldTruth

Topic = Literal["encodings", "losses", "data"]
EVERYTHING: tuple[Annotation, ...] = ("mesh",)


@dataclass(frozen=True)
class Variant:
    """One row of a table: its name, its settings, and what is annotated of the crops."""

    name: str
    settings: RunSettings
    annotations: tuple[Annotation, ...] = EVERYTHING


def variants(topic: Topic, base: RunSettings) -> list[Variant]:
    """The rows of a comparison, as variations of the same settings."""
    if topic == "encodings":
        rows = (
            ("plain coordinates", "coordinates"),
            ("global point signature", "gps"),
            ("learnable Fourier, started from it", "fourier_gps"),
        )
        return [
            Variant(name, replace(base, model=replace(base.model, encoding=encoding)))
            for name, encoding in rows
        ]
    if topic == "losses":
        rows = (("Euclidean", "euclidean"), ("NLL", "nll"), ("beta-NLL", "beta_nll"))
        return [
            Variant(name, replace(base, loss=replace(base.loss, kind=kind))) for name, kind in rows
        ]
    return [
        Variant("mesh only", base, ("mesh",)),
        Variant("3D skeleton only", base, ("skeleton",)),
        Variant("2D skeleton only", base, ("pixels",)),
        Variant("all three, a third of the crops each", base, ("mesh", "skeleton", "pixels")),
    ]


def run_ablation(
    topic: Topic, base: RunSettings, folder: Path, seeds: int, device: torch.device
) -> list[dict[str, object]]:
    """Train every variant with every seed, or go on with it, and give each one's figures: the mean
    over seeds by name, and their standard deviations if there are several."""
    cache_features(base, device)
    results = []
    for row, variant in enumerate(variants(topic, base)):
        figures = []
        for seed in range(seeds):
            settings = _seeded(variant.settings, seed)
            print(f"{topic}: {variant.name}, seed {seed}", file=sys.stderr, flush=True)
            place = folder / topic / f"{row}_{seed}"
            figures.append(_train(replace(variant, settings=settings), place, device))
        results.append({"name": variant.name, **_summary(figures)})
    return results


def _seeded(settings: RunSettings, seed: int) -> RunSettings:
    """The settings with a seed of their own for weights and steps; the crops stay."""
    return replace(settings, training=replace(settings.training, seed=seed_of(0, seed) % 2**31))


def _train(variant: Variant, folder: Path, device: torch.device) -> dict[str, float]:
    """The held-out figures at a run's end."""
    sitting = open_run(variant.settings, folder, resume=True, device=device)
    if variant.annotations != EVERYTHING:
        assert variant.settings.data.features is not None
        leading = CachedCrops(Path(variant.settings.data.features.folder)).leading
        sitting.source = WithheldTruth(sitting.source, variant.annotations, leading)
    sitting.run()
    return Table(folder / "curves" / "validation.csv").rows()[-1]


def _summary(figures: Sequence[dict[str, float]]) -> dict[str, object]:
    names = [name for name in figures[0] if name != "step"]
    means = {name: float(np.mean([row[name] for row in figures])) for name in names}
    if len(figures) == 1:
        return {"mean": means}
    spread = {name: float(np.std([row[name] for row in figures], ddof=1)) for name in names}
    return {"mean": means, "standard_deviation": spread}
