# SPDX-License-Identifier: GPL-3.0-or-later
"""Canonical bodies as Blender needs them: kept while it runs; made by the worker where the file of
the body does not say how it stands in canonical space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...body.body_data import BodyData, load_body_npz
from ...bridge.errand import Errand, State, worker_command
from ...errors import UserError
from ...protocol.files import file_sha256
from ...protocol.marker_set import OPEN
from .. import places

OPEN_BODY = places.PACKAGE_FOLDER / "assets" / "open_body.npz"
CANONICAL = "canonical"  # where its errors are shown: the panel Markers
FAILED = "The canonical body was not made"


@dataclass(frozen=True)
class BodyRequest:
    """A canonical body that was asked for. file: of the body; small: what the worker makes of it;
    scene_uid: of the scene that gets it; location: in the world."""

    kind: str
    file: Path
    small: Path
    scene_uid: int
    location: tuple[float, float, float]


class CanonicalWork:
    """At most one body is made at a time. arrived: it is made, and not in the scene yet; error:
    until somebody takes it."""

    def __init__(self) -> None:
        self.arrived: BodyRequest | None = None
        self.error: UserError | None = None
        self.coming: BodyRequest | None = None
        self._errand: Errand | None = None
        self._bodies: dict[Path, BodyData] = {}
        self._hashes: dict[tuple[Path, int, int], str] = {}

    @property
    def running(self) -> bool:
        """Whether the worker is at it."""
        return self._errand is not None

    @property
    def ended(self) -> bool:
        """Whether there is something to tell, or to bring in."""
        return self.arrived is not None or self.error is not None

    @property
    def busy(self) -> bool:
        """Whether something wants ticks."""
        return self.running or self.ended

    def open_body(self) -> BodyData:
        """The body that comes with the extension. UserError if its file is damaged."""
        return self.body(OPEN_BODY)

    def body(self, file: Path) -> BodyData:
        """A body with canonical points from an npz, read once. UserError if it is damaged."""
        if file not in self._bodies:
            self._bodies[file] = load_body_npz(file, posed=False)
        return self._bodies[file]

    def small_file(self, file: Path) -> Path:
        """Where the worker's npz of a body is kept, by the content of the file. UserError if that
        cannot be read."""
        try:
            known = file.stat()
            key = (file, known.st_size, known.st_mtime_ns)
            if key not in self._hashes:
                self._hashes[key] = file_sha256(file)
        except OSError as error:
            raise UserError(
                "Body file not readable",
                f"{file}: {error.strerror}.",
                "Choose the body again in the preferences.",
            ) from error
        return places.user_folder() / "canonical" / f"{self._hashes[key]}.npz"

    def begin(self, python: Path, request: BodyRequest) -> None:
        """Have the worker make it."""
        options = ["canonical-body", f"--body={request.file}", f"--out={request.small}", "--json"]
        if request.kind != OPEN:
            options.append(f"--kind={request.kind}")
        self.error = None
        self.coming = request
        self._errand = Errand(worker_command(python, options), FAILED)

    def tick(self) -> None:
        """Read what is new; note its end."""
        if self._errand is None:
            return
        self._errand.tick()
        if self._errand.running:
            return
        errand, self._errand = self._errand, None
        if errand.state is State.DONE:
            self.arrived = self.coming
        else:
            self.error = errand.error
        self.coming = None

    def cancel(self) -> None:
        """End it now."""
        if self._errand is not None:
            self._errand.cancel()
        self._errand = self.coming = self.arrived = None
