# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage against truth: a rendered clip through the whole pipeline, true motion with noise through
the clean-up, and the worker's memory for long footage.

python build.py bench footage [--size small|large] [--device D] [--model FILE] [--seed N]
                              [--json FILE] [--parts clip,motion,memory]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from motion_noise import ground_errors
from rendered_clip import LARGE, SMALL, Truth, truth_of, write_clip

from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.solution import SolutionInfo, read_solution
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.worker.engine import Engine
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.motion.solve import solve_take
from nlf_blender.worker.progress import WAITING, Progress

from .footage_measure import errors, found_people, switches, who_is_who
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
    truth = truth_of(SIZES[options.size])
    clip = folder / "clip.mp4"
    say(f"rendering {truth.size}")
    write_clip(clip, truth, options.seed)
    settings = LocalizeSettings(
        model=options.model,
        device=options.device,
        intrinsics=tuple(truth.intrinsics.ravel().tolist()),
        test_time_augmentations=options.augmentations,
    )
    engine, progress = Engine(), Progress()
    engine.models(settings)
    say("localizing")
    began = time.perf_counter()
    take = localize_footage(clip, folder, settings, engine, progress)
    seconds = time.perf_counter() - began
    at_work = sum(v for k, v in progress.seconds.items() if k.startswith("Localizing"))
    rows = [_step_row(truth, take, name, step) for name, step in STEPS.items()]
    run: Row = {
        "frames": truth.size.frames,
        "seconds": seconds,
        "frames_per_second": truth.size.frames / seconds,
        "waiting_for_frames_percent": 100 * progress.seconds.get(WAITING, 0.0) / at_work,
    }
    return [*rows, {"step": "run", **run}]


def _step_row(truth: Truth, take: Path, name: str, settings: SolveSettings) -> Row:
    solve_take(take, settings, (), Progress())
    info = read_solution(take)
    found, matrix = found_people(take, info), info.camera_matrix()
    assert matrix is not None
    answer = who_is_who(truth, found, matrix)
    places = [walked.motion.root[:, :2] for walked in truth.walks]
    tilt, height = ground_errors(matrix, truth.world_from_camera, places[0])
    return {
        "step": name,
        "people": len(found),
        "switches": switches(answer),
        "unseen_percent": float(100 * (answer < 0).mean()),
        **errors(truth, found, answer, matrix),
        "ground_tilt_degrees": tilt,
        "ground_height_cm": 100 * height,
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
    parser.add_argument("--device", default="auto")
    parser.add_argument("--model", default="default")
    parser.add_argument("--augmentations", type=int, default=1)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts = options.parts.split(",")
    rows: dict[str, list[Row]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "motion" in parts:
            rows["True motion with noise"] = motion_rows(options.seed)
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
