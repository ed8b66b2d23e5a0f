# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames are localized, and how many at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...protocol.clip_clock import first_shown
from ...protocol.settings import LocalizeSettings
from ...protocol.take import SourceInfo
from ..media.footage import Footage

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
    def of(cls, footage: Footage, settings: LocalizeSettings) -> FramePlan:
        """What the settings ask for. UserError if the source has no such frames."""
        facts = footage.info
        count = facts.frame_count
        first = settings.first_frame or 0
        last = count - 1 if settings.last_frame is None else settings.last_frame
        if settings.clock and (settings.first_frame or settings.last_frame is not None):
            first, last = _by_index(footage, settings)
        if (facts.exact and last >= count) or first > last:
            raise UserError(
                "No such frames",
                f"{facts.path.name} has {count} frames; the range asked for begins {first} and ends"
                f" {last + 1} frames after its start.",
                "Choose a range within the footage.",
            )
        chunk = chunk_frames(facts.width, facts.height)
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


def _by_index(footage: Footage, settings: LocalizeSettings) -> tuple[int, int]:
    """The pictures that Blender shows first and last in a range by its count; the first is after
    the last if it shows none there."""
    indices = range(footage.info.frame_count)
    shown = first_shown([footage.seconds(index) for index in indices], settings.clock)
    begin, end = settings.first_frame or 0, settings.last_frame
    first = int(np.searchsorted(shown, begin, side="right")) - 1
    last = len(shown) - 1
    if end is not None:
        last = int(np.searchsorted(shown, end, side="right")) - 1
    return (last + 1 if begin > shown[-1] else first), last


def chunk_frames(width: int, height: int) -> int:
    """How many frames of this size, in pixels, make a chunk."""
    return min(max(CHUNK_BYTES // (3 * width * height), SHORTEST_CHUNK), LONGEST_CHUNK)
