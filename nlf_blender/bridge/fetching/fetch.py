# SPDX-License-Identifier: GPL-3.0-or-later
"""From an address to a checked file in its place."""

from __future__ import annotations

import errno
import json
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import cast

from ...errors import UserError
from ...protocol.files import file_sha256, write_whole
from ...protocol.json_fields import as_int, as_list, as_object, as_str
from .connection import check_address, make_opener, open_url
from .transfer import Say, Transfer

CHECKSUM_SUFFIX = ".sha256"  # beside the file, in the form that `sha256sum --check` reads
_FULL = (errno.ENOSPC, errno.EDQUOT)
_MOST_LISTING_BYTES = 1 << 22


@dataclass(frozen=True)
class Published:
    """What a release says of one of its files. size in bytes, 0 and sha256 "" where it does not."""

    size: int = 0
    sha256: str = ""


def fetch(url: str, target: Path, listing: str, say: Say) -> dict[str, str]:
    """Bring a file to its place. listing: the address of its release's description.

    Returns its sha256 and by what it was verified: "sha256", or the "size" that the release says,
    or the "length" that the server said. UserError if it cannot be had; its place then holds what
    it held before.
    """
    try:
        return _fetch(url, target, listing, say)
    except OSError as error:
        raise _disk_refuses(target.parent, error) from error


def _fetch(url: str, target: Path, listing: str, say: Say) -> dict[str, str]:
    check_address(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with open(part, "ab"):  # a folder that cannot be written to is noticed before the network is
        say("note", text="Connecting")
    opener = make_opener()
    known = published(opener, listing, target.name)
    transfer = Transfer(opener, url, part, known.size, bool(known.sha256), say)
    transfer.run()
    say("note", text="Checking")
    came = file_sha256(part)
    if known.sha256 and came != known.sha256:
        transfer.discard()
        raise UserError(
            "The download is damaged",
            f"{target.name} has the checksum {came}, {known.sha256} is published.",
            "Click again to fetch it anew; nothing of it was kept.",
        )
    part.replace(target)
    transfer.forget()
    line = f"{came}  {target.name}\n"
    write_whole(target.with_name(target.name + CHECKSUM_SUFFIX), line.encode())
    verified = "sha256" if known.sha256 else "size" if known.size else "length"
    return {"sha256": came, "verified": verified}


def published(opener: urllib.request.OpenerDirector, listing: str, name: str) -> Published:
    """What a release says of its file `name`, in the form of GitHub's API ("digest": "sha256:...",
    since 2025). Nothing if it cannot be asked: the file itself may still be had."""
    try:
        with open_url(opener, listing, {"Accept": "application/json"}) as answer:
            description = as_object(json.loads(answer.read(_MOST_LISTING_BYTES)), "release")
        for row in as_list(description.get("assets"), "assets"):
            asset = as_object(row, "asset")
            if asset.get("name") == name:
                kind, _, digest = as_str(asset.get("digest") or "", "digest").partition(":")
                size = as_int(asset.get("size"), "size")
                return Published(size, digest.lower() if kind == "sha256" else "")
    except (UserError, OSError, HTTPException, ValueError):
        return Published()
    return Published()


def _disk_refuses(folder: Path, error: OSError) -> UserError:
    what = f"{cast(object, error.filename) or folder}: {error.strerror or error}."
    if error.errno in _FULL:
        return UserError(
            "The disk is full", what, "Free some space and click again; what has come is kept."
        )
    return UserError(
        "Folder not writable",
        what,
        "Give yourself the right to write there, and see that the disk is connected; then click "
        "again.",
    )
