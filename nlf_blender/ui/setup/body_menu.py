# SPDX-License-Identifier: GPL-3.0-or-later
"""The body files of a folder as a menu, searched once and kept until asked again."""

from __future__ import annotations

from pathlib import Path

from ...body.model_folder import BodyFile, FoundBodies, find_bodies
from ...errors import UserError

EnumItem = tuple[str, str, str]
_NOTHING = FoundBodies((), (), complete=True)


class BodyMenu:
    """What is in the folder that was searched last, and why nothing is, if it cannot be read."""

    def __init__(self) -> None:
        self.error: UserError | None = None
        self._folder: Path | None = None
        self._found = _NOTHING
        self._items: list[EnumItem] = []  # Blender keeps no reference to the texts of its menus

    def forget(self) -> None:
        """Search anew the next time."""
        self._folder = None

    def search(self, folder: Path) -> FoundBodies:
        """The bodies in a folder."""
        if folder != self._folder:
            self._folder, self.error, self._found = folder, None, _NOTHING
            try:
                self._found = find_bodies(folder)
            except UserError as error:
                self.error = error
            self._items = [_item(file, folder) for file in self._found.files]
        return self._found

    def items(self, folder: Path) -> list[EnumItem]:
        """The bodies in a folder, for a menu; their paths are what is chosen."""
        self.search(folder)
        return self._items

    def first(self, folder: Path) -> str:
        """The path of the body to begin with: a neutral one if there is one, "" if none is."""
        files = self.search(folder).files
        neutral = [file for file in files if file.gender == "neutral"]
        return next((str(file.path) for file in (*neutral, *files)), "")

    def file(self, folder: Path, path: str) -> BodyFile | None:
        """The body at a path, or None if it was not found there."""
        return next((file for file in self.search(folder).files if str(file.path) == path), None)


def _item(file: BodyFile, folder: Path) -> EnumItem:
    path = file.path
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    return (str(path), f"{file.title}: {shown}", str(path))
