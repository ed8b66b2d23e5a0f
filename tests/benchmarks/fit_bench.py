# SPDX-License-Identifier: GPL-3.0-or-later
"""Our fitter and the peer, smplfitter, side by side: same bodies, noise, threads, and one run.

python build.py bench fit [--json FILE] [--markdown FILE] [--bodies N] [--quick] [--threads N]
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from body_examples import OPEN_BODY

from nlf_blender.body.body_data import load_body_npz
from nlf_blender.worker.smpl.body_model import BodyModel

from . import peer, report
from .fit_cases import ACCURACY, ACCURACY_BATCH, QUICK_BATCHES, TIMED, TIMED_BATCHES, Case
from .fit_parts import LEAST, part_times
from .ours import fit_ours
from .report import Row, number, say
from .sampling import BETAS, MEAN_TURN, People, Seen, Solution, draw_people, errors_of, see
from .timing import Pace, take_turns

QUICK_PACE = Pace(least_rounds=2, most_rounds=10, seconds=0.5)
QUICK_BODIES = 32
PARTS_BATCH = 64
MILLIMETRE = 0.001


class Fitters:
    """Both fitters on every device and for every choice of points, made when first asked for."""

    def __init__(self, folder: Path) -> None:
        """folder: an empty one, for the peer's model files; it must outlive this."""
        self.folder = folder
        self.model = BodyModel(load_body_npz(OPEN_BODY))
        peer.write_model_files(self.model.body, folder)

    @functools.cache  # noqa: B019, one lives as long as the program
    def our_model(self, device: str) -> BodyModel:
        """The body that ours fits. Another one for each device: a module moves in place."""
        return BodyModel(self.model.body).to(device)

    @functools.cache  # noqa: B019
    def peer_fitter(self, subset: bool, learnt: bool, device: str) -> peer.Peer:
        """The peer for the full mesh or the subset, with a regressor learnt or cut from SMPL's."""
        if not subset:
            return peer.Peer(self.folder, device=device)
        indices = self.model.spread_vertices
        if learnt:
            regressor = self.learnt_regressor
        else:
            regressor = torch.as_tensor(self.model.body.joint_regressor)[:, indices]
        return peer.Peer(self.folder, indices, regressor, device)

    @functools.cached_property
    def learnt_regressor(self) -> torch.Tensor:
        """Joints from the subset's vertices."""
        return peer.learn_regressor(self.model, self.model.spread_vertices)


@torch.no_grad()
def compare(
    fitters: Fitters,
    case: Case,
    people: People,
    batch: int,
    pace: Pace,
    seed: int = 0,
    device: str = "cpu",
) -> Row:
    """Fit people by both, so many at once. Errors are against the truth, times per body."""
    batches = seen_in(fitters, case, people, seed).split(batch, device)
    our_model = fitters.our_model(device)
    other = fitters.peer_fitter(case.subset, case.learnt_regressor, device)
    times, found, peer_found = take_turns(
        lambda seen: fit_ours(our_model, seen),
        lambda seen: other.fit(seen, case.regularizer),
        batches,
        device,
        pace,
    )
    return {
        "case": case.name,
        "ours": result(fitters.model, people, found, times.ours),
        "peer": result(fitters.model, people, peer_found, times.peer),
        "ratio": times.ratio,
        "batch": min(batch, len(people)),
        "device": device,
        "threads": torch.get_num_threads(),
    }


def seen_in(fitters: Fitters, case: Case, people: People, seed: int) -> Seen:
    """What a case shows of the people."""
    noises = [
        (low * MILLIMETRE, high * MILLIMETRE) for low, high in (case.vertex_noise, case.joint_noise)
    ]
    indices = fitters.model.spread_vertices if case.subset else None
    return see(people, indices, case.joints, *noises, seed=seed)


def result(
    model: BodyModel, people: People, found: list[Solution], seconds: float
) -> dict[str, float]:
    """One side of a row: errors, and milliseconds per body."""
    return {**errors_of(model, people, Solution.join(found))._asdict(), "ms": 1000 * seconds}


def accuracy_rows(fitters: Fitters, options: argparse.Namespace, pace: Pace) -> Iterator[Row]:
    """A row for each case of points and noise, on the CPU."""
    people = draw_people(fitters.model, options.bodies, options.seed)
    for case in ACCURACY:
        say(f"{case.name}, {len(people)} bodies")
        yield compare(fitters, case, people, ACCURACY_BATCH, pace, options.seed + 1)


