# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits of pose, shape, translation and scale to points of a body, as the NLF paper's fitter does.

Kabsch's method gives every part's orientation; a few regularized least-squares solves for all
turns and the shape at once lead from there to the optimum (gauss_newton.py says how that differs
from the paper). README.md has the accuracy and the speed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..body_model import BodyModel
from ..rotations import rotvec_from_matrix
from .gauss_newton import CALM_TURN, RENEW_TURN, Batch
from .linear_system import solve_shapes
from .points import FitPoints, fit_points
from .shared_shapes import share_shapes
from .start import FitStart, Known, starting_state, unknowns_of
from .targets import Targets, make_targets
from .uncertainty import turn_uncertainty

# People are fitted in batches such that no tensor on the way holds more numbers than this (64 MB):
# fewer at a time cost more of torch's own overhead, more cost memory and gain nothing.
BATCH_NUMBERS = 1 << 24
MATRICES = 8  # of all turns by all turns, that are there at a time
FEW_STEPS = 2  # with fewer points, at least
NEAR_TURN = 0.02  # radians; with a longer turn in a step with all points, another one follows


@dataclass(frozen=True)
class FitSettings:
    """iterations: least-squares solves after Kabsch's start, fewer where all have arrived, more
    with fewer points where some have far to go. beta_count: shape components. scale: solve for the
    body's size; kid: solve for the kid axis, if the body has one.

    uncertainty_exponent: points count as their uncertainty to the power of minus this; 2 is right
    where errors are normal, the paper takes 1.5 for a network's. turn: how far joints are expected
    to be turned, radians. independent_points: errors of neighbouring points may be alike, so that
    thousands tell no more than this many independent ones (None: all are independent).
    """

    iterations: int = 4
    beta_count: int = 10
    scale: bool = False
    kid: bool = False
    uncertainty_exponent: float = 2.0
    turn: float = 0.5
    independent_points: float | None = None

    def __post_init__(self) -> None:
        independent = self.independent_points
        if self.iterations < 1 or self.beta_count < 0 or self.turn <= 0:
            raise ValueError("iterations must be 1 or more, betas 0 or more, turn above 0")
        if independent is not None and independent <= 0:
            raise ValueError("independent points must be above 0")


@dataclass(frozen=True)
class Fit:
    """Fits of P people; metres, radians, in the axes of the points.

    pose [P,J,3]: rotation vectors relative to the parent; betas [P,B]; translation [P,3]; scale
    [P]: on the whole body, before translation; kid [P]: along the kid axis; residuals [P,N]: how
    far the points are from the fitted body, NaN where missing; error [P]: their mean, NaN without
    any point; pose_sigma [P,J]: standard deviation of each turn, radians; undetermined [P,J]:
    joints whose turn the points leave open in some direction, where what was expected decides;
    rescaled [P]: people whose points are so large or small that scale was solved for unasked.
    """

    pose: Tensor
    betas: Tensor
    translation: Tensor
    scale: Tensor
    kid: Tensor
    residuals: Tensor
    error: Tensor
    pose_sigma: Tensor
    undetermined: Tensor
    rescaled: Tensor


def fitting_device(device: torch.device) -> torch.device:
    """Where to keep a body that is fitted beside models on `device`: the same, but not on Metal,
    which knows no double precision."""
    return torch.device("cpu") if device.type == "mps" else device


