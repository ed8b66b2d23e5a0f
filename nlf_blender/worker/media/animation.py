# SPDX-License-Identifier: GPL-3.0-or-later
"""Animated WebP, which libav does not decode: read by Pillow, which does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...protocol.take import VIDEO
from .footage import Footage, FootageInfo, SourceFrame
from .media_errors import nothing_readable
from .photo import BACKDROP

DEFAULT_FPS = 24.0
FAILURES = (OSError, ValueError, SyntaxError, EOFError)


class AnimatedPicture(Footage):
    """An animated picture. Frames before the one that is asked for are decoded on the way."""

    def __init__(self, path: Path) -> None:
        """UserError if its first frame cannot be read. Durations are read by decoding it once."""
        super().__init__()
        self._path = path
        self._ends = ""
        durations: list[int] = []
        try:
            with Image.open(path) as image:
                width, height = image.size
                count = getattr(image, "n_frames", 1)
                for index in range(count):
                    image.seek(index)
                    image.load()
                    durations.append(int(image.info.get("duration", 0)))
        except FAILURES as error:
            if not durations:
                raise nothing_readable(path) from error
            self._ends = f"{path.name} cannot be read from frame {len(durations)} on."
        self._times = [0, *itertools.accumulate(durations)]
        total = self._times[-1] / 1000
        self.info = FootageInfo(
            kind=VIDEO,
            path=path,
            width=width,
            height=height,
            frame_count=len(durations),
            exact=True,
            fps=len(durations) / total if total else DEFAULT_FPS,
            as_stored=False,
        )

    def seconds(self, index: int) -> float:
        """By the durations of the frames before."""
        return self._times[index] / 1000

    def close(self) -> None:
        """Nothing is held open."""

    def _frames(self, first: int, last: int | None, step: int) -> Iterator[SourceFrame]:
        end = self.info.frame_count - 1 if last is None else last
        with Image.open(self._path) as image:
            for index in range(first, end + 1, step):
                image.seek(index)
                yield SourceFrame(index, self.seconds(index), _picture(image))
        if end + step >= self.info.frame_count:
            self.broken = self._ends


def _picture(image: Image.Image) -> NDArray[np.uint8]:
    backdrop = Image.new("RGBA", image.size, (*BACKDROP, 255))
    whole = Image.alpha_composite(backdrop, image.convert("RGBA"))
    return np.array(whole.convert("RGB"), dtype=np.uint8)