def timing_rows(fitters: Fitters, options: argparse.Namespace, pace: Pace) -> Iterator[Row]:
    """A row for each number of people at once, on the CPU and on CUDA where there is one."""
    batches = QUICK_BATCHES if options.quick else TIMED_BATCHES
    people = draw_people(fitters.model, max(batches), options.seed)
    for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
        for case in TIMED:
            for batch in batches:
                say(f"{case.name}, batch {batch}, {device}")
                some = people.first(batch)
                row = compare(fitters, case, some, batch, pace, options.seed, device)
                yield row | {"case": f"{case.name}, batch {batch}, {device}"}


def accuracy_table(rows: list[Row]) -> str:
    """Errors and times of both, and what share of the peer's time ours takes."""
    head = ["input", *(f"{who} {unit}" for who in ("ours", "peer") for unit in report.UNITS)]
    return report.table([*head, "time, ours : peer"], [_cells(row) for row in rows])


def timing_table(rows: list[Row]) -> str:
    """Times of both, and the vertices' errors they buy."""
    head = ["input", "ours ms", "peer ms", "time, ours : peer", "ours mm", "peer mm"]
    lines = []
    for row in rows:
        both = (row["ours"], row["peer"])
        times, errors = ([number(side[key]) for side in both] for key in ("ms", "vertex_mm"))
        lines.append([row["case"], *times, f"{row['ratio']:.2f}", *errors])
    return report.table(head, lines)


def parts_table(times: dict[str, float]) -> str:
    """What the parts of our fit cost, and how many of each the least fit has."""
    head = [f"part of ours, batch {PARTS_BATCH}, cpu", "ms per body", "at least"]
    lines = [[name, number(time), str(LEAST.get(name, ""))] for name, time in times.items()]
    return report.table(head, lines)


def _cells(row: Row) -> list[str]:
    numbers = [number(value) for who in ("ours", "peer") for value in row[who].values()]
    return [row["case"], *numbers, f"{row['ratio']:.2f}"]


def conditions(options: argparse.Namespace) -> str:
    """What a reader must know to judge the figures."""
    command = f"python build.py bench fit --bodies {options.bodies} --seed {options.seed}"
    machine = f"{torch.get_num_threads()} threads of {os.cpu_count()} processors"
    if torch.cuda.is_available():
        machine += f", {torch.cuda.get_device_name()}"
    return (
        f"`{command}{' --quick' if options.quick else ''}` printed this. "
        f"{options.bodies} open bodies with {BETAS} normal betas; every joint, toes and hands too, "
        f"turned by {MEAN_TURN:.0f} degrees on average about a random axis, the body any way. "
        "Noise is normal, along each axis. Means over all bodies: distance of the whole mesh and "
        "of the joints from the truth without noise (mm), rotation from the truth relative to the "
        "parent (degrees, without toes). Milliseconds per body: medians of runs in turns, "
        f"{ACCURACY_BATCH} bodies at a time unless said otherwise, and the median of the ratios. "
        f"{machine}, torch {torch.__version__}. The peer is {peer.NAME}, "
        f"torch backend compiled with TorchScript, {peer.ITERATIONS} iterations, "
        f"beta_regularizer={peer.DEFAULT_REGULARIZER:g} unless said otherwise, weights "
        f"uncertainty^{peer.WEIGHT_EXPONENT}."
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="build.py bench fit", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--bodies", type=int, help="people in the cases of accuracy (256)")
    parser.add_argument("--quick", action="store_true", help="fewer people, batches and rounds")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="for both (all)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    options.bodies = options.bodies or (QUICK_BODIES if options.quick else max(TIMED_BATCHES))
    return options


def main(arguments: list[str]) -> list[Row]:
    """Run the benchmark, print the tables, write the files. Returns the rows."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    pace = QUICK_PACE if options.quick else Pace()
    with tempfile.TemporaryDirectory() as folder:
        fitters = Fitters(Path(folder))
        accuracy = list(accuracy_rows(fitters, options, pace))
        timing = list(timing_rows(fitters, options, pace))
        people = draw_people(fitters.model, PARTS_BATCH, options.seed)
        parts = parts_table(part_times(fitters.model, people))
    tables = [accuracy_table(accuracy), timing_table(timing), parts]
    text = "\n\n".join([conditions(options), *tables])
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n", encoding="utf-8")
    if options.json:
        report.write_json(accuracy + timing, options.json)
    return accuracy + timing


if __name__ == "__main__":
    main(sys.argv[1:])
