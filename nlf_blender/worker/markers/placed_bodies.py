# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical bodies that a job has, in the canonical space of its model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...body.arrays import Float64Array
from ...body.body_data import BodyData
from ...body.model_folder import GENDERS, BodyFile, find_bodies
from ...protocol.files import file_sha256
from ...protocol.marker_set import BODIES, OPEN
from ..assets import OPEN_BODY
from ..smpl.body_files import load_body
from ..smpl.canonical.placement import CanonicalPlacement

Place = Callable[[BodyData], CanonicalPlacement]


class PlacedBodies:
    """The fitted body, the open one, and those of the SMPL family that are in folders; each is
    placed once, on first use."""

    def __init__(self, fitted: CanonicalPlacement, place: Place, folders: Sequence[Path]) -> None:
        """fitted: the body that is fitted; place: puts another into the model's space; folders:
        with body files, the first before the others."""
        self.fitted = fitted
        self._place, self.folders = place, tuple(folders)
        self._kind: str | None = None
        self._placed: dict[Path, CanonicalPlacement] = {}

    @property
    def fitted_kind(self) -> str:
        """Which of BODIES the fitted body is, "" for none of them."""
        if self._kind is None:
            from .placing import body_kind  # loads scipy, which a job without sets can spare

            self._kind = body_kind(self.fitted.own.body, file_sha256(OPEN_BODY))
        return self._kind

    def of(self, kind: str, gender: str = "") -> CanonicalPlacement | None:
        """The body of this kind and gender, "" for any: the one that is fitted before others, then
        a neutral one. None if it is not to be had; UserError if its file is damaged."""
        if kind == self.fitted_kind and gender in ("", self._fitted_gender):
            return self.fitted
        path = OPEN_BODY if kind == OPEN else self._file(kind, gender)
        if path is None:
            return None
        if path not in self._placed:
            self._placed[path] = self._place(load_body(path))
        return self._placed[path]

    @property
    def _fitted_gender(self) -> str:
        from .placing import body_gender

        return body_gender(self.fitted.own.body)

    @property
    def vertices(self) -> dict[str, Callable[[], Float64Array]]:
        """What gives the own canonical vertices [V,3] of each body that is at hand."""
        known = {OPEN, self.fitted_kind, *(file.kind for file in self._files)}

        def vertices_of(kind: str) -> Callable[[], Float64Array]:
            def vertices() -> Float64Array:
                placement = self.of(kind)
                assert placement is not None
                return placement.own.vertices

            return vertices

        return {kind: vertices_of(kind) for kind in BODIES if kind in known}

    @property
    def _files(self) -> tuple[BodyFile, ...]:
        return tuple(file for folder in self.folders for file in find_bodies(folder).files)

    def _file(self, kind: str, gender: str) -> Path | None:
        found = [file for file in self._files if file.kind == kind and gender in ("", file.gender)]
        found.sort(key=lambda file: GENDERS.index(file.gender))
        return found[0].path if found else None
