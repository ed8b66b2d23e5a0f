# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a source is known again: a hash that is quick however large the source is.

Of a file of up to 64 MB it is the SHA-256 of the content. Of a larger one: of its size and of 64
samples of 64 KB at even distances, the first at its start and the last at its end. Of a sequence:
of the names and sizes of all files, and of the start and end of 64 of them at even distances.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ...protocol.files import file_sha256
from ...protocol.take import SEQUENCE
from .media_errors import not_opened
from .sequence_files import sequence_files
from .source import kind_of

WHOLE_UP_TO = 64 << 20
SAMPLES = 64
SAMPLE_BYTES = 64 << 10


def fingerprint(path: Path, *, sequence: bool = False) -> str:
    """Hex SHA-256 by which the source at a path is known, wherever it lies. sequence: of the
    sequence that an image file is one of. UserError if it cannot be read."""
    try:
        if sequence or kind_of(path) == SEQUENCE:
            return _of_files(list(sequence_files(path).values()))
        return file_sha256(path) if path.stat().st_size <= WHOLE_UP_TO else _of_large_file(path)
    except OSError as error:
        raise not_opened(path, error) from error


def _of_large_file(path: Path) -> str:
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for offset in _evenly(size - SAMPLE_BYTES):
            _add(digest, file, offset)
    return digest.hexdigest()


def _of_files(paths: list[Path]) -> str:
    sizes = [path.stat().st_size for path in paths]
    digest = hashlib.sha256()
    for path, size in zip(paths, sizes, strict=True):
        digest.update(f"{path.name}\0{size}\0".encode())
    for number in sorted(set(_evenly(len(paths) - 1))):
        with open(paths[number], "rb") as file:
            _add(digest, file, 0)
            _add(digest, file, max(sizes[number] - SAMPLE_BYTES, 0))
    return digest.hexdigest()


def _evenly(last: int) -> Iterator[int]:
    """Places from 0 to `last`, both among them."""
    return (last * i // (SAMPLES - 1) for i in range(SAMPLES))


def _add(digest: hashlib._Hash, file: BinaryIO, offset: int) -> None:
    file.seek(offset)
    digest.update(file.read(SAMPLE_BYTES))
