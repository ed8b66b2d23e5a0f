# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train default-model`: the model that ships, from nothing to its file."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..loop.run_command import STOPPED, add_machine_options, set_machine

SIZES = {
    "crops": "synthetic crops to render",
    "held_out": "further ones that are only tried",
    "cached": "crops whose features are cached (cpu)",
    "steps": "of training",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--on", choices=("cpu", "gpu"), required=True, help="which recipe")
    parser.add_argument("--work", type=Path, required=True, help="folder for all between")
    parser.add_argument("--out", type=Path, help="the model's file (default: in --work)")
    parser.add_argument("--wardrobe", type=Path, help="clothes and hair, by `train wardrobe`")
    parser.add_argument(
        "--motions", type=Path, nargs="+", default=[], metavar="ARCHIVE", help="motion capture"
    )
    others = max(1, (os.cpu_count() or 2) - 1)
    parser.add_argument(
        "--workers", type=int, default=others, help=f"processes beside the main (default {others})"
    )
    for name, text in SIZES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, help=text)
    add_machine_options(parser)


def run(options: argparse.Namespace) -> int:
    """Do what is not done yet. Returns 0 once all is, STOPPED if it was stopped before."""
    from dataclasses import replace

    from .counts import require_counts
    from .default_model import CPU, GPU
    from .default_model_stages import Kitchen, cpu_stages, gpu_stages
    from .stages import run_stages

    require_counts(options, {**dict.fromkeys(SIZES, 1), "workers": 0})
    device = set_machine(options)
    given = {name: getattr(options, name) for name in SIZES}
    asked = {name: value for name, value in given.items() if value is not None}
    work = options.work.resolve()
    kitchen = Kitchen(
        work=work,
        wardrobe=options.wardrobe,
        motions=tuple(options.motions),
        workers=options.workers,
        device=device,
        again="the same command again",
    )
    out = options.out or work / "default_model.safetensors"
    if options.on == "cpu":
        stages = cpu_stages(kitchen, replace(CPU, **asked), out)
    else:
        stages = gpu_stages(kitchen, replace(GPU, **asked), out)
    return 0 if run_stages(stages, work) else STOPPED
