# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of releases on this machine that cuts, lies, refuses and starts anew as it is told."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

CONTENT = bytes(range(256)) * 8000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = "model.torchscript"


@dataclass
class Site:
    """A server's content and manners, and what it was asked for."""

    content: bytes = CONTENT
    digest: str | None = f"sha256:{DIGEST}"
    listed_size: int = len(CONTENT)
    etag: str = '"one"'
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)  # bytes per answer, until it is empty
    statuses: list[int] = field(default_factory=list)  # of the next answers
    pause: float = 0.0
    length: bool = True
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def file(self) -> str:
        return f"{self.url}/{NAME}"

    @property
    def listing(self) -> str:
        return f"{self.url}/listing"


class Handler(BaseHTTPRequestHandler):
    """Answers for a site."""

    site: ClassVar[Site]

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        site = self.site
        if self.path == "/listing":
            asset = {"name": NAME, "size": site.listed_size, "digest": site.digest}
            self.answer(200, json.dumps({"assets": [{"name": "x"}, asset]}).encode(), {})
            return
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/passwd")
            self.end_headers()
            return
        site.asked.append(dict(self.headers))
        if site.statuses:
            self.answer(site.statuses.pop(0), b"", {})
            return
        start, status, headers = 0, 200, {"ETag": site.etag}
        wish = self.headers.get("Range")
        if wish and site.ranges and self.headers.get("If-Range", site.etag) == site.etag:
            start, status = int(wish.removeprefix("bytes=").rstrip("-")), 206
            headers["Content-Range"] = f"bytes {start}-{len(site.content) - 1}/*"
        self.answer(status, site.content[start:], headers)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.site.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status in (200, 206) and self.path != "/listing" and self.site.cut_after:
            body = body[: self.site.cut_after.pop(0)]
        with suppress(ConnectionError):  # whoever asked may be gone: that is what some tests do
            for first in range(0, len(body), 1 << 16):
                self.wfile.write(body[first : first + (1 << 16)])
                time.sleep(self.site.pause)


@contextmanager
def serving() -> Iterator[Site]:
    """A site that answers until the end of the with block."""
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def names(folder: Path) -> set[str]:
    """The names of what is in a folder."""
    return {path.name for path in folder.iterdir()}
