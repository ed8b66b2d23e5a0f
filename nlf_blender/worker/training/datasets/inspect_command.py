# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `worker train inspect`: what a dataset folder holds, and what of it is broken."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from ....protocol.files import write_whole
from ...progress import Progress
from ...progress_line import ProgressLine
from .example import Example, PersonTruth
from .report import BrokenItem
from .shard_reader import Dataset, open_dataset

EXIT_BROKEN = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("dataset", type=Path, help="a dataset's folder")
    parser.add_argument("--json", type=Path, help="write the counts here, too")


def run(options: argparse.Namespace) -> int:
    """Read every example and print what there is. 1 if something had to be skipped."""
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


def count_truths(dataset: Dataset, progress: Progress) -> Counter[str]:
    """How many examples and people there are, and of what is known; skips are in its report."""
    counts: Counter[str] = Counter()
    for number in range(len(dataset)):
        progress.step("Reading", number, len(dataset))
        try:
            example = dataset[number]
        except BrokenItem as error:
            dataset.report.skip(error)
            continue
        dataset.report.used += 1
        counts.update(_truths(example))
        for person in example.people:
            counts.update(_person_truths(person))
    progress.step("Reading", len(dataset), len(dataset))
    return counts


def _truths(example: Example) -> list[str]:
    camera = "examples with a camera" if example.intrinsics is not None else "without a camera"
    return ["examples", camera]


def _person_truths(person: PersonTruth) -> list[str]:
    found = ["people"]
    for truth, what in ((person.body, "bodies"), (person.mesh, "meshes")):
        if truth is not None:
            found.append(f"{what}: {truth.kind}")
    for joints in person.joints_3d:
        place = "in the camera" if joints.absolute else "about a root"
        found.append(f"3D skeletons, {place}: {joints.joint_set}")
    found += [f"2D skeletons: {joints.joint_set}" for joints in person.joints_2d]
    others = {"surface points": person.surface, "masks": person.mask, "visible": person.visible}
    return found + [what for what, truth in others.items() if truth is not None]
