# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each vertex of one body model lies on the surface of another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ....body.arrays import Float64Array
from ....body.body_data import BodyData
from ....errors import UserError
from ..body_model import BodyModel
from ..safe_pickle import load_arrays
from ..surface_normals import vertex_normals
from .body_regions import RegionSurface, SharedRegions, shared_regions
from .template_alignment import LEAST_AGREEMENT, align_templates

# Metres between the aligned surfaces at which confidence is a half; it falls with the square.
CONFIDENT_DISTANCE = 0.01
LEAST_SHARE_OF_COMPONENT = 0.5
ROW_SUM_TOLERANCE = 1e-2  # published weights are rounded; a row that sums to 0 has no counterpart
MATRIX_KEYS = ("mtx", "matrix")


@dataclass(frozen=True)
class Correspondence:
    """Target vertices on the source's surface.

    matrix [Vt,Vs]: each row weighs the source's vertices, summing to 1, or to 0 without a
    counterpart; confidence [Vt] from 0, no counterpart, to 1.
    """

    matrix: sparse.csr_matrix
    confidence: Float64Array

    def rows(self, vertices: Tensor) -> CarriedVertices:
        """What is needed for target vertices [N] only."""
        chosen = self.matrix[vertices.cpu().numpy()]
        used, column = np.unique(chosen.indices, return_inverse=True)
        row = np.repeat(np.arange(chosen.shape[0]), np.diff(chosen.indptr))
        place = np.arange(chosen.nnz) - chosen.indptr[row]
        shape = chosen.shape[0], int(np.diff(chosen.indptr).max(initial=1))
        index, weights = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
        index[row, place], weights[row, place] = column, chosen.data
        parts = (used.astype(np.int64), index, weights)
        return CarriedVertices(*(torch.from_numpy(part).to(vertices.device) for part in parts))


@dataclass(frozen=True)
class CarriedVertices:
    """N target vertices as weighted means of K source vertices each.

    used [U]: the source vertices that are needed; index [N,K]: which of these; weights [N,K].
    """

    used: Tensor
    index: Tensor
    weights: Tensor

    def of(self, vertices: Tensor) -> Tensor:
        """Target vertices [P,N,3] from source vertices [P,U,3], those of `used`."""
        return torch.einsum("pnkc,nk->pnc", vertices[:, self.index], self.weights)


def closest_surface_correspondence(source: BodyModel, target: BodyData) -> Correspondence:
    """Each target vertex at the closest point of the source's aligned template.

    UserError if the bodies share too few joint names to be aligned.
    """
    regions = shared_regions(source.body, target)
    aligned, template = align_templates(source, target, regions)
    return aligned_correspondence(source.body, target, aligned, template, regions)


def aligned_correspondence(
    source: BodyData,
    target: BodyData,
    aligned: Float64Array,
    template: Float64Array,
    regions: SharedRegions,
) -> Correspondence:
    """The same for surfaces that lie on each other: the source's vertices aligned [Vs,3] and the
    target's template [Vt,3]; regions: of the source, then the target."""
    faces = source.faces
    surface = RegionSurface(aligned, faces, regions.of_vertex[0], regions.touching)
    found = surface.query(template, regions.of_vertex[1])
    normals = vertex_normals(template, target.faces)
    agree = np.einsum("nc,nc->n", normals, surface.normals_at(found)) > LEAST_AGREEMENT
    distances = np.where(agree, found.distances, np.inf)
    confidence = np.exp2(-((distances / CONFIDENT_DISTANCE) ** 2))
    confidence *= _counterpart_of_components(target, confidence > 0)
    rows = np.repeat(np.arange(len(template)), 3)
    entries = found.barycentric.ravel(), (rows, faces[found.face].ravel())
    matrix = sparse.csr_matrix(entries, shape=(len(template), len(aligned)))
    return Correspondence(matrix, confidence)


def _counterpart_of_components(body: BodyData, there: np.ndarray) -> np.ndarray:
    """For each vertex [V] whether half of its connected component is there: of an eyeball that one
    body lacks, only the front meets the other's lids."""
    edges = np.concatenate([body.faces[:, [0, 1]], body.faces[:, [1, 2]]]).T
    graph = sparse.coo_matrix((np.ones(edges.shape[1]), edges), (body.vertex_count,) * 2)
    component = connected_components(graph, directed=False)[1]
    share = np.bincount(component, there) / np.bincount(component)
    return (share >= LEAST_SHARE_OF_COMPONENT)[component]


def load_correspondence(path: Path, source: BodyData, target: BodyData) -> Correspondence:
    """The published file for these bodies (the SMPL-X project's `*_deftrafo_setup.pkl`).

    Its matrix has a row per target vertex and a column per source vertex, then as many again for
    the source's normals, which are not used. UserError if it is another file, or of other bodies.
    """
    arrays = load_arrays(path)
    key = next((key for key in MATRIX_KEYS if key in arrays), None)
    if key is None:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise UserError(
            "Not a correspondence file",
            f"{path} holds {found}, but no {' or '.join(MATRIX_KEYS)}.",
            "Choose the file named like smpl2smplx_deftrafo_setup.pkl.",
        )
    rows, columns = target.vertex_count, source.vertex_count
    array = arrays[key]
    shape = getattr(array, "shape", ())
    if shape not in ((rows, columns), (rows, 2 * columns)):
        size = " x ".join(map(str, shape)) or "no"
        raise UserError(
            "Correspondence of other bodies",
            f"{path} has {size} numbers, but the target has {rows} vertices and the source "
            f"{columns}.",
            "Choose the file made for this pair of bodies in this direction.",
        )
    matrix = _checked(path, sparse.csr_matrix(array, dtype=np.float64)[:, :columns])
    total = np.asarray(matrix.sum(axis=1)).ravel()
    confidence = (np.abs(total - 1) < ROW_SUM_TOLERANCE).astype(np.float64)
    if not confidence.any():
        raise UserError(
            "Not a correspondence file",
            f"{path}: no row of {key} sums to 1 over the source's vertices.",
            "Choose the file made for this pair of bodies in this direction.",
        )
    scale = np.where(confidence > 0, 1 / np.where(confidence > 0, total, 1), 0)
    return Correspondence((sparse.diags(scale) @ matrix).tocsr(), confidence)


def _checked(path: Path, matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    if not np.isfinite(matrix.data).all():
        raise UserError(
            "Not a correspondence file",
            f"{path} has values that are not finite.",
            "Get the file from its publisher again.",
        )
    return matrix
