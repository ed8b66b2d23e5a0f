# SPDX-License-Identifier: GPL-3.0-or-later
"""Times from the click to the imported person, with a cold and with a warm worker."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import extension_run

WARM_RUNS = 5
COLD_RUNS = 3


def print_run(name: str, runs: list[extension_run.Run]) -> None:
    """One line a stage: the median of the runs."""
    print(f"{name}: {statistics.median(run.total for run in runs):.2f} s (median of {len(runs)})")
    for stage in runs[0].stages:
        print(f"    {stage:16} {statistics.median(run.stages[stage] for run in runs):6.2f} s")
    importing = statistics.median(run.importing for run in runs)
    print(f"    {'into the scene':16} {importing:6.2f} s")
    longest = max(run.longest_tick for run in runs) * 1000
    print(f"    longest that Blender's main thread was held while the worker ran: {longest:.1f} ms")


def main() -> None:
    """Run the benchmark with the options that build.py gives."""
    parser = argparse.ArgumentParser()
    for name in ("--zip", "--worker-python", "--photo"):
        parser.add_argument(name, type=Path, required=True)
    options = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    print(f"Blender {bpy.app.version_string}, {os.cpu_count()} processors, {options.photo.name}")
    print(f"install and enable: {extension_run.install(options.zip):.2f} s")
    extension_run.use_interpreter(options.worker_python)
    with tempfile.TemporaryDirectory() as folder:
        cold = []
        for _ in range(COLD_RUNS):
            cold.append(extension_run.localize(options.photo, Path(folder)))
            extension_run.stop_worker()
        extension_run.localize(options.photo, Path(folder))
        warm = [extension_run.localize(options.photo, Path(folder)) for _ in range(WARM_RUNS)]
        extension_run.stop_worker()
    print_run("cold worker", cold)
    print_run("warm worker", warm)


if __name__ == "__main__":
    extension_run.exit_after(main)
