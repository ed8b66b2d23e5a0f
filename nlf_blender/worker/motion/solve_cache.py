# SPDX-License-Identifier: GPL-3.0-or-later
"""What a warm worker keeps between two solves, so that a slider that moves reads and fits nothing
again: the last take's small arrays, its body, the fits of its people and their world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...body.body_data import load_body_npz
from ...errors import UserError
from ...protocol.files import file_sha256
from ...protocol.take import BODY_FILE
from ..smpl.body_model import BodyModel
from .take_rows import Kept
from .track_fit import FITS_FOLDER, TrackFit, drop_other_fits, keep_fit, kept_fit

if TYPE_CHECKING:  # it would pull SciPy into every worker that starts
    from ..rigs.personal_rest import PersonalRests
    from .ground import World


class SolveCache:
    """chunks: of `read_take_rows`; verified: of `solved_sets`. The rest is asked for by its
    methods."""

    def __init__(self) -> None:
        self.chunks: Kept = {}
        self.verified: set[str] = set()
        self._rests: dict[str, PersonalRests] = {}
        self._fits: dict[str, TrackFit] = {}
        self._body: BodyModel | None = None
        self._body_key = ("", "")
        self._world: tuple[tuple[object, ...], World] | None = None

    def body(self, take: Path, device: str) -> tuple[BodyModel, str]:
        """The body of a take on a device, and its file's content hash. UserError if the file is
        damaged or gone."""
        path = take / BODY_FILE
        try:
            key = (file_sha256(path), device)
            if self._body is None or key != self._body_key:
                self._body, self._body_key = BodyModel(load_body_npz(path)).to(device), key
        except (OSError, UserError) as error:
            what = "The body's file is gone or damaged"
            raise UserError(
                "Damaged take", f"{what}: {path}.", "Localize the source again."
            ) from error
        return self._body, key[0]

    def fit(self, take: Path, key: str) -> TrackFit | None:
        """A person's fit of this key, from memory or from the take; None if there is none."""
        if key not in self._fits:
            found = kept_fit(take / FITS_FOLDER, key)
            if found is None:
                return None
            self._fits[key] = found
        return self._fits[key]

    def add_fit(self, take: Path, key: str, fit: TrackFit) -> None:
        """Keep a new fit, in the take too. OSError from the disk."""
        keep_fit(take / FITS_FOLDER, key, fit)
        self._fits[key] = fit

    def drop_others(self, take: Path, keys: set[str]) -> None:
        """Forget the fits that none of these keys leads to, and remove those in the take."""
        drop_other_fits(take / FITS_FOLDER, keys)
        self._fits = {key: fit for key, fit in self._fits.items() if key in keys}

    def world(self, made_of: tuple[object, ...], find: Callable[[], World]) -> World:
        """The world that was found last, if it was made of the same; else what `find` gives."""
        if self._world is None or self._world[0] != made_of:
            self._world = made_of, find()
        return self._world[1]

    def rests(self, key: str, make: Callable[[], PersonalRests]) -> PersonalRests:
        """How the rig of this key rests on people, as it was found before; else what `make`
        gives."""
        if key not in self._rests:
            self._rests[key] = make()
        return self._rests[key]

    def drop_other_rests(self, keys: set[str]) -> None:
        """Forget the rigs of other keys."""
        self._rests = {key: rests for key, rests in self._rests.items() if key in keys}
