# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, told by its first bytes or table of contents, whatever it is called."""

from __future__ import annotations

import struct
import zipfile
from enum import Enum, auto
from pathlib import Path

from .model import unreadable
from .native_file import SUFFIX

HEAD_BYTES = 64
ZIP_MARK = b"PK\x03\x04"
OLD_TORCH_MARK = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # torch.save before 2020
PICKLE_MARKS = (b"\x80", b"(")
BODY_WORD = b"v_template"
PIECE = 1 << 22


class FileKind(Enum):
    """Kinds of files that a user may give as a model."""

    NATIVE = auto()
    CROP_CHECKPOINT = auto()  # written by torch.save, whatever is in it
    TORCHSCRIPT = auto()
    OLD_TORCH = auto()
    BODY = auto()
    CUT_OFF = auto()  # begins as a zip file but has no table of contents
    UNKNOWN = auto()


def file_kind(path: Path) -> FileKind:
    """A file's kind. UserError if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if head.startswith(ZIP_MARK):
            return _zip_kind(path)
        if OLD_TORCH_MARK in head:
            return FileKind.OLD_TORCH
        if head[8:9] == b"{" or path.suffix.lower() == SUFFIX:
            return FileKind.NATIVE
        if head.startswith(PICKLE_MARKS) and _contains(path, BODY_WORD):
            return FileKind.BODY
    except OSError as error:
        raise unreadable(path, error) from error
    return FileKind.UNKNOWN


def _zip_kind(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
        return FileKind.CUT_OFF  # or damaged in its table of contents
    if any(name.endswith("/constants.pkl") for name in names) and any("/code/" in n for n in names):
        return FileKind.TORCHSCRIPT
    if any(name.endswith("/data.pkl") for name in names):
        return FileKind.CROP_CHECKPOINT
    return FileKind.BODY if BODY_WORD.decode() + ".npy" in names else FileKind.UNKNOWN


def _contains(path: Path, word: bytes) -> bool:
    """Whether a word is in a file, which is read in pieces."""
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            if word in tail + piece:
                return True
            tail = piece[-len(word) :]
    return False
