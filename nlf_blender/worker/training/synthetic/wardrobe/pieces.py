# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes clothes files apart into garments, tells their kinds and sets some aside.

A suit's file holds a jacket and trousers, say; apart they can be worn with other things. Garments
of the same kind with the same triangles (MakeHuman's makers use one pair of jeans again and again)
are kept once, so that none that is set aside for evaluation is worn in training under another name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .....body.body_data import BodyData
from ..skeleton import INDEX
from .base_mesh import BaseMesh, IntArray, components
from .binding import Bound, bind
from .garment import Garment
from .mhclo import Clothes

HELD_OUT_SHARE = 0.25  # of the garments of a kind, and at least one where there are three
_SMALL = 0.12  # of a file's vertices: a smaller piece (a tie, buttons) goes with another
_REGIONS = {
    "head": ("head", "neck"),
    "legs": ("left_hip", "right_hip", "left_knee", "right_knee"),
    "shins": ("left_knee", "right_knee"),
    "feet": ("left_ankle", "right_ankle", "left_foot", "right_foot"),
}


def garments_of(clothes: Clothes, path: str, base: BaseMesh, body: BodyData) -> Iterator[Garment]:
    """The garments in a clothes file; `path` tells hair from hats."""
    is_hair = "hair" in path.lower().split("/") or "hair" in clothes.tags
    bound = bind(clothes, base, body, is_hair)
    shares = _shares(bound.joint_weights)
    pieces = [np.ones(len(bound.rest), bool)]
    if is_hair:
        kinds = ["hair"]
    elif shares["head"].mean() > 0.5:
        kinds = ["hat"]
    elif shares["feet"].mean() > 0.5:
        kinds = ["shoes"]
    else:
        kinds, pieces = _top_and_trousers(clothes.faces, shares, len(bound.rest))
    covered = np.unique(base.nearest[clothes.covered[np.isin(clothes.covered, base.kept)]])
    worn_by = _covering_piece(covered, bound, clothes.faces, pieces, body)
    references = base.nearest[[list(row[:2]) for row in clothes.scales.values()]].reshape(-1, 2)
    for number, (kind, piece) in enumerate(zip(kinds, pieces, strict=True)):
        name = clothes.name if len(pieces) == 1 else f"{clothes.name}/{kind}"
        yield _part(bound, clothes.faces, piece, name, kind, covered[worn_by == number], references)


def _shares(joint_weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """How far each vertex [G] moves with a region of the body."""
    return {
        region: joint_weights[:, [INDEX[joint] for joint in joints]].sum(axis=1)
        for region, joints in _REGIONS.items()
    }


def _top_and_trousers(
    faces: IntArray, shares: dict[str, NDArray[np.float64]], count: int
) -> tuple[list[str], list[NDArray[np.bool_]]]:
    """Kinds and vertices [G] of a suit's parts: one part if it is in one piece."""
    labels = components(faces, count)
    legs = np.zeros(count, bool)
    for label in np.unique(labels):
        piece = labels == label
        if piece.mean() > _SMALL and (shares["legs"] + shares["feet"])[piece].mean() > 0.5:
            legs |= piece
    if not legs.any():
        whole = shares["shins"].max() > 0.5
        return ["suit" if whole else "top"], [np.ones(count, bool)]
    if legs.all():
        return ["trousers"], [legs]
    return ["top", "trousers"], [~legs, legs]


def _covering_piece(
    covered: IntArray,
    bound: Bound,
    faces: IntArray,
    pieces: list[NDArray[np.bool_]],
    body: BodyData,
) -> IntArray:
    """Number [C] of the piece that lies over each covered vertex, -1 if it is beyond a seam where
    a suit was taken apart: there the other piece covered it."""
    if len(pieces) == 1:
        return np.zeros(len(covered), np.int64)
    at_edge = _edge_vertices(faces, len(bound.rest))
    found = []
    for piece in pieces:
        distance, index = cKDTree(bound.rest[piece]).query(body.v_template[covered])
        found.append(np.where(at_edge[piece][index], np.inf, distance))
    return np.where(np.isfinite(np.min(found, axis=0)), np.argmin(found, axis=0), -1)


def _edge_vertices(faces: IntArray, count: int) -> NDArray[np.bool_]:
    """Which vertices [G] are on an edge of one face alone: hems and collars."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    single, uses = np.unique(edges, axis=0, return_counts=True)
    at_edge = np.zeros(count, bool)
    at_edge[single[uses == 1]] = True
    return at_edge


def _part(
    bound: Bound,
    faces: IntArray,
    piece: NDArray[np.bool_],
    name: str,
    kind: str,
    covers: IntArray,
    references: IntArray,
) -> Garment:
    """The garment of some vertices [G] of a file, with the faces between them."""
    renumbered = np.cumsum(piece) - 1
    return Garment(
        name=name,
        kind=kind,
        held_out=False,
        faces=renumbered[faces[piece[faces].all(axis=1)]],
        covers=covers,
        references=references,
        **{key: values[piece] for key, values in vars(bound).items()},
    )


def without_doubles(garments: Iterable[Garment]) -> list[Garment]:
    """The first of each kind with the same triangles."""
    kept: dict[tuple[str, bytes], Garment] = {}
    for garment in garments:
        kept.setdefault((garment.kind, garment.faces.tobytes()), garment)
    return list(kept.values())


def with_some_held_out(garments: Iterable[Garment]) -> list[Garment]:
    """The garments, HELD_OUT_SHARE of each kind set aside; which ones depends on names alone."""

    def rank(garment: Garment) -> str:
        return hashlib.sha256(garment.name.encode()).hexdigest()

    by_kind: dict[str, list[Garment]] = {}
    for garment in sorted(garments, key=rank):
        by_kind.setdefault(garment.kind, []).append(garment)
    result = []
    for alike in by_kind.values():
        aside = max(int(len(alike) * HELD_OUT_SHARE), len(alike) >= 3)
        result += [replace(one, held_out=row < aside) for row, one in enumerate(alike)]
    return sorted(result, key=lambda garment: (garment.kind, garment.name))
