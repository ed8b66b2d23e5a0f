# SPDX-License-Identifier: GPL-3.0-or-later
"""ezc3d, the library for C3D files, kept at arm's length: the rest of the worker does without it,
it opens files by names in ASCII alone (Windows' old code pages lack other letters), and it reads in
a process of its own."""

from __future__ import annotations

import contextlib
import importlib
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from .c3d_child import FAILED

CHILD = Path(__file__).with_name("c3d_child.py")
KEY = 0x50  # the second byte of every C3D file
BLOCK = 512
BIG_ENDIAN = 86  # the processor (MIPS) whose numbers begin with the high byte
LEAST_SECONDS, SECONDS_A_MEGABYTE = 30.0, 0.5  # several times what slow computers take
MOST_FRAMES = 65535  # that the header's two bytes can say
NAME = "markers.c3d"


@dataclass(frozen=True, eq=False)
class C3dContent:
    """What a C3D file holds. points [4,K,T]: x, y, z, 1, NaN where there is none; first: number of
    the first frame, from 0; parameters: values by group and name; frames: as many as the header
    says, MOST_FRAMES for that many or more."""

    points: NDArray[np.float32]
    first: int
    parameters: dict[str, dict[str, list[Any]]]
    frames: int


def ezc3d_module() -> ModuleType:
    """ezc3d. UserError if this environment does not have it."""
    try:
        return importlib.import_module("ezc3d")
    except ImportError as error:
        raise UserError(
            "No C3D in this environment",
            f"The package ezc3d cannot be loaded: {error}.",
            "Install wheels/requirements.lock with pip in it, or use TRC, CSV or JSON.",
        ) from error


def write_c3d_file(file: Any) -> bytes:
    """What ezc3d writes of its object. OSError from the disk."""
    with tempfile.TemporaryDirectory(prefix="nlf-") as folder, contextlib.chdir(folder):
        file.write(NAME)
        return Path(NAME).read_bytes()


def read_c3d_file(path: Path) -> C3dContent:
    """The content of a file. ValueError says why it cannot be read; UserError without ezc3d;
    OSError from the disk."""
    frames = _header_frames(path)
    ezc3d_module()
    with tempfile.TemporaryDirectory(prefix="nlf-") as temporary:
        folder = Path(temporary)
        shutil.copyfile(path, folder / NAME)
        _run_child(folder, LEAST_SECONDS + SECONDS_A_MEGABYTE * path.stat().st_size / 1e6)
        try:
            with np.load(folder / "content.npz", allow_pickle=False) as content:
                parameters = json.loads(str(content["parameters"]))
                return C3dContent(content["points"], int(content["first"]), parameters, frames)
        except (OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"its content cannot be handed over: {error}") from error


def _run_child(folder: Path, seconds: float) -> None:
    """Have the file in this folder read. ValueError if it cannot be."""
    # -I: no user packages, no PYTHON* variables
    command = [sys.executable, "-I", "-B", "-X", "utf8", str(CHILD), NAME, "content.npz"]
    try:
        child = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"it is damaged: it was not read within {seconds:.0f} s") from error
    if child.returncode == FAILED:
        raise ValueError(child.stderr.decode(errors="replace").strip() or "it is damaged")
    if child.returncode != 0:
        raise ValueError("it is damaged: nothing can be made of it")


def _header_frames(path: Path) -> int:
    """The number of frames that a file's header says. ValueError if it is no C3D file."""
    with open(path, "rb") as file:
        head = file.read(BLOCK)
        if len(head) < BLOCK or head[1] != KEY or not head[0]:
            raise ValueError("it does not begin as C3D files do")
        file.seek((head[0] - 1) * BLOCK)
        parameters = file.read(4)
    if len(parameters) < 4:
        raise ValueError("its parameters are missing")
    order = ">" if parameters[3] == BIG_ENDIAN else "<"
    first, last = struct.unpack(f"{order}2H", head[6:10])
    return max(last - first + 1, 0)
