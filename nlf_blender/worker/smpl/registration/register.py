# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration of a body to a scan, from many starts, without correspondences.

All starts move at once, drawn by optimal transport over a shrinking blur; the best few go on with
more points; the very best are drawn to the tangent planes of the whole surface.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree

from ....body.arrays import FloatArray
from ....errors import UserError
from ...progress import Progress
from ..body_model import BodyModel
from ..rotations import rotvec_from_matrix
from .bodies import Bodies
from .body_points import State, join
from .coarse import CoarseStage, run_stage
from .correspond import Cloud, TransportSettings
from .fine import FineStage, Refinement
from .flips import turn_hands
from .limbs import FAR, LOST_SHARE, limb_restarts, trunk_restarts
from .nearest import ScanTarget
from .quality import Quality, measure
from .scan import POINTS, PreparedScan, Scan, in_units, prepare_scan
from .starts import starting_states

COARSE = (
    CoarseStage("Trying starts", 100, 150, 0.2, 0.1, 6, 60, 0.03),
    CoarseStage("Placing limbs", 200, 350, 0.12, 0.06, 8, 16, 0.04),
    CoarseStage("Following the surface", 300, 600, 0.06, 0.03, 8, 4, 0.02),
)
LIMBS = CoarseStage("Placing lost limbs", 300, 600, 0.12, 0.03, 10, 4, 0.01)
COMPARING = FineStage("Comparing the best", 0.8, 12, 2000)
FITTING = FineStage("Fitting the surface", 0.9, 20, 3000)
SETTLING = FineStage("Settling", 0.95, 40, 5000)
MENDING = "Mending limbs"
Said = Callable[[int, int], None]  # (done, total)
FULL_REACH = 1.0
PARTIAL_REACH = 0.1


@dataclass(frozen=True)
class RegisterSettings:
    """beta_count: shape components to solve for; partial: the scan shows only a part of the
    person, so that the body need not be near it everywhere; any_orientation: False for a person
    who is upright (y up), in any heading; starts: the most that are tried; unit_factor: metres
    per unit of the scan, guessed by default; scale: also solve for a factor on the body."""

    beta_count: int = 10
    partial: bool = False
    any_orientation: bool = True
    starts: int = 600
    unit_factor: float | None = None
    scale: bool = False


@dataclass(frozen=True)
class Registration:
    """A body registered to a scan: scan = scale * body(pose, betas) + translation.

    pose [J,3] rotation vectors; betas [B]; translation [3] and scale in the scan's own units.
    Distances in metres: mean_distance, median_distance and p95_distance (95th percentile) from the
    scan's points to the body; body_distance: the mean from the body to the scan, NaN for partial
    scans; distances [M] of each scan point that was used, points [M,3] in the scan's units.
    undetermined [J]: joints of parts that the scan does not show. starts_tried; seconds; notes.
    """

    pose: FloatArray
    betas: FloatArray
    translation: FloatArray
    scale: float
    mean_distance: float
    median_distance: float
    p95_distance: float
    body_distance: float
    distances: FloatArray
    points: FloatArray
    undetermined: np.ndarray
    starts_tried: int
    seconds: float
    notes: tuple[str, ...]


@torch.no_grad()
def register(
    scan: Scan | PreparedScan,
    body_model: BodyModel,
    settings: RegisterSettings | None = None,
    progress: Progress | None = None,
) -> Registration:
    """Fit pose, shape and place of a body to a scan.

    UserError if the scan is not usable, or nothing like the body; Cancelled if `progress` says so.
    """
    began = time.monotonic()
    settings, progress = settings or RegisterSettings(), progress or Progress()
    progress.step("Preparing the scan")
    if isinstance(scan, Scan):
        scan = prepare_scan(scan.points, scan.faces, scan.normals, POINTS, settings.unit_factor)
    elif settings.unit_factor is not None:
        scan = in_units(scan, settings.unit_factor)
    if body_model.v_template.device.type != "cpu":  # small batches and trees: nothing for a GPU
        body_model = BodyModel(body_model.body)
    centre = np.median(scan.points.astype(np.float64), axis=0)
    points = (scan.points - centre).astype(np.float32)
    state, tried = _Run(body_model, points, scan, settings, progress).run()
    progress.step("Measuring")
    quality = measure(body_model, state, points, scan.normals, scan.signed, settings.partial)
    return _result(state, quality, scan, centre, tried, time.monotonic() - began)


