# SPDX-License-Identifier: GPL-3.0-or-later
"""The builder of the positional encoding, on a box whose eigenfunctions are known."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from nlf_blender.worker.authoring.gps import distil
from nlf_blender.worker.authoring.gps.eigenmodes import Eigenmodes, eigenmodes
from nlf_blender.worker.authoring.gps.samples import INSIDE, OUTSIDE, Sampler
from nlf_blender.worker.authoring.gps.trunk import MirroredTrunk, gps_state
from nlf_blender.worker.authoring.gps.volume import (
    HalfVolume,
    half_volume,
    refined,
    signed_volumes,
)
from nlf_blender.worker.nlf.field import FieldConfig, GPSNet
from nlf_blender.worker.training.points.winding import winding_numbers

SIZE = np.array([0.2, 0.3, 0.12])
MODES = 24
CONFIG = FieldConfig(
    fourier_dim=64, gps_hidden_dim=2400, signature_dim=MODES, eigenvalue_count=MODES
)


def box(size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [8,3] and faces [12,3] of a box around the origin, facing outward."""
    vertices = np.array(list(product([-0.5, 0.5], repeat=3))) * size
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return vertices, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


@pytest.fixture(scope="module")
def surface() -> tuple[np.ndarray, np.ndarray]:
    """A box's vertices and faces, cut so that no triangle crosses the middle plane."""
    half = box(SIZE * [0.5, 1, 1])
    left = half[0] + [SIZE[0] / 4, 0, 0]
    keep = ~(left[half[1]][..., 0] < 1e-9).all(1)
    right = left * [-1, 1, 1]
    faces = np.concatenate([half[1][keep], half[1][keep][:, ::-1] + 8])
    return np.concatenate([left, right]), faces


@pytest.fixture(scope="module")
def volume(surface) -> HalfVolume:
    return half_volume(*surface)


@pytest.fixture(scope="module")
def modes(volume) -> Eigenmodes:
    return eigenmodes(volume, MODES)


@pytest.fixture(scope="module")
def sampler(surface, volume, modes) -> Sampler:
    return Sampler(volume, modes, *surface)


def exact_modes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest non-zero eigenvalues of the box and whether their functions are even in x."""
    waves = np.array(list(product(range(8), repeat=3)))[1:]
    values = np.pi**2 * np.sum((waves / SIZE) ** 2, axis=1)
    order = np.argsort(values)[:count]
    return values[order], waves[order, 0] % 2 == 0


def test_winding_numbers_of_boxes_within_each_other():
    outer, faces = box(np.ones(3) * 0.4)
    inner = outer / 2
    vertices = np.concatenate([outer, inner])
    both = np.concatenate([faces, faces + 8])
    points = np.array([[0.01, 0.02, 0], [0.15, 0, 0], [0, -0.15, 0.11], [0.25, 0, 0], [0, 0, -0.3]])
    np.testing.assert_array_equal(winding_numbers(points, vertices, both), [2, 1, 1, 0, 0])
    hollow = np.concatenate([faces, faces[:, ::-1] + 8])
    np.testing.assert_array_equal(winding_numbers(points, vertices, hollow), [0, 1, 1, 0, 0])


def test_refined_keeps_the_surface():
    vertices, faces = box(SIZE)
    points, triangles = refined(vertices, faces, 0.05)
    corners = points[triangles]
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
    assert sides.max() <= 0.05
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    a, b, c = SIZE
    assert area.sum() / 2 == pytest.approx(2 * (a * b + b * c + c * a))


def test_half_volume_fills_the_half(volume):
    volumes = signed_volumes(volume.nodes[volume.tetrahedra])
    assert volumes.min() > 0
    assert volumes.sum() == pytest.approx(SIZE.prod() / 2, rel=1e-3)
    assert volume.nodes[:, 0].min() == 0
    assert volume.on_middle.sum() > 20


def test_eigenvalues_are_the_boxes(modes):
    values, even = exact_modes(MODES)
    np.testing.assert_allclose(modes.values, values, rtol=0.03)
    # where two eigenvalues nearly coincide their order may differ
    assert np.sum((modes.parity > 0) != even) <= 2


def test_first_eigenfunction_is_the_cosine_along_the_longest_side(volume, modes):
    wanted = np.sqrt(2 / SIZE.prod()) * np.sin(np.pi * volume.nodes[:, 1] / SIZE[1])
    found = modes.vectors[:, 0]
    np.testing.assert_allclose(found * np.sign(found @ wanted), wanted, atol=0.01 * wanted.max())


def test_odd_functions_vanish_in_the_middle(volume, modes):
    odd = modes.vectors[:, modes.parity < 0]
    np.testing.assert_array_equal(odd[volume.on_middle & volume.used], 0)
    assert np.abs(odd).max() > 1


def test_samples_agree_with_the_function_and_leave_outward(sampler, modes):
    samples = sampler.draw(2000, np.random.default_rng(0))
    assert set(np.unique(samples.kind)) == {0, 1, 2}
    assert samples.points[:, 0].min() >= 0
    extent = np.abs(samples.points) - SIZE / 2
    assert (extent[samples.kind == INSIDE] < 1e-6).all()
    assert (extent[samples.kind == OUTSIDE].max(1) > 0).all()
    wave = np.sin(np.pi * np.clip(samples.points[:, 1] / SIZE[1], -0.5, 0.5))
    correlation = np.corrcoef(wave, samples.values[:, 0])[0, 1]
    assert abs(correlation) > 0.999


def new_trunk(seed: int = 1) -> MirroredTrunk:
    half = torch.from_numpy((SIZE / 2).astype(np.float32))
    return MirroredTrunk(CONFIG, -half, half, seed)


def test_shipped_network_equals_the_mirrored_one():
    trunk = new_trunk()
    random = torch.Generator().manual_seed(2)
    even = torch.rand(MODES, generator=random) < 0.5
    readout = torch.randn(1200, MODES, generator=random) / 30
    net = GPSNet(CONFIG)
    net.load_state_dict(gps_state(trunk, readout, even))
    points = (torch.rand(50, 3, generator=random) - 0.5) * 0.3
    wanted = distil.Distillation(trunk, readout, even, torch.ones(MODES)).values(points)
    torch.testing.assert_close(net(points), wanted, atol=1e-4, rtol=1e-4)
    mirrored = net(points * torch.tensor([-1.0, 1, 1]))
    sign = torch.where(even, 1.0, -1.0)
    torch.testing.assert_close(mirrored, net(points) * sign, atol=1e-4, rtol=1e-4)


def test_distillation_learns_the_box(sampler, modes, monkeypatch):
    monkeypatch.setattr(distil, "STEPS", 6)
    monkeypatch.setattr(distil, "BATCH", 256)
    monkeypatch.setattr(distil, "SOLVING_SAMPLES", 6000)
    monkeypatch.setattr(distil, "SOLVING_CHUNK", 3000)
    monkeypatch.setattr(distil, "BUMP_CANDIDATES", 3000)
    scale = torch.from_numpy(modes.values**-0.5).float()
    even = torch.from_numpy(modes.parity > 0)
    net = distil.distil(new_trunk(), sampler, even, scale, lambda text: None)
    held_out = sampler.draw(1000, np.random.default_rng(3))
    with torch.no_grad():
        error = net.values(torch.from_numpy(held_out.points)) - torch.from_numpy(held_out.values)
    wanted = torch.from_numpy(held_out.values) * scale
    assert ((error * scale).square().sum() / wanted.square().sum()).sqrt() < 0.05
