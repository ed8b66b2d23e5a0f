# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage against truth: a rendered clip through the whole pipeline, true motion with noise through
the clean-up, and the worker's memory for long footage.

python build.py bench footage [--size small|large] [--scene NAME] [--device D] [--model FILE]
                              [--seed N] [--json FILE] [--parts clip,motion,memory]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from motion_noise import ground_errors
from rendered_clip import CROSSING, LARGE, SCENES, SMALL, Truth, truth_of, write_clip

from nlf_blender.protocol.messages import FOOTAGE
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.solution import SolutionInfo, read_solution
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.worker.engine import Engine
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.motion.solve import solve_take
from nlf_blender.worker.nlf.network_time import NetworkTime
from nlf_blender.worker.progress import WAITING, Progress

from .footage_measure import errors, found_people, mean_size, switches, who_is_who
from .footage_memory import memory_rows
from .footage_motion import motion_rows
from .report import Row, number, say, table

PARTS = ("clip", "motion", "memory")
SIZES = {"small": SMALL, "large": LARGE}
RAW = SolveSettings(
    smoothing=0.0, reject_outliers=False, repair_flips=False, hold_feet=False, points=False
)
STEPS = {
    "as fitted": RAW,
    "smoothed": SolveSettings(hold_feet=False, points=False),
    "smoothed, feet held": SolveSettings(points=False),
}


def clip_rows(options: argparse.Namespace, folder: Path) -> list[Row]:
    """The rendered clip: a row for each step of the clean-up, and one of the whole run."""
    truth = truth_of(SIZES[options.size], options.scene)
    clip = folder / "clip.mp4"
    say(f"rendering {truth.size}")
    write_clip(clip, truth, options.seed)
    settings = LocalizeSettings(
        model=options.model,
        device=options.device,
        intrinsics=tuple(truth.intrinsics.ravel().tolist()),
        test_time_augmentations=options.augmentations,
    )
    engine = Engine()
    engine.models(settings)
    say("localizing")
    take, run = _run(clip, folder, settings, engine, truth.size.frames)
    rows = [_step_row(truth, take, name, step) for name, step in STEPS.items()]
    return [*rows, run]


class CoreTime:
    """A listener of Progress: how long each stage took a core of the CPU for the job's thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.thread_time()
        self._stage = ""

    def hear(self, stage: str, *_: object) -> None:
        """A step of a stage begins."""
        now = time.thread_time()
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._last
        self._stage, self._last = stage, now


def _run(
    clip: Path, folder: Path, settings: LocalizeSettings, engine: Engine, frames: int
) -> tuple[Path, Row]:
    """Localize the clip: the take, and for how much of the time until all is localized the device
    waited for frames, or had no network at work for whatever reason (the fit of bodies is none).
    The milliseconds of a core beside the networks are what a faster device would wait for; what
    else the machine does hardly changes them."""
    models, cores = engine.models(settings), CoreTime()
    clocks: list[NetworkTime] = [models.localizer.network_time, models.finder.network_time]
    progress = Progress(listener=cores.hear)
    began = time.perf_counter()
    take = localize_footage(clip, folder, settings, engine, progress)
    seconds = time.perf_counter() - began
    at_work = progress.seconds[FOOTAGE]
    networks = sum(clock.seconds for clock in clocks)
    beside = cores.seconds[FOOTAGE] - sum(clock.thread_seconds for clock in clocks)
    return take, {
        "step": "run",
        "frames": frames,
        "seconds": seconds,
        "frames_per_second": frames / seconds,
        "waiting_for_frames_percent": 100 * progress.seconds[WAITING] / at_work,
        "no_network_at_work_percent": 100 * (1 - networks / at_work),
        "core_ms_a_frame_beside_networks": 1000 * beside / frames,
    }


def _step_row(truth: Truth, take: Path, name: str, settings: SolveSettings) -> Row:
    solve_take(take, settings, (), Progress())
    info = read_solution(take)
    found, matrix = found_people(take, info), info.camera_matrix()
    assert matrix is not None
    answer = who_is_who(truth, found, matrix)
    places = np.concatenate([walked.motion.root[:, :2] for walked in truth.walks])
    tilt, height = ground_errors(matrix, truth.world_from_camera, places)
    size, rescaled = mean_size(truth, found, answer, matrix), matrix.copy()
    rescaled[:3, 3] /= size
    _, same_size_height = ground_errors(rescaled, truth.world_from_camera, places)
    return {
        "step": name,
        "people": len(found),
        "switches": switches(answer),
        "unseen_percent": float(100 * (answer < 0).mean()),
        **errors(truth, found, answer, matrix),
        "ground_tilt_degrees": tilt,
        "ground_height_cm": 100 * height,
        "people_too_large_percent": 100 * (size - 1),
        "ground_height_less_that_cm": 100 * same_size_height,
        "reprojection_px": _reprojection(info),
    }


def _reprojection(info: SolutionInfo) -> float:
    report = json.loads(json.dumps(info.report))
    return float(report["take"]["after"]["reprojection_px"])


def print_tables(rows: dict[str, list[Row]]) -> None:
    """All rows, as Markdown, measures as lines."""
    for part, items in rows.items():
        print(f"\n{part}\n")
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in items:
            groups.setdefault(tuple(k for k in row if k != "step"), []).append(row)
        for keys, group in groups.items():
            head = ["", *(str(row["step"]) for row in group)]
            print(table(head, [[k, *(number(float(r[k])) for r in group)] for k in keys]), "\n")


def main() -> int:
    """Run the parts that were asked for and print them."""
    parser = argparse.ArgumentParser(prog="bench footage")
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("--scene", choices=tuple(SCENES), default=CROSSING)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="default")
    variations = LocalizeSettings().test_time_augmentations
    parser.add_argument("--augmentations", type=int, default=variations)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts = options.parts.split(",")
    rows: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "motion" in parts:
            rows["True motion with noise"] = motion_rows(options.seed, options.scene)
        if "clip" in parts:
            rows["Rendered clip"] = clip_rows(options, folder)
        if "memory" in parts:
            rows["Memory"] = memory_rows(folder)
    print_tables(rows)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
