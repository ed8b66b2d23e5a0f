# SPDX-License-Identifier: GPL-3.0-or-later
"""How the files of a result are written and read: whole, by content hash, by format version."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import UserError
from .json_fields import Json, as_int, as_object, as_str

UNFINISHED = ".part"  # ends the name of a result's folder until it is whole
REPLACED = ".old"  # ends the name of the folder that it replaces, for a moment


@dataclass(frozen=True)
class ResultLayout:
    """A kind of result: its folder is NAME + suffix, and is whole once info_file is in it."""

    suffix: str
    info_file: str


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's content. OSError if it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees all of it or none: temporary name, sync, rename."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: Path) -> Generator[BinaryIO]:
    """A file to write that a reader sees, whole, at the end of the with block, and never else."""
    temporary = path.with_name(path.name + ".part")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_versioned(path: Path, format_name: str, version: int) -> Json:
    """The JSON object of a file of this format. OSError or ValueError if it is none or damaged;
    UserError if its version is newer than `version`."""
    data = as_object(json.loads(path.read_bytes()), path.name)
    if data.get("format") != format_name:
        raise ValueError(f"its format is not {format_name}")
    if as_int(data.get("version"), "version") > version:
        raise UserError(
            "Result from a newer version",
            f"{path} has format version {data['version']}, this version reads {version}.",
            "Update the NLF extension.",
        )
    return data


def plain_name(value: object, what: str) -> str:
    """A file name within a result's folder; a path that leads elsewhere is refused."""
    name = as_str(value, what)
    if Path(name).name != name:
        raise ValueError(f"{what} is not a plain file name")
    return name
