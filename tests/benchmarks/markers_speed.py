# SPDX-License-Identifier: GPL-3.0-or-later
"""What points beside the body cost: per person and frame, and to add them to a take.

Readouts are made before the clock runs, as they are once for each set. All counts take turns, so
that a busy machine slows them alike; what its cores worked depends on that least. A set that is
added to a rendered clip's take is localized from kept features, then from the frames; both are
compared, since features are kept in float16. The target: 5,000 points cost at most 1.5 times as
much as 100, and no model is loaded again.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from nlf_blender.protocol.point_set import MESH, PointSet, write_point_set
from nlf_blender.protocol.settings import LocalizeSettings
from nlf_blender.protocol.take import read_info
from nlf_blender.protocol.take_sets import FEATURES_FOLDER, SETS_FOLDER, read_set_chunk, take_sets
from nlf_blender.worker.engine import Engine, Models
from nlf_blender.worker.footage.job import localize_footage
from nlf_blender.worker.markers.points_job import LOCALIZING, localize_points
from nlf_blender.worker.progress import Progress

from . import report
from .footage_bench import CoreTime
from .markers_accuracy import Shot, shots
from .report import Row, number, say
from .timing import seconds_of

COUNTS = (0, 100, 5_000, 100_000)
AWAY = 0.005  # metres from the skin, standard deviation
ADDED = 5_000
MIB = 1 << 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this part."""
    parser.add_argument("--device", default="auto")
    parser.add_argument("--variations", type=int, default=2, help="of each crop")
    parser.add_argument("--counts", type=int, nargs="*", default=COUNTS, help="of points")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=6, help="of the rendered clip that is timed")


def points_near(models: Models, count: int) -> np.ndarray:
    """Canonical points [count,3] near the fitted body's vertices."""
    random = np.random.default_rng(count)
    own = models.bodies.fitted.own.vertices
    return own[random.integers(0, len(own), count)] + random.normal(0, AWAY, (count, 3))


def beside_rows(models: Models, taken: list[Shot], options: argparse.Namespace) -> list[Row]:
    """A row for each number of points beside the body."""
    device = models.device.type
    calls: dict[int, Callable[[list[Shot]], object]] = {}
    rows: dict[int, Row] = {}
    for count in options.counts:
        places = points_near(models, count)
        made, weights = seconds_of(models.localizer.point_weights, places, device)
        beside = weights if count else None

        def localize(some: list[Shot], beside: object = beside) -> object:
            return models.localizer.localize(
                [shot.image for shot in some],
                [shot.specs for shot in some],
                [shot.camera for shot in some],
                models.point_weights,
                num_aug=options.variations,
                beside=beside,  # type: ignore[arg-type]
            )

        localize(taken[:1])
        calls[count] = localize
        rows[count] = {"step": f"{count:,} points", "readout_s": made, "peak_mib": peak_mib()}
    times: dict[int, list[tuple[float, float]]] = {count: [] for count in calls}
    for _ in range(options.rounds):
        for count, call in calls.items():
            began = time.process_time()
            seconds = seconds_of(call, taken, device)[0]
            times[count].append((seconds, time.process_time() - began))
    people = sum(len(shot.specs) for shot in taken)
    for count, rounds in times.items():
        clock, cores = (statistics.median(part) for part in zip(*rounds, strict=True))
        rows[count] |= {"ms": 1000 * clock / people, "core_ms": 1000 * cores / people}
    return list(rows.values())


def added_rows(engine: Engine, settings: LocalizeSettings, folder: Path, frames: int) -> list[Row]:
    """Rows of a set that is added to a take: from kept features, and from the frames."""
    from rendered_clip import CROSSING, SMALL, truth_of, write_clip

    truth, clip = truth_of(replace(SMALL, frames=frames), CROSSING), folder / "clip.mp4"
    write_clip(clip, truth, 3)
    models = engine.models(settings)
    kept = replace(settings, keep_features=True)
    take = localize_footage(clip, folder, kept, engine, Progress())
    people = sum(chunk.rows for chunk in read_info(take).chunks)
    size = sum(path.stat().st_size for path in (take / FEATURES_FOLDER).iterdir())
    path = folder / "added.npz"
    write_point_set(path, PointSet("added", MESH, "open", points_near(models, ADDED)))
    rows: list[Row] = []
    found: list[np.ndarray] = []
    for name in ("from kept features", "from the frames"):
        cores = CoreTime()
        progress = Progress(listener=cores.hear)
        localize_points(take, [str(path)], [], engine, progress)
        again = engine.models(settings) is not models
        rows.append(
            {
                "step": f"{ADDED:,} added, {name}",
                "ms": 1000 * progress.seconds[LOCALIZING] / people,
                "core_ms": 1000 * cores.seconds[LOCALIZING] / people,
                "models_loaded_again": again,
            }
        )
        found.append(_points(take, "added"))
        localize_points(take, [], ["added"], engine, Progress())
        shutil.rmtree(take / FEATURES_FOLDER, ignore_errors=True)
    apart = 1000 * np.linalg.norm(found[0] - found[1], axis=-1)
    rows[0] |= {
        "features_bytes": size / people,
        "float16_mean_mm": float(apart.mean()),
        "float16_most_mm": float(apart.max()),
    }
    return rows


def _points(take: Path, slug: str) -> np.ndarray:
    info = take_sets(take)[slug]
    folder = take / SETS_FOLDER / slug
    return np.concatenate([read_set_chunk(folder, info, c)["points"] for c in info.chunks])


def peak_mib() -> float:
    """The most memory that this process had so far."""
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MIB if sys.platform == "darwin" else MIB / 1024)


def run(options: argparse.Namespace) -> list[Row]:
    """Measure with the default model, and give the rows."""
    from rendered_clip import CROSSING

    settings = LocalizeSettings(device=options.device, test_time_augmentations=options.variations)
    engine = Engine()
    models = engine.models(settings)
    taken = shots(models, [CROSSING], options.frames)
    say(f"{sum(len(shot.specs) for shot in taken)} people")
    rows = beside_rows(models, taken, options)
    with tempfile.TemporaryDirectory() as name:
        return [*rows, *added_rows(engine, settings, Path(name), options.frames)]


def table(rows: list[Row]) -> str:
    """The rows as a table."""
    keys = list(dict.fromkeys(key for row in rows for key in row if key != "step"))
    lines = [
        [str(row["step"]), *(number(float(row[key])) if key in row else "" for key in keys)]
        for row in rows
    ]
    return report.table(["", *(key.replace("_", " ") for key in keys)], lines)
