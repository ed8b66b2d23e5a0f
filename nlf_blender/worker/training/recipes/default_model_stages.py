# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages that make default model v1, on two cores or on a GPU."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from ....protocol.files import write_whole
from ....protocol.settings import LocalizeSettings
from ...engine import Engine
from ...evaluation.evaluate import evaluate
from ...evaluation.found import RunOptions
from ...evaluation.report import report_lines
from ...evaluation.sources import open_source
from ...progress import Progress
from ...progress_line import ProgressLine
from ..loop.assembly import open_run, open_trial
from ..loop.caching import cache_features
from ..loop.export import averaged_model, export_run
from ..loop.run_command import sit
from ..loop.run_file import RunSettings
from ..loop.run_folder import SETTINGS
from ..loop.telling import progress_printer, say
from ..plain_settings import read_settings, settings_text
from ..synthetic.render_set import RenderPlan, render_set
from .adult_size import adult_size
from .default_model import Sizes, cpu_settings, gpu_settings
from .stages import Stage

TRAIN_SEED, HELD_OUT_SEED = 5, 2  # the model that ships has seen the people of 1, 3 and 4
ADAPTED_LICENSE = "GPL-3.0-or-later; needs blazepose_heavy.safetensors (Apache-2.0)"
TUNED_LICENSE = "GPL-3.0-or-later; holds a tuned BlazePose (Apache-2.0)"
# Seconds of one core (the README of training says of which), for estimates.
RENDERED_CROP, MADE_CROP, SEEN_CROP, ADAPTED_STEP = 0.1, 0.015, 0.055, 3.2
EVALUATED_PERSON = 0.5


@dataclass(frozen=True)
class Kitchen:
    """Where the stages work and with what. wardrobe, motions: of the renderer. again: what
    the user is told to give to go on."""

    work: Path
    wardrobe: Path | None
    motions: tuple[Path, ...]
    workers: int
    device: torch.device
    again: str


def cpu_stages(kitchen: Kitchen, sizes: Sizes, out: Path) -> list[Stage]:
    """Render, cache, train what is not frozen, export, evaluate."""
    settings = cpu_settings(kitchen.work, sizes, kitchen.workers)
    cores = max(1, min(kitchen.workers + 1, torch.get_num_threads()))
    parts = min(settings.training.parts, torch.get_num_threads())
    return [
        *_render_stages(kitchen, sizes, RENDERED_CROP / cores),
        Stage(
            "features",
            _essence(settings),
            sizes.cached * (MADE_CROP + SEEN_CROP) / cores,
            lambda: _cached(settings, kitchen),
        ),
        _train_stage(kitchen, "adapted", settings, sizes.steps * ADAPTED_STEP / parts),
        *_last_stages(kitchen, "adapted", out, ADAPTED_LICENSE, sizes.held_out * EVALUATED_PERSON),
    ]


def gpu_stages(kitchen: Kitchen, sizes: Sizes, out: Path) -> list[Stage]:
    """Render, train end to end, export, evaluate. Nothing of it was timed yet."""
    settings = gpu_settings(kitchen.work, sizes, kitchen.workers)
    return [
        *_render_stages(kitchen, sizes, None),
        _train_stage(kitchen, "tuned", settings, None),
        *_last_stages(kitchen, "tuned", out, TUNED_LICENSE, None),
    ]


def _render_stages(kitchen: Kitchen, sizes: Sizes, pace: float | None) -> list[Stage]:
    """pace: seconds a crop."""

    def stage(name: str, count: int, seed: int, split: str) -> Stage:
        plan = RenderPlan(
            out=kitchen.work / name,
            count=count,
            seed=seed,
            split=split,
            wardrobe=kitchen.wardrobe,
            motions=kitchen.motions,
        )
        seconds = None if pace is None else count * pace
        return Stage(f"render {name}", asdict(plan), seconds, lambda: _rendered(plan, kitchen))

    return [
        stage("held_out", sizes.held_out, HELD_OUT_SEED, "held-out"),
        stage("train", sizes.crops, TRAIN_SEED, "train"),
    ]


def _train_stage(
    kitchen: Kitchen, name: str, settings: RunSettings, seconds: float | None
) -> Stage:
    return Stage(
        f"train {name}", _essence(settings), seconds, lambda: _trained(name, settings, kitchen)
    )


def _last_stages(
    kitchen: Kitchen, run: str, out: Path, license: str, evaluation: float | None
) -> list[Stage]:
    return [
        Stage("export", [run, str(out)], 5.0, lambda: _exported(kitchen, run, out, license)),
        Stage("evaluate", str(out), evaluation, lambda: _evaluated(kitchen, out)),
    ]


def _essence(settings: RunSettings) -> object:
    """What decides a run's result."""
    return asdict(replace(settings, data=replace(settings.data, workers=0)))


def _rendered(plan: RenderPlan, kitchen: Kitchen) -> bool:
    processes = 1 if kitchen.device.type == "cuda" else kitchen.workers + 1
    render_set(plan, kitchen.device, processes, progress_printer(plan.out.name))
    return True


def _cached(settings: RunSettings, kitchen: Kitchen) -> bool:
    cache_features(settings, kitchen.device)
    return True


def _trained(name: str, settings: RunSettings, kitchen: Kitchen) -> bool:
    path = kitchen.work / f"{name}.json"
    write_whole(path, settings_text(settings).encode())
    sitting = open_run(settings, kitchen.work / name, resume=True, device=kitchen.device)
    return sit(sitting, kitchen.again) == 0


def _exported(kitchen: Kitchen, run: str, out: Path, license: str) -> bool:
    """With the size of adults made up for."""
    folder = kitchen.work / run
    model = averaged_model(folder)[0].to(kitchen.device)
    held_out = open_trial(read_settings(RunSettings, folder / SETTINGS), model, kitchen.device)
    size = 1.0 if held_out is None else adult_size(model, held_out)
    export_run(folder, out, None, license, size)
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB; adults came out at {size:.3f} of their size")
    return True


def _evaluated(kitchen: Kitchen, out: Path) -> bool:
    source = open_source(kitchen.work / "held_out", None)
    settings = LocalizeSettings(model=str(out), device=str(kitchen.device))
    progress = Progress(listener=ProgressLine().show)
    outcome = evaluate(source, Engine().models(settings), RunOptions(), progress, None)
    result = outcome.to_json()
    write_whole(kitchen.work / "evaluation.json", json.dumps(result, indent=1).encode())
    say("\n".join(report_lines(result)))
    return not outcome.cancelled