def fit(
    points: Tensor,
    body: BodyModel,
    weights: Tensor | None = None,
    *,
    uncertainties: Tensor | None = None,
    vertex_indices: Tensor | None = None,
    joint_indices: Tensor | None = None,
    settings: FitSettings | None = None,
    start: Fit | FitStart | None = None,
    known_betas: Tensor | None = None,
    known_scale: Tensor | None = None,
    known_pose: Tensor | None = None,
    expected_pose: Tensor | None = None,
    shape_groups: Tensor | None = None,
) -> Fit:
    """Fit the body to points in any axes; metres. Differentiable in the points.

    points [P,N,3]: the body's vertices `vertex_indices` [Nv], then its joints `joint_indices`
    [Nj]; without either, all vertices (N = V), all vertices and joints (V + J) or all joints (J).
    weights [N] or [P,N]: relative, 0 where missing, as NaN points are; uncertainties [N] or [P,N]
    in metres: they say how much each point counts, and how much all of them do.

    start: where to begin instead of Kabsch's orientations, as the frame before. known_betas [P,B],
    known_scale [P], known_pose [P,J,3] (rotation vectors relative to the parent, NaN where free):
    held fixed. expected_pose [P,J,3]: where joints are that no point tells of; at 0 by default.
    shape_groups [P]: people with equal numbers share one shape and scale. ValueError if shapes
    do not agree, or the body is where nothing can be fitted (`fitting_device`).
    """
    settings = settings or FitSettings()
    like = body.v_template
    if fitting_device(like.device) != like.device:
        raise ValueError(f"nothing can be fitted on {like.device}")
    points = points.to(like)
    chosen = _chosen(points, body, vertex_indices, joint_indices)
    beta_count = min(settings.beta_count, body.beta_count)
    if known_betas is not None:
        beta_count = known_betas.shape[1]
    fitted = fit_points(body, *chosen, beta_count, settings.kid and body.has_kid)
    targets = make_targets(
        points,
        _spread(torch.ones(()) if weights is None else weights, points, "weights"),
        None if uncertainties is None else _spread(uncertainties, points, "uncertainties"),
        settings.uncertainty_exponent,
        settings.independent_points,
    )
    known = Known(known_betas, known_scale, known_pose, expected_pose)
    known = known.checked(like, len(points), fitted.joint_count)
    parts = _parts(len(points), fitted)
    # nothing to record: then torch need not keep what recording would take
    with torch.inference_mode(not (torch.is_grad_enabled() and points.requires_grad)):
        made = (
            _make_batch(fitted, targets.people(part), settings, known.people(part), start, part)
            for part in parts
        )
        if shape_groups is None:
            fits = [_finish(batch, _solve([batch], settings, None), settings) for batch in made]
        else:
            fits = _fit_shared(list(made), settings, shape_groups.to(like.device))
    return Fit(*(torch.cat(items) for items in zip(*fits, strict=True)))


def _fit_shared(
    batches: list[Batch], settings: FitSettings, shape_groups: Tensor
) -> list[tuple[Tensor, ...]]:
    """The fields of `Fit` for batches whose people share shapes by groups [P]."""
    groups = torch.unique(shape_groups, return_inverse=True)[1]
    share_shapes(batches, groups)
    covariances = _solve(batches, settings, groups)
    sizes = [len(batch.targets.weights) for batch in batches]
    return [
        _finish(batch, covariance, settings)
        for batch, covariance in zip(batches, covariances.split(sizes), strict=True)
    ]


