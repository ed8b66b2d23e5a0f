# SPDX-License-Identifier: GPL-3.0-or-later
"""One file on its way: whole or in pieces, whatever cuts the connection.

Pieces of two versions of a file are never joined: what the server called its version, a strong ETag
or a date, goes back to it as If-Range (RFC 9110, 13.1.5).
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO

from ...errors import UserError
from .connection import BY_HAND, open_url

CHUNK = 1 << 18
TRIES = 5  # in a row, without a byte more
WAIT_SECONDS = 0.5  # before the second try; doubled with each
SAY_SECONDS = 0.2
RATE_SECONDS = 5.0  # over which the rate is taken
SPARE_BYTES = 64 << 20  # left free on the disk
_PARTIAL = 206

Say = Callable[..., None]


class Transfer:
    """Brings an address into a part file. total: bytes of the whole, 0 while not known; checked:
    whether a checksum will tell wrong content."""

    def __init__(
        self,
        opener: urllib.request.OpenerDirector,
        url: str,
        part: Path,
        total: int,
        checked: bool,
        say: Say,
    ) -> None:
        self._opener = opener
        self._url = url
        self._part = part
        self._notes = part.with_name(part.name + ".json")
        self._total = total
        self._checked = checked
        self._say = say
        self._said = 0.0
        self._marks: list[tuple[float, int]] = []
        self._done = 0

    def run(self) -> None:
        """Fetch to the end, going on after cuts. UserError or OSError if it cannot be done; what
        has come is kept."""
        idle = 0
        while True:
            before, reason = self._done, "the connection was cut"
            try:
                self._attempt()
                if self._total and self._done == self._total:
                    return
            except (ConnectionError, TimeoutError, HTTPException, ssl.SSLError) as error:
                reason = str(error) or type(error).__name__
            idle = 0 if self._done > before else idle + 1
            if idle == TRIES:
                raise self._unreachable(reason)
            self._say("note", text="Connecting again")
            time.sleep(WAIT_SECONDS * 2**idle)

    def discard(self) -> None:
        """Remove what came: it is not what was wanted."""
        self._part.unlink(missing_ok=True)
        self.forget()

    def forget(self) -> None:
        """Remove the notes about the part file."""
        self._notes.unlink(missing_ok=True)

    def _attempt(self) -> None:
        """One request, from where the part file ends."""
        start, headers = self._resume_point()
        try:
            answer = open_url(self._opener, self._url, headers)
        except urllib.error.HTTPError as error:  # the part file does not suit what is there now
            self.discard()
            raise ConnectionError("the file on the server has changed") from error
        with answer:
            start = start if self._continues(answer, start) else 0
            self._total = self._whole_size(answer, start)
            self._check_room(self._total - start)
            self._note_version(answer)
            with open(self._part, "r+b" if start else "wb") as file:
                file.seek(start)
                file.truncate()
                self._copy(answer, file, start)

    def _resume_point(self) -> tuple[int, dict[str, str]]:
        """Bytes that are there already, and the headers that ask for the rest."""
        size = self._part.stat().st_size if self._part.exists() else 0
        if not size or (self._total and size > self._total):
            return 0, {}
        if size == self._total:
            size -= 1  # an empty range cannot be asked for
        version = self._version()
        if version:
            return size, {"Range": f"bytes={size}-", "If-Range": version}
        return (size, {"Range": f"bytes={size}-"}) if self._checked else (0, {})

    def _version(self) -> str:
        try:
            notes = json.loads(self._notes.read_bytes())
            return str(notes["version"]) if notes["url"] == self._url else ""
        except (OSError, ValueError, LookupError, TypeError):
            return ""  # without the notes, the piece is of no known version

    def _note_version(self, answer: HTTPResponse) -> None:
        tag = answer.headers.get("ETag") or ""
        version = tag if tag.startswith('"') else answer.headers.get("Last-Modified") or ""
        self._notes.write_text(json.dumps({"url": self._url, "version": version}))

    def _continues(self, answer: HTTPResponse, start: int) -> bool:
        """Whether an answer is the rest that was asked for, not the whole anew."""
        if answer.status != _PARTIAL:
            return False
        span = answer.headers.get("Content-Range") or ""
        if not span.startswith(f"bytes {start}-"):
            raise self._changed(f"byte {start} on was asked for, '{span}' came")
        return True

    def _whole_size(self, answer: HTTPResponse, start: int) -> int:
        length = answer.headers.get("Content-Length") or ""
        if not length.isdecimal():
            raise self._changed("it does not say how large the file is")
        total = start + int(length)
        if self._total and self._total != total:
            raise self._changed(f"it has {total} bytes, {self._total} are expected")
        return total

    def _check_room(self, missing: int) -> None:
        folder = self._part.parent
        needed, free = missing + SPARE_BYTES, shutil.disk_usage(folder).free
        if free < needed:
            raise UserError(
                "Not enough disk space",
                f"{needed / 1e6:.0f} MB are needed, {folder} has {free / 1e6:.0f} MB left.",
                "Free some space and click again; what has come is kept.",
            )

    def _copy(self, answer: HTTPResponse, file: IO[bytes], start: int) -> None:
        self._done = start
        self._marks = [(time.monotonic(), start)]
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            self._done += len(chunk)
            self._tell()
        file.flush()
        os.fsync(file.fileno())

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._said < SAY_SECONDS and self._done < self._total:
            return
        self._said = now
        recent = [mark for mark in self._marks if now - mark[0] < RATE_SECONDS]
        self._marks = recent or self._marks[-1:]
        began, first = self._marks[0]
        self._marks.append((now, self._done))
        rate = (self._done - first) / max(now - began, 1e-3)
        self._say("progress", done=self._done, total=self._total, rate=rate)

    def _unreachable(self, reason: str) -> UserError:
        host = urllib.parse.urlsplit(self._url).hostname
        return UserError(
            "The server cannot be reached",
            f"{host}: {reason}.",
            "Check the network and the proxy, and click again; what has come is kept.",
        )

    def _changed(self, how: str) -> UserError:
        return UserError("The file on the server is another one", f"{self._url}: {how}.", BY_HAND)
