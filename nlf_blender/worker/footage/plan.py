# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are localized, and how many at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.settings import LocalizeSettings
from ...protocol.take import SourceInfo
from ..media.footage import FootageInfo

# A chunk holds as many frames as fit into so many bytes, within limits: short enough to lose little
# with a crash, long enough for full batches. Its length must not depend on anything but the size of
# the frames, or a resumed job would end with other files than one that was not interrupted.
CHUNK_BYTES = 1 << 28
SHORTEST_CHUNK, LONGEST_CHUNK = 4, 32


@dataclass(frozen=True)
class FramePlan:
    """Frames first, first + step, ... to last, indices into the source; chunk_frames at a time."""

    first: int
    last: int
    step: int
    chunk_frames: int

    @classmethod
    def of(cls, footage: FootageInfo, settings: LocalizeSettings) -> FramePlan:
        """What the settings ask for. UserError if the source has no such frames."""
        count = footage.frame_count
        first = settings.first_frame or 0
        last = count - 1 if settings.last_frame is None else settings.last_frame
        if (footage.exact and last >= count) or first > last:
            raise UserError(
                "No such frames",
                f"{footage.path.name} has {count} frames, 0 to {count - 1}; {first} to {last} were"
                " asked for.",
                "Choose a range within the footage.",
            )
        chunk = chunk_frames(footage.width, footage.height)
        return cls(first, last, settings.step, chunk)

    @classmethod
    def of_take(cls, source: SourceInfo) -> FramePlan:
        """That of a take that exists."""
        last = source.first_frame + source.step * (source.frame_count - 1)
        chunk = chunk_frames(source.width, source.height)
        return cls(source.first_frame, last, source.step, chunk)

    @property
    def count(self) -> int:
        """The number of frames."""
        return (self.last - self.first) // self.step + 1

    @property
    def frames(self) -> NDArray[np.int64]:
        """All of them."""
        return np.arange(self.first, self.last + 1, self.step, dtype=np.int64)


def chunk_frames(width: int, height: int) -> int:
    """How many frames of this size, in pixels, make a chunk."""
    return min(max(CHUNK_BYTES // (3 * width * height), SHORTEST_CHUNK), LONGEST_CHUNK)
