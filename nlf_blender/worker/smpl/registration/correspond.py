# SPDX-License-Identifier: GPL-3.0-or-later
"""What pulls at the points of a body from afar: optimal transport between its surface and the scan.

Mass, that is area, of the body is carried to the scan with the least effort, blurred over a length
sigma (entropic regularization; Sinkhorn's algorithm). An arm of the scan so needs an arm's worth
of body, which nearest points do not care about. The blur draws every target towards the middle;
the body's transport onto itself is drawn in equally, and subtracting it (the Sinkhorn divergence,
Feydy et al., 2019) leaves no pull where body and scan agree. Mass that would have to travel far
may stay (unbalanced transport), as holes, floor and floaters ask for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SINKHORN_STEPS = 8
SELF_STEPS = 4
LEAST_EXPONENT = -75.0  # exp of it is still a normal float32 number
TINY = 1e-35
TRUNCATION = 0.2  # metres: a distance counts no more than this in a start's cost


@dataclass(frozen=True)
class Pull:
    """What S bodies' N points are drawn by: information A [S,N,3,3], pull A (target - point)
    [S,N,3], in units of one target of weight 1; cost [S]: the mean of truncated distances."""

    information: Tensor
    pull: Tensor
    cost: Tensor


@dataclass(frozen=True)
class TransportSettings:
    """Metres. sigma: the blur; normal_length: half of what opposite normals count as; body_reach,
    scan_reach: about how far mass of either travels before it rather stays; signed: the scan's
    normals point outward, all of them."""

    sigma: float
    normal_length: float = 0.1
    body_reach: float = 1.0
    scan_reach: float = 1.0
    signed: bool = True


@dataclass(frozen=True)
class Cloud:
    """points [M,3] and unit normals [M,3] of a scan, or [S,N,3] of bodies."""

    points: Tensor
    normals: Tensor


def transport_pull(body: Cloud, weights: Tensor, scan: Cloud, settings: TransportSettings) -> Pull:
    """The pull of a scan [M,3] on bodies [S,N,3] whose points have weights [N] that sum to 1."""
    costs = _costs(body, scan, settings)
    plan = _plan(costs, weights, settings)
    mass = plan.sum(2, keepdim=True)
    pull = plan @ scan.points - mass * _drawn_in(body, weights, settings)
    information = mass[..., None] * torch.eye(3).to(pull)
    return Pull(information, pull, _mean_distance(costs, weights, settings))


def transport_cost(
    body: Cloud, weights: Tensor, scan: Cloud, settings: TransportSettings
) -> Tensor:
    """How far bodies [S,N,3] are from a scan [M,3]: [S], `Pull.cost`."""
    return _mean_distance(_costs(body, scan, settings), weights, settings)


def _mean_distance(costs: Tensor, weights: Tensor, settings: TransportSettings) -> Tensor:
    """Mean truncated distance from the scan's points to the body, and back where the body may
    expect to find itself in the scan."""
    to_body = costs.amin(1).sqrt().clamp(max=TRUNCATION).mean(1)
    if settings.body_reach < TRUNCATION:
        return to_body
    return (to_body + costs.amin(2).sqrt().clamp(max=TRUNCATION) @ weights) / 2


def _costs(body: Cloud, scan: Cloud, settings: TransportSettings) -> Tensor:
    """Squared distances [S,N,M] of positions and normals."""
    length = settings.normal_length
    shape = body.points.shape[:2]
    if settings.signed:
        rows = torch.cat([body.points, body.normals * length], -1).flatten(0, 1)
        columns = torch.cat([scan.points, scan.normals * length], -1)
        return torch.cdist(rows, columns).square_().unflatten(0, shape)
    squared = torch.cdist(body.points.flatten(0, 1), scan.points).square_()
    agreement = (body.normals.flatten(0, 1) @ scan.normals.T).abs_()
    return squared.add_(1 - agreement, alpha=2 * length**2).unflatten(0, shape)


def _plan(costs: Tensor, weights: Tensor, settings: TransportSettings) -> Tensor:
    """The mass [S,N,M] that goes from each body point to each scan point; about 1 in all."""
    blur = 2 * settings.sigma**2
    body_share = settings.body_reach**2 / (settings.body_reach**2 + blur)
    scan_share = settings.scan_reach**2 / (settings.scan_reach**2 + blur)
    nearest = costs.amin(2, keepdim=True)  # of each body point: keeps its row from vanishing
    kernel = ((nearest - costs) / blur).clamp_(min=LEAST_EXPONENT).exp_()
    transposed = kernel.transpose(1, 2)
    # What keeping the nearest out of the kernel leaves of it in an unbalanced row:
    left = ((body_share - 1) / blur * nearest).clamp_(min=LEAST_EXPONENT).exp_()
    # Scales are relative to transport of all mass to everywhere alike, so that mass that would
    # travel far is lost where reaches are finite, and none is gained.
    body_mass, scan_mass = weights[None, :, None], 1 / costs.shape[2]
    scan_scale = costs.new_ones((len(costs), costs.shape[2], 1))
    body_scale = left
    for _ in range(SINKHORN_STEPS):
        reached = (kernel @ scan_scale).mul_(scan_mass).clamp_(min=TINY)
        body_scale = reached.pow_(-body_share).mul_(left)
        reached = (transposed @ (body_scale * body_mass)).clamp_(min=TINY)
        scan_scale = reached.pow_(-scan_share)
    return kernel.mul_(body_scale * body_mass).mul_(scan_scale.transpose(1, 2) * scan_mass)


def _drawn_in(body: Cloud, weights: Tensor, settings: TransportSettings) -> Tensor:
    """Where the transport of bodies onto themselves takes their points [S,N,3], on the mean."""
    length = settings.normal_length
    rows = torch.cat([body.points, body.normals * length], -1)
    kernel = torch.cdist(rows, rows).square_().mul_(-0.5 / settings.sigma**2).exp_()
    wanted = weights[None, :, None]
    scale = wanted.sqrt().expand(len(rows), -1, 1)
    for _ in range(SELF_STEPS):
        scale = (scale * wanted / (kernel @ scale)).sqrt()
    plan = kernel.mul_(scale.transpose(1, 2))
    return (plan @ body.points) / plan.sum(2, keepdim=True)