def _chosen(
    points: Tensor, body: BodyModel, vertices: Tensor | None, joints: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Vertex and joint indices of the points. ValueError if they are not as many."""
    vertex_count, joint_count = len(body.v_template), len(body.parents)
    if points.ndim != 3 or points.shape[2] != 3:
        raise ValueError(f"points of shape {tuple(points.shape)}, not [people, points, 3]")
    count = points.shape[1]
    none = torch.zeros(0, dtype=torch.long)
    if vertices is None and joints is None:
        if count in (vertex_count, vertex_count + joint_count):
            vertices = torch.arange(vertex_count)
        if count in (joint_count, vertex_count + joint_count):
            joints = torch.arange(joint_count)
    vertices = none if vertices is None else vertices.cpu()
    joints = none if joints is None else joints.cpu()
    if count != len(vertices) + len(joints):
        raise ValueError(f"{count} points for {len(vertices)} vertices and {len(joints)} joints")
    return vertices, joints


def _spread(values: Tensor, points: Tensor, what: str) -> Tensor:
    """Values for every point of every person. ValueError if they are not as many."""
    try:
        return values.to(points).expand(points.shape[:2])
    except RuntimeError as error:
        shape = tuple(values.shape)
        raise ValueError(f"{what} of shape {shape} for {tuple(points.shape[:2])} points") from error


def _parts(people: int, points: FitPoints) -> list[slice]:
    """The people of each batch, about as many in each; one empty batch for nobody."""
    by_points = 12 * points.count * (points.column_count + 1)
    by_turns = MATRICES * (3 * points.joint_count) ** 2
    most = max(1, BATCH_NUMBERS // max(by_points, by_turns))
    count = max(1, -(-people // most))
    size = max(1, -(-people // count))
    return [slice(first, first + size) for first in range(0, max(people, 1), size)]


@torch.no_grad()
def _make_batch(
    points: FitPoints,
    targets: Targets,
    settings: FitSettings,
    known: Known,
    start: Fit | FitStart | None,
    part: slice,
) -> Batch:
    if start is not None:
        parameters = (start.pose, start.betas, start.scale, start.kid)
        start = FitStart(*(None if item is None else item[part] for item in parameters))
    state, free_scale = starting_state(points, targets, known, start, settings.scale)
    unknowns = unknowns_of(points, known, len(targets.weights), free_scale, settings.turn)
    return Batch(points, targets, unknowns, state)


def _solve(batches: list[Batch], settings: FitSettings, groups: Tensor | None) -> Tensor:
    """Bring batches that share shapes to their optimum. Returns the shapes' covariances [P,S,S].

    The first steps take fewer points where these can stand for all. Only one more step after the
    last is recorded for gradients: at the optimum, with a new matrix, it is by itself the
    derivative of the whole fit (implicit function theorem, with Gauss-Newton's Hessian).
    """
    least, most, turn = 1, settings.iterations, CALM_TURN
    rough = [batch.coarse() for batch in batches]
    few = [batch for batch in rough if batch is not None]
    with torch.no_grad():
        if len(few) == len(batches) and most > FEW_STEPS:
            _walk(few, FEW_STEPS, 2 * most, RENEW_TURN, groups)
            for batch, found in zip(batches, few, strict=True):
                batch.go_on_from(found)
            least, turn = max(1, most - 1 - FEW_STEPS), NEAR_TURN
        covariance = _walk(batches, least, most, turn, groups)
    if torch.is_grad_enabled() and not torch.is_inference_mode_enabled():
        covariance = _step(batches, groups, renew=True)
    return covariance


def _walk(
    batches: list[Batch], least: int, most: int, turn: float, groups: Tensor | None
) -> Tensor:
    """Steps, at least and at most as many, until no joint turned by more than `turn`, radians, in
    the last. Returns the shapes' covariances [P,S,S]."""
    covariance = torch.zeros(0)
    for count in range(1, most + 1):
        covariance = _step(batches, groups)
        if count >= least and all((batch.longest_turn <= turn).all() for batch in batches):
            break
    return covariance


def _step(batches: list[Batch], groups: Tensor | None, renew: bool = False) -> Tensor:
    """One step. Returns the shapes' covariances [P,S,S]; renew: with new matrices for all."""
    prepared = [batch.prepare(renew) for batch in batches]
    matrices, right = (torch.cat(items) for items in zip(*prepared, strict=True))
    shapes = torch.cat([batch.unexpected_shape() for batch in batches])
    steps, covariance = solve_shapes(matrices, right, shapes, groups)
    sizes = [len(batch.targets.weights) for batch in batches]
    for batch, step in zip(batches, steps.split(sizes), strict=True):
        batch.advance(step)
    return covariance


def _finish(batch: Batch, covariance: Tensor, settings: FitSettings) -> tuple[Tensor, ...]:
    """The fields of `Fit`."""
    posed = batch.settle()
    points, targets, state = batch.points, batch.targets, batch.state
    scale = torch.exp(state.log_scale)
    means = (posed.points @ targets.weights[..., None])[..., 0]
    squares = batch.residuals(posed).square().sum(1)
    distances = squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt() * scale[:, None]
    residuals = torch.where(targets.weights > 0, distances, torch.nan)
    sigma, undetermined = turn_uncertainty(
        batch.factors, batch.doubt, batch.targets.evidence, covariance, batch.unknowns.turns
    )
    betas, kid = state.shape.tensor_split([points.beta_count], 1)
    scale_found = batch.unknowns.scale is not None and not settings.scale
    rescaled = batch.unknowns.scale if scale_found else torch.zeros_like(scale, dtype=torch.bool)
    return (
        rotvec_from_matrix(posed.local),
        betas,
        targets.center - means * scale[:, None],
        scale,
        kid.sum(1),
        residuals,
        residuals.nanmean(1),
        sigma,
        undetermined,
        rescaled,
    )
