# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration to scans of people whose parameters are known, clean and degraded.

python build.py bench register [--scans N] [--seed N] [--json FILE] [--cases NAME...] [--threads N]
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.registration.register import RegisterSettings, register
from nlf_blender.worker.smpl.registration.scan import Scan

from . import report, scans
from .report import Row, number, say
from .scans import Degrade, Errors, RawScan

WITHIN = 3.0  # mm, mean distance of the surfaces, the worse direction
TURNED = 90.0  # degrees: beyond, front and back or up and down are confused


@dataclass(frozen=True)
class Case:
    """A kind of scan: what happens to a clean one, and what the registration is told."""

    degrade: Degrade | None = None
    upright: bool = True
    partial: bool = False


CASES = {
    "clean, any heading": Case(),
    "clean, any orientation": Case(upright=False),
    "noise 5 mm": Case(scans.noisy),
    "no normals": Case(scans.without_normals),
    "noise 5 mm, no normals": Case(
        lambda scan, rng: scans.noisy(scans.without_normals(scan, rng), rng)
    ),
    "one view": Case(scans.from_one_view, partial=True),
    "holes": Case(scans.with_holes),
    "outliers 10 %": Case(scans.with_outliers),
    "floor 10 %": Case(scans.on_a_floor),
    "inches": Case(scans.in_inches),
}


def run_case(name: str, model: BodyModel, count: int, seed: int) -> Row:
    """Register to `count` scans of a case."""
    case = CASES[name]
    errors: list[Errors] = []
    seconds: list[float] = []
    for number_of in range(count):
        rng = np.random.default_rng([seed, number_of])
        person = scans.draw_person(model, seed + number_of, case.upright)
        scan = scans.clean_scan(model, person, rng)
        if case.degrade is not None:
            scan = case.degrade(scan, rng)
        # The registration is not told that a person is upright: it tries all orientations.
        settings = RegisterSettings(partial=case.partial)
        found = register(as_scan(scan), model, settings)
        errors.append(scans.errors_of(model, person, found, scan.unit, rng))
        seconds.append(found.seconds)
    return {
        "case": name,
        "scans": count,
        "within_3mm": sum(error.surface_mm < WITHIN for error in errors),
        "surface_mm": statistics.median(error.surface_mm for error in errors),
        "worst_mm": max(error.surface_mm for error in errors),
        "joint_mm": statistics.median(error.joint_mm for error in errors),
        "rotation_deg": statistics.median(error.rotation_deg for error in errors),
        "turned": sum(error.root_deg > TURNED for error in errors),
        "seconds": statistics.median(seconds),
    }


def as_scan(scan: RawScan) -> Scan:
    """The scan as the registration takes it."""
    return Scan(scan.points.astype(np.float32), scan.normals)


def main() -> None:
    """Print the table of all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=int, default=20, help="of each case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    parser.add_argument("--cases", nargs="+", choices=tuple(CASES), default=tuple(CASES))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = BodyModel(load_body_npz(OPEN_BODY))
    rows: list[Row] = []
    for name in options.cases:
        rows.append(run_case(name, model, options.scans, options.seed))
        say(" ".join(cells(rows[-1])))
    if options.json is not None:
        report.write_json(rows, options.json)
    print(report.table(list(HEAD.values()), [cells(row) for row in rows]))


HEAD = {
    "case": "scan",
    "within_3mm": "within 3 mm",
    "surface_mm": "surface mm",
    "worst_mm": "worst mm",
    "joint_mm": "joints mm",
    "rotation_deg": "rotations °",
    "turned": "turned round",
    "seconds": "seconds",
}


def cells(row: Row) -> list[str]:
    """A row's cells under HEAD."""
    values = {key: row[key] for key in HEAD}
    values["within_3mm"] = f"{row['within_3mm']} of {row['scans']}"
    values["turned"] = str(row["turned"])
    return [value if isinstance(value, str) else number(value) for value in values.values()]


if __name__ == "__main__":
    with torch.no_grad():
        main()
