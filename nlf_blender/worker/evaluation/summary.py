# SPDX-License-Identifier: GPL-3.0-or-later
"""What an evaluation found out, from the errors of single people to means with intervals."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ...protocol.json_fields import Json
from . import metrics
from .person_errors import Doubts, PersonErrors

FORMAT, VERSION = "nlf_blender.evaluation", 1
MM, PERCENT = 1000.0, 100.0
# metric: what it is called in the table, its unit and the unit's factor, in the table's order
METRICS = {
    "mpjpe": ("MPJPE", "mm", MM),
    "p_mpjpe": ("P-MPJPE", "mm", MM),
    "p_mpjpe_12": ("P-MPJPE, 12 limb joints", "mm", MM),
    "mpjpe_abs": ("MPJPE, absolute", "mm", MM),
    "nmje": ("NMJE", "mm", MM),
    "pck_150": ("PCK at 150 mm", "%", PERCENT),
    "auc_150": ("AUC, 0 to 150 mm", "%", PERCENT),
    "mve": ("MVE", "mm", MM),
    "p_mve": ("P-MVE", "mm", MM),
    "mve_abs": ("MVE, absolute", "mm", MM),
    "nmve": ("NMVE", "mm", MM),
    "pve_t_sc": ("PVE-T-SC", "mm", MM),
    "miou": ("mIoU of silhouettes", "%", PERCENT),
    "error_2d": ("2D error, of the box", "%", PERCENT),
}


# Shares of the skin's vertices; those that face away are not seen, so that half is all of somebody.
SEEN_BANDS = (0.0, 0.2, 0.3, 0.4, 1.0)


@dataclass
class Counts:
    """People: true ones, those of them who were found, and found ones who are nobody of them.
    missed: who was not found, by item and number."""

    expected: int = 0
    found: int = 0
    false: int = 0
    missed: list[str] = field(default_factory=list[str])

    @property
    def f1(self) -> float:
        """Harmonic mean of the shares of people who were found and of found ones who are true."""
        everybody = self.expected + self.found + self.false
        return 2 * self.found / everybody if everybody else 0.0

    def to_json(self) -> Json:
        """As the evaluation's JSON has them."""
        return {
            "expected": self.expected,
            "found": self.found,
            "missed": self.expected - self.found,
            "false": self.false,
            "f1": self.f1,
            "missed_people": list(self.missed),
        }


@dataclass
class Tally:
    """The errors of everybody who was found, and how many people there were."""

    people: list[PersonErrors] = field(default_factory=list[PersonErrors])
    counts: Counts = field(default_factory=Counts)

    def add(self, who: str, errors: PersonErrors | None) -> None:
        """One true person; errors: None if nobody found them."""
        self.counts.expected += 1
        if errors is None:
            self.counts.missed.append(who)
        else:
            self.counts.found += 1
            self.people.append(errors)


def means(figures: Sequence[Mapping[str, float]], *, intervals: bool = True) -> Json:
    """Of each metric: mean, median, 95 % interval and number of people, in METRICS' units."""
    result: Json = {}
    for metric, (_, unit, factor) in METRICS.items():
        values = np.array([one[metric] for one in figures if metric in one]) * factor
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        entry: Json = {
            "mean": float(values.mean()),
            "median": float(np.median(values)),
            "unit": unit,
            "people": len(values),
        }
        if intervals and len(values) > 1:
            entry["interval_95"] = list(metrics.bootstrap_interval(torch.from_numpy(values)))
        result[metric] = entry
    return result


def normalized(figures: Json, counts: Counts) -> Json:
    """The means with NMJE and NMVE added: MPJPE and MVE by the F1 of finding people, so that who
    leaves out hard people gains nothing (AGORA, Patel et al. 2021)."""
    result = dict(figures)
    for metric, source in (("nmje", "mpjpe"), ("nmve", "mve")):
        entry = figures.get(source)
        if isinstance(entry, dict) and counts.f1:
            mean = float(entry["mean"]) / counts.f1
            result[metric] = {"mean": mean, "unit": entry["unit"], "people": entry["people"]}
    return result


def joint_table(people: Sequence[PersonErrors]) -> Json:
    """Means of each joint's errors over people, by joint."""
    by_joint: dict[str, list[Mapping[str, float]]] = {}
    for person in people:
        for name, figures in person.joints.items():
            by_joint.setdefault(name, []).append(figures)
    return {name: means(values, intervals=False) for name, values in by_joint.items()}


def by_seen(people: Sequence[PersonErrors]) -> list[Json]:
    """Means for people of whom more and more of the skin is seen, in bands of SEEN_BANDS; empty if
    nothing tells of anybody."""
    bands: list[list[Mapping[str, float]]] = [[] for _ in SEEN_BANDS[1:]]
    for one in people:
        if one.seen is not None:
            bands[bisect.bisect_right(SEEN_BANDS[1:-1], one.seen)].append(one.figures)
    return [
        {"from": low, "to": high, "people": len(band), "metrics": means(band)}
        for (low, high), band in zip(itertools.pairwise(SEEN_BANDS), bands, strict=True)
        if band
    ]


def uncertainty(people: Sequence[PersonErrors]) -> Json:
    """How stated uncertainties go with errors, over all points of everybody."""
    result: Json = {}
    gathered: Doubts = {}
    for person in people:
        for what, pairs in person.doubts.items():
            gathered.setdefault(what, []).extend(pairs)
    for what, pairs in gathered.items():
        doubt, error = (
            torch.from_numpy(np.concatenate([pair[side] for pair in pairs])) for side in (0, 1)
        )
        pearson, spearman = metrics.pearson(doubt, error), metrics.spearman(doubt, error)
        result[what] = {
            "pearson": pearson if np.isfinite(pearson) else None,
            "spearman": spearman if np.isfinite(spearman) else None,
            "mean_stated_mm": float(doubt.mean()) * MM,
            "mean_error_mm": float(error.mean()) * MM,
            "points": len(doubt),
        }
    return result
