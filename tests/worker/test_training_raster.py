# SPDX-License-Identifier: GPL-3.0-or-later
"""The rasteriser against a loop over triangles and samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nlf_blender.worker.training.synthetic.normals import rings, vertex_normals
from nlf_blender.worker.training.synthetic.raster import EMPTY, Corners, rasterize, shares_at
from nlf_blender.worker.training.synthetic.soup import NEAR, soup_of
from nlf_blender.worker.training.synthetic.stage import MeshGroup

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
SIZE = (70, 50)


def triangles(count: int, spread: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Corners on screen [F,3,2] and depths [F,3] of triangles of about `spread` samples."""
    random = np.random.default_rng(seed)
    middle = random.uniform(-10, 80, (count, 1, 2))
    return middle + random.normal(size=(count, 3, 2)) * spread, random.uniform(1, 9, (count, 3))


def corners_of(pixels: np.ndarray, depths: np.ndarray, device: str) -> Corners:
    planes = (pixels[..., 0].T, pixels[..., 1].T, 1 / depths.T)
    return Corners(
        *(torch.from_numpy(np.ascontiguousarray(p, np.float32)).to(device) for p in planes)
    )


def brute_force(
    pixels: np.ndarray, depths: np.ndarray, two_sided: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face and nearness at each sample of one picture, and whether that is beyond doubt."""
    width, height = SIZE
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    face, near = np.full((height, width), EMPTY), np.zeros((height, width))
    sure = np.ones((height, width), bool)
    for number, ((a, b, c), depth) in enumerate(zip(pixels, depths, strict=True)):
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area > 0 and not two_sided[number]:
            continue
        second = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        third = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        least = np.minimum(np.minimum(second, third), 1 - second - third)
        nearness = (1 - second - third) / depth[0] + second / depth[1] + third / depth[2]
        sure &= (np.abs(least) > 1e-3) & ~((least > 0) & (np.abs(nearness - near) < 1e-4))
        wins = (least >= 0) & (nearness > near)
        face[wins], near[wins] = number, nearness[wins]
    return face, near, sure


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("count", "spread"), [(300, 1.0), (80, 6.0), (12, 60.0)])
def test_the_nearest_triangle_is_seen(count: int, spread: float, device: str) -> None:
    drawn = [triangles(count, spread, seed) for seed in (1, 2)]
    pixels, depths = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    two_sided = np.arange(2 * count) % 3 == 0
    picture = torch.arange(2).repeat_interleave(count).to(device)
    hits = rasterize(
        corners_of(pixels, depths, device), picture, torch.from_numpy(two_sided).to(device), 2, SIZE
    )
    seen = 0
    for number in range(2):
        part = slice(number * count, (number + 1) * count)
        face, near, sure = brute_force(pixels[part], depths[part], two_sided[part])
        expected = np.where(face == EMPTY, EMPTY, face + number * count)
        assert (hits.face[number].cpu().numpy() == expected)[sure].all()
        known = sure & (face != EMPTY)
        assert np.allclose(hits.nearness[number].cpu().numpy()[known], near[known], rtol=1e-3)
        seen += known.sum()
    assert seen > 150


@pytest.mark.parametrize("device", DEVICES)
def test_neighbours_leave_no_gap(device: str) -> None:
    random = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(np.linspace(-5, 75, 23), np.linspace(-5, 55, 19)), -1)
    grid += random.uniform(-1.2, 1.2, grid.shape)
    a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
    pixels = np.concatenate([np.stack([a, c, b], 2), np.stack([a, d, c], 2)]).reshape(-1, 3, 2)
    depths = np.full(pixels.shape[:2], 4.0)
    none = torch.zeros(len(pixels), dtype=torch.int64, device=device)
    hits = rasterize(corners_of(pixels, depths, device), none, none.bool(), 1, SIZE)
    assert (hits.face >= 0).all()


def test_shares_are_right_in_perspective() -> None:
    random = np.random.default_rng(4)
    points = random.uniform([-1, -1, 2], [1, 1, 9], (20, 3, 3))
    wanted = random.dirichlet(np.ones(3), 20)
    inside = (points * wanted[..., None]).sum(1)
    at = torch.from_numpy((inside[:, :2] / inside[:, 2:] * 100).astype(np.float32))
    corners = corners_of(points[..., :2] / points[..., 2:] * 100, points[..., 2], "cpu")
    shares, depths = shares_at(corners, at[:, 0], at[:, 1])
    assert np.allclose(shares.t(), wanted, atol=1e-3)
    assert np.allclose(depths, inside[:, 2], rtol=1e-3)


def square(depth_left: float, depth_right: float) -> MeshGroup:
    """A square before the camera whose sides are at these depths, rest = its own coordinates."""
    vertices = torch.tensor(
        [[-1, -1, depth_left], [1, -1, depth_right], [1, 1, depth_right], [-1, 1, depth_left]]
    )
    faces = torch.tensor([[0, 2, 1], [0, 3, 2]])
    one = torch.zeros(1, dtype=torch.int64)
    return MeshGroup(
        vertices[None], faces, rings(faces.numpy(), 4), vertices, one, one, one, two_sided=True
    )


@pytest.mark.parametrize(("left", "right"), [(-1.0, 3.0), (3.0, -2.0)])
def test_what_is_too_near_is_cut_off(left: float, right: float) -> None:
    soup = soup_of([square(left, right)])
    corners = soup.vertices[soup.faces]
    assert corners[..., 2].min() == NEAR
    area = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(
        dim=1
    )
    share = (max(left, right) - NEAR) / abs(right - left)
    whole = 2 * np.hypot(2, right - left)
    assert float(area.sum()) / 2 == pytest.approx(whole * share, rel=1e-4)
    assert torch.allclose(soup.rest, soup.vertices, atol=1e-5)
    assert len(soup_of([square(-3.0, -1.0)]).faces) == 0


def test_normals_of_a_ball_point_outward() -> None:
    from nlf_blender.worker.training.synthetic.primitives import SHAPES

    for make in SHAPES.values():
        vertices, faces = make()
        points = torch.from_numpy(vertices.astype(np.float32))[None]
        ring = rings(faces, len(vertices))
        normals = vertex_normals(points, torch.from_numpy(faces), ring)[0]
        away = points[0] - torch.tensor([0, 0.5, 0])
        used = torch.from_numpy(np.isin(np.arange(len(vertices)), faces))
        assert ((normals * away).sum(1) > 0)[used & (away.norm(dim=1) > 0.1)].all()
