# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train inspect`: what a dataset folder holds, and what of it is broken."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ....protocol.files import write_whole
from ...progress import Progress
from ...progress_line import ProgressLine

EXIT_BROKEN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("dataset", type=Path, help="a dataset's folder")
    parser.add_argument("--json", type=Path, help="write the counts here, too")


def run(options: argparse.Namespace) -> int:
    """Read every example and print what there is. 1 if something had to be skipped."""
    from .shard_reader import open_dataset
    from .truth_counts import count_truths

    dataset = open_dataset(options.dataset)
    counts = count_truths(dataset, Progress(ProgressLine().show))
    info, report = dataset.info, dataset.report
    print(f"{info.name}, {info.split}, {info.license or 'no licence stated'}")
    print("\n".join(f"{count:8d}  {what}" for what, count in counts.items()))
    print("\n".join(report.lines()))
    if options.json is not None:
        data = {"name": info.name, "counts": dict(counts), "report": report.to_json()}
        write_whole(options.json, (json.dumps(data, indent=1) + "\n").encode())
    return EXIT_BROKEN if report.skipped else 0
