# SPDX-License-Identifier: GPL-3.0-or-later
"""How long official crop checkpoints take to load, and how much memory, on the CPU.

python build.py bench load [--runs N] [--json FILE]

The files have random weights and lie in a temporary folder, so they are in the disk's cache. Every
run is a process of its own: its time is that of loading alone, its peak is that of the whole
process, torch included. The target is 3 s and 1300 MB for the large model.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from . import report
from .report import Row, number, say

TARGET = "target for NLF-L .pt: 3 s, 1300 MB"
HEAD = ["file", "size MB", "seconds", "peak MB", "torch alone MB"]
STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """The most memory that this process has held so far, MB (10^6 bytes)."""
    if STATUS.is_file():  # getrusage counts what the parent held before the program was started
        line = next(x for x in STATUS.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage / 1e6 if sys.platform == "darwin" else usage * 1024 / 1e6


def write_files(folder: Path) -> None:
    """Both checkpoints and the data files, then both models converted."""
    import torch
    from official_files import LARGE, SMALL, crop_tensors, write_data_files

    from nlf_blender.worker.nlf.checkpoints import read_localizer
    from nlf_blender.worker.nlf.native_writer import save_native

    write_data_files(folder)
    for variant in (SMALL, LARGE):
        path = folder / f"nlf_{variant.letter}_crop.pt"
        torch.save(crop_tensors(variant), path)
        model = read_localizer(path)
        save_native(model, path.with_suffix(".safetensors"))
        save_native(model, folder / f"nlf_{variant.letter}_half.safetensors", half=True)


def load_once(path: Path) -> None:
    """Load a file and print what it took as JSON."""
    import time

    from nlf_blender.worker.nlf.checkpoints import load_localizer

    before = peak_mb()
    began = time.perf_counter()
    load_localizer(str(path), "cpu", path.parent)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), "torch_mb": before}))


def measure(path: Path, runs: int) -> Row:
    """Medians over `runs` processes that load a file, after one that warms the disk's cache."""
    results = [_in_a_process("--once", path) for _ in range(runs + 1)][1:]
    values = [json.loads(text) for text in results]
    row = {key: statistics.median(value[key] for value in values) for key in values[0]}
    return {"file": path.name, "size_mb": path.stat().st_size / 1e6, **row}


def _in_a_process(option: str, path: Path) -> str:
    """This module's output, run by a process of its own."""
    command = [sys.executable, "-B", "-P", "-m", "benchmarks.load_bench", option, str(path)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ)
    return result.stdout.strip()


def main() -> None:
    """Print the table of all files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="of each file")
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once is not None:
        load_once(options.once)
    elif options.write is not None:
        write_files(options.write)
    else:
        compare(options.runs, options.json)


def compare(runs: int, target: Path | None) -> None:
    """Measure all files and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("writing files with random weights")
        _in_a_process("--write", folder)
        rows: list[Row] = []
        for path in sorted(folder.glob("nlf_*")):
            rows.append(measure(path, runs))
            say(" ".join(cells(rows[-1])))
    if target is not None:
        report.write_json(rows, target)
    print(report.table(HEAD, [cells(row) for row in rows]))
    print(TARGET)


def cells(row: Row) -> list[str]:
    """A row's cells under HEAD."""
    values = [row[key] for key in ("size_mb", "seconds", "peak_mb", "torch_mb")]
    return [row["file"], *(number(value) for value in values)]


if __name__ == "__main__":
    main()
