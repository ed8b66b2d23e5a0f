# SPDX-License-Identifier: GPL-3.0-or-later
"""Image sequences: numbered files, of which some may be missing or damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ...protocol.take import SEQUENCE
from .footage import Footage, FootageInfo, SourceFrame
from .photo import Photo
from .still import read_still

DEFAULT_FPS = 24.0


class ImageSequence(Footage):
    """Numbered images. A frame's index is its number less the first one's: where a number is not
    there, or its image is damaged or of another size than the first, the index is missing."""

    def __init__(self, files: dict[int, Path], fps: float | None) -> None:
        """files: by number, in order. UserError if the first one cannot be read."""
        super().__init__()
        self._first = next(iter(files))
        self._files = {number - self._first: path for number, path in files.items()}
        photo = read_still(self._files[0])
        self._size = (photo.width, photo.height)
        self.info = FootageInfo(
            kind=SEQUENCE,
            path=photo.path,
            width=photo.width,
            height=photo.height,
            frame_count=max(self._files) + 1,
            exact=True,
            fps=fps or DEFAULT_FPS,
            number=self._first,
            as_stored=photo.as_stored,
            notes=tuple(self._notes(fps)),
            focal_px=photo.focal_px,
        )

    def _notes(self, fps: float | None) -> Iterator[str]:
        if fps is None:
            yield f"Images have no frame rate: {DEFAULT_FPS:g} frames a second were assumed."
        absent = max(self._files) + 1 - len(self._files)
        if absent:
            yield f"{absent} numbers are missing between the first image and the last."

    def close(self) -> None:
        """Nothing is held open."""

    def _frames(self, first: int, last: int | None, step: int) -> Iterator[SourceFrame]:
        end = self.info.frame_count - 1 if last is None else last
        for index in range(first, end + 1, step):
            photo = self._photo(index)
            if photo is None:
                self.missing.append(index)
            else:
                yield SourceFrame(index, self.seconds(index), photo.rgb)

    def _photo(self, index: int) -> Photo | None:
        """The image of an index; None if it cannot be used."""
        if index not in self._files:
            return None
        try:
            photo = read_still(self._files[index])
        except UserError as error:
            self._remark(error.detail)
            return None
        if (photo.width, photo.height) != self._size:
            self._remark(
                f"{photo.path.name} has {photo.width} x {photo.height} pixels, the first image"
                f" {self._size[0]} x {self._size[1]}; it was left out."
            )
            return None
        return photo
