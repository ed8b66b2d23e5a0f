# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the people of a dataset, counted."""

from __future__ import annotations

from collections import Counter

from ...progress import Progress
from .example import Example, PersonTruth
from .report import BrokenItem
from .shard_reader import Dataset


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
