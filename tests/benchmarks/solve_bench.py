# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the clean-up of a take takes when a slider moved, and how much memory a long one.

python build.py bench solve [--frames N] [--long N] [--runs N] [--json FILE]

The takes are of one person, a swing that goes on and on, with noise; no localizer has part. The
first solve reads and fits, those after it are a warm worker's, with another strength each; beside
them stands what writing the same bytes takes with numpy. A scene shows the motion before the mesh
is written. Memory is that of processes of their own. The targets are 1 s for 1,000 frames, 10 %
more with a set of 50 markers, and 100 MB from 500 frames to 5,000.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from nlf_blender.protocol.rows import read_chunk, write_chunk
from nlf_blender.protocol.solution import SOLUTION_FOLDER
from nlf_blender.protocol.solve_settings import SolveSettings
from nlf_blender.protocol.take import read_info, write_info
from nlf_blender.protocol.take_sets import SETS_FOLDER

from . import report
from .load_bench import peak_mb
from .report import Row, number, say

PERIOD = 60  # frames, of the swing
SHORT = 500
MARKERS = 50
HEAD = ["frames", "what", "seconds", "peak MB"]


def long_take(folder: Path, frames: int) -> None:
    """Write a take of this many frames: the same chunk again and again."""
    from tests.worker.footage_takes import actor, open_body, write_take

    body = open_body()
    info = write_take(folder, body, [actor(body, PERIOD, 0, noise=0.03, spread=0.01)], PERIOD)
    once = read_chunk(folder, info.chunks[0])
    chunks = []
    for index, first in enumerate(range(0, frames, PERIOD)):
        count = min(PERIOD, frames - first)
        rows = {name: values[:count] for name, values in once.items()}
        for name, start in (("frame", first), ("frames", first)):
            rows[name] = rows[name] + start
        for name in ("timestamp", "times"):
            rows[name] = rows[name] + first / 30.0
        chunks.append(write_chunk(folder, index, rows))
    source = replace(info.source, frame_count=frames)
    write_info(folder, replace(info, source=source, chunks=tuple(chunks)))


def add_markers(take: Path) -> None:
    """Write a set of markers at vertices into a take."""
    from nlf_blender.worker.markers.attachment import attach
    from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical
    from tests.worker.footage_takes import open_body
    from tests.worker.set_takes import add_set

    own = own_canonical(open_body())
    chosen = np.linspace(0, len(own.vertices) - 1, MARKERS).astype(np.int64)
    attachment = attach(own, own.vertices[chosen])
    add_set(take, "markers", attachment, lambda rows: rows["points"][:, chosen])


def solve_times(take: Path, runs: int) -> list[Row]:
    """The first solve, warm ones with and without meshes and markers, and writing the mesh with
    numpy."""
    from nlf_blender.worker.motion.solve import solve_take
    from nlf_blender.worker.motion.solve_cache import SolveCache
    from nlf_blender.worker.progress import Progress

    cache = SolveCache()
    frames = read_info(take).source.frame_count

    def seconds(strength: float, points: bool, told: list[float] | None = None) -> float:
        """Until the solve is done; `told` gets those until it says that the motion is there."""
        began = time.perf_counter()
        heard = [] if told is None else told
        progress = Progress(on_motion=lambda _: heard.append(time.perf_counter() - began))
        settings = SolveSettings(smoothing=strength, points=points)
        solve_take(take, settings, (), progress, cache=cache)
        return time.perf_counter() - began

    rows = [{"frames": frames, "what": "first solve", "seconds": seconds(0.5, True)}]
    first = "motion, before the mesh"
    both, all_three = "motion and mesh", f"motion, mesh and {MARKERS} markers"
    spent: dict[str, list[float]] = {
        name: [] for name in ("motion", first, both, all_three, "numpy, same bytes")
    }
    add_markers(take)
    sets, away = take / SETS_FOLDER, take / "away"
    seconds(0.2, True)  # which reads the markers
    for run in range(runs):
        strength = 0.3 + 0.4 * run / runs
        spent[all_three].append(seconds(strength + 0.01, True))
        sets.rename(away)
        spent[both].append(seconds(strength, True, spent[first]))
        away.rename(sets)
        mesh = next((take / SOLUTION_FOLDER).glob("points_*.npy"))
        points = np.load(mesh)
        began = time.perf_counter()
        np.save(take / "copy.npy", points)
        spent["numpy, same bytes"].append(time.perf_counter() - began)
        del points
        spent["motion"].append(seconds(strength, False))
    for what, values in spent.items():
        rows.append({"frames": frames, "what": what, "seconds": statistics.median(values)})
    return rows


def memory(take: Path, frames: int) -> Row:
    """The most memory that a process holds that solves a take."""
    say(f"memory of {frames} frames")
    program = [sys.executable, "-m", "benchmarks.solve_bench", "--solve", str(take)]
    answer = subprocess.run(program, stdout=subprocess.PIPE, check=True, cwd=_tests()).stdout
    return {"frames": frames, "what": "first solve, memory", "peak_mb": json.loads(answer)}


def _tests() -> Path:
    return Path(__file__).resolve().parent.parent


def solve_once(take: Path) -> None:
    """Solve a take and print the most memory held, MB."""
    from nlf_blender.worker.motion.solve import solve_take
    from nlf_blender.worker.progress import Progress

    solve_take(take, SolveSettings(), (), Progress())
    print(json.dumps(peak_mb()))


def table(rows: list[Row]) -> str:
    """The rows as a table."""
    lines = [
        [
            str(row["frames"]),
            row["what"],
            number(row["seconds"]) if "seconds" in row else "",
            number(row["peak_mb"]) if "peak_mb" in row else "",
        ]
        for row in rows
    ]
    return report.table(HEAD, lines)


def main() -> None:
    """Run and print the benchmark."""
    parser = argparse.ArgumentParser(prog="build.py bench solve", description=__doc__)
    parser.add_argument("--frames", type=int, default=1000, help="of the timed take")
    parser.add_argument("--long", type=int, default=5000, help=f"frames beside {SHORT}, memory")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--solve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.solve is not None:
        solve_once(options.solve)
        return
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nlf_solve_") as name:
        for frames in (options.frames, SHORT, options.long):
            take = Path(name) / f"{frames}.take"
            say(f"a take of {frames} frames")
            long_take(take, frames)
            timed = frames == options.frames
            rows += solve_times(take, options.runs) if timed else [memory(take, frames)]
    print(table(rows))
    if options.json is not None:
        report.write_json(rows, options.json)


if __name__ == "__main__":
    main()