class _Run:
    """One registration: the body's points, the scan's about its centre, and where to report."""

    def __init__(
        self,
        model: BodyModel,
        points: FloatArray,
        scan: PreparedScan,
        settings: RegisterSettings,
        progress: Progress,
    ) -> None:
        self.bodies = Bodies(model, settings.beta_count)
        self.settings, self.progress = settings, progress
        self.scan = Cloud(torch.from_numpy(points), torch.from_numpy(scan.normals))
        reach = PARTIAL_REACH if settings.partial else FULL_REACH
        self.transport = TransportSettings(0.1, body_reach=reach, signed=scan.signed)
        sample = np.arange(min(SETTLING.sample, len(points)))
        target = ScanTarget(points, scan.normals, scan.signed, cKDTree(points), sample)
        prior, partial, scale = self.bodies.prior, settings.partial, settings.scale
        surface = self.bodies.surface()
        self.refinement = Refinement(surface, target, prior, partial, scale)

    def run(self) -> tuple[State, int]:
        """The one best body, and how many starts were tried."""
        first = self.bodies.weighed(COARSE[0].body_points)
        any_orientation, most = self.settings.any_orientation, self.settings.starts
        points = self.scan.points[:2000]
        state = starting_states(first.points, first.weights, points, any_orientation, most)
        tried = len(state)
        for stage in COARSE:
            state = self._stage(stage, state, self._saying(stage.name))
        state = self._best(COMPARING, state, 2)
        state = self._best(FITTING, state, 1)
        state = self._with_lost_limbs(state)
        state = turn_hands(self.refinement, state, self._saying(MENDING))
        return self._best(SETTLING, state, 1), tried

    def _with_lost_limbs(self, state: State) -> State:
        """The body, or one with a limb started anew where that is nearer to the scan."""
        if self.refinement.lost_share(state, FAR) < LOST_SHARE:
            return state
        points = self.refinement.surface.points
        ways = (limb_restarts(points, state), trunk_restarts(points, state))
        restarts = [way for way in ways if way is not None]
        if not restarts:
            return state
        said = self._saying(MENDING, counted=False)
        found = self._stage(LIMBS, join(restarts), said)
        found = self.refinement.best(COMPARING, found, 1, said)
        return self.refinement.best(FITTING, join([state, found]), 1, said)

    def _stage(self, stage: CoarseStage, state: State, said: Said) -> State:
        """The state after a coarse stage."""
        count = stage.scan_points
        cloud = Cloud(self.scan.points[:count], self.scan.normals[:count])
        body = self.bodies.weighed(stage.body_points)
        state, cost = run_stage(stage, body, cloud, self.bodies.prior, state, self.transport, said)
        if len(cost) == 0:
            raise UserError(
                "Registration failed",
                "No start led to a body near the scan.",
                "Check that the scan shows one person, and its units.",
            )
        return state

    def _best(self, stage: FineStage, state: State, keep: int) -> State:
        """The `keep` best bodies after a fine stage."""
        return self.refinement.best(stage, state, keep, self._saying(stage.name))

    def _saying(self, name: str, counted: bool = True) -> Said:
        """What stages report to; not counted: a stage of several parts, none of them its end."""
        if not counted:
            return lambda done, total: self.progress.step(name)
        return lambda done, total: self.progress.step(name, done, total)


def _result(
    state: State,
    quality: Quality,
    scan: PreparedScan,
    centre: FloatArray,
    tried: int,
    seconds: float,
) -> Registration:
    factor = scan.unit_factor
    distances = quality.distances
    return Registration(
        pose=rotvec_from_matrix(state.rotations)[0].numpy(),
        betas=state.betas[0].numpy(),
        translation=(state.translation[0].numpy().astype(np.float64) + centre) / factor,
        scale=float(state.scale[0]) / factor,
        mean_distance=float(distances.mean()),
        median_distance=float(np.median(distances)),
        p95_distance=float(np.percentile(distances, 95)),
        body_distance=quality.body_distance,
        distances=distances,
        points=scan.points / factor,
        undetermined=quality.undetermined,
        starts_tried=tried,
        seconds=seconds,
        notes=scan.notes,
    )
