# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a pool's points are on posed bodies: a forward pass of the vertices they need."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_matrix

from ....body.arrays import Float64Array, IntArray
from ....body.body_data import BodyData, load_body_npz
from ....errors import UserError
from ...assets import OPEN_BODY
from ...smpl.body_files import load_body
from ...smpl.body_model import BodyModel
from ..datasets.example import BodyTruth, MeshTruth
from .body_files import no_gender_file
from .build_pool import INNER_POINTS, SURFACE_POINTS, build_pool
from .pool import PointPool

OPEN_KIND = "open"
KEPT = 4  # lists of rows whose part of a body is kept


@dataclass(frozen=True, eq=False)
class Needed:
    """What certain rows of a pool need of a body. weights [R,U], of the U vertices and joints
    numbered `nodes` [U]; model: the body with those vertices alone; joints: which of its joints."""

    weights: csr_matrix
    nodes: IntArray
    model: BodyModel
    joints: torch.Tensor


class PosedPool:
    """A pool of one kind of body, and the bodies of that kind by gender."""

    def __init__(self, kind: str, pool: PointPool, bodies: Mapping[str, BodyData]) -> None:
        self.kind, self.pool, self.bodies = kind, pool, bodies
        # The crops of a batch ask for the same rows, one after another.
        self._needed = functools.lru_cache(maxsize=KEPT)(self._find_needed)

    @torch.no_grad()
    def positions(self, truth: BodyTruth | MeshTruth, rows: IntArray) -> Float64Array:
        """Pool rows [R] of a true body: points [R,3] in its picture's camera, metres.

        Betas that the body's file has no component for are left out. UserError if the body is of
        another kind, has not as many joints or vertices, or is of a gender whose file is not there.
        """
        if truth.kind != self.kind:
            raise _unusable(truth.kind, f"the points asked for are of the body {self.kind}")
        if isinstance(truth, MeshTruth):
            return self.pool.weights[rows] @ self._nodes_of_mesh(truth)
        body = self._body(truth.gender)
        if truth.rotations.shape != (body.joint_count, 3, 3):
            problem = f"{len(truth.rotations)} joints instead of {body.joint_count}"
            raise _unusable(self.kind, f"a body has {problem}")
        needed = self._needed(truth.gender, np.asarray(rows, np.int64).tobytes())
        posed = needed.model(
            _batch(truth.rotations),
            _batch(truth.betas[: body.beta_count]),
            torch.zeros(1, 3),
            _batch(truth.scale),
        )
        nodes = torch.cat([posed.vertices[0], posed.joints[0, needed.joints]])
        return needed.weights @ nodes.double().numpy() + truth.translation

    def surface_places(self, corners: IntArray, weights: Float64Array) -> Float64Array:
        """Canonical places [M,3] of surface points: corners [M,3] vertex numbers and weights."""
        places = self.pool.vertex_places[corners]
        return (places * weights[..., None]).sum(axis=1)

    def _nodes_of_mesh(self, truth: MeshTruth) -> Float64Array:
        """Vertices, then joints [V+J,3] of a true mesh. The regressor, made for the body at rest,
        puts joints of bent limbs up to 25 mm from where they turn."""
        body = next(iter(self.bodies.values()))
        if truth.vertices.shape != (body.vertex_count, 3):
            raise _unusable(truth.kind, f"a mesh has the shape {truth.vertices.shape}")
        regressor = body.joint_regressor
        if regressor is None:
            raise _unusable(truth.kind, "its file has no J_regressor for the joints of a mesh")
        return np.concatenate([truth.vertices, regressor @ truth.vertices])

    def _body(self, gender: str) -> BodyData:
        if gender not in self.bodies:
            raise no_gender_file(self.kind, gender, self.bodies)
        return self.bodies[gender]

    def _find_needed(self, gender: str, rows: bytes) -> Needed:
        body, weights = self.bodies[gender], self.pool.weights[np.frombuffer(rows, np.int64)]
        nodes = np.union1d([0], weights.indices)  # a body model has one vertex or more
        vertices = nodes[nodes < body.vertex_count]
        posedirs = None if body.posedirs is None else body.posedirs[vertices]
        part = replace(
            body,
            v_template=body.v_template[vertices],
            shapedirs=body.shapedirs[vertices],
            weights=body.weights[vertices],
            posedirs=posedirs,
            kid_direction=None,
            joints_kid_direction=None,
            expression_dirs=None,
            joints_expression_dirs=None,
        )
        joints = torch.from_numpy(nodes[len(vertices) :] - body.vertex_count)
        return Needed(weights[:, nodes], nodes, BodyModel(part), joints)


@dataclass(frozen=True)
class PoolSettings:
    """Which bodies have pools: the open one, and those in these files (SMPL's family; of a kind,
    any number of genders), with `surface` and `inner` points each."""

    bodies: tuple[str, ...] = ()
    surface: int = SURFACE_POINTS
    inner: int = INNER_POINTS

    def open(self) -> dict[str, PosedPool]:
        """The pools by kind of body, made once in a process. UserError for a file that is no
        body."""
        return dict(_open_pools(self))


@functools.lru_cache(maxsize=2)
def _open_pools(settings: PoolSettings) -> Mapping[str, PosedPool]:
    bodies = {OPEN_KIND: [load_body_npz(OPEN_BODY)]}
    for name in settings.bodies:
        body = load_body(Path(name))
        bodies.setdefault(body.kind, []).append(body)
    pools = {}
    for kind, known in bodies.items():
        by_gender = {body.gender: body for body in known}
        canonical = by_gender.get("neutral", known[0])
        pool = build_pool(canonical, settings.surface, settings.inner)
        pools[kind] = PosedPool(kind, pool, by_gender)
    return pools


def _batch(values: object) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float32)[None]


def _unusable(kind: str, problem: str) -> UserError:
    return UserError(
        "Body annotation not usable",
        f"A body of the kind {kind!r} cannot be used: {problem}.",
        "Check the dataset's annotations, and that data.bodies of the run file names the file that "
        "they were made with.",
    )
