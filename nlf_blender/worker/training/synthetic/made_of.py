# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rendered set can go on: it must have been begun with the same options and files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from ....errors import UserError
from ....protocol.files import file_sha256
from ..datasets.layout import DatasetInfo, SourceFile


def source_files(paths: Sequence[Path]) -> tuple[SourceFile, ...]:
    """Names and digests of files or folders. The digest of what cannot be read is empty: rendering
    reads the same files and says what is wrong, and a set that is finished needs none of them."""
    return tuple(SourceFile(path.name, _sha256(path)) for path in paths)


def require_same_set(folder: Path, known: DatasetInfo, asked: DatasetInfo) -> None:
    """UserError if the set in a folder was begun with other options or files than those asked for.

    A set begun by a version that kept no digests is compared by the names of its files alone, which
    are part of its description; it gets no digests later either, since nobody knows what its first
    shards were made of.
    """
    if known.description != asked.description:
        raise _another(f"{folder} holds {known.description}; asked for {asked.description}")
    pairs = zip(known.made_of, asked.made_of, strict=False)  # no pairs without kept digests
    changed = [now.file for then, now in pairs if now.sha256 and now.sha256 != then.sha256]
    if changed:
        names = ", ".join(changed)
        raise _another(f"{folder} was begun with {names} of another content than given now")


def _another(detail: str) -> UserError:
    return UserError(
        "Folder holds another set",
        f"{detail}.",
        "Choose another folder, or give the options and files that it was begun with.",
    )


def _sha256(path: Path) -> str:
    """Of a file's content; of a folder, the names and contents of all files in it. "" if it cannot
    be read."""
    try:
        if not path.is_dir():
            return file_sha256(path)
        digest = hashlib.sha256()
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\0{file_sha256(file)}\n".encode())
        return digest.hexdigest()
    except OSError:
        return ""
