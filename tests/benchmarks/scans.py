# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans of people whose parameters are known: clean ones, and what scanners make of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from nlf_blender.worker.smpl.body_model import BodyModel
from nlf_blender.worker.smpl.closest_surface import ClosestSurface
from nlf_blender.worker.smpl.registration.register import Registration

from .sampling import draw_people

POINTS = 20_000
CHECKED = 4000  # points that distances are measured at, on either surface
CAMERA_DISTANCE = 3.0  # metres
PIXEL, DEPTH_STEP = 0.012, 0.03  # metres at the person: what hides what from the camera
HOLES, HOLE_RADIUS = 8, 0.1


@dataclass(frozen=True)
class Person:
    """Truth: pose [J,3], betas [B], translation [3]; vertices [V,3], joints [J,3], orientations
    [J,3,3] in space; metres."""

    pose: np.ndarray
    vertices: np.ndarray
    joints: np.ndarray
    orientations: np.ndarray


@dataclass(frozen=True)
class RawScan:
    """points [N,3], normals [N,3] or None; unit: metres per unit of the points."""

    points: np.ndarray
    normals: np.ndarray | None
    unit: float = 1.0


Degrade = Callable[[RawScan, np.random.Generator], RawScan]


def draw_person(model: BodyModel, seed: int, upright: bool) -> Person:
    """One person in a random pose, upright in any heading or turned in any way."""
    people = draw_people(model, 1, seed)
    pose, betas, translation = people.truth
    if upright:
        angle = torch.rand(1, generator=torch.Generator().manual_seed(seed)) * 2 * math.pi
        pose[:, model.parents.index(-1)] = torch.tensor([[0.0, float(angle), 0.0]])
    return posed_person(model, pose, betas, translation)


def posed_person(
    model: BodyModel, pose: torch.Tensor, betas: torch.Tensor, translation: torch.Tensor
) -> Person:
    """The person with pose [1,J,3], betas [1,B], translation [1,3]."""
    posed = model(pose, betas, translation)
    return Person(pose[0].numpy(), *(part[0].numpy().astype(float) for part in posed))


