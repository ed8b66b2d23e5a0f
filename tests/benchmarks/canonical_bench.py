# SPDX-License-Identifier: GPL-3.0-or-later
"""How near each way of placing a body in a model's canonical space comes to a known truth.

python build.py bench canonical [--json FILE] [--persons SD [SD ...]] [--threads N]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import BodyData, load_body_npz
from nlf_blender.worker.nlf.canonical_space import OPEN_SPACE, SMPL_SPACE, CanonicalSpace
from nlf_blender.worker.smpl.canonical.own_canonical import own_canonical
from nlf_blender.worker.smpl.canonical.placement import CanonicalPlacement, canonical_points
from nlf_blender.worker.smpl.canonical.smpl_space import place_by_joints

from . import report
from .report import Row, number, say
from .smpl_stand_in import StandIn, stand_in

PERSONS = (0.7, 1.5)  # how unlike the mean persons are, standard deviations of the betas
KINDS = ("surface", "inside")
COLUMNS = tuple(f"{kind} {figure}" for kind in KINDS for figure in ("mean", "95 %", "max"))
HEAD = ["way", "persons apart", *COLUMNS, "s"]


def rows_of(body: BodyData, apart: float) -> Iterator[Row]:
    """The ways for one stand-in."""
    other = stand_in(body, apart)
    space = CanonicalSpace(SMPL_SPACE)
    ways: dict[str, Callable[[], CanonicalPlacement]] = {
        "an SMPL file": lambda: canonical_points(body, space, other.body),
        "6876 listed points": lambda: canonical_points(body, other.space(True)),
        "1024 listed points": lambda: canonical_points(body, other.space(False)),
        "24 joints": lambda: by_joints(body, other.body.joints_template),
    }
    for name, way in ways.items():
        start = time.perf_counter()
        placed = way()
        seconds = time.perf_counter() - start
        yield {"way": name, "apart": apart, **errors(other, placed), "seconds": seconds}
    start = time.perf_counter()
    placed = canonical_points(other.body, CanonicalSpace(OPEN_SPACE))
    seconds = time.perf_counter() - start
    yield {"way": "SMPL to open", "apart": apart, **_back(body, other, placed), "seconds": seconds}


def by_joints(body: BodyData, joints: np.ndarray) -> CanonicalPlacement:
    """Placed by joints [24,3] at rest alone."""
    own = own_canonical(body)
    return CanonicalPlacement(place_by_joints(own, joints).points, own, "", {})


def errors(other: StandIn, placed: CanonicalPlacement) -> Row:
    """Millimetres from where the points are known to be."""
    surface = placed.points[other.vertices] - other.surface
    inside = placed.map.map(other.inside) - other.inside_there
    return _figures(surface=surface, inside=inside)


def _back(body: BodyData, other: StandIn, placed: CanonicalPlacement) -> Row:
    surface = placed.points[: -body.joint_count] - other.matrix @ body.canonical_vertices
    inside = placed.map.map(other.inside_there) - other.inside
    return _figures(surface=surface, inside=inside)


def _figures(**errors: np.ndarray) -> Row:
    row: Row = {}
    for kind, error in errors.items():
        distance = 1000 * np.linalg.norm(error, axis=1)
        row[f"{kind} mean"] = float(distance.mean())
        row[f"{kind} 95 %"] = float(np.quantile(distance, 0.95))
        row[f"{kind} max"] = float(distance.max())
    return row


def main() -> list[Row]:
    """Print the table. Returns the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", nargs="+", type=float, default=PERSONS, metavar="SD")
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    body = load_body_npz(OPEN_BODY)
    rows: list[Row] = []
    for apart in options.persons:
        say(f"persons {apart} standard deviations apart")
        rows += rows_of(body, apart)
    if options.json is not None:
        report.write_json(rows, options.json)
    print(f"Millimetres; {options.threads} threads, torch {torch.__version__}\n")
    print(report.table(HEAD, [_cells(row) for row in rows]))
    return rows


def _cells(row: Row) -> list[str]:
    return [value if isinstance(value, str) else number(value) for value in row.values()]


if __name__ == "__main__":
    main()
