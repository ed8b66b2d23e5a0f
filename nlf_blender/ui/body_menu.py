# SPDX-License-Identifier: GPL-3.0-or-later
"""The body files of a folder as a menu, searched once and kept until asked again."""

from __future__ import annotations

import zlib
from pathlib import Path

from ..body.model_folder import BodyFile, FoundBodies, find_bodies
from ..errors import UserError

EnumItem = tuple[str, str, str, str, int]
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
        """The bodies in a folder, for a menu. A body's number follows from its path, so that a
        choice which was saved stays the same when other files come and go."""
        self.search(folder)
        return self._items

    def file(self, folder: Path, path: str) -> BodyFile | None:
        """The body at a path, or None if it was not found there."""
        return next((file for file in self.search(folder).files if str(file.path) == path), None)


def _item(file: BodyFile, folder: Path) -> EnumItem:
    path = str(file.path)
    shown = file.path.relative_to(folder) if file.path.is_relative_to(folder) else file.path
    return (path, f"{file.title}: {shown}", path, "NONE", zlib.crc32(path.encode()) & 0x7FFFFFFF)
