# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs run only after the user agreed to, file by file: a TorchScript file is a program.

What is agreed to is the content, by its SHA-256; another file under the same name asks anew.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ....errors import UserError
from ....protocol.files import file_sha256
from ....protocol.settings import CONSENT_NEEDED
from ..model import unreadable


def agreed(trusted: Collection[str]) -> set[str]:
    """Hashes as `file_sha256` writes them, however the user wrote them."""
    return {text.strip().lower() for text in trusted}


def require_consent(path: Path, trusted: Collection[str]) -> str:
    """The hex SHA-256 of a file that the user agreed to run. UserError if it is not in `trusted`.

    Reads the file once, and runs nothing.
    """
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if digest not in agreed(trusted):
        raise UserError(
            CONSENT_NEEDED,
            f"{path.name} is a TorchScript file, which is a program: opening it runs code that "
            f"it holds. Its SHA-256 is {digest}.",
            "If you trust where it came from, press Allow in the extension's preferences, or give "
            "--trust with that hash on the command line.",
        )
    return digest
