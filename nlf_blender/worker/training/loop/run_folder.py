# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run's folder says of the run: its settings, and the sets that it is trained on.

`settings.json` is what the run was begun with, `sets.json` names, terms and joint sets of its data,
so that the model can be exported when the sets are gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ....errors import UserError
from ....protocol.files import write_whole
from ...take_writer import disk_errors
from ..datasets.joint_sets import JointCatalogue
from ..datasets.layout import read_info
from ..plain_settings import read_settings, settings_text
from .checkpoint import checkpoints
from .folder_lock import locked_folder
from .run_file import RunSettings, require_same_run

SETTINGS, SETS, CHECKPOINTS = "settings.json", "sets.json", "checkpoints"


@contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """A run's folder, made if it is not there, held for the time of the with block. UserError if
    another program trains in it, or it cannot be written to."""
    in_use = UserError(
        "Run in use",
        f"Another program is training in {folder}.",
        "Wait until it is done, stop it there, or choose another --out folder.",
    )
    with locked_folder(folder, in_use):
        yield


def claim_folder(folder: Path, settings: RunSettings, resume: bool) -> None:
    """Make the folder this run's, or see that it is. UserError if it holds a run and `resume` was
    not said, or one with other settings, or if a set cannot be read. A run that failed before its
    first checkpoint is none."""
    path = folder / SETTINGS
    if path.is_file() and checkpoints(folder / CHECKPOINTS):
        if not resume:
            raise UserError(
                "A run is there already",
                f"{folder} holds a run that was begun before.",
                "Add --resume to go on with it, or choose another --out folder.",
            )
        require_same_run(read_settings(RunSettings, path), settings, folder)
    sets = json.dumps(_about_sets(settings), indent=1)
    with disk_errors(folder, "start the same command again"):
        write_whole(folder / SETS, sets.encode())
        write_whole(path, settings_text(settings).encode())


def read_sets(folder: Path) -> list[dict[str, Any]]:
    """What a run's folder says of its sets: name, license, weight, joint_sets of each. UserError if
    it is no run's folder."""
    try:
        return json.loads((folder / SETS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            "Not a run", f"{folder / SETS} cannot be read ({error}).", "Choose a run's folder."
        ) from error


def run_catalogue(folder: Path) -> JointCatalogue:
    """All joints that a run's model has places of."""
    own: dict[str, tuple[str, ...]] = {}
    for item in read_sets(folder):
        own |= {name: tuple(joints) for name, joints in item["joint_sets"].items()}
    return JointCatalogue(own)


def _about_sets(settings: RunSettings) -> list[dict[str, Any]]:
    about = []
    for item in settings.data.sets:
        info = read_info(Path(item.path))
        joint_sets = {name: list(joints) for name, joints in info.joint_sets.items()}
        about.append(
            {
                "name": info.name,
                "license": info.license,
                "weight": item.weight,
                "joint_sets": joint_sets,
            }
        )
    return about
