# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the extension keeps its files, under which name Blender knows it, where takes go."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import bpy

from ..bridge.environment import wheels_folder
from ..errors import UserError

PACKAGE = __package__.rpartition(".")[0]  # bl_ext.<repository>.nlf_blender once installed
PACKAGE_FOLDER = Path(__file__).resolve().parent.parent
_PLAIN_NAME = "nlf_blender"
_TAKES_BESIDE_BLEND = "//nlf_takes"


def user_folder() -> Path:
    """The folder that is the extension's own to write in, and outlives its updates."""
    try:
        return Path(bpy.utils.extension_path_user(PACKAGE, create=True))
    except ValueError:  # not installed as an extension: a checkout on Python's path
        return Path(bpy.utils.user_resource("DATAFILES", path=_PLAIN_NAME, create=True))


def python_program() -> Path:
    """Blender's own Python, as a program."""
    return Path(sys.executable)


def environment_folder() -> Path:
    """The worker's Python environment, where the extension makes one."""
    return user_folder() / "worker-env"


def models_folder() -> Path:
    """Models that were downloaded or converted."""
    return user_folder() / "models"


def sessions_folder() -> Path:
    """Logs and events of workers."""
    return user_folder() / "sessions"


def scratch_folder() -> Path:
    """A new folder for a job's input. It lies among the sessions and is pruned with the old ones,
    should nobody remove it before. OSError if the disk refuses."""
    sessions = sessions_folder()
    sessions.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-input-"), dir=sessions))


def not_handed_over(what: str, error: OSError) -> UserError:
    """What the user is told where a job's input cannot be written."""
    return UserError(
        "Folder not writable",
        f"The {what} cannot be handed over in {user_folder()}: {error.strerror}.",
        "Make room on that disk, or give yourself the right to write there.",
    )


def wheels() -> Path:
    """The folder of the lock file and, in an offline build, of the packages."""
    return wheels_folder(PACKAGE_FOLDER)


def default_takes_folder() -> Path:
    """Beside the saved .blend file, else in the extension's own folder."""
    if bpy.data.is_saved:
        return Path(bpy.path.abspath(_TAKES_BESIDE_BLEND))
    return user_folder() / "takes"


def writable_folder(folder: Path) -> Path:
    """The folder, made if need be. UserError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".nlf-"):
            return folder
    except OSError as error:
        raise UserError(
            "Folder not writable",
            f"Results cannot be written to {folder}: {error.strerror}.",
            "Choose another folder for takes, under Source.",
        ) from error


def absolute(path: str) -> Path:
    """A path from a property: //relative to the .blend file, ~ for the home folder."""
    return Path(os.path.normpath(bpy.path.abspath(path))).expanduser()
