# SPDX-License-Identifier: GPL-3.0-or-later
"""Conversion between two body models: ours by iterations, and an optimiser by steps.

python build.py bench convert [--json FILE] [--markdown FILE] [--frames N] [--quick] [--threads N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from body_examples import OPEN_BODY
from torch import Tensor

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.conversion.convert import LEAST_CONFIDENCE, convert
from nlf_blender.worker.smpl.conversion.correspondence import (
    Correspondence,
    closest_surface_correspondence,
)
from nlf_blender.worker.smpl.fitting.fit import FitSettings

from . import report
from .convert_rival import EdgeOptimiser
from .report import Row, number, say
from .sampling import BETAS, MEAN_TURN, Solution, draw_people
from .second_body import second_body

ITERATIONS = (1, 2, 3, 4, 7)  # 4 by default; 7 shows that nothing is left to gain
STEPS = (10, 30, 100, 300)  # of the optimiser, in each of its three stages, at most
QUICK_STEPS = (10,)
TIMED_FRAMES = 256  # ours is timed on a motion this long; the optimiser takes frame by frame
ROUNDS = 3  # of ours; the median counts


@dataclass(frozen=True)
class Side:
    """A body, and where its vertices lie on the other one's surface."""

    name: str
    model: BodyModel
    on_other: Correspondence

    @property
    def confident(self) -> Tensor:
        """The vertices [N] with a counterpart."""
        return torch.from_numpy(self.on_other.confidence >= LEAST_CONFIDENCE).nonzero()[:, 0]


class Ours:
    """Our conversion with so many least-squares solves."""

    def __init__(self, iterations: int) -> None:
        self.name = f"ours, {iterations} iteration{'s' if iterations > 1 else ''}"
        self.settings = FitSettings(iterations=iterations, beta_count=BETAS)

    def convert(self, motion: Solution, source: Side, target: Side) -> Solution:
        """The motion as one of the target; each frame has its own shape, as the rival's have."""
        found = convert(*motion, source.model, target.model, target.on_other, self.settings)
        return Solution(found.pose, found.betas, found.translation)

    def timed(self, motion: Solution, source: Side, target: Side) -> tuple[Solution, float]:
        """The converted motion, and seconds per frame: those of the motion over and over again."""
        times = -(-TIMED_FRAMES // len(motion.pose))
        long = Solution(*(part.repeat(times, *[1] * (part.ndim - 1)) for part in motion))
        spent = [_seconds(lambda: self.convert(long, source, target)) for _ in range(ROUNDS)]
        seconds = statistics.median(spent) / len(long.pose)
        return self.convert(motion, source, target), seconds


class Rival:
    """The optimiser with so many steps in each stage."""

    def __init__(self, steps: int) -> None:
        self.name = f"optimiser, 3 x {steps} steps"
        self.steps = steps

    def convert(self, motion: Solution, source: Side, target: Side) -> Solution:
        """The motion as one of the target, frame by frame."""
        confidence = torch.from_numpy(target.on_other.confidence).float()
        optimiser = EdgeOptimiser(target.model, confidence, self.steps, BETAS)
        every = torch.arange(len(confidence))
        root = motion.pose[:, source.model.parents.index(-1)]
        return optimiser.fit(aims_of(motion, source, target, every), root)

    def timed(self, motion: Solution, source: Side, target: Side) -> tuple[Solution, float]:
        """The converted motion, and seconds per frame."""
        began = time.perf_counter()
        found = self.convert(motion, source, target)
        return found, (time.perf_counter() - began) / len(motion.pose)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def aims_of(motion: Solution, source: Side, target: Side, vertices: Tensor) -> Tensor:
    """Where the source has these vertices [N] of the target: [T,N,3]."""
    carried = target.on_other.rows(vertices)
    return carried.of(source.model(*motion, vertex_subset=carried.used).vertices)


def measure(way: Ours | Rival, motion: Solution, source: Side, target: Side) -> Row:
    """Convert there, and the result back."""
    found, seconds = way.timed(motion, source, target)
    aims = aims_of(motion, source, target, target.confident)
    own = target.model(*found, vertex_subset=target.confident).vertices
    back = way.convert(found, target, source)
    first, last = (source.model(*item).vertices for item in (motion, back))
    return {
        "case": f"{source.name} to {target.name}",
        "way": way.name,
        "frames": len(motion.pose),
        "ms": 1000 * seconds,
        "vertex_mm": 1000 * float((own - aims).norm(dim=-1).mean()),
        "round_trip_mm": 1000 * float((first - last).norm(dim=-1).mean()),
        "threads": torch.get_num_threads(),
    }


@torch.no_grad()
def rows_of(options: argparse.Namespace) -> Iterator[Row]:
    """A row for each way in both directions."""
    body = load_body_npz(OPEN_BODY)
    models = BodyModel(body), BodyModel(second_body(body))
    say("aligning the two bodies")
    sides = [
        Side(name, model, closest_surface_correspondence(other, model.body))
        for name, model, other in zip(("open", "second"), models, models[::-1], strict=True)
    ]
    ways: list[Ours | Rival] = [Ours(iterations) for iterations in ITERATIONS]
    ways += [Rival(steps) for steps in (QUICK_STEPS if options.quick else STEPS)]
    ways[0].convert(draw_people(models[0], 2, 1).truth, *sides)  # a warm-up
    for source, target in (sides, sides[::-1]):
        motion = draw_people(source.model, options.frames, options.seed).truth
        for way in ways:
            say(f"{source.name} to {target.name}, {way.name}")
            yield measure(way, motion, source, target)


def table_of(rows: list[Row]) -> str:
    """The rows as a table."""
    head = ["conversion", "by", "ms per frame", "vertices mm", "there and back mm"]
    keys = ("ms", "vertex_mm", "round_trip_mm")
    lines = [[row["case"], row["way"], *(number(row[key]) for key in keys)] for row in rows]
    return report.table(head, lines)


def conditions(options: argparse.Namespace) -> str:
    """What a reader must know to judge the figures."""
    command = f"python build.py bench convert --frames {options.frames} --seed {options.seed}"
    return (
        f"`{command}{' --quick' if options.quick else ''}` printed this. {options.frames} people "
        f"with {BETAS} normal betas, every joint turned by {MEAN_TURN:.0f} degrees on average. "
        "The second body is made from the open one: other vertices, skeleton (no joints in the "
        "hands, twist joints in the forearms), rest pose, mean person, shape basis and skinning. "
        "Mean distance of its vertices from where the source's surface has them, and of the "
        "source's vertices after the way back from before. Every frame has a shape of its own. "
        "The optimiser has the published objective of SMPL-X's converter, edges, then vertices, "
        f"and is timed frame by frame; ours on a motion of {TIMED_FRAMES} frames. "
        f"{torch.get_num_threads()} threads of {os.cpu_count()} processors, torch "
        f"{torch.__version__}."
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="build.py bench convert", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="fewer steps of the optimiser")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for both (all)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> list[Row]:
    """Run the benchmark, print the table, write the files. Returns the rows."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    rows = list(rows_of(options))
    text = f"{conditions(options)}\n\n{table_of(rows)}"
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n", encoding="utf-8")
    if options.json:
        report.write_json(rows, options.json)
    return rows


if __name__ == "__main__":
    main(sys.argv[1:])
