# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic point sets in synthetic takes: seeded places, known answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from nlf_blender.protocol.files import file_sha256
from nlf_blender.protocol.marker_set import Marker, MarkerSet
from nlf_blender.protocol.point_set import MESH, PointSet, Polygons, of_markers, write_point_set
from nlf_blender.protocol.solution import (
    SOLUTION_FOLDER,
    SetFiles,
    read_solution,
    write_solution,
)
from nlf_blender.protocol.take import read_info
from nlf_blender.protocol.take_sets import (
    POINTS_FILE,
    SETS_FOLDER,
    TakeSet,
    take_sets,
    write_set_chunk,
    write_take_set,
)

GAP = slice(12, 15)  # moments in which the first marker is not seen
UNSURE = slice(20, 24)  # and in which it is very unsure


def markers(*names: str, name: str = "Probe") -> PointSet:
    """A marker set; its markers are in a row along the canonical x axis."""
    placed = [
        Marker(label, (0.1 * i, 0.2, 0.3), "row", (0.2, 0.4, 0.6) if i == 0 else None)
        for i, label in enumerate(names)
    ]
    return of_markers(MarkerSet(name, tuple(placed)))


def tetrahedron(name: str = "Suit") -> PointSet:
    """A mesh of four points and four triangles."""
    corners = np.array([0, 1, 2, 0, 3, 1, 1, 3, 2, 0, 2, 3])
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    return PointSet(name, MESH, "open", points, polygons=Polygons(np.full(4, 3), corners))


def places(count: int, points: int, seed: int = 0) -> np.ndarray:
    """Smooth motion of points [T,K,3]."""
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0.0, 6.0, (points, 3))
    moments = np.arange(count)[:, None, None]
    return (np.sin(0.2 * moments + phase) + rng.normal(0, 1, (points, 3))).astype(np.float32)


def doubt(count: int, points: int) -> np.ndarray:
    """Uncertainties [T,K]; the first point has a gap and an unsure stretch."""
    values = np.linspace(0.05, 0.15, points)[None].repeat(count, axis=0).astype(np.float32)
    values[GAP, 0], values[UNSURE, 0] = np.nan, 0.9
    return values


def write_set(take: Path, points: PointSet, notes: tuple[str, ...] = ()) -> Path:
    """A set's folder in a take without any rows."""
    folder = take / SETS_FOLDER / points.slug
    folder.mkdir(parents=True, exist_ok=True)
    write_point_set(folder / POINTS_FILE, points)
    sha = file_sha256(folder / POINTS_FILE)
    count = len(points.points)
    write_take_set(folder, TakeSet(points.name, points.kind, points.body, count, sha, (), notes))
    return folder


def add_to_solution(
    take: Path, points: PointSet, motions: dict[int, tuple[np.ndarray, ...]]
) -> None:
    """Give people (by id) of a solution places [T,K,3] and doubt [T,K] of a set."""
    write_set(take, points)
    folder, solution = take / SOLUTION_FOLDER, read_solution(take)
    people = []
    for person in solution.people:
        others = tuple(files for files in person.sets if files.slug != points.slug)
        if person.id in motions:
            generation = sum(1 for _ in folder.glob("set_*")) + 1
            stem = f"{points.slug}_{person.id:03d}.{generation}.npy"
            names = [f"{kind}_{stem}" for kind in ("set", "doubt")]
            for name, values in zip(names, motions[person.id], strict=True):
                np.save(folder / name, values)
            others = (*others, SetFiles(points.slug, *names))
        people.append(replace(person, sets=others))
    write_solution(folder, replace(solution, people=tuple(people)))


def add_to_photo(
    take: Path, points: PointSet, where: np.ndarray, unsure: np.ndarray, notes: tuple[str, ...] = ()
) -> None:
    """Give a photo's take the rows [R,K,3] and [R,K] of a set."""
    folder = write_set(take, points, notes)
    info = read_info(take)
    chunk = write_set_chunk(
        folder, 0, info.chunks[0].sha256, {"points": where, "uncertainty": unsure}
    )
    write_take_set(folder, replace(take_sets(take)[points.slug], chunks=(chunk,)))
