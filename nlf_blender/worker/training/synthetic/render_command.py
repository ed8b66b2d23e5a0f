# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train render`: synthetic people as a dataset folder."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ....errors import UserError
from ..loop.run_command import add_machine_options, set_machine

LEAST_SIDE, MOST_CROP, MOST_SCENE = 32, 1024, 4096  # pixels; more would not fit into memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the dataset")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--crops", type=int, help="so many crops of one person each")
    what.add_argument("--scenes", type=int, help="so many whole pictures of several people")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same set")
    parser.add_argument("--split", choices=("train", "held-out"), default="train")
    parser.add_argument("--side", type=int, default=320, help="of crops, pixels (default: 320)")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(1280, 720), metavar=("WIDTH", "HEIGHT"),
        help="of scenes, pixels (default: 1280 720)",
    )  # fmt: skip
    parser.add_argument("--wardrobe", type=Path, help="clothes and hair made by `train wardrobe`")
    parser.add_argument(
        "--motions", type=Path, nargs="+", default=(), metavar="FILE",
        help="archives of motion capture, or one file of `train poses`; else poses are drawn alone",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="processes that render")
    add_machine_options(parser)


def run(options: argparse.Namespace) -> int:
    """Render what is missing of the set, and print how many crops a second that made."""
    import torch

    from ...progress import Progress
    from ...progress_line import ProgressLine
    from .render_set import RenderPlan, render_set

    _check(options)
    device = set_machine(options)
    if device.type == "mps":  # has no scatter of 64-bit integers, which the rasteriser needs
        device = torch.device("cpu")
    plan = RenderPlan(
        out=options.out,
        count=options.scenes or options.crops,
        seed=options.seed,
        split=options.split,
        scenes=options.scenes is not None,
        side=options.side,
        size=tuple(options.size),
        wardrobe=options.wardrobe,
        motions=tuple(options.motions),
    )
    progress = Progress(ProgressLine().show)
    counts: list[tuple[float, int]] = []

    def on_progress(done: int, total: int) -> None:
        counts.append((time.monotonic(), done))
        progress.step("Rendering", done, total)

    total = render_set(plan, device, options.workers, on_progress)
    (began, before), (ended, after) = counts[0], counts[-1]
    rate = f", {(after - before) / (ended - began):.1f} a second" if after > before else ""
    print(f"{plan.out}: {total} {'scenes' if plan.scenes else 'crops'}{rate}")
    return 0


def _check(options: argparse.Namespace) -> None:
    least = {"--crops": options.crops, "--scenes": options.scenes, "--workers": options.workers}
    sides = {"--side": ([options.side], MOST_CROP), "--size": (options.size, MOST_SCENE)}
    wrong = [f"{name} {value}" for name, value in least.items() if value is not None and value < 1]
    wrong += [
        f"{name} {' '.join(map(str, values))}"
        for name, (values, most) in sides.items()
        if min(values) < LEAST_SIDE or max(values) > most
    ]
    if options.seed < 0:
        wrong.append(f"--seed {options.seed}")
    if wrong:
        raise UserError(
            "Nothing to render",
            f"These options cannot be: {', '.join(wrong)}.",
            f"Ask for at least one picture and worker, of {LEAST_SIDE} to {MOST_CROP} pixels a "
            f"side ({MOST_SCENE} for scenes).",
        )
