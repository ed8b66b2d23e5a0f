# SPDX-License-Identifier: GPL-3.0-or-later
"""The canonical bodies that are at hand: the open one, and those whose files are given."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from ...body.arrays import Float64Array
from ...body.body_data import BodyData, load_body_npz
from ...errors import UserError
from ...protocol.marker_set import BODIES, OPEN, MarkerSet, body_title
from ..assets import OPEN_BODY
from ..smpl.body_files import load_body
from ..smpl.canonical.own_canonical import OwnCanonical, in_smpl_family, own_canonical


class KnownBodies:
    """Canonical bodies by their kind, one of BODIES; each is loaded once, on first use."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        """files: of SMPL, SMPL-H or SMPL-X. UserError for another, or for two of one kind."""
        self._given: dict[str, BodyData] = {}
        self._own: dict[str, OwnCanonical] = {}
        for file in files:
            body = load_body(file)
            if not in_smpl_family(body):
                raise UserError(
                    "Not a canonical body",
                    f"{file} is no body of SMPL, SMPL-H or SMPL-X.",
                    "Choose a file of one of these; the open body needs no file.",
                )
            if body.kind in self._given:
                raise UserError(
                    "Two files of one body",
                    f"{file} is a second file of {body.kind}.",
                    "Give one file for each kind of body.",
                )
            self._given[body.kind] = body

    @property
    def vertices(self) -> dict[str, Callable[[], Float64Array]]:
        """What gives each body's own canonical vertices [V,3], by kind."""
        kinds = (OPEN, *self._given)
        return {kind: functools.partial(self._vertices, kind) for kind in kinds}

    def has(self, kind: str) -> bool:
        """Whether this body is at hand."""
        return kind == OPEN or kind in self._given

    def own(self, kind: str) -> OwnCanonical:
        """A body in its own canonical space. UserError if it is not at hand."""
        if not self.has(kind):
            raise UserError(
                "Body file needed",
                f"The canonical body '{kind}' is not at hand: of {', '.join(BODIES)}, only the "
                "open one comes with the extension.",
                f"Give the file of {kind} with --body-file.",
            )
        if kind not in self._own:
            body = load_body_npz(OPEN_BODY) if kind == OPEN else self._given[kind]
            self._own[kind] = own_canonical(body)
        return self._own[kind]

    def gender(self, kind: str) -> str:
        """Which of its kind the file is that was given, "" for the open body and without one."""
        return self._given[kind].gender if kind in self._given else ""

    def own_of(self, markers: MarkerSet) -> OwnCanonical:
        """The canonical body that a set is on. UserError if it is not at hand, or if the file is of
        another gender."""
        own, given = self.own(markers.body), self.gender(markers.body)
        if markers.gender not in ("", given):
            raise UserError(
                "File of another gender",
                f"{markers.name} was placed on {body_title(markers.body, markers.gender)}, and the "
                f"file is {given}.",
                f"Give the {markers.gender} file of {markers.body} with --body-file.",
            )
        return own

    def _vertices(self, kind: str) -> Float64Array:
        return self.own(kind).vertices
