# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the files that are needed out of an archive."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath

from ...errors import UserError

MOST_BYTES = 4 << 30  # more than any release holds; a bomb would fill the disk
_CHUNK = 1 << 20


def unpack(archive: Path, folder: Path, pattern: str) -> int:
    """Take the files whose names match a pattern out of a zip, flat into a folder, whatever folders
    they are in there. Returns how many. UserError if there are none, or it cannot be done."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = {
                PurePosixPath(info.filename).name: info
                for info in packed.infolist()
                if not info.is_dir() and PurePosixPath(info.filename).match(pattern)
            }
            size = sum(info.file_size for info in members.values())
            if not members or size > MOST_BYTES:
                raise _unusable(archive, f"it holds {len(members)} files {pattern}, {size} bytes")
            folder.mkdir(parents=True, exist_ok=True)
            for name, info in members.items():
                temporary = folder / (name + ".part")
                with packed.open(info) as source, open(temporary, "wb") as target:
                    shutil.copyfileobj(source, target, _CHUNK)  # never more than file_size says
                temporary.replace(folder / name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise _unusable(archive, str(error)) from error
    except OSError as error:
        raise UserError(
            "Not unpacked",
            f"{error.filename or folder}: {error.strerror or error}.",
            "Make room on that disk, or give yourself the right to write there; then click again.",
        ) from error
    return len(members)


def _unusable(archive: Path, reason: str) -> UserError:
    return UserError(
        "The archive cannot be used",
        f"{archive.name}: {reason}.",
        "Get the files with your web browser instead, and choose their folder as Model Data.",
    )
