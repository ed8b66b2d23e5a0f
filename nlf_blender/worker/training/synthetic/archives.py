# SPDX-License-Identifier: GPL-3.0-or-later
"""Text files out of a folder or a tar file, packed or not."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from pathlib import Path


def read_texts(archive: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    """Path -> text of the files with these endings, in order of their paths. ValueError says what
    is wrong with the folder or the tar file, or that it has no such file."""
    try:
        found = _of_folder(archive, suffixes) if archive.is_dir() else _of_tar(archive, suffixes)
    except FileNotFoundError as error:
        raise ValueError("it does not exist") from error
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror or error})") from error
    except (EOFError, tarfile.TarError, lzma.LZMAError, zlib.error) as error:
        raise ValueError("it is no tar file, or it is damaged or cut short") from error
    if not found:
        raise ValueError(f"there is no {' or '.join(suffixes)} file in it")
    return dict(sorted(found.items()))


def _of_folder(folder: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.suffix in suffixes]
    return {path.relative_to(folder).as_posix(): _text(path.read_bytes()) for path in files}


def _of_tar(path: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    with tarfile.open(path) as tar:
        return {
            member.name: _text(stream.read())
            for member in tar
            if member.name.endswith(suffixes) and (stream := tar.extractfile(member))
        }


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
