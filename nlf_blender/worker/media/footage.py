# SPDX-License-Identifier: GPL-3.0-or-later
"""What footage of any kind offers: facts about the whole, and its frames one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError

MOST_REMARKS = 5


@dataclass(frozen=True)
class FootageInfo:
    """Facts about footage.

    kind: "video" or "sequence" (protocol/take.py); path: the file, of a sequence its first;
    width, height: pixels, upright and square; frame_count: indices are 0 to frame_count - 1, holes
    included; exact: whether that is counted, not estimated; fps: mean rate, frames a second;
    number: of a sequence, in its first file's name; as_stored: whether Blender, which knows
    nothing of rotation and of pixels that are not square, shows the same picture; notes: what the
    user should know; focal_px: from EXIF, None if the source does not say.
    """

    kind: str
    path: Path
    width: int
    height: int
    frame_count: int
    exact: bool
    fps: float
    number: int = 0
    as_stored: bool = True
    notes: tuple[str, ...] = ()
    focal_px: float | None = None


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One frame. index: in presentation order from 0; time: seconds since the source's first
    frame; rgb: uint8 [H,W,3], upright, sRGB, contiguous; cut: whether another shot begins here,
    where that was looked at."""

    index: int
    time: float
    rgb: NDArray[np.uint8]
    cut: bool = False


class Footage(ABC):
    """Footage that is open for reading; a context manager. Not for several threads at once.

    broken: why the frames ended before the last one that was asked for, a sentence, or "";
    missing: indices that were passed over because they cannot be read; remarks: sentences about a
    few of them. All of it is about the last call of `frames`, and grows as that runs.
    """

    info: FootageInfo

    def __init__(self) -> None:
        self.broken = ""
        self.missing: list[int] = []
        self.remarks: list[str] = []

    def frames(
        self, first: int = 0, last: int | None = None, step: int = 1
    ) -> Iterator[SourceFrame]:
        """Frames first, first + step, ... up to and with `last` (None: the end), each read when it
        is asked for. UserError, at once, if the source has no such frames; damage in the source is
        no error (see `broken`, `missing`)."""
        count = self.info.frame_count
        end = count - 1 if last is None else last
        outside = first < 0 or first >= count or end >= count
        if step < 1 or end < first or (outside and self.info.exact):
            asked = f"{first} to {end}" if step == 1 else f"{first} to {end} by {step}"
            raise UserError(
                "No such frames",
                f"{self.info.path.name} has {count} frames, 0 to {count - 1};"
                f" {asked} were asked for.",
                "Choose a range within the footage.",
            )
        self.broken = ""
        self.missing.clear()
        self.remarks.clear()
        return self._frames(first, last if not self.info.exact else end, step)

    def seconds(self, index: int) -> float:
        """When a frame is shown: seconds since the first."""
        return index / self.info.fps

    def _remark(self, sentence: str) -> None:
        """Say something about frames that are missing, unless enough is said."""
        if len(self.remarks) < MOST_REMARKS and sentence not in self.remarks:
            self.remarks.append(sentence)

    @abstractmethod
    def _frames(self, first: int, last: int | None, step: int) -> Iterator[SourceFrame]:
        """`frames` of a range that was checked; last None: to the end, wherever that is."""

    @abstractmethod
    def close(self) -> None:
        """Close the files; no frame can be read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