def surface_points(
    vertices: np.ndarray, faces: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points [count,3], evenly likely over a mesh's area, and their faces' normals."""
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(cross, axis=1)
    chosen = rng.choice(len(faces), count, p=doubled / doubled.sum())
    shares = rng.dirichlet((1.0, 1.0, 1.0), count)
    points = np.einsum("nk,nkc->nc", shares, corners[chosen])
    return points, cross[chosen] / doubled[chosen, None]


def clean_scan(model: BodyModel, person: Person, rng: np.random.Generator) -> RawScan:
    """POINTS random points of the person's surface with normals."""
    return RawScan(*surface_points(person.vertices, model.body.faces, POINTS, rng))


def noisy(scan: RawScan, rng: np.random.Generator) -> RawScan:
    """5 mm of normal noise along each axis."""
    return replace(scan, points=scan.points + rng.normal(size=scan.points.shape) * 0.005)


def without_normals(scan: RawScan, _: np.random.Generator) -> RawScan:
    """Points alone."""
    return replace(scan, normals=None)


def in_inches(scan: RawScan, _: np.random.Generator) -> RawScan:
    """The same in inches."""
    return replace(scan, points=scan.points / 0.0254, unit=0.0254)


def in_millimetres(scan: RawScan, _: np.random.Generator) -> RawScan:
    """The same in millimetres."""
    return replace(scan, points=scan.points * 1000, unit=0.001)


def with_outliers(scan: RawScan, rng: np.random.Generator) -> RawScan:
    """A tenth more points, anywhere in a box 0.3 m larger than the person."""
    low, high = scan.points.min(0) - 0.3, scan.points.max(0) + 0.3
    count = len(scan.points) // 10
    normals = rng.normal(size=(count, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return _joined(scan, rng.uniform(low, high, size=(count, 3)), normals)


def on_a_floor(scan: RawScan, rng: np.random.Generator) -> RawScan:
    """A tenth more points on a square metre of floor at the lowest point."""
    count = len(scan.points) // 10
    middle = scan.points.mean(0)
    floor = rng.uniform(-0.5, 0.5, size=(count, 3)) + middle
    floor[:, 1] = scan.points[:, 1].min()
    return _joined(scan, floor, np.tile([0.0, 1.0, 0.0], (count, 1)))


def with_holes(scan: RawScan, rng: np.random.Generator) -> RawScan:
    """Balls of 0.1 m taken out at HOLES places."""
    centres = scan.points[rng.integers(len(scan.points), size=HOLES)]
    distance = np.linalg.norm(scan.points[:, None] - centres, axis=2).min(1)
    return _kept(scan, distance > HOLE_RADIUS)


def from_one_view(scan: RawScan, rng: np.random.Generator) -> RawScan:
    """What a camera sees from 3 m, from any side and a little above or below: a depth buffer."""
    assert scan.normals is not None
    towards = rng.normal(size=3) * (1.0, 0.3, 1.0)
    towards /= np.linalg.norm(towards)
    rays = scan.points - (scan.points.mean(0) + CAMERA_DISTANCE * towards)
    right = np.cross(towards, (0.0, 1.0, 0.0))
    right /= np.linalg.norm(right)
    depth = -rays @ towards
    plane = np.stack([rays @ right, rays @ np.cross(right, towards)], 1) / depth[:, None]
    pixels = np.floor(plane * CAMERA_DISTANCE / PIXEL).astype(int)
    _, pixel = np.unique(pixels, axis=0, return_inverse=True)
    nearest = np.full(pixel.max() + 1, np.inf)
    np.minimum.at(nearest, pixel.ravel(), depth)
    facing = np.einsum("nc,nc->n", scan.normals, rays) < -0.15 * np.linalg.norm(rays, axis=1)
    return _kept(scan, facing & (depth < nearest[pixel.ravel()] + DEPTH_STEP))


def _joined(scan: RawScan, points: np.ndarray, normals: np.ndarray) -> RawScan:
    all_normals = None if scan.normals is None else np.concatenate([scan.normals, normals])
    return RawScan(np.concatenate([scan.points, points]), all_normals, scan.unit)


def _kept(scan: RawScan, mask: np.ndarray) -> RawScan:
    return RawScan(scan.points[mask], None if scan.normals is None else scan.normals[mask])


@dataclass(frozen=True)
class Errors:
    """scan_mm: from the whole clean surface to the body, mean; body_mm: back; joint_mm: mean;
    rotation_deg: mean over the joints' orientations in space; root_deg: the root's."""

    scan_mm: float
    body_mm: float
    joint_mm: float
    rotation_deg: float
    root_deg: float

    @property
    def surface_mm(self) -> float:
        """The worse of both directions."""
        return max(self.scan_mm, self.body_mm)


def errors_of(
    model: BodyModel, person: Person, found: Registration, unit: float, rng: np.random.Generator
) -> Errors:
    """How far a registration is from the person, measured apart from what it says of itself."""
    tensors = (found.pose, found.betas, np.asarray(found.translation) * unit, [found.scale * unit])
    pose, betas, translation, scale = (
        torch.as_tensor(np.asarray(item), dtype=torch.float32) for item in tensors
    )
    posed = model(pose[None], betas[None], translation[None], scale)
    vertices, joints, orientations = (part[0].numpy().astype(float) for part in posed)
    faces = model.body.faces
    there = ClosestSurface(vertices, faces).query(
        surface_points(person.vertices, faces, CHECKED, rng)[0]
    )
    back = ClosestSurface(person.vertices, faces).query(
        surface_points(vertices, faces, CHECKED, rng)[0]
    )
    cosines = (np.einsum("jab,jab->j", orientations, person.orientations) - 1) / 2
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return Errors(
        1000 * float(there.distances.mean()),
        1000 * float(back.distances.mean()),
        1000 * float(np.linalg.norm(joints - person.joints, axis=1).mean()),
        float(angles.mean()),
        float(angles[model.parents.index(-1)]),
    )
