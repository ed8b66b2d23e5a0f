# SPDX-License-Identifier: GPL-3.0-or-later
"""How many synthetic crops or scenes a second the renderer draws, and what each step of it costs.

python build.py bench render [--device DEVICE] [--threads N] [--crops N | --scenes N] [--side PX]
                             [--batch N] [--wardrobe FILE] [--motions FILE...] [--json FILE]

One process; a CPU uses one thread unless told otherwise. Arranging people is numpy's work on every
device; drawing is torch's. Nothing is written: encoding and writing a crop are measured alone. The
processor's time is that of this process: on a busy machine it says more than the clock.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from nlf_blender.worker.training.datasets.layout import DatasetInfo
from nlf_blender.worker.training.datasets.shard_writer import DatasetWriter
from nlf_blender.worker.training.synthetic.annotated import examples_of
from nlf_blender.worker.training.synthetic.render_set import Renderer, RenderPlan, read_motions

from . import report
from .report import Row, number, say

HEAD = ["step", "ms", "ms of the processor"]


class Watch:
    """Sums the time of steps, by clock and by processor."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.clock: dict[str, float] = defaultdict(float)
        self.processor: dict[str, float] = defaultdict(float)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is done inside, the device's part of it included."""
        began, spent = time.perf_counter(), time.process_time()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.clock[name] += time.perf_counter() - began
        self.processor[name] += time.process_time() - spent

    def rows(self, pictures: int) -> list[Row]:
        """Milliseconds a picture."""
        names = [*self.clock, "all"]
        clock = {**self.clock, "all": sum(self.clock.values())}
        processor = {**self.processor, "all": sum(self.processor.values())}
        scale = 1e3 / pictures
        return [
            {
                "step": name,
                "ms": clock[name] * scale,
                "ms of the processor": processor[name] * scale,
            }
            for name in names
        ]


def plan_of(options: argparse.Namespace, folder: Path) -> RenderPlan:
    """What is drawn."""
    return RenderPlan(
        folder,
        options.scenes or options.crops,
        scenes=options.scenes is not None,
        side=options.side,
        wardrobe=options.wardrobe,
        motions=tuple(options.motions),
    )


def measure(options: argparse.Namespace, device: torch.device, folder: Path) -> list[Row]:
    """Draw and write the pictures, batch by batch, after one that warms up."""
    plan = plan_of(options, folder)
    renderer = Renderer(plan, read_motions(plan.motions, plan.split), device)
    batch = options.batch or renderer.at_once
    watch, people = Watch(device), 0

    def draw(first: int, step: Callable, keep: DatasetWriter | None) -> int:
        numbers = range(first, first + batch)
        with step("arrange people"):
            cast = renderer.cast(numbers)
        with step("dress and draw them"):
            pictures = renderer.studio.draw(cast)
        with step("truth"):
            examples = list(examples_of(renderer.studio, pictures, plan.scenes))
        if keep is not None:
            with step("encode and write"):
                for example in examples:
                    keep.add(example)
        return len(cast.people.picture)

    draw(0, Watch(device).step, None)
    with DatasetWriter(folder, DatasetInfo("bench", body_kinds=("open",))) as writer:
        for first in range(batch, batch + plan.count, batch):
            people += draw(first, watch.step, writer)
    drawn = -(-plan.count // batch) * batch
    rows = watch.rows(drawn)
    per_second = 1e3 / rows[-1]["ms"]
    what = "scenes of 1280x720" if plan.scenes else f"crops of {plan.side} px"
    say(f"{what}, {batch} at once, {people / drawn:.2f} people each: {per_second:.1f} a second")
    return rows


def main() -> None:
    """Print the table."""
    from nlf_blender.worker.device import select_device

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--crops", type=int, default=64)
    what.add_argument("--scenes", type=int)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, help="pictures at once (default: as when rendering)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--wardrobe", type=Path)
    parser.add_argument("--motions", type=Path, nargs="+", default=())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options, select_device(options.device), Path(folder))
    if options.json:
        report.write_json(rows, options.json)
    lines = [[row["step"], *(number(row[key]) for key in HEAD[1:])] for row in rows]
    print(report.table(HEAD, lines))


if __name__ == "__main__":
    main()
