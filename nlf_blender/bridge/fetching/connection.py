# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that may only go where files come from safely, and what their failures mean."""

from __future__ import annotations

import importlib.util
import ssl
import urllib.error
import urllib.parse
import urllib.request
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from typing import IO, cast

from ...errors import UserError

TIMEOUT_SECONDS = 30.0  # for one answer or one piece of it
RANGE_REFUSED = 416
BY_HAND = "Get the file with your web browser instead, and choose it as File."
_AGENT = "nlf_blender"
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_TRY_LATER = (408, 429)
_GONE = (404, 410)


def check_address(url: str) -> None:
    """Refuse all but https, and http within this machine. UserError."""
    parts = urllib.parse.urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _THIS_MACHINE
    if parts.scheme != "https" and not local:
        raise UserError("Address not safe", f"{url} is not an https address.", BY_HAND)


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything less."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request to make instead. UserError if its address is not safe."""
        check_address(newurl)
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise UserError(
                "Address not safe", f"{req.host} sends on to {newurl}, not encrypted.", BY_HAND
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # pyright: ignore


def make_opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS only, through the proxies of the environment, certificates checked."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:  # this Python was built for another system
        bundle = importlib.util.find_spec("certifi")
        if bundle is not None and bundle.origin is not None:
            context.load_verify_locations(Path(bundle.origin).with_name("cacert.pem"))
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def open_url(
    opener: urllib.request.OpenerDirector, url: str, headers: dict[str, str]
) -> HTTPResponse:
    """The answer to a GET.

    ConnectionError or TimeoutError for what another try may mend, HTTPError for RANGE_REFUSED,
    UserError for everything else.
    """
    check_address(url)
    request = urllib.request.Request(url, headers={"User-Agent": _AGENT, **headers})
    try:
        return cast(HTTPResponse, opener.open(request, timeout=TIMEOUT_SECONDS))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_REFUSED:
            raise
        if error.code in _TRY_LATER or error.code >= 500:
            raise ConnectionError(f"it answered {error.code} {error.reason}") from error
        raise _refused(url, error.code, error.reason) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            raise _untrusted(request.host, error.reason) from error
        reason = getattr(error.reason, "strerror", None) or str(error.reason)
        raise ConnectionError(reason) from error


def _refused(url: str, status: int, reason: str) -> UserError:
    if status in _GONE:
        return UserError(
            "The file is not there any more",
            f"{url} answered {status} {reason}.",
            "Open the address of the release in your web browser and look for a newer version.",
        )
    return UserError("The server refuses", f"{url} answered {status} {reason}.", BY_HAND)


def _untrusted(host: str, error: ssl.SSLError) -> UserError:
    reason = getattr(error, "verify_message", "") or str(error)
    return UserError(
        "The server cannot be trusted",
        f"There is no encrypted connection to {host} ({reason}).",
        "Look at this computer's date. If your network's proxy has a certificate of its own, name "
        "it in SSL_CERT_FILE and restart Blender; or get the file with your web browser.",
    )
