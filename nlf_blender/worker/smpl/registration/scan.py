# SPDX-License-Identifier: GPL-3.0-or-later
"""A scan, checked and made even: points of a person's surface in metres with unit normals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ....body.arrays import FloatArray, IntArray
from ....errors import UserError
from .normals import cloud_normals, facing_outward

POINTS = 20_000
FEWEST_POINTS = 200
THINNED_FROM = 50  # times the points that are wanted: of larger clouds a random part is looked at
TINY = 1e-12
SMALL_PIECE, SPECK = 0.01, 0.001  # shares of all points that a piece of them has at most
FAR_PIECE = 0.3  # metres from the larger pieces: beyond, a small piece is not of the person
LOOSE_GAP = 5.0  # times the median spacing: what a piece's points are apart at most
# Units that scans come in, metres: how long one is, and how common it is.
UNITS = {"metres": (1.0, 1.0), "centimetres": (0.01, 1.0), "millimetres": (0.001, 1.0)} | {
    "inches": (0.0254, 0.3)
}
PERSON_EXTENT = (
    0.4,
    2.6,
)  # metres: the longest side of the box about a person, crouched to arms up
USUAL_EXTENT, EXTENT_SPREAD = 1.7, 0.3  # metres, and of its logarithm


@dataclass(frozen=True)
class Scan:
    """points [N,3] float32 in the scan's own units, SMPL's axes (y up) if it is upright; normals
    [N,3] or None; faces [F,3] or None."""

    points: FloatArray
    normals: FloatArray | None = None
    faces: IntArray | None = None


@dataclass(frozen=True)
class PreparedScan:
    """points [M,3] in metres, even over the surface, in random order; normals [M,3] unit; signed:
    normals point outward; unit_factor: metres per unit of the scan; notes: what was done to it."""

    points: FloatArray
    normals: FloatArray
    signed: bool
    unit_factor: float
    notes: tuple[str, ...] = ()


def prepare_scan(
    vertices: FloatArray,
    faces: IntArray | None = None,
    normals: FloatArray | None = None,
    count: int = POINTS,
    unit_factor: float | None = None,
) -> PreparedScan:
    """About `count` even points of a mesh (faces [F,3]) or cloud of vertices [N,3].

    unit_factor: metres per unit, guessed from the person's size by default. Points that are not
    finite and small loose pieces are left out. UserError if too little is left, if shapes do not
    agree or if no unit makes a person of it.
    """
    scan = _checked(vertices, faces, normals)
    rng = np.random.default_rng(0)
    points, normals = _sampled(scan, count, rng)
    factor, unit_notes = _unit_factor(points, unit_factor)
    points = points * factor
    kept = _without_floaters(points)
    notes = list(unit_notes)
    if not kept.all():
        notes.append(
            f"{(~kept).mean():.1%} of the points lie apart from the body and were left out"
        )
    points = points[kept]
    _check_count(len(points))
    given = normals is not None
    normals = cloud_normals(points) if normals is None else normals[kept]
    normals, signed = facing_outward(points, normals, orient=not given)
    if not signed:
        notes.append("Normals do not tell inside from outside; they were used without their sign")
    order = rng.permutation(len(points))
    return PreparedScan(
        points[order].astype(np.float32),
        normals[order].astype(np.float32),
        signed,
        factor,
        tuple(notes),
    )


def _checked(vertices: FloatArray, faces: IntArray | None, normals: FloatArray | None) -> Scan:
    """The scan in float64 without points that are not finite, nor faces that use them."""
    vertices = np.asarray(vertices, dtype=np.float64)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise _unusable(f"its points have shape {vertices.shape}, not N times 3")
    if normals is not None and np.shape(normals) != vertices.shape:
        raise _unusable(f"{np.shape(normals)} normals do not fit {vertices.shape} points")
    finite = np.isfinite(vertices).all(1)
    if faces is not None and len(faces):
        faces = np.asarray(faces, dtype=np.int64)
        if faces.ndim != 2 or faces.shape[1] != 3:
            raise _unusable(f"its faces have shape {faces.shape}, not F times 3")
        if faces.min() < 0 or faces.max() >= len(vertices):
            raise _unusable("its faces use points that are not there")
        return Scan(vertices, None, faces[finite[faces].all(1)])
    if normals is not None:
        normals = np.asarray(normals, dtype=np.float64)
        lengths = np.linalg.norm(normals, axis=1)
        finite &= np.isfinite(lengths)
        if (lengths[finite] < 1e-12).mean() > 0.1:
            normals = None
        else:
            finite &= lengths > 1e-12
            normals = normals[finite] / lengths[finite, None]
    _check_count(int(finite.sum()))
    return Scan(vertices[finite], normals, None)


def _check_count(count: int) -> None:
    if count < FEWEST_POINTS:
        raise _unusable(f"it has {count} usable points, and {FEWEST_POINTS} are needed")


def _unusable(why: str) -> UserError:
    return UserError(
        "Scan cannot be used", f"The scan is not usable: {why}.", "Choose another scan, or mend it."
    )


def _sampled(
    scan: Scan, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray | None]:
    """Even points [M,3] of the surface, and their normals where the scan has them."""
    if scan.faces is not None:
        return _sampled_faces(scan.points, scan.faces, count, rng)
    chosen = thinned(scan.points, count, rng)
    return scan.points[chosen], None if scan.normals is None else scan.normals[chosen]


def _sampled_faces(
    vertices: FloatArray, faces: IntArray, count: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    doubled = np.linalg.norm(cross, axis=1)
    total = float(doubled.sum())
    if not np.isfinite(total) or total <= 0:
        raise _unusable("its faces have no area")
    # Even steps over the summed areas: a stratified draw, more even than independent ones.
    steps = (np.arange(count) + rng.random(count)) * (total / count)
    chosen = np.minimum(np.searchsorted(np.cumsum(doubled), steps), len(faces) - 1)
    chosen = chosen[doubled[chosen] > 0]
    root, along = np.sqrt(rng.random((len(chosen), 1))), rng.random((len(chosen), 1))
    shares = np.concatenate([1 - root, root * (1 - along), root * along], axis=1)
    points = (corners[chosen] * shares[..., None]).sum(1)
    return points, cross[chosen] / doubled[chosen, None]


def thinned(points: FloatArray, count: int, rng: np.random.Generator) -> IntArray:
    """Indices of at most about `count` of the points [N,3], one per occupied cell of a grid."""
    chosen = rng.permutation(len(points))[: THINNED_FROM * count]
    low = points.min(0)
    size = max(np.ptp(np.percentile(points[chosen], (1, 99), axis=0), axis=0).max() / 400, TINY)
    while True:
        cells = np.floor((points[chosen] - low) / size)
        # unique rows by a number each: sorting rows takes ten times as long
        across = cells.max(0) + 1
        keys = (cells[:, 0] * across[1] + cells[:, 1]) * across[2] + cells[:, 2]
        chosen = chosen[np.sort(np.unique(keys, return_index=True)[1])]
        if len(chosen) <= count:
            return chosen
        size *= max(1.05, np.sqrt(len(chosen) / count))


def _unit_factor(points: FloatArray, given: float | None) -> tuple[float, tuple[str, ...]]:
    """Metres per unit of the scan, and a note if that was a guess other than 1."""
    extent = float(np.ptp(np.percentile(points, (0.5, 99.5), axis=0), axis=0).max())
    if given is not None:
        if not np.isfinite(given) or given <= 0:
            raise _unusable(f"{given} is no length of its unit")
        return float(given), ()
    likelihood = {
        name: common * np.exp(-0.5 * (np.log(extent * length / USUAL_EXTENT) / EXTENT_SPREAD) ** 2)
        for name, (length, common) in UNITS.items()
        if extent > 0 and PERSON_EXTENT[0] <= extent * length <= PERSON_EXTENT[1]
    }
    if not likelihood:
        raise UserError(
            "Scan is not of a person's size",
            f"It is {extent:.4g} long, which makes no person in metres, centimetres, millimetres "
            "or inches.",
            "Remove what is not the person, scale the scan, or give the length of its unit.",
        )
    best = max(likelihood, key=lambda name: likelihood[name])
    factor = UNITS[best][0]
    return factor, () if factor == 1 else (f"The scan's units were taken to be {best}",)


def _without_floaters(points: FloatArray) -> np.ndarray:
    """Mask [M] of the points of pieces that are not loose: specks, and small pieces far away.

    A small piece that is near may be a hand or a forearm whose elbow is hidden.
    """
    tree = cKDTree(points)
    spacing = np.median(tree.query(points, k=2)[0][:, 1])
    pairs = tree.sparse_distance_matrix(tree, LOOSE_GAP * spacing, output_type="coo_matrix")
    labels = connected_components(pairs, directed=False)[1]
    sizes = np.bincount(labels)
    large = sizes >= min(SMALL_PIECE * len(points), sizes.max())
    distance = cKDTree(points[large[labels]]).query(points)[0]
    gap = np.full(len(sizes), np.inf)
    np.minimum.at(gap, labels, distance)
    speck = sizes < SPECK * len(points)
    return (large | (~speck & (gap < FAR_PIECE)))[labels]


def in_units(scan: PreparedScan, unit_factor: float) -> PreparedScan:
    """The scan with another length of its unit, metres, than it was prepared with."""
    points = (scan.points * (unit_factor / scan.unit_factor)).astype(np.float32)
    return replace(scan, points=points, unit_factor=unit_factor)
