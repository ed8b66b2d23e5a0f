# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the worker's Python comes from: one that the user names, or the one the extension made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from . import install


@dataclass(frozen=True)
class Interpreter:
    """An interpreter for the worker. origin: "named" by the user or "made" by the extension."""

    path: Path
    origin: str


def wheels_folder(package: Path) -> Path:
    """The folder of the lock file, in an installed extension or in a checkout."""
    inside = package / "wheels"
    return inside if inside.is_dir() else package.parent / "wheels"


def has_bundled_wheels(wheels: Path) -> bool:
    """Whether the packages themselves lie beside the lock file, so that no network is needed."""
    return any(wheels.glob("*.whl"))


def named_interpreter(named: str) -> Path:
    """The interpreter that a user means by a path: to itself or to its environment's folder.

    UserError if there is none.
    """
    path = Path(named).expanduser()
    if path.is_dir():
        inside = [path / "bin" / "python", path / "Scripts" / "python.exe", path / "python.exe"]
        path = next((candidate for candidate in inside if candidate.is_file()), path)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise UserError(
            "No such interpreter",
            f"{path} is not a program that can be run.",
            "Correct the path in the preferences, or let the extension create an environment.",
        )
    return path  # not resolved: an environment's interpreter is known by the link's own place


def find_interpreter(named: str, env_dir: Path, wheels: Path) -> Interpreter:
    """The worker's interpreter: the one named if `named` is not empty, else the one in `env_dir`.

    UserError, with what to do next, if there is none that can be used.
    """
    if named.strip():
        return Interpreter(named_interpreter(named.strip()), "named")
    if install.is_ready(env_dir, wheels):
        return Interpreter(install.env_python(env_dir), "made")
    how = "Click Create Environment in the preferences"
    if has_bundled_wheels(wheels):
        how += " (it takes a minute and no network)"
    if install.is_outdated(env_dir, wheels):
        raise UserError(
            "The Python environment is out of date",
            "It was made for another version of the extension, or Blender has moved.",
            f"{how}.",
        )
    raise UserError(
        "No Python environment yet",
        "The worker needs packages of its own, such as PyTorch.",
        f"{how}, or name an interpreter that has them.",
    )
