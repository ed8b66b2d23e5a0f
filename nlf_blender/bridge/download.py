# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the program that fetches a release (see the package `fetching`), without waiting."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..protocol.json_fields import Json, as_float, as_int, as_str
from .errand import Errand, State
from .releases import Release

PROGRAM = Path(__file__).resolve().parent / "fetching" / "__main__.py"
SILENCE_SECONDS = 300.0  # without a word; it has its own, shorter bounds for the network


class Download:
    """A release on its way into a folder. Call `tick` until `running` is false; nothing waits.

    What has come when it is cancelled or fails is kept, and the next download goes on from there.
    """

    def __init__(self, release: Release, folder: Path, python: Path) -> None:
        """Start it. python: Blender's own; it needs the standard library alone."""
        self.release = release
        self.path = folder / release.file
        self.unpacked = self.path.with_suffix("") if release.unpack else None
        self.text = "Connecting"
        self.done, self.total, self.rate = 0, 0, 0.0
        command: list[str | Path] = [python, "-I", "-B", "-X", "utf8", PROGRAM]
        command += ["--url", release.address, "--target", self.path]
        command += ["--listing", release.listing]
        if self.unpacked is not None:
            command += ["--unpack-to", self.unpacked, "--unpack-only", release.unpack]
        self._failure: UserError | None = None
        self._verified = ""
        self._errand = Errand(command, "The download failed", self._hear, SILENCE_SECONDS)

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self._errand.running

    @property
    def finished(self) -> bool:
        """Whether the file is there, and was checked."""
        return self._errand.state is State.DONE and self._verified != ""

    @property
    def cancelled(self) -> bool:
        """Whether the user stopped it."""
        return self._errand.state is State.CANCELLED

    @property
    def error(self) -> UserError | None:
        """Why it failed, if it did."""
        return None if self.finished else self._failure or self._errand.error

    @property
    def fraction(self) -> float:
        """How much is there, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None while there is none."""
        return (self.total - self.done) / self.rate if self.rate > 0 and self.total else None

    @property
    def verdict(self) -> str:
        """How the finished file was checked, in words."""
        return {
            "sha256": "Its checksum is the published one.",
            "size": "No checksum is published; its size is right.",
            "length": "The release could not be asked for a checksum; its size is the server's.",
        }[self._verified]

    def tick(self) -> None:
        """Read what is new."""
        self._errand.tick()

    def cancel(self) -> None:
        """Stop it at once; what has come is kept."""
        self._errand.cancel()

    def _hear(self, line: Json) -> None:
        kind = line.get("kind")
        if kind == "progress":
            self.text = "Downloading"
            self.done = as_int(line.get("done"), "done")
            self.total = as_int(line.get("total"), "total")
            self.rate = as_float(line.get("rate"), "rate")
        elif kind == "note":
            self.text, self.rate = as_str(line.get("text"), "text"), 0.0
        elif kind == "failed":
            self._failure = UserError.from_json(
                {key: str(line.get(key)) for key in ("title", "detail", "fix")}
            )
        elif kind == "done":
            self._verified = as_str(line.get("verified"), "verified")
