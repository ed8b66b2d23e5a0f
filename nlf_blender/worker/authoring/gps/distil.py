# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the network that stands for the eigenfunctions (paper section on positional encoding).

Hidden units start as random waves and as bumps around points where the signature is strong (hands
and feet, whose functions are the most local). The output layer is linear in them and solved by
least squares, before and after all layers are trained together. Errors count as they do in the
signature, each function over the square root of its eigenvalue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .samples import Sampler, Samples
from .trunk import MirroredTrunk, fourier_code

SEED = 5
STEPS, BATCH = 500, 2048
LEARNING_RATE = 2e-2  # for the output layer and the hidden matrix relative to their own size
WAVE_RATE = 3.0
SOLVING_SAMPLES, SOLVING_CHUNK = 60000, 10000
RIDGE = 1e-6
BUMPS, BUMP_CANDIDATES = 600, 20000
BUMP_HEIGHT, BUMP_LEVEL = 6.0, 0.3
TALK_EVERY = 50


@dataclass
class Distillation:
    """The network while it is made: the trunk, readout [H,K], even [K], and scale [K], the
    reciprocal square roots of the eigenvalues."""

    trunk: MirroredTrunk
    readout: Tensor
    even: Tensor
    scale: Tensor

    def values(self, points: Tensor) -> Tensor:
        """Eigenfunctions [N,K] at points [N,3]."""
        even, odd = self.trunk(points)
        return torch.where(self.even, even @ self.readout, odd @ self.readout)


def distil(
    trunk: MirroredTrunk, sampler: Sampler, even: Tensor, scale: Tensor, say: Callable[[str], None]
) -> Distillation:
    """A trained network for functions of the given parity and scale."""
    random = np.random.default_rng(SEED)
    place_bumps(trunk, sampler.draw(BUMP_CANDIDATES, random), scale, random)
    readout = torch.zeros(len(trunk.matrix), len(even))
    result = Distillation(trunk, readout, even, scale)
    solve_readout(result, sampler, random)
    train(result, sampler, random, say)
    solve_readout(result, sampler, random)
    return result


@torch.no_grad()
def place_bumps(
    trunk: MirroredTrunk, samples: Samples, scale: Tensor, random: np.random.Generator
) -> None:
    """Turns the last BUMPS hidden units into bumps around evenly spread points.

    A sum of cosines of many waves around a point peaks there and is small elsewhere; with a bias
    below the peak, only the peak passes the activation. Where the signature is strong it changes
    fast, and points are placed closer.
    """
    strength = np.linalg.norm(samples.values * scale.numpy(), axis=1)
    centres = torch.from_numpy(samples.points[_spread_out(samples.points, strength, random)])
    own, other = trunk.phases(centres)
    used = torch.zeros(own.shape[1])
    used[trunk.slow_count :] = 1
    waves = fourier_code(own, other) * used.repeat(4)
    # the code's own length squared is the peak: scaled to 1
    peak = waves.square().sum(1, keepdim=True)
    trunk.matrix[-BUMPS:] = BUMP_HEIGHT * waves / peak
    trunk.bias[-BUMPS:] = -BUMP_HEIGHT * BUMP_LEVEL


def _spread_out(
    points: np.ndarray, strength: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Indices of BUMPS points, each the farthest from those before it in units of its reach."""
    chances = strength / strength.sum()
    drawn = random.choice(len(points), min(8 * BUMPS, len(points)), replace=False, p=chances)
    candidates, reach = points[drawn], strength[drawn] ** -0.5
    chosen = [0]
    distance = np.linalg.norm(candidates - candidates[0], axis=1) / reach
    while len(chosen) < BUMPS:
        chosen.append(int(np.argmax(distance)))
        nearer = np.linalg.norm(candidates - candidates[chosen[-1]], axis=1) / reach
        distance = np.minimum(distance, nearer)
    return drawn[chosen]


@torch.no_grad()
def solve_readout(net: Distillation, sampler: Sampler, random: np.random.Generator) -> None:
    """Least squares for the output layer over SOLVING_SAMPLES points, per parity."""
    units, outputs = net.readout.shape
    gram = torch.zeros(2, units, units, dtype=torch.float64)
    right = torch.zeros(2, units, outputs, dtype=torch.float64)
    for _ in range(SOLVING_SAMPLES // SOLVING_CHUNK):
        samples = sampler.draw(SOLVING_CHUNK, random)
        values = torch.from_numpy(samples.values)
        for parity, hidden in enumerate(net.trunk(torch.from_numpy(samples.points))):
            gram[parity] += hidden.T @ hidden
            right[parity] += hidden.T @ values
    ridge = RIDGE * torch.eye(units, dtype=torch.float64)
    even, odd = (
        torch.linalg.solve(gram[i] + ridge * gram[i].diagonal().mean(), right[i]) for i in (0, 1)
    )
    net.readout = torch.where(net.even, even, odd).float()


def train(
    net: Distillation, sampler: Sampler, random: np.random.Generator, say: Callable[[str], None]
) -> None:
    """Trains all layers together on the weighted squared error."""
    trunk = net.trunk
    # columns scaled as in the signature: all of them of like size
    even_readout, odd_readout = (
        torch.nn.Parameter((net.readout * net.scale)[:, which]) for which in (net.even, ~net.even)
    )
    rates = [
        ([trunk.waves], WAVE_RATE),
        ([trunk.matrix], trunk.matrix.std().item()),
        ([trunk.bias], 1.0),
        ([even_readout, odd_readout], even_readout.std().item()),
    ]
    groups = [{"params": part, "lr": LEARNING_RATE * rate} for part, rate in rates]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [g["lr"] for g in groups], total_steps=STEPS + 1, pct_start=0.1
    )
    for step in range(STEPS):
        samples = sampler.draw(BATCH, random)
        wanted = torch.from_numpy(samples.values) * net.scale
        even, odd = trunk(torch.from_numpy(samples.points))
        error = (even @ even_readout - wanted[:, net.even]).square().sum()
        error = error + (odd @ odd_readout - wanted[:, ~net.even]).square().sum()
        loss = error / wanted.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % TALK_EVERY == 0:
            say(f"step {step}: weighted error {loss.item() ** 0.5:.3f}")
